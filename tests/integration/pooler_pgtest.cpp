// PgBouncer in transaction mode, behind Weir and in front of it: fewer backends than clients, so that every transaction
// may meet another one. The load, pgbench's or a Django application's, runs as it does without Weir, and the events are
// the tables.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>

#include "tests/support/child_process.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/pg_connection.h"
#include "tests/support/validators.h"
#include "tests/support/weir_process.h"

namespace weir {
namespace {

using test_support::PgCluster;
using test_support::PgConnection;

/// How a backend comes back to the pool. Left as it is, is PgBouncer's default in transaction mode; reset, what a
/// client prepared is gone with its transaction.
enum class Pool { transaction, transaction_reset, session };

class PgBouncer {
 public:
  explicit PgBouncer(int upstream_port, Pool pool = Pool::transaction_reset)
      : folder_("weir-pgbouncer"), port_(test_support::free_port()) {
    std::ofstream(folder_ / "pgbouncer.ini")
        << "[databases]\npostgres = host=127.0.0.1 port=" << upstream_port << " user=postgres\n[pgbouncer]\n"
        << "listen_addr = 127.0.0.1\nlisten_port = " << port_ << "\nunix_socket_dir =\nauth_type = any\n"
        << "pool_mode = " << (pool == Pool::session ? "session" : "transaction") << "\ndefault_pool_size = 2\n"
        << "max_client_conn = 50\nserver_reset_query = DISCARD ALL\n"
        << "server_reset_query_always = " << (pool == Pool::transaction_reset ? 1 : 0) << "\n";
    test_support::Launch launch;
    launch.arguments = {"/usr/sbin/pgbouncer", (folder_ / "pgbouncer.ini").string()};
    launch.user = test_support::unprivileged_user();
    launch.stdout_path = folder_ / "log";
    std::filesystem::permissions(folder_.path(), std::filesystem::perms::all);
    process_ = std::make_unique<test_support::ChildProcess>(launch);
    wait_until_it_answers();
  }
  int port() const { return port_; }
  std::string log() const { return test_support::read_file(folder_ / "log"); }

 private:
  void wait_until_it_answers() const {
    const std::string conninfo = "host=127.0.0.1 user=postgres dbname=postgres port=" + std::to_string(port_);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (PQping(conninfo.c_str()) == PQPING_NO_RESPONSE) {
      if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error("pgbouncer does not answer: " + log());
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  test_support::TempFolder folder_;
  int port_;
  std::unique_ptr<test_support::ChildProcess> process_;
};

/// What a program says on both of its outputs; its exit status is in `status`.
std::string output_of(const std::string& program, int& status) {
  const std::string command = program + " 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  std::string said;
  char buffer[4096];
  for (std::size_t got; (got = fread(buffer, 1, sizeof buffer, pipe)) > 0;) said.append(buffer, got);
  status = pclose(pipe);
  return said;
}

std::string pgbench(const std::string& arguments, int& status) {
  return output_of("timeout 60 /usr/lib/postgresql/15/bin/pgbench " + arguments, status);
}

std::string load(int port, const std::string& mode, const std::string& clients) {
  return "-n -h 127.0.0.1 -p " + std::to_string(port) + " -U postgres -M " + mode + " " + clients + " -t 10 postgres";
}

void runs(int port, const std::string& mode, const std::string& clients = "-c 6 -j 2") {
  int status = -1;
  const std::string said = pgbench(load(port, mode, clients), status);
  EXPECT_EQ(status, 0) << mode << "\n" << said;
}

/// The errors of one client with prepared statements, where it must fail.
std::string failure_of_prepared(int port) {
  int status = -1;
  const std::string said = pgbench(load(port, "prepared", "-c 1"), status);
  EXPECT_NE(status, 0) << said;
  std::string errors;
  std::istringstream lines(said);
  for (std::string line; std::getline(lines, line);)
    if (line.find("ERROR") != std::string::npos || line.find("FATAL") != std::string::npos) errors += line + "\n";
  return errors;
}

void runs_django(int port) {
  for (const std::string driver : {"psycopg2", "psycopg", "binding"}) {
    int status = -1;
    const std::string said =
        output_of("PYTHONPATH='" + (test_support::deps_folder() / "django").string() +
                      "' timeout 120 /usr/bin/python3 '" WEIR_POOLER_DJANGO "' " + std::to_string(port) + " " + driver,
                  status);
    EXPECT_EQ(status, 0) << driver << "\n(where Django is missing: tests/support/fetch_servers.sh django)\n" << said;
  }
}

/// The balances that the events end with, by account, and how many rows of history they have.
struct Told {
  std::map<std::string, std::string> balances;
  int history = 0;
  int gaps = 0;
};

Told read_events(const std::string& output) {
  Told told;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    const auto event = boost::json::parse(line).as_object();
    const auto& table = event.at("table").as_string();
    if (event.at("op").as_string() == "gap") ++told.gaps;
    if (table == "pgbench_history" && event.at("op").as_string() == "insert") ++told.history;
    if (table != "pgbench_accounts" || event.at("op").as_string() != "update") continue;
    const auto& row = event.at("row").as_object();
    told.balances[boost::json::serialize(row.at("aid"))] = boost::json::serialize(row.at("abalance"));
  }
  return told;
}

void expect_told(const PgCluster& cluster, const std::string& output, int transactions) {
  const Told told = read_events(output);
  EXPECT_EQ(told.gaps, 0);
  EXPECT_EQ(told.history, transactions);
  PgConnection connection(cluster.conninfo());
  EXPECT_EQ(connection.value("SELECT count(*) FROM pgbench_history"), std::to_string(transactions));
  std::string expected, said;
  for (const auto& [account, balance] : told.balances) said += account + "=" + balance + " ";
  expected = connection.value(
      "SELECT string_agg(aid || '=' || abalance, ' ' ORDER BY aid::text COLLATE \"C\") || ' ' FROM pgbench_accounts "
      "WHERE aid IN (SELECT aid FROM pgbench_history)");
  EXPECT_EQ(said, expected);
}

/// What a consumer has in the end that goes by key: each table's rows, by the text of their keys.
using Tables = std::map<std::string, std::map<std::string, std::string>>;

std::string member(const std::map<std::string, std::string>& members, const char* name) {
  const auto found = members.find(name);
  return found == members.end() || found->second == "null" ? std::string() : found->second;
}

Tables replay(const std::string& output) {
  Tables tables;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    const auto event = test_support::members_of(line);
    EXPECT_EQ(member(event, "fidelity"), "\"row\"") << line;
    auto& rows = tables[std::string(boost::json::parse(member(event, "table")).as_string())];
    const std::string key = member(event, "key"), old_key = member(event, "old_key"), op = member(event, "op");
    EXPECT_FALSE(key.empty()) << line;
    if (!old_key.empty()) rows.erase(old_key);
    if (op == "\"insert\"") {
      EXPECT_FALSE(rows.contains(key)) << line;
    } else {
      EXPECT_TRUE(rows.contains(key)) << line;
    }
    if (op == "\"delete\"")
      rows.erase(key);
    else
      rows[key] = member(event, "row");
  }
  return tables;
}

/// Every table that Django made, row by row.
void expect_replayed(const PgCluster& cluster, const std::string& output) {
  Tables tables = replay(output);
  PgConnection connection(cluster.conninfo());
  std::size_t written = 0;
  for (const auto& name : connection.rows("SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = 'public' "
                                          "AND tablename NOT LIKE 'pgbench%'")) {
    std::multiset<std::string> stored, told;
    for (const auto& row : connection.rows("SELECT row_to_json(t) FROM public.\"" + *name[0] + "\" t"))
      stored.insert(*row[0]);
    for (const auto& [key, row] : tables[*name[0]]) told.insert(row);
    EXPECT_EQ(told, stored) << *name[0];
    if (!stored.empty()) ++written;
  }
  EXPECT_EQ(written, 19U);  // four of each driver, and Django's own
}

/// No error of the database but those that the application makes, nothing given up.
void expect_calm(const PgCluster& cluster, const test_support::WeirProcess& weir) {
  EXPECT_EQ(weir.errors().find("lost track"), std::string::npos) << weir.errors();
  EXPECT_EQ(weir.output().find("\"op\":\"gap\""), std::string::npos) << weir.output();
  EXPECT_EQ(cluster.log().find("prepared statement"), std::string::npos) << cluster.log();
}

class Pooler : public testing::TestWithParam<int> {
 protected:
  // Nothing crashes here, so nothing waits for the disk.
  Pooler() : cluster_(GetParam(), {.lines = {"fsync = off", "synchronous_commit = off"}}) {
    int status = -1;
    const std::string said =
        pgbench("-i -q -s 1 -h 127.0.0.1 -p " + std::to_string(cluster_.port()) + " -U postgres postgres", status);
    EXPECT_EQ(status, 0) << said;
  }
  PgCluster cluster_;
};

TEST_P(Pooler, BehindWeir) {
  const PgBouncer pooler(cluster_.port());
  test_support::WeirProcess weir({.upstream = "postgresql://127.0.0.1:" + std::to_string(pooler.port()) + "/postgres",
                                  .emit = {"stdout"},
                                  .arguments = {"--format", "flat"}});
  runs(weir.port(), "simple");
  runs(weir.port(), "extended");
  EXPECT_EQ(weir.terminate(), 0) << weir.errors();
  expect_told(cluster_, weir.output(), 120);
  // Nothing of Weir's own is left in the backends.
  EXPECT_EQ(cluster_.log().find("already exists"), std::string::npos) << cluster_.log();
}

TEST_P(Pooler, InFrontOfWeir) {
  test_support::WeirProcess weir({.upstream = cluster_.uri(), .emit = {"stdout"}, .arguments = {"--format", "flat"}});
  {
    const PgBouncer pooler(weir.port());
    runs(pooler.port(), "simple");
    runs(pooler.port(), "extended");
  }
  EXPECT_EQ(weir.terminate(), 0) << weir.errors();
  expect_told(cluster_, weir.output(), 120);
}

// One client's statements are where it prepared them, as long as nobody resets the backend.
TEST_P(Pooler, PreparedStatementsWorkWhereTheyWorkWithoutWeir) {
  {
    const PgBouncer alone(cluster_.port(), Pool::transaction);
    runs(alone.port(), "prepared", "-c 1");
  }
  PgConnection(cluster_.conninfo()).run("TRUNCATE pgbench_history");
  const PgBouncer behind(cluster_.port(), Pool::transaction);
  test_support::WeirProcess weir({.upstream = "postgresql://127.0.0.1:" + std::to_string(behind.port()) + "/postgres",
                                  .emit = {"stdout"},
                                  .arguments = {"--format", "flat"}});
  runs(weir.port(), "prepared", "-c 1");
  EXPECT_EQ(weir.terminate(), 0) << weir.errors();
  expect_told(cluster_, weir.output(), 10);
  PgConnection(cluster_.conninfo()).run("TRUNCATE pgbench_history");

  test_support::WeirProcess other({.upstream = cluster_.uri(), .emit = {"stdout"}, .arguments = {"--format", "flat"}});
  {
    const PgBouncer in_front(other.port(), Pool::transaction);
    runs(in_front.port(), "prepared", "-c 1");
  }
  EXPECT_EQ(other.terminate(), 0) << other.errors();
  expect_told(cluster_, other.output(), 10);
}

TEST_P(Pooler, PreparedStatementsFailWhereTheyFailWithoutWeir) {
  const PgBouncer alone(cluster_.port());
  const std::string expected = failure_of_prepared(alone.port());
  EXPECT_NE(expected.find("prepared statement \"P_0\" does not exist"), std::string::npos) << expected;
  test_support::WeirProcess before({.upstream = "postgresql://127.0.0.1:" + std::to_string(alone.port()) + "/postgres",
                                    .emit = {"stdout"},
                                    .arguments = {"--format", "flat"}});
  EXPECT_EQ(failure_of_prepared(before.port()), expected);
  test_support::WeirProcess after({.upstream = cluster_.uri(), .emit = {"stdout"}, .arguments = {"--format", "flat"}});
  const PgBouncer in_front(after.port());
  EXPECT_EQ(failure_of_prepared(in_front.port()), expected);
}

// Each transaction on a connection of its own: DISCARD ALL goes through Weir between any two. A thread for each client,
// as a thread of pgbench that waits for a connection lets its other clients keep theirs.
TEST_P(Pooler, SessionModeInFrontOfWeir) {
  test_support::WeirProcess weir({.upstream = cluster_.uri(), .emit = {"stdout"}, .arguments = {"--format", "flat"}});
  {
    const PgBouncer pooler(weir.port(), Pool::session);
    for (const char* mode : {"simple", "extended", "prepared"}) runs(pooler.port(), mode, "-C -c 4 -j 4");
  }
  EXPECT_EQ(weir.terminate(), 0) << weir.errors();
  expect_told(cluster_, weir.output(), 120);
  expect_calm(cluster_, weir);
}

TEST_P(Pooler, DjangoWithThePoolerBehindWeir) {
  const PgBouncer pooler(cluster_.port(), Pool::transaction);
  test_support::WeirProcess weir({.upstream = "postgresql://127.0.0.1:" + std::to_string(pooler.port()) + "/postgres",
                                  .emit = {"stdout"},
                                  .arguments = {"--format", "flat"}});
  runs_django(weir.port());
  EXPECT_EQ(weir.terminate(), 0) << weir.errors();
  expect_calm(cluster_, weir);
  expect_replayed(cluster_, weir.output());
}

TEST_P(Pooler, DjangoWithThePoolerInFrontOfWeir) {
  test_support::WeirProcess weir({.upstream = cluster_.uri(), .emit = {"stdout"}, .arguments = {"--format", "flat"}});
  {
    const PgBouncer pooler(weir.port(), Pool::transaction);
    runs_django(pooler.port());
  }
  EXPECT_EQ(weir.terminate(), 0) << weir.errors();
  expect_calm(cluster_, weir);
  expect_replayed(cluster_, weir.output());
}

INSTANTIATE_TEST_SUITE_P(Versions, Pooler, testing::Values(15, 18));

}  // namespace
}  // namespace weir
