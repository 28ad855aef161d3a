// Another list of destinations while Weir runs and clients commit: each event is where it belongs exactly once, a wrong
// list changes nothing, and what was left out loses nothing.
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <map>
#include <thread>

#include "tests/proxy/command/weir_command.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/pg_connection.h"

namespace weir::proxy {
namespace {

using std::chrono::seconds;
using test_support::eventually;
using test_support::PgConnection;
using Ids = std::map<int, int>;  // and how often each was seen

class ReloadDestinations : public testing::Test {
 protected:
  ReloadDestinations() {
    cluster_.start();
    PgConnection(cluster_.socket_conninfo()).run("CREATE TABLE t (id int PRIMARY KEY)");
  }
  void start(const std::string& yaml) {
    weir_.emplace(test_support::WeirOptions{.upstream = cluster_.uri(), .config = yaml});
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  /// An entry of `emit`.
  std::string to(const std::string& name, const std::string& more = "") const {
    return "{uri: 'file:" + path(name) + "', format: flat" + more + "}";
  }
  static std::string emit(const std::vector<std::string>& entries) {
    std::string text = "emit: [";
    for (const auto& one : entries) text += (text.back() == '[' ? "" : ", ") + one;
    return text + "]\n";
  }
  /// What the log says of a SIGHUP with this file.
  std::string reload(const std::string& yaml) {
    const auto before = weir_->errors().size();
    test_support::write_file(weir_->folder() / "weir.yaml", yaml);
    weir_->send_signal(SIGHUP);
    std::string said;
    EXPECT_TRUE(eventually(seconds(30), [&] {
      said = weir_->errors().substr(before);
      const auto line = said.find("SIGHUP: ");
      return line != said.npos && said.find('\n', line) != said.npos;
    })) << said;
    return said;
  }
  Ids ids_in(const std::string& name) const {
    std::ifstream lines(path(name));
    Ids ids;
    for (std::string line; std::getline(lines, line);) {
      const auto at = line.find("\"id\":");
      if (at != line.npos) ++ids[std::atoi(line.c_str() + at + 5)];
    }
    return ids;
  }
  /// All from `first` to `last`, each once.
  static std::string wrong_with(const Ids& ids, int first, int last) {
    std::string wrong;
    for (int id = first; id <= last; ++id) {
      const auto found = ids.find(id);
      if (found == ids.end()) wrong += " missing " + std::to_string(id);
    }
    for (const auto& [id, count] : ids)
      if (count != 1 || id < first || id > last) wrong += " " + std::to_string(count) + " times " + std::to_string(id);
    return wrong.substr(0, 500);
  }
  bool reaches(const std::string& name, int id) const {
    return eventually(seconds(30), [&] { return ids_in(name).contains(id); });
  }
  void write(int first, int last) {
    PgConnection session(weir_->conninfo());
    for (int id = first; id <= last; ++id) session.run("INSERT INTO t VALUES (" + std::to_string(id) + ")");
  }
  std::string journal() const { return (weir_->folder() / "journal").string(); }

  const test_support::TempFolder folder_{"weir-reload-destinations"};
  test_support::PgCluster cluster_{18};
  std::optional<test_support::WeirProcess> weir_;
};

TEST_F(ReloadDestinations, UnderLoadEachEventIsOnceInEveryFile) {
  start(emit({to("a")}));
  std::atomic<bool> stop = false;
  std::atomic<int> next = 1;
  std::atomic<int> failed = 0;
  std::atomic<std::int64_t> longest_ms = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      const PgConnection session(weir_->conninfo());
      while (!stop) {
        const auto begun = std::chrono::steady_clock::now();
        failed += session.try_run("INSERT INTO t VALUES (" + std::to_string(next++) + ")") == "00000" ? 0 : 1;
        const auto took =
            std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begun);
        longest_ms = std::max<std::int64_t>(longest_ms, took.count());
      }
    });
  }
  const std::vector<std::string> files = {
      emit({to("a"), to("b")}),                                                  // one comes
      emit({to("a", ", file.rotate_bytes: 1GB"), to("b")}),                      // one is opened anew
      emit({to("a", ", prefix: other"), to("b"), to("c")}),                      // and one comes beside it
      emit({to("b"), to("c", ", pace_ms: 50")}),                                 // one is left out
      emit({to("a"), to("b", ", statements: skip"), to("c", ", pace_ms: 20")}),  // and comes back
  };
  for (int round = 0; round < 3; ++round) {
    for (const auto& file : files) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      expect_words(reload(file), {"taken: emit"});
    }
  }
  stop = true;
  for (auto& client : clients) client.join();
  EXPECT_EQ(failed, 0);
  RecordProperty("longest_commit_ms", std::to_string(longest_ms));
  const int last = next - 1;
  EXPECT_GT(last, 100);
  for (const char* name : {"a", "b"}) {
    EXPECT_TRUE(eventually(seconds(30), [&] { return ids_in(name).size() == std::size_t(last); }));
    EXPECT_EQ(wrong_with(ids_in(name), 1, last), "") << name;
  }
  // It came when some was delivered everywhere and gone, or was not yet: in any case the end without a hole.
  const auto in_c = ids_in("c");
  ASSERT_FALSE(in_c.empty());
  for (const auto& [id, count] : in_c) EXPECT_EQ(count, 1) << id;
  EXPECT_EQ(weir_->terminate(), 0) << weir_->errors();
}

TEST_F(ReloadDestinations, WhatIsLeftOutKeepsItsPlaceAndOneThatIsNewBeginsWithWhatTheJournalHas) {
  start(emit({to("a"), to("b")}));
  write(1, 3);
  ASSERT_TRUE(reaches("b", 3));
  expect_words(reload(emit({to("a")})),
               {"/b: is left out from now on", "FORGET DESTINATION file:", "weir journal forget", "taken: emit"});
  write(4, 6);
  ASSERT_TRUE(reaches("a", 6));
  EXPECT_EQ(wrong_with(ids_in("b"), 1, 3), "");
  expect_words(run_weir({"journal", "ls", "--journal", journal()}).output, {"file:" + path("b")});
  reload(emit({to("a"), to("b"), to("c")}));
  write(7, 7);
  ASSERT_TRUE(reaches("b", 7));
  ASSERT_TRUE(reaches("c", 7));
  EXPECT_EQ(wrong_with(ids_in("b"), 1, 7), "");
  for (int id = 4; id <= 7; ++id) EXPECT_EQ(ids_in("c")[id], 1) << id;
}

TEST_F(ReloadDestinations, AStartWithoutOneThatWasLeftOutIsRefusedUntilItIsForgotten) {
  start(emit({to("a"), to("b")}));
  write(1, 1);
  ASSERT_TRUE(reaches("b", 1));
  reload(emit({to("a")}));
  ASSERT_EQ(weir_->terminate(), 0);
  EXPECT_THROW(weir_->start(), std::exception);
  expect_words(weir_->errors(), {"which this start leaves out", "weir journal forget file:" + path("b")});
  EXPECT_EQ(run_weir({"journal", "forget", "file:" + path("b"), "--journal", journal()}).code, 0);
  weir_->start();
  write(2, 2);
  EXPECT_TRUE(reaches("a", 2));
}

TEST_F(ReloadDestinations, AWrongOneIsRefusedAndNothingOfTheFileCounts) {
  start(emit({to("a")}));
  write(1, 1);
  const auto b = to("b");
  for (const auto& [file, words] : std::vector<std::pair<std::string, std::vector<std::string>>>{
           {emit({to("a", ", prefix: other"), b, "{uri: 'file:/nonexistent/folder/x', format: flat}"}),
            {"/nonexistent/folder/x"}},
           {emit({b, "{uri: 'file:" + path("c") + "', format: flatt}"}), {"format"}},
           {emit({b, "{uri: 'kafka://127.0.0.1:1/shop', kafka.compression.typ: zstd}"}), {"compression.typ"}},
           {emit({b, "ftp://somewhere"}), {"emit"}},
           {emit({b}) + "tls: {cert: /nonexistent, key: /nonexistent}\n", {"tls.cert"}},
       }) {
    auto all = words;
    all.push_back("the configuration stays as it was");
    const auto said = reload(file);
    expect_words(said, all);
    EXPECT_EQ(said.find("left out"), said.npos) << said;
  }
  write(2, 2);
  EXPECT_TRUE(reaches("a", 2));
  EXPECT_EQ(wrong_with(ids_in("a"), 1, 2), "");
  EXPECT_TRUE(ids_in("b").empty());
  // Nor has the journal noted any of them: a start without them is as good as before.
  ASSERT_EQ(weir_->terminate(), 0);
  test_support::write_file(weir_->folder() / "weir.yaml", emit({to("a")}));
  weir_->start();
}

TEST_F(ReloadDestinations, WithOneMoreBrokerItIsTheSameKafka) {
  const std::string kafka = "{uri: 'kafka://127.0.0.1:1/shop'}";
  start(emit({to("a"), kafka}));
  write(1, 1);
  ASSERT_TRUE(reaches("a", 1));
  expect_words(reload(emit({to("a"), "{uri: 'kafka://127.0.0.1:1,127.0.0.1:2/shop'}"})),
               {"kafka://127.0.0.1:1/shop: opened anew as kafka://127.0.0.1:1,127.0.0.1:2/shop", "taken: emit"});
  const auto known = run_weir({"journal", "ls", "--journal", journal()}).output;
  expect_words(known, {"kafka://127.0.0.1:1,127.0.0.1:2/shop"});
  EXPECT_EQ(known.find("127.0.0.1:1/shop"), known.npos) << known;
  ASSERT_TRUE(weir_->terminate());
  weir_->start();
}

TEST_F(ReloadDestinations, WhereNothingWasEverDeliveredAMistypedNameIsForgottenAtOnce) {
  start(emit({to("a"), to("mistyped")}));
  expect_words(reload(emit({to("a"), to("right")})), {"mistyped: is left out from now on\n", "taken: emit"});
  ASSERT_EQ(weir_->terminate(), 0);
  weir_->start();
}

TEST_F(ReloadDestinations, FormatAndPrefixOfAllOpenAnewWhoHasNoneOfItsOwn) {
  start("prefix: one\n" +
        emit({"'file:" + path("a") + "'", "{uri: 'file:" + path("b") + "', prefix: own, format: flat}"}));
  write(1, 1);
  ASSERT_TRUE(reaches("a", 1));
  const auto said = reload("prefix: two\n" + emit({"'file:" + path("a") + "'",
                                                   "{uri: 'file:" + path("b") + "', prefix: own, format: flat}"}));
  expect_words(said, {"/a: opened anew", "taken: prefix"});
  EXPECT_EQ(said.find("/b: opened anew"), said.npos) << said;
  write(2, 2);
  ASSERT_TRUE(
      eventually(seconds(20), [&] { return test_support::read_file(path("a")).find("\"two\"") != std::string::npos; }));
}

}  // namespace
}  // namespace weir::proxy
