// The program with Unix sockets on both sides, in front of a real PostgreSQL.
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "proxy/doubt/libpq.h"
#include "proxy/settings/upstream_uri.h"
#include "tests/support/child_process.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/pg_connection.h"
#include "tests/support/weir_process.h"

namespace weir::proxy {
namespace {

using std::chrono::seconds;
using test_support::eventually;
using test_support::PgCluster;
using test_support::PgConnection;
using test_support::PgSettings;
using test_support::WeirOptions;
using test_support::WeirProcess;

/// A database that takes nobody by TCP, and a Weir that listens in a folder.
class UnixTest : public ::testing::TestWithParam<int> {
 protected:
  UnixTest() : cluster(GetParam(), settings()) {
    cluster.start();
    PgConnection(cluster.socket_conninfo()).run("CREATE TABLE t (id int PRIMARY KEY)");
  }
  static PgSettings settings() {
    PgSettings settings;
    settings.authentication = "reject";
    settings.lines = {"max_prepared_transactions = 2"};
    return settings;
  }

  std::string by_parameter() const {
    return "postgresql://postgres@/postgres?host=" + cluster.socket_folder().string() +
           "&port=" + std::to_string(cluster.port());
  }
  std::string percent_encoded() const {
    std::string folder;
    for (const char c : cluster.socket_folder().string()) folder += c == '/' ? std::string("%2F") : std::string(1, c);
    return "postgresql://postgres@" + folder + ":" + std::to_string(cluster.port()) + "/postgres";
  }
  void start(const std::string& upstream) {
    weir.emplace(
        WeirOptions{.upstream = upstream,
                    .emit = {"stdout"},
                    .arguments = {"--listen", "unix:" + folder.path().string(), "--unix_socket.permissions", "0770"}});
    await_socket();
  }
  /// The port answers a moment before the socket is there.
  void await_socket() const {
    EXPECT_TRUE(eventually(seconds(10), [&] { return PQping(conninfo().c_str()) == PQPING_OK; }));
  }
  std::string socket() const { return folder / (".s.PGSQL." + std::to_string(weir->port())); }
  std::string conninfo(const std::string& more = {}) const {
    return "host=" + folder.path().string() + " port=" + std::to_string(weir->port()) +
           " user=postgres dbname=postgres " + more;
  }
  bool emitted(const std::string& text) const { return weir->output().find(text) != std::string::npos; }

  test_support::TempFolder folder{"unix"};
  PgCluster cluster;
  std::optional<WeirProcess> weir;
};

TEST_P(UnixTest, WritesPassAndAreCapturedHoweverTheSocketIsWritten) {
  int id = 0;
  for (const auto& upstream : {by_parameter(), percent_encoded(), by_parameter() + "&sslmode=require"}) {
    start(upstream);
    // What libpq asks of TLS means nothing on a Unix socket.
    const PgConnection client(conninfo("sslmode=require application_name=shop"));
    client.run("INSERT INTO t VALUES (" + std::to_string(++id) + ")");
    EXPECT_EQ(client.value("SELECT client_addr IS NULL AND NOT ssl FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) "
                           "WHERE pid = pg_backend_pid()"),
              "t");
    const PgConnection by_tcp(weir->conninfo());
    by_tcp.run("INSERT INTO t VALUES (" + std::to_string(++id) + ")");
    EXPECT_EQ(weir->terminate(), 0) << weir->errors();
    EXPECT_TRUE(emitted(R"("client":"[local]")")) << weir->output();
    EXPECT_TRUE(emitted(R"("client":"127.0.0.1:)")) << weir->output();
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  }
}

TEST_P(UnixTest, ACancelRequestReachesItsStatement) {
  start(by_parameter());
  const PgConnection client(conninfo());
  ASSERT_EQ(PQsendQuery(client.raw(), "SELECT pg_sleep(60)"), 1);
  const PgConnection watcher(cluster.socket_conninfo());
  ASSERT_TRUE(eventually(seconds(20), [&] {
    return watcher.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1";
  }));
  std::array<char, 256> error{};
  PGcancel* cancel = PQgetCancel(client.raw());
  EXPECT_EQ(PQcancel(cancel, error.data(), error.size()), 1) << error.data();
  PQfreeCancel(cancel);
  PGresult* result = PQgetResult(client.raw());
  EXPECT_STREQ(PQresultErrorField(result, PG_DIAG_SQLSTATE), "57014");
  PQclear(result);
}

/// Weir's own connection goes by the socket too, with the name that the URI gives it.
TEST_P(UnixTest, WhatIsInDoubtIsAskedByTheSocketAfterAKill) {
  start(by_parameter() + "&application_name=proxy");
  PgConnection(conninfo()).run("BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'p'");
  weir->kill_hard();
  EXPECT_TRUE(std::filesystem::exists(socket())) << "what a dead process leaves";
  weir->start();
  await_socket();
  const PgConnection watcher(cluster.socket_conninfo());
  EXPECT_TRUE(eventually(seconds(30), [&] {
    return watcher.value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'proxy'") != "0";
  })) << weir->errors();
  watcher.run("COMMIT PREPARED 'p'");
  EXPECT_TRUE(eventually(seconds(30), [&] { return emitted(R"("after":{"id":1})"); })) << weir->errors();
  EXPECT_EQ(PgConnection(conninfo()).value("SELECT count(*) FROM t"), "1");
}

TEST_P(UnixTest, OneSocketIsOneWeirs) {
  start(by_parameter());
  const std::string port = std::to_string(weir->port());
  const auto second = [&](const std::string& listen) {
    const auto log = folder / "second";
    const int status = test_support::run({.arguments = {test_support::weir_binary(), "--upstream", by_parameter(),
                                                        "--emit", "stdout", "--listen", listen},
                                          .stdout_path = log});
    const std::string text = test_support::read_file(log);
    std::filesystem::remove(log);
    return std::to_string(status) + " " + text;
  };
  const std::string taken = second("unix:" + folder.path().string() + ":" + port);
  EXPECT_EQ(taken[0], '1');
  EXPECT_NE(taken.find(socket() + ": another process (" + std::to_string(weir->pid()) + ") listens there"),
            std::string::npos)
      << taken;
  const std::string databases =
      second("unix:" + cluster.socket_folder().string() + ":" + std::to_string(cluster.port()));
  EXPECT_NE(databases.find("listens there"), std::string::npos) << databases;
  EXPECT_EQ(PgConnection(cluster.socket_conninfo()).value("SELECT 1"), "1");
  EXPECT_EQ(PgConnection(conninfo()).value("SELECT 1"), "1");
}

TEST_P(UnixTest, HasItsModeAndStaysOnSighup) {
  start(by_parameter());
  struct stat status {};
  ASSERT_EQ(::stat(socket().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0770u);
  weir->send_signal(SIGHUP);
  EXPECT_TRUE(eventually(seconds(10), [&] { return weir->errors().find("SIGHUP") != std::string::npos; }));
  EXPECT_EQ(PgConnection(conninfo()).value("SELECT 1"), "1");
  EXPECT_NE(weir->errors().find("listening on 127.0.0.1:" + std::to_string(weir->port()) + ", " + socket()),
            std::string::npos)
      << weir->errors();
}

/// README says so: with `peer` the database asks who Weir runs as, whoever the client is.
TEST_P(UnixTest, PeerAuthenticationSeesWeirsUser) {
  const std::string own = ::getpwuid(::getuid())->pw_name;
  const PgConnection admin(cluster.socket_conninfo());
  admin.run("CREATE ROLE ann LOGIN; DO $$ BEGIN IF pg_catalog.to_regrole('" + own + "') IS NULL THEN CREATE ROLE \"" +
            own + "\" LOGIN; END IF; END $$");
  const auto hba = cluster.data_folder() / "pg_hba.conf";
  test_support::write_file(hba, "local all postgres trust\nlocal all all peer\n");
  ASSERT_EQ(admin.value("SELECT pg_reload_conf()"), "t");
  start(by_parameter());
  const auto refusal = [&](const std::string& user) {
    const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(weir->conninfo("postgres", user).c_str()),
                                                                  &PQfinish);
    return PQstatus(connection.get()) == CONNECTION_OK ? "" : std::string(PQerrorMessage(connection.get()));
  };
  EXPECT_TRUE(eventually(seconds(10), [&] {
    return refusal("ann").find("Peer authentication failed for user \"ann\"") != std::string::npos;
  }));
  EXPECT_EQ(refusal(own), "") << "without a password, and by TCP";
}

/// Weir's own login as the URI has it: libpq is told all of it.
TEST(OwnLogin, HasTheParametersOfTheUri) {
  PgCluster cluster(15);
  cluster.start();
  const std::string port = std::to_string(cluster.port());
  const auto ask = [](const std::string& uri, const std::string& sql) {
    const auto parsed = parse_upstream_uri(uri);
    if (!parsed) return parsed.error().message;
    auto connection = SideConnection::open(parsed->upstream, parsed->credentials);
    if (!connection) return connection.error().message;
    const auto rows = connection->query(sql);
    return rows ? rows->at(0).at(0).value_or("NULL") : rows.error().message;
  };
  const std::string beside = "postgresql://postgres@nowhere.invalid:" + port + "/postgres?hostaddr=127.0.0.1";
  EXPECT_EQ(ask(beside, "SELECT host(inet_server_addr())"), "127.0.0.1");
  EXPECT_EQ(ask(beside, "SELECT current_setting('application_name')"), "weir");
  EXPECT_EQ(ask(beside + "&fallback_application_name=f", "SELECT current_setting('application_name')"), "f");
  EXPECT_EQ(ask(beside + "&application_name=a", "SELECT current_setting('application_name')"), "a");
  EXPECT_NE(ask(beside + "&channel_binding=require", "SELECT 1").find("channel binding"), std::string::npos);
  const std::string socket =
      "postgresql://postgres@/postgres?host=" + cluster.socket_folder().string() + "&port=" + port;
  EXPECT_EQ(ask(socket + "&sslmode=verify-full", "SELECT inet_server_addr()"), "NULL");
  EXPECT_NE(ask(socket + "&requirepeer=nobody-of-that-name", "SELECT 1").find("requirepeer"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Versions, UnixTest, ::testing::Values(15, 18),
                         [](const auto& info) { return "pg" + std::to_string(info.param); });

}  // namespace
}  // namespace weir::proxy
