// SIGHUP and another weir.yaml: what may change holds without a restart, for sessions that run too; a wrong file
// changes nothing; what needs a restart is named.
#include <gtest/gtest.h>

#include <csignal>

#include "tests/proxy/command/weir_command.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/pg_connection.h"

namespace weir::proxy {
namespace {

using test_support::PgConnection;

class ReloadTest : public testing::TestWithParam<int> {
 protected:
  ReloadTest() : cluster_(GetParam()) {
    cluster_.start();
    PgConnection(cluster_.socket_conninfo())
        .run("CREATE TABLE a (id int PRIMARY KEY, pw text); CREATE TABLE b (id int PRIMARY KEY)");
    weir_.emplace(test_support::WeirOptions{.upstream = cluster_.uri(),
                                            .emit = {"stdout"},
                                            .arguments = {"--format", "flat"},
                                            .config = "log: {level: info}\n"});
  }

  /// Writes the file, sends SIGHUP, and returns what was said to it.
  std::string reload(const std::string& yaml) {
    const auto before = weir_->errors().size();
    test_support::write_file(weir_->folder() / "weir.yaml", yaml);
    weir_->send_signal(SIGHUP);
    std::string said;
    EXPECT_TRUE(test_support::eventually(std::chrono::seconds(20), [&] {
      said = weir_->errors().substr(before);
      const auto line = said.find("SIGHUP: ");
      return line != said.npos && said.find('\n', line) != said.npos;
    }));
    return said.substr(std::min(said.find("SIGHUP: "), said.size()));
  }
  /// The events so far, once one has this text in it.
  std::string events_with(const std::string& text) {
    EXPECT_TRUE(test_support::eventually(std::chrono::seconds(20),
                                         [&] { return weir_->output().find(text) != std::string::npos; }))
        << text << " is not in\n"
        << weir_->output();
    return weir_->output();
  }

  test_support::PgCluster cluster_;
  std::optional<test_support::WeirProcess> weir_;
};

TEST_P(ReloadTest, PatternsHoldForTheNextTransactionOfSessionsThatRun) {
  PgConnection session(weir_->conninfo());
  session.run("INSERT INTO a VALUES (1, 'shown'); INSERT INTO b VALUES (1)");
  // Prepared before: its plan must not outlive the patterns.
  session.run("PREPARE w AS INSERT INTO a VALUES ($1, $2)");
  const char* values[] = {"2", "prepared"};
  PQclear(PQprepare(session.raw(), "named", "INSERT INTO a VALUES ($1::int, $2)", 2, nullptr));
  PQclear(PQexecPrepared(session.raw(), "named", 2, values, nullptr, nullptr, 0));
  events_with("prepared");
  PgConnection open(weir_->conninfo());
  open.run("BEGIN");
  open.run("INSERT INTO b VALUES (2)");

  expect_words(reload("log: {level: info}\ncapture: {exclude: [public.b], exclude_columns: [public.a.pw]}\n"),
               {"taken: capture.exclude, capture.exclude_columns"});
  open.run("INSERT INTO b VALUES (3)");  // its transaction began before
  open.run("COMMIT");
  session.run("INSERT INTO a VALUES (10, 'hidden')");
  session.run("INSERT INTO b VALUES (10)");
  const char* more[] = {"11", "hidden too"};
  PQclear(PQexecPrepared(session.raw(), "named", 2, more, nullptr, nullptr, 0));
  open.run("INSERT INTO b VALUES (11)");
  session.run("INSERT INTO a VALUES (12, 'hidden as well')");
  const auto events = events_with("\"id\":12");
  EXPECT_EQ(events.find("hidden"), std::string::npos) << events;
  EXPECT_NE(events.find("\"id\":11"), std::string::npos) << events;
  const auto of_b = [&](const std::string& id) {
    std::size_t count = 0;
    std::istringstream lines(events);
    for (std::string line; std::getline(lines, line);)
      count += line.find("\"b\"") != line.npos && line.find("\"id\":" + id + "}") != line.npos ? 1 : 0;
    return count;
  };
  EXPECT_EQ(of_b("2"), 1u) << events;
  EXPECT_EQ(of_b("3"), 1u) << "a transaction is captured by one set of patterns\n" << events;
  EXPECT_EQ(of_b("10") + of_b("11"), 0u) << events;

  expect_words(reload("log: {level: info}\n"), {"taken: capture.exclude, capture.exclude_columns"});
  session.run("INSERT INTO b VALUES (20)");
  events_with("\"id\":20}");
}

TEST_P(ReloadTest, AWrongFileChangesNothingAndSaysWhy) {
  const auto said = reload("log: {level: debug}\ncapture: {exclud: [public.a]}\n");
  expect_words(said, {"the configuration stays as it was", "weir.yaml:2", "did you mean \"capture.exclude\""});
  expect_words(reload("log: {level: info}\ntls: {cert: /nonexistent, key: /nonexistent}\nlimits: {connections: 1}\n"),
               {"the configuration stays as it was", "tls.cert"});
  PgConnection one(weir_->conninfo());
  PgConnection two(weir_->conninfo());  // no limit came with the wrong file
  two.run("INSERT INTO a VALUES (1, 'x')");
  events_with("\"id\":1,");
}

TEST_P(ReloadTest, WhatNeedsARestartIsNamedAndTheRestIsTaken) {
  expect_words(reload("workers: 3\nlog: {level: warn}\nlisten: [127.0.0.1:1]\n"),
               {"taken: log.level", "not before a restart: workers"});
  const auto quiet = weir_->errors().size();
  weir_->send_signal(SIGUSR1);  // said at level info
  test_support::PgConnection(weir_->conninfo()).run("SELECT 1");
  EXPECT_EQ(weir_->errors().substr(quiet).find("SIGUSR1"), std::string::npos);
}

TEST_P(ReloadTest, LimitsHoldForThoseWhoComeFromNowOn) {
  PgConnection first(weir_->conninfo());
  PgConnection second(weir_->conninfo());
  expect_words(reload("limits: {connections: 1}\n"), {"taken: limits.connections"});
  EXPECT_EQ(second.value("SELECT 1"), "1") << "nobody loses a place";
  const std::string refused = [&] {
    try {
      const PgConnection third(weir_->conninfo());
      return std::string("welcome");
    } catch (const std::exception& error) {
      return std::string(error.what());
    }
  }();
  expect_words(refused, {"too many"});
  expect_words(reload("limits: {connections: 0}\n"), {"taken: limits.connections"});
  EXPECT_EQ(PgConnection(weir_->conninfo()).value("SELECT 1"), "1");
}

INSTANTIATE_TEST_SUITE_P(Versions, ReloadTest, testing::Values(15, 18),
                         [](const auto& info) { return std::to_string(info.param); });

}  // namespace
}  // namespace weir::proxy
