// The program in operation: signals, few descriptors, a database that is down, an end that does not wait for everybody,
// and what its log says meanwhile.
#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "proxy/doubt/libpq.h"
#include "tests/proxy/io/certificates.h"
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
using test_support::TempFolder;
using test_support::WeirProcess;

std::size_t count(const std::string& text, const std::string& word) {
  std::size_t found = 0;
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + word.size())) ++found;
  return found;
}

bool logs(const WeirProcess& weir, const std::string& words) {
  return eventually(seconds(20), [&] { return weir.errors().find(words) != std::string::npos; });
}

/// libpq's words, and the SQLSTATE behind them where the refusal has one; empty where the login works.
std::string refusal(const std::string& conninfo) {
  const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(conninfo.c_str()), &PQfinish);
  return PQstatus(connection.get()) == CONNECTION_OK ? "" : PQerrorMessage(connection.get());
}

class OperationTest : public ::testing::TestWithParam<int> {
 protected:
  OperationTest() { cluster.start(); }

  PgCluster cluster{GetParam()};
  TempFolder folder{"weir-operation"};
};

INSTANTIATE_TEST_SUITE_P(Versions, OperationTest, ::testing::Values(15, 18));

TEST_P(OperationTest, SignalsThatProgramsAreToldThingsWithEndNothing) {
  const auto file = folder / "events";
  WeirProcess weir({.upstream = cluster.uri(), .emit = {"file:" + file.string()}});
  const PgConnection client(weir.conninfo());
  client.run("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
  ASSERT_TRUE(
      eventually(seconds(20), [&] { return test_support::read_file(file).find(R"("id":1)") != std::string::npos; }));
  std::filesystem::rename(file, folder / "events.1");
  for (const int signal : {SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE, SIGHUP}) weir.send_signal(signal);
  EXPECT_TRUE(logs(weir, "SIGHUP")) << weir.errors();
  EXPECT_TRUE(logs(weir, "SIGUSR1")) << weir.errors();
  EXPECT_TRUE(logs(weir, "SIGUSR2")) << weir.errors();
  EXPECT_TRUE(eventually(seconds(20), [&] { return std::filesystem::exists(file); }));
  client.run("INSERT INTO t VALUES (2)");
  EXPECT_EQ(weir.terminate(), 0);
  EXPECT_NE(test_support::read_file(file).find(R"("id":2)"), std::string::npos);
  EXPECT_EQ(test_support::read_file(folder / "events.1").find(R"("id":2)"), std::string::npos);
}

TEST_P(OperationTest, SixtySilentSocketsWithSixtyDescriptorsKeepNobodyOut) {
  WeirProcess weir({.upstream = cluster.uri(), .emit = {"stdout"}, .descriptors = 60});
  const PgConnection before(weir.conninfo());
  std::vector<TcpEnd> silent;
  for (int i = 0; i < 60; ++i) silent.push_back(TcpEnd::connect(weir.port()));
  for (int round = 0; round < 3; ++round) {
    const PgConnection client(weir.conninfo() + " connect_timeout=20");
    EXPECT_EQ(client.value("SELECT 1"), "1");
  }
  std::vector<std::unique_ptr<PGconn, decltype(&PQfinish)>> clients;
  for (int i = 0; i < 40; ++i) clients.emplace_back(PQconnectdb(weir.conninfo().c_str()), &PQfinish);
  const auto accepted = std::count_if(clients.begin(), clients.end(), [](const auto& client) {
    const std::string words = PQerrorMessage(client.get());
    const bool in = PQstatus(client.get()) == CONNECTION_OK;
    EXPECT_TRUE(in || words.find("sorry, too many clients already") != std::string::npos) << words;
    return in;
  });
  EXPECT_GE(accepted, 2);
  EXPECT_LT(accepted, 30);
  EXPECT_EQ(before.value("SELECT 2"), "2");
  EXPECT_EQ(count(weir.errors(), "Too many open files"), 0u) << weir.errors();
}

TEST_P(OperationTest, ADatabaseThatIsDownIsNoneThatAcceptsConnections) {
  cluster.stop();
  WeirProcess weir({.upstream = cluster.uri(), .emit = {"stdout"}});
  const std::string address = "127.0.0.1:" + std::to_string(cluster.port());
  EXPECT_TRUE(logs(weir, "cannot connect to the database at " + address + ": Connection refused")) << "at the start";
  EXPECT_EQ(PQping(weir.conninfo().c_str()), PQPING_REJECT);
  for (int i = 0; i < 50; ++i) {
    const std::string words = refusal(weir.conninfo());
    EXPECT_NE(words.find("cannot connect to the database: Connection refused"), std::string::npos) << words;
    EXPECT_EQ(words.find(address), std::string::npos) << words;
  }
  EXPECT_LE(count(weir.errors(), "cannot connect to the database"), 25u)
      << "the same is said a few times: " << weir.errors();
  cluster.start();
  EXPECT_EQ(PQping(weir.conninfo().c_str()), PQPING_OK);
  EXPECT_EQ(weir.terminate(), 0);
  EXPECT_NE(weir.errors().find("unreachable database: "), std::string::npos) << weir.errors();
}

TEST_P(OperationTest, WhoeverIsCutOffIsToldAndWhatItRanIsCancelled) {
  WeirProcess weir({.upstream = cluster.uri(), .emit = {"stdout"}, .arguments = {"--shutdown.timeout_ms", "300ms"}});
  const PgConnection admin(cluster.socket_conninfo());
  admin.run("CREATE TABLE t (id int PRIMARY KEY)");
  const PgConnection reader(weir.conninfo());
  const PgConnection writer(weir.conninfo());
  ASSERT_EQ(PQsendQuery(reader.raw(), "SELECT pg_sleep(600)"), 1);
  ASSERT_EQ(PQsendQuery(writer.raw(), "INSERT INTO t SELECT 1 FROM pg_sleep(600)"), 1);
  const auto sleeping = [&] {
    return admin.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
  };
  ASSERT_TRUE(eventually(seconds(20), [&] { return sleeping() == "2"; }));
  EXPECT_TRUE(weir.terminate(seconds(30)).has_value());
  for (const PgConnection* client : {&reader, &writer}) {
    PGresult* result = PQgetResult(client->raw());
    EXPECT_STREQ(PQresultErrorField(result, PG_DIAG_SQLSTATE), "57P01") << PQresultErrorMessage(result);
    PQclear(result);
  }
  EXPECT_TRUE(eventually(seconds(20), [&] { return sleeping() == "0"; })) << "nobody waits for them any more";
  EXPECT_EQ(admin.value("SELECT count(*) FROM t"), "0");
}

/// As a load balancer sends it, for a client at 203.0.113.7.
std::string proxied_login() {
  using namespace std::string_literals;
  const auto header = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"s + "\xcb\0\x71\x07\x7f\0\0\x01\xc8\x22\x19\x20"s;
  return header + "\0\0\0\x17\0\x03\0\0user\0postgres\0\0"s;
}

TEST_P(OperationTest, ADatabaseThatTrustsWeirsAddressIsSaidOnceWhenOthersComeIn) {
  WeirProcess weir({.upstream = cluster.uri(), .emit = {"stdout"}});
  const PgConnection own(weir.conninfo());
  own.run("SELECT 1");
  EXPECT_EQ(count(weir.errors(), "without a password"), 0u) << "clients of this machine are none";
  WeirProcess balanced(
      {.upstream = cluster.uri(), .emit = {"stdout"}, .arguments = {"--proxy_protocol.trusted", "127.0.0.1"}});
  for (int i = 0; i < 3; ++i) {
    auto client = TcpEnd::connect(balanced.port());
    client.send(proxied_login());
    EXPECT_EQ(client.receive(1), "R");
  }
  EXPECT_TRUE(logs(balanced, "user \"postgres\" came in from 203.0.113.7:51234 without a password"))
      << balanced.errors();
  EXPECT_EQ(count(balanced.errors(), "without a password"), 1u) << balanced.errors();
}

TEST_P(OperationTest, TheLogNamesDatabaseApplicationAndWhatASessionDid) {
  WeirProcess weir({.upstream = cluster.uri(), .emit = {"stdout"}, .arguments = {"--log.level", "debug"}});
  {
    const PgConnection client(weir.conninfo() + " application_name=till");
    client.run("CREATE TABLE t (id int); INSERT INTO t SELECT generate_series(1, 3)");
    client.run("INSERT INTO t VALUES (4)");
  }
  EXPECT_TRUE(logs(weir, "postgres@postgres, till): ended after ")) << weir.errors();
  EXPECT_TRUE(logs(weir, "2 captured transactions with 4 events")) << weir.errors();
}

/// A broker that nobody has: what is refused for its sake names neither it nor the journal to the client.
TEST_P(OperationTest, ARefusedCommitTellsTheClientNoPathAndNoAddress) {
  WeirProcess weir({.upstream = cluster.uri(),
                    .emit = {"kafka://127.0.0.1:1/shop"},
                    .arguments = {"--journal.max_bytes", "1MB", "--journal.hold_timeout_ms", "0"}});
  const PgConnection client(weir.conninfo());
  client.run("CREATE TABLE t (id int PRIMARY KEY, x text)");
  std::string words;
  for (int id = 0; id < 200 && words.empty(); ++id) {
    const std::string insert = "INSERT INTO t VALUES (" + std::to_string(id) + ", repeat('x', 20000))";
    const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(client.raw(), insert.c_str()), &PQclear);
    if (PQresultStatus(result.get()) == PGRES_COMMAND_OK) continue;
    EXPECT_STREQ(PQresultErrorField(result.get(), PG_DIAG_SQLSTATE), "53100");
    words = PQresultErrorMessage(result.get());
  }
  EXPECT_NE(words, "");
  for (const std::string& secret : {weir.folder().path().string(), std::string("127.0.0.1"), std::string("kafka")})
    EXPECT_EQ(words.find(secret), std::string::npos) << words;
  const std::string log = weir.errors();
  EXPECT_NE(log.find("a commit is refused (53100): the journal " + weir.folder().path().string()), std::string::npos)
      << log;
  EXPECT_NE(log.find("has reached 50 % of journal.max_bytes"), std::string::npos) << log;
  EXPECT_NE(log.find("has reached 80 % of journal.max_bytes"), std::string::npos) << log;
}

TEST_P(OperationTest, AStdoutThatNobodyReadsEndsIt) {
  const std::string code = (folder / "code").string();
  const std::string command = "{ " + test_support::weir_binary() + " --listen 127.0.0.1:0 --upstream " + cluster.uri() +
                              " --admin.listen off --log.format text --emit stdout 2>" + (folder / "log").string() +
                              "; echo $? >" + code + "; } | true";
  EXPECT_EQ(test_support::run({.arguments = {"sh", "-c", command}}, seconds(60)), 0);
  EXPECT_EQ(test_support::read_file(code), "1\n") << test_support::read_file(folder / "log");
  EXPECT_NE(test_support::read_file(folder / "log").find("nobody reads it any more"), std::string::npos);
}

TEST(Operation, AKeyThatOthersMayReadIsRefused) {
  const Certificates certificates;
  const TempFolder folder("weir-operation");
  const std::string key = certificates.file("weir.key");
  const auto start = [&](mode_t mode) {
    ::chmod(key.c_str(), mode);
    const int code =
        test_support::run({.arguments = {test_support::weir_binary(), "--upstream", "postgresql://127.0.0.1:1",
                                         "--capture.enabled", "false", "--listen", "192.0.2.1:1", "--tls.cert",
                                         certificates.file("weir.crt"), "--tls.key", key},
                           .stdout_path = folder / "log"});
    EXPECT_EQ(code, 1);
    const std::string log = test_support::read_file(folder / "log");
    std::filesystem::remove(folder / "log");
    return log;
  };
  for (const mode_t mode : {0644, 0604, 0640, 0660, 0606}) {
    const std::string log = start(mode);
    EXPECT_NE(log.find(key + "\" (tls.key) can be used by others"), std::string::npos) << log;
    EXPECT_NE(log.find("chmod 0600"), std::string::npos) << log;
  }
  EXPECT_NE(start(0600).find("cannot listen"), std::string::npos) << "so the key was taken";
  EXPECT_NE(start(0400).find("cannot listen"), std::string::npos);
  if (::geteuid() != 0) return;  // only root can give it to root
  ASSERT_EQ(::chown(key.c_str(), 0, 0), 0);
  EXPECT_NE(start(0640).find("cannot listen"), std::string::npos);
  EXPECT_NE(start(0644).find("can be used by others"), std::string::npos);
  EXPECT_NE(start(0660).find("can be used by others"), std::string::npos);
}

TEST(Operation, AnUpstreamThatIsWeirItselfIsRefused) {
  const TempFolder folder("weir-operation");
  const std::string port = std::to_string(test_support::free_port());
  for (const char* host : {"localhost", "127.0.0.1", "0.0.0.0"}) {
    EXPECT_EQ(test_support::run({.arguments = {test_support::weir_binary(), "--listen", "*:" + port, "--upstream",
                                               "postgresql://" + std::string(host) + ":" + port, "--emit", "stdout"},
                                 .stdout_path = folder / "log"}),
              1);
  }
  EXPECT_EQ(count(test_support::read_file(folder / "log"), "is an address that Weir itself listens on"), 3u);
}

/// Nobody but the passfile has the password, and no client comes whose session could be asked instead.
TEST(Operation, WhatIsInDoubtIsAskedAboutWithThePassfile) {
  test_support::PgSettings settings;
  settings.authentication = "scram-sha-256";
  PgCluster cluster(15, settings);
  cluster.start();
  const PgConnection admin(cluster.socket_conninfo());
  admin.run(
      "CREATE ROLE ann LOGIN PASSWORD 'secret'; CREATE TABLE t (id int PRIMARY KEY); GRANT ALL ON t TO ann;"
      "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(1); RETURN NULL; END';"
      "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON t INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait()");
  const TempFolder folder("weir-operation");
  const std::string passfile = (folder / "pgpass").string();
  std::ofstream(passfile) << "*:*:*:ann:secret\n";
  ::chmod(passfile.c_str(), 0600);
  WeirProcess weir({.upstream = cluster.uri("postgres", "ann") + "?passfile=" + passfile, .emit = {"stdout"}});
  {
    const PgConnection client(weir.conninfo("postgres", "ann") + " password=secret");
    ASSERT_EQ(PQsendQuery(client.raw(), "INSERT INTO t VALUES (1)"), 1);
    ASSERT_TRUE(eventually(seconds(20), [&] {
      return admin.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1";
    }));
    weir.kill_hard();
  }
  ASSERT_TRUE(eventually(seconds(20), [&] { return admin.value("SELECT count(*) FROM t") == "1"; }));
  weir.start();
  EXPECT_TRUE(eventually(seconds(20), [&] { return weir.output().find(R"("after":{"id":1})") != std::string::npos; }))
      << weir.errors();
}

TEST(Operation, TooFewDescriptorsToStartAreNamed) {
  const TempFolder folder("weir-operation");
  const int code =
      test_support::run({.arguments = {"prlimit", "--nofile=12", test_support::weir_binary(), "--listen", "127.0.0.1:0",
                                       "--upstream", "postgresql://127.0.0.1:1", "--emit", "stdout"},
                         .stdout_path = folder / "log"});
  EXPECT_EQ(code, 1);
  EXPECT_NE(test_support::read_file(folder / "log").find("Too many open files"), std::string::npos);
}

/// Weir's own logins find their password where libpq finds it.
TEST(Operation, PasswordsComeFromAPassfileOrTheEnvironment) {
  test_support::PgSettings settings;
  settings.authentication = "scram-sha-256";
  PgCluster cluster(15, settings);
  cluster.start();
  PgConnection(cluster.socket_conninfo()).run("CREATE ROLE ann LOGIN PASSWORD 'a:b c'");
  const TempFolder folder("weir-operation");
  const std::string passfile = (folder / "pgpass").string();
  std::ofstream(passfile) << "*:*:*:ann:a\\:b c\n";
  ::chmod(passfile.c_str(), 0600);
  Upstream upstream;
  upstream.hosts = {{"127.0.0.1", static_cast<std::uint16_t>(cluster.port())}};
  EXPECT_FALSE(SideConnection::open(upstream, {"ann", "", "postgres", ""}));
  const auto by_file = SideConnection::open(upstream, {"ann", "", "postgres", passfile});
  EXPECT_TRUE(by_file) << by_file.error().message;
  ::setenv("PGPASSFILE", passfile.c_str(), 1);
  EXPECT_TRUE(SideConnection::open(upstream, {"ann", "", "postgres", ""}));
  ::unsetenv("PGPASSFILE");
  ::setenv("PGPASSWORD", "a:b c", 1);
  EXPECT_TRUE(SideConnection::open(upstream, {"ann", "", "postgres", ""}));
  ::unsetenv("PGPASSWORD");
}

}  // namespace
}  // namespace weir::proxy
