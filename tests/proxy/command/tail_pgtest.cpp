// weir tail, beside a Weir that runs: what it shows, where it begins, how it ends, and that it costs nobody anything.
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <memory>
#include <optional>

#include "tests/proxy/command/on_a_terminal.h"
#include "tests/proxy/command/weir_command.h"
#include "tests/proxy/io/tcp_end.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/pg_connection.h"

namespace weir::proxy {
namespace {

using std::chrono::seconds;
using test_support::ChildProcess;
using test_support::eventually;
using test_support::PgConnection;

/// `weir tail …` that goes on, with what it has printed.
class Tail {
 public:
  Tail(const std::string& admin, std::vector<std::string> arguments) : folder_("weir-tail") {
    arguments.insert(arguments.begin(), {test_support::weir_binary(), "tail", "--admin", admin});
    process_.emplace(
        test_support::Launch{.arguments = arguments, .stdout_path = folder_ / "out", .stderr_path = folder_ / "err"});
  }
  std::string shown() const { return test_support::read_file(folder_ / "out"); }
  std::string errors() const { return test_support::read_file(folder_ / "err"); }
  bool shows(const std::string& text) const {
    return eventually(seconds(20), [&] { return shown().find(text) != std::string::npos; });
  }
  void signal(int which) const { process_->send_signal(which); }
  int ended() { return process_->wait(seconds(20)).value_or(-1); }

 private:
  test_support::TempFolder folder_;
  std::optional<ChildProcess> process_;
};

class TailOfAWeir : public testing::Test {
 protected:
  TailOfAWeir() { cluster_.start(); }

  void start(std::vector<std::string> more = {}, const std::string& config = "") {
    more.insert(more.begin(), {"--admin.listen", admin_});
    weir_.emplace(test_support::WeirOptions{
        .upstream = cluster_.uri(), .emit = {"stdout"}, .arguments = more, .config = config, .admin = true});
    client_.emplace(weir_->conninfo());
    client_->run("CREATE TABLE t (id int PRIMARY KEY, v text, secret text DEFAULT 'planted')");
    client_->run("CREATE TABLE other (id int PRIMARY KEY)");
  }
  /// A reader from now on, that is there: it has seen an event of its own table.
  std::unique_ptr<Tail> tail_from_now(std::vector<std::string> arguments) {
    auto tail = std::make_unique<Tail>(admin_, std::move(arguments));
    int id = 1'000'000;
    EXPECT_TRUE(eventually(seconds(20), [&] {
      client_->run("INSERT INTO t VALUES (" + std::to_string(++id) + ", 'begun')");
      return tail->shown().find("begun") != std::string::npos;
    })) << tail->errors();
    return tail;
  }
  Ended run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"tail", "--admin", admin_});
    return run_weir(std::move(arguments));
  }
  /// The stream ends there.
  void await_position(int position) const {
    const auto word = " 1 to " + std::to_string(position) + " of the stream";
    EXPECT_TRUE(eventually(seconds(20), [&] {
      const auto ls = run_weir({"journal", "ls", "--journal", (weir_->folder() / "journal").string()});
      return ls.output.find(word) != std::string::npos;
    }));
  }

  const int port_ = test_support::free_port();
  const std::string admin_ = "127.0.0.1:" + std::to_string(port_);
  test_support::PgCluster cluster_{15};
  std::optional<test_support::WeirProcess> weir_;
  std::optional<PgConnection> client_;
};

TEST_F(TailOfAWeir, ShowsWhatIsCapturedAsItComes) {
  start();
  auto tail = tail_from_now({"--table", "public.t"});
  client_->run(
      "BEGIN; INSERT INTO t VALUES (1, 'one'); INSERT INTO other VALUES (1); DELETE FROM t WHERE id = 1; COMMIT");
  client_->run("INSERT INTO other VALUES (2)");
  client_->run("BEGIN; INSERT INTO t VALUES (2, 'never'); ROLLBACK");
  client_->run("TRUNCATE t");
  ASSERT_TRUE(tail->shows("TRUNCATE public.t"));
  const auto text = tail->shown();
  expect_words(text, {" of postgres by postgres from 127.0.0.1:", "\n  INSERT public.t id=1 v=one secret=planted\n",
                      "\n  DELETE public.t id=1 v=one secret=planted\n"});
  for (const auto* word : {"public.other", "never", "\x1b"}) EXPECT_EQ(text.find(word), std::string::npos) << text;
  tail->signal(SIGINT);
  EXPECT_EQ(tail->ended(), 0);
  EXPECT_EQ(tail->errors(), "");
  expect_words(weir_->errors(), {"somebody reads events (/tail?table=public.t)"});
}

TEST_F(TailOfAWeir, BeginsWhereItIsToldAndEndsBehindSoManyEvents) {
  start();
  for (int id = 1; id <= 5; ++id) client_->run("INSERT INTO t VALUES (" + std::to_string(id) + ", 'v')");
  await_position(5);
  const auto first = run({"--from", "beginning", "--count", "2", "--format=flat"});
  EXPECT_EQ(first.code, 0) << first.errors;
  EXPECT_EQ(std::count(first.output.begin(), first.output.end(), '\n'), 2) << first.output;
  expect_words(first.output, {"\"row\":{\"id\":1,", "\"row\":{\"id\":2,"});
  const auto fourth = run({"--from", "4", "--count", "1"});
  EXPECT_TRUE(fourth.output.starts_with("#4 ")) << fourth.output;
  const auto debezium = run({"--from", "5", "--count", "1", "--format", "debezium"});
  expect_words(debezium.output, {"\"after\":{\"id\":5,", "\"last\":true"});
  weir_->terminate();
  weir_->start();
  const auto earlier_run = run({"--from", "2", "--count", "1", "--format", "readable"});
  expect_words(earlier_run.output, {"INSERT public.t id=2"});
}

TEST_F(TailOfAWeir, IsRefusedInPlainWords) {
  start();
  const std::pair<std::vector<std::string>, std::string> wrong[] = {
      {{"--from", "77"}, "position 77 is not there yet: the stream ends at 0"},
      {{"--format", "xml"}, "format takes pretty|debezium|flat|readable"},
      {{"--table", "t"}, "table takes a pattern schema.table"},
      {{"--count"}, "--count needs a value"},
      {{"--from-now"}, "--from-now"}};
  for (const auto& [arguments, complaint] : wrong) {
    const auto refused = run(arguments);
    EXPECT_EQ(refused.code, 2) << refused.errors;
    expect_words(refused.errors, {complaint});
  }
  const auto nobody = run_weir({"tail", "--admin", "127.0.0.1:1"});
  EXPECT_EQ(nobody.code, 1);
  expect_words(nobody.errors, {"127.0.0.1:1: Connection refused"});
}

TEST_F(TailOfAWeir, ShowsNothingWhereEventsAreNotToBeSeen) {
  start({"--admin.events", "false"});
  const auto refused = run({});
  EXPECT_EQ(refused.code, 1);
  expect_words(refused.errors, {"no events are shown here (admin.events: false)"});
}

TEST_F(TailOfAWeir, NeverShowsColumnsThatAreLeftOut) {
  start({"--capture.exclude_columns", "public.t.secret"});
  client_->run("INSERT INTO t VALUES (1, 'v')");
  client_->run("DELETE FROM t");
  for (const std::string format : {"pretty", "flat", "debezium"}) {
    const auto shown = run({"--from", "beginning", "--count", "2", "--format", format});
    expect_words(shown.output, {"v"});
    EXPECT_EQ(shown.output.find("planted"), std::string::npos) << shown.output;
  }
}

TEST_F(TailOfAWeir, HasColoursOnATerminal) {
  start();
  client_->run("INSERT INTO t VALUES (1, 'v')");
  OnATerminal tail({"tail", "--admin", admin_, "--from", "beginning"});
  EXPECT_TRUE(tail.shows("\x1b[32mINSERT\x1b[0m public.t id=1"));
  tail.signal(SIGINT);
  EXPECT_EQ(tail.ended(), 0);
  EXPECT_TRUE(tail.is_as_before());
}

TEST_F(TailOfAWeir, AWeirThatEndsIsSaidAndWhereToGoOn) {
  start();
  auto tail = tail_from_now({});
  client_->run("INSERT INTO t VALUES (1, 'the last')");
  client_.reset();
  EXPECT_EQ(weir_->terminate(), 0);
  EXPECT_EQ(tail->ended(), 1);
  expect_words(tail->shown(), {"the last"});
  expect_words(tail->errors(), {"weir: Weir ends; from=", " goes on\n"});
}

TEST_F(TailOfAWeir, AWeirThatIsKilledIsSaid) {
  start();
  auto tail = tail_from_now({});
  weir_->kill_hard();
  EXPECT_EQ(tail->ended(), 1);
  expect_words(tail->errors(), {"Weir does not answer any more"});
}

TEST_F(TailOfAWeir, APipeThatIsClosedEndsItWithoutAnotherEvent) {
  start();
  client_->run("INSERT INTO t VALUES (1, 'v')");
  const auto ended = test_support::run({.arguments = {"timeout", "-s", "KILL", "20", "bash", "-c",
                                                      test_support::weir_binary() + " tail --from beginning --admin " +
                                                          admin_ + " | head -n 1; exit ${PIPESTATUS[0]}"}});
  EXPECT_EQ(ended, 0);
}

TEST_F(TailOfAWeir, ASlowReaderIsLeftBehindAndToldSo) {
  start({"--journal.max_bytes", "16MB"});
  client_->run("ALTER TABLE t ALTER v SET STORAGE EXTERNAL");
  auto reader = TcpEnd::connect(port_);
  reader.send("GET /tail?from=beginning&format=flat HTTP/1.0\r\nHost: localhost\r\n\r\n");
  reader.receive(20);
  // More than the journal may hold, and the system's buffers: with a say in what is kept it would stop the writers.
  for (int id = 1; id <= 500; ++id)
    client_->run("INSERT INTO t VALUES (" + std::to_string(id) + ", repeat('x', 100000))");
  std::string seen;
  std::string told;
  while (seen.find("\"id\":500,") == std::string::npos) {
    seen += reader.receive(1000);
    if (seen.size() > 200'000) seen.erase(0, 100'000);
    const auto gap = seen.find("\"cause\":\"not in the journal any more");
    if (gap != std::string::npos && seen.find('\n', gap) != std::string::npos) told = seen.substr(gap, 200);
  }
  expect_words(told, {": transactions ", " of the stream"});
}

}  // namespace
}  // namespace weir::proxy
