// weir check against real databases: what it says of each table is what a session would do; what is wrong is named and
// makes the exit code; nothing is changed. --ready against a Weir that runs.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <filesystem>

#include "tests/proxy/command/weir_command.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/pg_connection.h"

namespace weir::proxy {
namespace {

namespace json = boost::json;

constexpr const char* kTables = R"(
CREATE TABLE plain (id int PRIMARY KEY, v text, pw text);
CREATE TABLE nokey (a int);
CREATE TABLE policy (id int PRIMARY KEY, v text);
ALTER TABLE policy ENABLE ROW LEVEL SECURITY;
CREATE TABLE ruled (id int PRIMARY KEY);
CREATE RULE r AS ON INSERT TO ruled DO ALSO SELECT 1;
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE kid (id int PRIMARY KEY, p int REFERENCES parent ON DELETE CASCADE, q int REFERENCES plain);
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER stamp BEFORE INSERT ON kid FOR EACH ROW EXECUTE FUNCTION f();
CREATE TABLE parted (id int, at date, v int, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE parted_rest PARTITION OF parted DEFAULT;
CREATE UNLOGGED TABLE fleeting (id int PRIMARY KEY);
CREATE TYPE mood AS (m text);
CREATE FUNCTION mood_json(mood) RETURNS json LANGUAGE sql AS 'SELECT ''null''::json';
CREATE CAST (mood AS json) WITH FUNCTION mood_json(mood);
CREATE TABLE moods (id int PRIMARY KEY, m mood);
CREATE EXTENSION file_fdw;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE outside (id int) SERVER files OPTIONS (filename '/dev/null');
CREATE ROLE app LOGIN;
GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO app;
REVOKE SELECT ON nokey FROM app;
CREATE DATABASE other;
)";

class CheckCommand : public testing::TestWithParam<int> {
 protected:
  CheckCommand() : cluster_(GetParam()), folder_("weir-check") {
    cluster_.start();
    test_support::PgConnection connection(cluster_.socket_conninfo());
    std::string text = kTables;
    // It must stand alone.
    const auto last = text.find("CREATE DATABASE");
    connection.run(text.substr(0, last));
    connection.run(text.substr(last));
  }

  std::vector<std::string> least(const std::string& user = "app") const {
    return {"check",
            "--upstream",
            cluster_.uri("postgres", user),
            "--emit",
            "file:" + (folder_ / "events").string(),
            "--journal",
            (folder_ / "journal").string()};
  }
  Ended check(const std::vector<std::string>& more, const std::string& user = "app") const {
    auto arguments = least(user);
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_weir(arguments);
  }
  static json::object table(const json::value& report, const std::string& name) {
    for (const auto& one : report.at("tables").as_array())
      if (one.at("table").as_string() == name) return one.as_object();
    ADD_FAILURE() << name << " is not in " << json::serialize(report);
    return {};
  }
  /// "row", or "input (cause)" of this write.
  static std::string of(const json::object& table, const std::string& write) {
    for (const auto& one : table.at("writes").as_array()) {
      if (one.at("write").as_string() != write) continue;
      const auto* cause = one.as_object().if_contains("cause");
      return std::string(one.at("fidelity").as_string()) +
             (cause != nullptr ? " (" + std::string(cause->as_string()) + ")" : "");
    }
    return "none";
  }
  static std::string notes(const json::object& table) { return json::serialize(table.at("notes")); }

  test_support::PgCluster cluster_;
  test_support::TempFolder folder_;
};

TEST_P(CheckCommand, SaysOfEachTableWhatASessionWouldDo) {
  const auto ended = check({"--json", "--capture.exclude_columns", "public.plain.pw"});
  EXPECT_EQ(ended.code, 0) << ended.output << ended.errors;
  const auto report = json::parse(ended.output);
  for (const char* write : {"insert", "update", "update of the key", "delete"})
    EXPECT_EQ(of(table(report, "public.plain"), write), "row") << write;
  EXPECT_EQ(notes(table(report, "public.plain")), R"-(["pw: left out (capture.exclude_columns)"])-");
  EXPECT_EQ(of(table(report, "public.nokey"), "insert"), "input (no SELECT privilege)");
  EXPECT_EQ(of(table(report, "public.nokey"), "delete"), "statement (no SELECT privilege)");
  expect_words(notes(table(report, "public.nokey")), {"no primary key"});
  EXPECT_EQ(of(table(report, "public.policy"), "update"), "statement (row-level security)");
  EXPECT_EQ(of(table(report, "public.ruled"), "insert"), "gap (rule)");
  EXPECT_EQ(of(table(report, "public.outside"), "insert"), "input (foreign table)");
  EXPECT_EQ(of(table(report, "public.parted"), "insert"), "row");
  EXPECT_EQ(notes(table(report, "public.parent")),
            R"-(["writes that are not seen follow in: public.kid (ON DELETE CASCADE)"])-");
  expect_words(notes(table(report, "public.kid")), {"triggers", "stamp"});
  expect_words(notes(table(report, "public.fleeting")), {"unlogged"});
  expect_words(notes(table(report, "public.moods")), {"m: as text"});
  for (const auto& one : report.at("tables").as_array()) EXPECT_NE(one.at("table").as_string(), "public.parted_rest");
}

TEST_P(CheckCommand, AnotherRoleHasOtherRightsAndPolicies) {
  const auto own = json::parse(check({"--json"}, "postgres").output);
  EXPECT_EQ(of(table(own, "public.policy"), "insert"), "row");
  const auto as_app = json::parse(check({"--json", "--role", "app"}, "postgres").output);
  EXPECT_EQ(of(table(as_app, "public.policy"), "insert"), "input (row-level security)");
}

TEST_P(CheckCommand, PatternsThatMatchNothingAreWarnings) {
  const std::vector<std::string> patterns = {"--capture.include", "public.plain", "--capture.exclude_columns",
                                             "public.plian.pw"};
  const auto ended = check(patterns);
  EXPECT_EQ(ended.code, 0) << ended.output;
  expect_words(ended.output, {"warning  patterns", "public.plian.pw", "1 table, row events of each"});
  auto strict = patterns;
  strict.emplace_back("--strict");
  EXPECT_EQ(check(strict).code, 1);
}

TEST_P(CheckCommand, LooksIntoAllDatabasesThatAreCaptured) {
  test_support::PgConnection(cluster_.socket_conninfo("other")).run("CREATE TABLE there (id int PRIMARY KEY)");
  const auto report = json::parse(check({"--json", "--capture.databases", "oth*"}, "postgres").output);
  EXPECT_EQ(report.at("tables").as_array().size(), 1u);
  EXPECT_EQ(table(report, "public.there").at("database"), "other");
}

TEST_P(CheckCommand, ChangesNothing) {
  const auto before = test_support::PgConnection(cluster_.socket_conninfo()).value("SELECT pg_current_xact_id()::text");
  check({});
  const auto after = test_support::PgConnection(cluster_.socket_conninfo()).value("SELECT pg_current_xact_id()::text");
  EXPECT_EQ(std::stoll(after), std::stoll(before) + 1) << "it was given a transaction id";
  EXPECT_FALSE(std::filesystem::exists(folder_ / "journal"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "events"));
}

INSTANTIATE_TEST_SUITE_P(Versions, CheckCommand, testing::Values(15, 18),
                         [](const auto& info) { return std::to_string(info.param); });

TEST(Check, WhatIsWrongIsNamedAndMakesTheExitCode) {
  const auto configuration = run_weir({"check", "--upstream", "postgresql://db", "--emit", "nowhere"});
  EXPECT_EQ(configuration.code, 1);
  expect_words(configuration.output, {"failure  configuration", "--emit must be"});
  const auto nobody = run_weir({"check", "--upstream", "postgresql://me:hush@127.0.0.1:1/x", "--emit",
                                "file:/nonexistent/events", "--journal", "/nonexistent/a/journal"});
  EXPECT_EQ(nobody.code, 1);
  expect_words(nobody.output,
               {"failure  upstream", "127.0.0.1:1: nobody answers", "failure  journal", "/nonexistent/a is no folder",
                "failure  destination", "there is no folder /nonexistent"});
  EXPECT_EQ((nobody.output + nobody.errors).find("hush"), std::string::npos);
}

TEST(Check, ADatabaseThatWeirCannotLogInToIsAWarning) {
  test_support::PgCluster cluster(15, {.lines = {}, .authentication = "scram-sha-256"});
  cluster.start();
  const auto ended =
      run_weir({"check", "--upstream", "postgresql://127.0.0.1:" + std::to_string(cluster.port()), "--emit", "stdout"},
               {"PGUSER=nobody", "PGPASSFILE=/nonexistent"});
  EXPECT_EQ(ended.code, 0) << ended.output;
  expect_words(ended.output, {"ok       upstream", "answers", "warning  login", "no table was looked at"});
}

TEST(Check, CertificatesAreReadAsAStartReadsThem) {
  test_support::TempFolder folder("weir-check");
  const auto make = [&](const std::string& name, const std::string& days) {
    const auto path = (folder / name).string();
    ASSERT_EQ(std::system(("openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=weir.example -days " + days +
                           " -keyout " + path + ".key -out " + path + ".crt 2>/dev/null")
                              .c_str()),
              0);
    std::filesystem::permissions(path + ".key", std::filesystem::perms(0600));
  };
  make("long", "365");
  make("short", "3");
  const auto check = [&](const std::string& cert, const std::string& key) {
    return run_weir({"check", "--upstream", "postgresql://127.0.0.1:1", "--emit", "stdout", "--tls.cert",
                     (folder / (cert + ".crt")).string(), "--tls.key", (folder / (key + ".key")).string()})
        .output;
  };
  expect_words(check("long", "long"), {"ok       certificate    tls.cert: CN=weir.example, until 20"});
  expect_words(check("short", "short"), {"warning  certificate", "expires on 20", " days"});
  expect_words(check("long", "short"), {"failure  certificate", "does not"});
}

TEST(CheckReady, SaysWhetherTheWeirThatRunsTakesClients) {
  test_support::PgCluster cluster(15);
  cluster.start();
  test_support::WeirProcess weir({.upstream = cluster.uri(), .emit = {"stdout"}});
  const auto ready = [&] {
    return run_weir({"check", "--ready", "--listen", "127.0.0.1:" + std::to_string(weir.port()), "--upstream",
                     cluster.uri(), "--emit", "stdout", "--admin.listen", "off"});
  };
  const auto up = ready();
  EXPECT_EQ(up.code, 0) << up.output;
  expect_words(up.output, {"ok       listening      127.0.0.1:" + std::to_string(weir.port())});
  weir.kill_hard();
  const auto down = ready();
  EXPECT_EQ(down.code, 1);
  expect_words(down.output, {"failure  listening", "Connection refused"});
}

/// The listener of a program's own state knows more than that a port answers: here, that the database is down.
TEST(CheckReady, AsksTheAdminListenerWhereThereIsOne) {
  test_support::PgCluster cluster(15);
  cluster.start();
  const auto admin = "127.0.0.1:" + std::to_string(test_support::free_port());
  test_support::WeirProcess weir(
      {.upstream = cluster.uri(), .emit = {"stdout"}, .arguments = {"--admin.listen", admin}, .admin = true});
  const auto ready = [&](const std::string& listener) {
    return run_weir({"check", "--ready", "--listen", "127.0.0.1:" + std::to_string(weir.port()), "--upstream",
                     cluster.uri(), "--emit", "stdout", "--admin.listen", listener});
  };
  Ended up;
  EXPECT_TRUE(test_support::eventually(std::chrono::seconds(20), [&] { return (up = ready(admin)).code == 0; }))
      << up.output;
  expect_words(up.output, {"ok       ready          " + admin});
  cluster.stop();
  Ended down;
  EXPECT_TRUE(test_support::eventually(std::chrono::seconds(20), [&] { return (down = ready(admin)).code == 1; }))
      << down.output;
  expect_words(down.output, {"ok       listening", "failure  ready", "503"});
  EXPECT_EQ(ready("off").code, 0) << "the port answers all the same";
  expect_words(ready("127.0.0.1:1").output, {"failure  ready", "Connection refused"});
}

}  // namespace
}  // namespace weir::proxy
