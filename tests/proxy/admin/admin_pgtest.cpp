// A running Weir as whoever runs it sees it: metrics, readiness, the log and orders; and that neither a row's value nor
// a password is in any of them.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "tests/proxy/io/tcp_end.h"
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
using test_support::WeirProcess;

class AdminTest : public testing::Test {
 protected:
  AdminTest() { cluster.start(); }

  void start(std::vector<std::string> more = {}, const std::string& upstream = "") {
    more.insert(more.begin(), {"--admin.listen", "127.0.0.1:" + std::to_string(admin_port)});
    weir = std::make_unique<WeirProcess>(test_support::WeirOptions{
        .upstream = upstream.empty() ? cluster.uri() : upstream, .emit = {"stdout"}, .arguments = more, .admin = true});
  }
  std::string ask(const std::string& request, const std::string& headers = "") const {
    auto end = TcpEnd::connect(admin_port);
    end.send(request + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n" + headers + "\r\n");
    return end.receive_all();
  }
  std::string metrics() const { return ask("GET /metrics"); }
  /// The value behind this name and its labels.
  double metric(const std::string& name) const {
    const auto page = metrics();
    const auto at = page.find("\n" + name + " ");
    return at == std::string::npos ? -1 : std::strtod(page.c_str() + at + name.size() + 2, nullptr);
  }
  bool reaches(const std::string& name, double value) const {
    return eventually(seconds(20), [&] { return metric(name) == value; });
  }

  PgCluster cluster{15};
  const int admin_port = test_support::free_port();
  std::unique_ptr<WeirProcess> weir;
};

TEST_F(AdminTest, CountsWhatWasCapturedAndWhatWasNot) {
  start();
  const PgConnection client(weir->conninfo());
  client.run("CREATE TABLE t (id int PRIMARY KEY, v text)");
  client.run("INSERT INTO t SELECT g, 'x' FROM generate_series(1, 7) g");
  client.run("UPDATE t SET v = 'y' WHERE id <= 3");
  client.run("DELETE FROM t WHERE id = 1");
  client.run("BEGIN; INSERT INTO t VALUES (100, 'r'); ROLLBACK");
  const std::string labels = "{database=\"postgres\",table=\"public.t\",op=";
  EXPECT_TRUE(reaches("weir_rows_total" + labels + "\"create\",fidelity=\"row\"}", 7));
  EXPECT_TRUE(reaches("weir_rows_total" + labels + "\"update\",fidelity=\"row\"}", 3));
  EXPECT_TRUE(reaches("weir_rows_total" + labels + "\"delete\",fidelity=\"row\"}", 1));
  EXPECT_EQ(metric("weir_transactions_total{outcome=\"committed\"}"), 3);
  EXPECT_EQ(metric("weir_sessions{captured=\"true\"}"), 1);
  EXPECT_TRUE(reaches("weir_destination_lag_transactions{destination=\"stdout\"}", 0));
  EXPECT_TRUE(reaches("weir_destination_transactions_total{destination=\"stdout\"}", 3));
  EXPECT_TRUE(reaches("weir_delivery_seconds_count{destination=\"stdout\"}", 3));
  EXPECT_GE(metric("weir_journal_sync_seconds_count"), 1);
  const PgConnection copying(weir->conninfo());
  copying.run("CREATE RULE r AS ON INSERT TO t DO ALSO SELECT 1");
  copying.run("PREPARE p AS INSERT INTO t VALUES (200, 'p')");
  copying.run("EXECUTE p");
  EXPECT_TRUE(eventually(seconds(20), [&] { return metrics().find("\nweir_gaps_total{cause=") != std::string::npos; }));
}

TEST_F(AdminTest, ALargeTransactionIsCountedToo) {
  start();
  const PgConnection client(weir->conninfo());
  client.run("CREATE TABLE big (id int PRIMARY KEY, v text)");
  client.run(
      "BEGIN; INSERT INTO big SELECT g, repeat('x', 500) FROM generate_series(1, 20000) g; SAVEPOINT s;"
      "INSERT INTO big SELECT g, repeat('x', 500) FROM generate_series(20001, 30000) g; ROLLBACK TO s; COMMIT");
  EXPECT_TRUE(
      reaches("weir_rows_total{database=\"postgres\",table=\"public.big\",op=\"create\",fidelity=\"row\"}", 20000))
      << metrics();
  EXPECT_EQ(metrics().find("table=\"other\""), std::string::npos);
}

TEST_F(AdminTest, IsReadyWhileTheDatabaseAnswersAndUntilItDrains) {
  start();
  EXPECT_TRUE(eventually(seconds(20), [&] { return ask("GET /readyz").starts_with("HTTP/1.1 200 "); }));
  cluster.stop();
  EXPECT_TRUE(eventually(seconds(20), [&] { return ask("GET /readyz").starts_with("HTTP/1.1 503 "); }));
  EXPECT_NE(ask("GET /readyz").find("Connection refused"), std::string::npos);
  EXPECT_TRUE(ask("GET /healthz").starts_with("HTTP/1.1 200 "));
  cluster.start();
  EXPECT_TRUE(eventually(seconds(20), [&] { return ask("GET /readyz").starts_with("HTTP/1.1 200 "); }));
  const PgConnection client(weir->conninfo());
  EXPECT_TRUE(ask("POST /drain").starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(eventually(seconds(20), [&] { return ask("GET /readyz").find("draining") != std::string::npos; }));
  EXPECT_EQ(client.value("SELECT 1"), "1") << "sessions that are there go on";
  EXPECT_THROW(PgConnection{weir->conninfo()}, std::runtime_error);
  EXPECT_TRUE(ask("POST /quitquitquit").starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(eventually(seconds(20), [&] { return !weir->running(); }));
}

TEST_F(AdminTest, TheDatabaseIsNotConnectedToMoreThanOnceASecond) {
  cluster.stop();
  cluster.start();
  const PgConnection admin(cluster.socket_conninfo());
  admin.run("ALTER SYSTEM SET log_connections = on");
  admin.run("SELECT pg_reload_conf()");
  start();
  const auto connections = [&] {
    const auto log = cluster.log();
    int count = 0;
    for (auto at = log.find("connection received"); at != std::string::npos;
         at = log.find("connection received", at + 1))
      ++count;
    return count;
  };
  ASSERT_TRUE(eventually(seconds(20), [&] { return ask("GET /readyz").starts_with("HTTP/1.1 200 "); }));
  const int before = connections();
  const auto begun = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - begun < seconds(3)) ask("GET /readyz");
  EXPECT_LE(connections() - before, 4);
  EXPECT_EQ(cluster.log().find("incomplete startup packet"), std::string::npos);
}

TEST_F(AdminTest, NoSecretAndNoValueIsShownAnywhere) {
  const PgConnection admin(cluster.socket_conninfo());
  admin.run("CREATE ROLE asker LOGIN PASSWORD 'planted-password'; CREATE TABLE t (id int PRIMARY KEY, v text)");
  start({"--log.level", "debug", "--log.sessions", "--admin.token", "planted-token-123"},
        cluster.uri("postgres", "asker", "planted-password"));
  {
    const PgConnection client(weir->conninfo());
    auto page = TcpEnd::connect(admin_port);
    page.send("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    page.receive(10);
    client.run("INSERT INTO t VALUES (1, 'planted-value')");
    client.run("UPDATE t SET v = 'planted-other' WHERE v = 'planted-value'");
    EXPECT_EQ(client.try_run("INSERT INTO t VALUES (1, 'planted-duplicate')"), "23505");
    EXPECT_TRUE(eventually(seconds(20), [&] { return ask("GET /stats").find("\"op\":\"u\"") != std::string::npos; }));
  }
  const auto stats = ask("GET /stats");
  EXPECT_NE(stats.find("\"table\":\"public.t\",\"op\":\"c\",\"fidelity\":\"row\""), std::string::npos) << stats;
  EXPECT_EQ(stats.find("planted"), std::string::npos) << stats;
  EXPECT_EQ(metrics().find("planted"), std::string::npos);
  EXPECT_EQ(ask("GET /readyz").find("planted"), std::string::npos);
  EXPECT_EQ(weir->terminate(), 0);
  EXPECT_NE(weir->output().find("planted-value"), std::string::npos) << "events have it";
  EXPECT_EQ(weir->errors().find("planted"), std::string::npos) << weir->errors();
  EXPECT_NE(weir->errors().find(" info  session "), std::string::npos) << "a session's end was asked for";
}

TEST_F(AdminTest, ValuesAreShownWhereTheyWereAskedFor) {
  start({"--admin.events", "true"});
  const PgConnection client(weir->conninfo());
  client.run("CREATE TABLE t (id int PRIMARY KEY, v text)");
  auto page = TcpEnd::connect(admin_port);
  page.send("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  page.receive(10);
  client.run("INSERT INTO t VALUES (1, 'shown')");
  EXPECT_TRUE(eventually(seconds(20), [&] { return ask("GET /stats").find("shown") != std::string::npos; }));
}

TEST_F(AdminTest, AnAddressThatTheUserNamedMustBeHad) {
  start();
  const auto ended = [&](const std::string& listen) {
    const test_support::TempFolder folder("admin");
    const int code =
        test_support::run({.arguments = {"timeout", "2", test_support::weir_binary(), "--listen", "127.0.0.1:0",
                                         "--upstream", cluster.uri(), "--emit", "stdout", "--admin.listen", listen},
                           .stdout_path = folder / "log"});
    return std::to_string(code) + " " + test_support::read_file(folder / "log");
  };
  const auto named = ended("127.0.0.1:" + std::to_string(admin_port));
  EXPECT_EQ(named[0], '1') << named;
  EXPECT_NE(named.find("weir: admin.listen: cannot listen on 127.0.0.1:"), std::string::npos) << named;
  EXPECT_EQ(named.find("listening on"), std::string::npos) << "no client was taken: " << named;
}

TEST_F(AdminTest, WhereTheDefaultsPortIsTakenItSaysSoAndGoesOn) {
  // Taken by this socket, or by somebody else already.
  const int taken = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(6433);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  (void)::bind(taken, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  (void)::listen(taken, 1);
  const test_support::TempFolder folder("admin");
  test_support::run({.arguments = {"timeout", "2", test_support::weir_binary(), "--listen", "127.0.0.1:0", "--upstream",
                                   cluster.uri(), "--emit", "stdout", "--log.format", "text"},
                     .stdout_path = folder / "out",
                     .stderr_path = folder / "log"});
  ::close(taken);
  const auto log = test_support::read_file(folder / "log");
  EXPECT_NE(log.find("no admin listener: cannot listen on 127.0.0.1:6433: Address already in use"), std::string::npos)
      << log;
  EXPECT_NE(log.find("listening on 127.0.0.1:"), std::string::npos) << log;
}

TEST_F(AdminTest, OffATerminalTheLogIsJson) {
  const test_support::TempFolder folder("admin");
  test_support::run({.arguments = {"timeout", "2", test_support::weir_binary(), "--listen", "127.0.0.1:0", "--upstream",
                                   cluster.uri(), "--emit", "stdout", "--admin.listen", "off"},
                     .stdout_path = folder / "out",
                     .stderr_path = folder / "log"});
  const auto log = test_support::read_file(folder / "log");
  EXPECT_EQ(log.rfind("{\"time\":\"20", 0), 0u) << log;
  EXPECT_NE(log.find("\",\"level\":\"info\",\"message\":\"listening on 127.0.0.1:"), std::string::npos) << log;
  const auto check =
      test_support::run({.arguments = {"python3", "-c", "import json,sys\nfor l in open(sys.argv[1]): json.loads(l)",
                                       (folder / "log").string()}});
  EXPECT_EQ(check, 0) << log;
}

}  // namespace
}  // namespace weir::proxy
