// weir replay: a destination gets again what it had, by the Weir that runs and where none runs, and nothing else
// changes.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <sstream>

#include "tests/proxy/command/weir_command.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/pg_connection.h"

namespace weir::proxy {
namespace {

using std::chrono::seconds;
using test_support::eventually;
using test_support::PgConnection;

using Lines = std::vector<std::string>;

class ReplayToAFile : public testing::Test {
 protected:
  ReplayToAFile() { cluster_.start(); }

  void start(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"--admin.listen", admin_, "--format", "flat"});
    weir_.emplace(test_support::WeirOptions{
        .upstream = cluster_.uri(), .emit = {destination_}, .arguments = more, .admin = true});
    client_.emplace(weir_->conninfo());
    client_->run("CREATE TABLE t (id int PRIMARY KEY, v text)");
    client_->run("CREATE TABLE other (id int PRIMARY KEY)");
  }
  void write(int first, int last) const {
    for (int id = first; id <= last; ++id)
      client_->run("INSERT INTO " + std::string(id % 2 == 0 ? "other" : "t") + " VALUES (" + std::to_string(id) + ")");
  }
  Lines lines() const {
    Lines all;
    std::istringstream rest(test_support::read_file(file_));
    for (std::string line; std::getline(rest, line);) all.push_back(line);
    return all;
  }
  /// All lines, once there are so many.
  Lines lines(std::size_t count) const {
    EXPECT_TRUE(eventually(seconds(30), [&] { return lines().size() >= count; })) << weir_->errors();
    EXPECT_EQ(lines().size(), count);
    return lines();
  }
  static Lines part(const Lines& all, std::size_t first, std::size_t count) {
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(first);
    return {begin, begin + static_cast<std::ptrdiff_t>(count)};
  }
  Ended replay(Lines arguments) const {
    arguments.insert(arguments.begin(), {"replay", "--destination", destination_, "--admin", admin_});
    return run_weir(std::move(arguments));
  }
  /// Where no Weir runs.
  Ended replay_stopped(Lines arguments) const {
    arguments.insert(arguments.begin(),
                     {"replay", "--destination", destination_, "--journal", (weir_->folder() / "journal").string(),
                      "--emit", destination_, "--format", "flat", "--upstream", cluster_.uri(), "--admin.listen=off"});
    return run_weir(std::move(arguments));
  }
  bool has_said(const std::string& text) const {
    return eventually(seconds(20), [&] { return weir_->errors().find(text) != std::string::npos; });
  }

  const test_support::TempFolder folder_{"weir-replay"};
  const std::filesystem::path file_ = folder_ / "out";
  const std::string destination_ = "file:" + file_.string();
  const std::string admin_ = "127.0.0.1:" + std::to_string(test_support::free_port());
  test_support::PgCluster cluster_{15};
  std::optional<test_support::WeirProcess> weir_;
  std::optional<PgConnection> client_;
};

TEST_F(ReplayToAFile, IsSentAgainInOrderByteForByteBetweenWhatIsNew) {
  start();
  write(1, 6);
  const auto first = lines(6);
  const auto would = replay({"--from", "3", "--dry-run"});
  EXPECT_EQ(would.code, 0) << would.errors;
  EXPECT_EQ(would.output,
            "positions 3 to 6 of the stream (4 transactions) would be sent again to " + destination_ + "\n");
  const auto sent = replay({"--from", "3"});
  EXPECT_EQ(sent.code, 0) << sent.errors;
  expect_words(sent.output, {"positions 3 to 6 of the stream (4 transactions) are sent again to "});
  EXPECT_EQ(part(lines(10), 6, 4), part(first, 2, 4)) << "and nothing of the dry run";
  EXPECT_TRUE(has_said("has positions 3 to 6 of the stream again"));
  write(7, 8);
  const auto more = lines(12);
  expect_words(more[10], {"{\"id\":7,"});
  expect_words(more[11], {"{\"id\":8}"});
  EXPECT_EQ(replay({"--from", "2", "--to", "5", "--table", "public.t"}).code, 0);
  EXPECT_EQ(part(lines(14), 12, 2), (Lines{first[2], first[4]})) << "3 and 5 are those of t";
  client_.reset();
  EXPECT_EQ(weir_->terminate(), 0);
  weir_->start();
  client_.emplace(weir_->conninfo());
  write(9, 9);
  expect_words(lines(15)[14], {"{\"id\":9,"});
}

TEST_F(ReplayToAFile, WhileItIsWrittenToEveryRowEndsAsItIs) {
  start();
  write(1, 3);
  lines(3);
  EXPECT_EQ(replay({"--from", "1"}).code, 0);
  for (int i = 0; i < 200; ++i) client_->run("UPDATE t SET v = '" + std::to_string(i) + "' WHERE id = 1");
  EXPECT_EQ(replay({"--from", "1"}).code, 0);
  for (int i = 200; i < 300; ++i) client_->run("UPDATE t SET v = '" + std::to_string(i) + "' WHERE id = 1");
  EXPECT_TRUE(has_said("stream again"));
  EXPECT_TRUE(eventually(seconds(30), [&] {
    const auto all = lines();
    return !all.empty() && all.back().find("\"v\":\"299\"") != std::string::npos;
  }));
  // Each pass is in order, and what comes once more is followed by all that came behind it.
  int last = -1;
  int turns = 0;
  for (const auto& line : lines()) {
    const auto at = line.find("\"v\":\"");
    if (at == std::string::npos) continue;
    const int value = std::atoi(line.c_str() + at + 5);
    if (value != last + 1) {
      ++turns;
      EXPECT_EQ(value, 0) << "a pass begins at the beginning: " << line;
    }
    last = value;
  }
  EXPECT_LE(turns, 2);
  EXPECT_EQ(last, 299);
}

TEST_F(ReplayToAFile, IsRefusedInPlainWords) {
  start();
  write(1, 2);
  lines(2);
  const auto beyond = replay({"--from", "3"});
  EXPECT_EQ(beyond.code, 2);
  expect_words(beyond.errors, {"has the stream up to position 2, and nothing from 3 on was sent to it yet"});
  const auto other = run_weir({"replay", "--destination", "file:/other", "--from", "1", "--admin", admin_});
  EXPECT_EQ(other.code, 1);
  expect_words(other.errors, {"there is no destination file:/other; there is " + destination_});
  for (const auto& arguments :
       {Lines{"--from", "yesterday"}, Lines{}, Lines{"--from", "2", "--to", "1"}, Lines{"--from"}})
    EXPECT_EQ(replay(arguments).code, 2);
  EXPECT_EQ(lines().size(), 2u);
}

TEST_F(ReplayToAFile, WhatTheJournalHasNoMoreIsRefusedAndFromWhereItHasIt) {
  start({"--journal.max_bytes", "1MB"});
  client_->run("ALTER TABLE t ALTER v SET STORAGE EXTERNAL");
  for (int id = 1; id <= 60; ++id)
    client_->run("INSERT INTO t VALUES (" + std::to_string(id) + ", repeat('x', 20000))");
  lines(60);
  Ended gone;
  EXPECT_TRUE(eventually(seconds(20), [&] {
    gone = replay({"--from", "1", "--dry-run"});
    return gone.code != 0;
  }));
  expect_words(gone.errors, {"the journal has the stream from position ", " on, committed 20"});
  const auto from = gone.errors.substr(gone.errors.find("position ") + 9);
  EXPECT_EQ(replay({"--from", from.substr(0, from.find(' ')), "--dry-run"}).code, 0) << gone.errors;
}

TEST_F(ReplayToAFile, WhereNoWeirRunsTheCommandSendsItself) {
  start();
  write(1, 6);
  const auto first = lines(6);
  client_.reset();
  EXPECT_EQ(weir_->terminate(), 0);
  EXPECT_EQ(replay_stopped({"--from", "4", "--dry-run"}).output,
            "positions 4 to 6 of the stream (3 transactions) would be sent again to " + destination_ + "\n");
  const auto sent = replay_stopped({"--from", "4"});
  EXPECT_EQ(sent.code, 0) << sent.errors;
  expect_words(sent.errors, {"has positions 4 to 6 of the stream (3 transactions) again"});
  EXPECT_EQ(part(lines(9), 6, 3), part(first, 3, 3));
  const auto beyond = replay_stopped({"--from", "7"});
  EXPECT_EQ(beyond.code, 1);
  expect_words(beyond.errors, {"has the stream up to position 6"});
  EXPECT_EQ(replay_stopped({"--from", "2026-01-01T00:00:00Z", "--table", "public.other", "--to", "4"}).code, 0);
  EXPECT_EQ(part(lines(11), 9, 2), (Lines{first[1], first[3]}));
  weir_->start();
  client_.emplace(weir_->conninfo());
  write(7, 7);
  expect_words(lines(12)[11], {"{\"id\":7,"});
  const auto running = replay_stopped({"--from", "1"});
  EXPECT_NE(running.code, 0) << "a Weir has the journal, and its admin listener is said to be off";
}

}  // namespace
}  // namespace weir::proxy
