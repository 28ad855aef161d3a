// PgBouncer in transaction mode, behind Weir and in front of it: fewer backends than clients, so that every transaction
// may meet another one. The load runs as it does without Weir, and the events are the tables.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>

#include "tests/support/child_process.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/pg_connection.h"
#include "tests/support/weir_process.h"

namespace weir {
namespace {

using test_support::PgCluster;
using test_support::PgConnection;

class PgBouncer {
 public:
  explicit PgBouncer(int upstream_port) : folder_("weir-pgbouncer"), port_(test_support::free_port()) {
    std::ofstream(folder_ / "pgbouncer.ini")
        << "[databases]\npostgres = host=127.0.0.1 port=" << upstream_port << " user=postgres\n[pgbouncer]\n"
        << "listen_addr = 127.0.0.1\nlisten_port = " << port_ << "\nunix_socket_dir =\nauth_type = any\n"
        << "pool_mode = transaction\ndefault_pool_size = 2\nmax_client_conn = 50\n"
        << "server_reset_query = DISCARD ALL\nserver_reset_query_always = 1\n";
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

/// What a run of pgbench says on both of its outputs; its exit status is in `status`.
std::string pgbench(const std::string& arguments, int& status) {
  const std::string command = "/usr/lib/postgresql/15/bin/pgbench " + arguments + " 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  std::string said;
  char buffer[4096];
  for (std::size_t got; (got = fread(buffer, 1, sizeof buffer, pipe)) > 0;) said.append(buffer, got);
  status = pclose(pipe);
  return said;
}

void runs(int port, const std::string& mode) {
  int status = -1;
  const std::string said = pgbench(
      "-n -h 127.0.0.1 -p " + std::to_string(port) + " -U postgres -M " + mode + " -c 6 -j 2 -t 10 postgres", status);
  EXPECT_EQ(status, 0) << mode << "\n" << said;
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

class Pooler : public testing::TestWithParam<int> {
 protected:
  Pooler() : cluster_(GetParam()) {
    cluster_.start();
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
  weir.start();
  runs(weir.port(), "simple");
  runs(weir.port(), "extended");
  EXPECT_EQ(weir.terminate(), 0) << weir.errors();
  expect_told(cluster_, weir.output(), 120);
  // Nothing of Weir's own is left in the backends.
  EXPECT_EQ(cluster_.log().find("already exists"), std::string::npos) << cluster_.log();
}

TEST_P(Pooler, InFrontOfWeir) {
  test_support::WeirProcess weir({.upstream = cluster_.uri(), .emit = {"stdout"}, .arguments = {"--format", "flat"}});
  weir.start();
  {
    const PgBouncer pooler(weir.port());
    runs(pooler.port(), "simple");
    runs(pooler.port(), "extended");
  }
  EXPECT_EQ(weir.terminate(), 0) << weir.errors();
  expect_told(cluster_, weir.output(), 120);
}

INSTANTIATE_TEST_SUITE_P(Versions, Pooler, testing::Values(15, 18));

}  // namespace
}  // namespace weir
