// libpq and raw clients through the I/O to a real PostgreSQL: what a session can do passes, and what must not grow does
// not grow.
#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <future>
#include <memory>
#include <thread>

#include "proxy/io/server.h"
#include "tests/support/child_process.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/pg_connection.h"
#include "tests/support/raw_client.h"
#include "wire/relay.h"

namespace weir::proxy {
namespace {

using std::chrono::seconds;
using test_support::ChildProcess;
using test_support::eventually;
using test_support::PgCluster;
using test_support::PgConnection;
using test_support::RawClient;

using ResultOwner = std::unique_ptr<PGresult, decltype(&PQclear)>;

ResultOwner next_result(const PgConnection& connection) {
  return {PQgetResult(connection.raw()), &PQclear};
}

class RelayTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { cluster = std::make_unique<PgCluster>(15); }
  static void TearDownTestSuite() { cluster.reset(); }

  RelayTest() {
    ServerOptions options;
    options.listen = {{"127.0.0.1", 0}};
    options.upstream.hosts = {{"127.0.0.1", static_cast<std::uint16_t>(cluster->port())}};
    options.workers = 2;
    options.engine_factory = [](const SessionInfo&) { return std::make_unique<wire::Relay>(); };
    server = std::make_unique<Server>(std::move(options));
    const Result<void> started = server->start();
    EXPECT_TRUE(started) << started.error().message;
  }

  std::string conninfo(const std::string& more = {}) const {
    return "host=127.0.0.1 dbname=postgres user=postgres port=" + std::to_string(server->port()) + " " + more;
  }
  PgConnection direct() const { return PgConnection(cluster->socket_conninfo()); }

  static std::unique_ptr<PgCluster> cluster;
  std::unique_ptr<Server> server;
};

std::unique_ptr<PgCluster> RelayTest::cluster;

TEST_F(RelayTest, StartupParametersArriveAndThePidIsTheDatabases) {
  const PgConnection connection(conninfo("application_name=till options='-c geqo=off -c work_mem=7MB'"));
  EXPECT_EQ(connection.value("SHOW application_name"), "till");
  EXPECT_EQ(connection.value("SHOW work_mem"), "7MB");
  EXPECT_EQ(connection.value("SELECT pg_backend_pid()"), std::to_string(PQbackendPID(connection.raw())));
}

TEST_F(RelayTest, SimpleExtendedAndPipelinedQueries) {
  const PgConnection connection(conninfo());
  EXPECT_EQ(connection.value("SELECT 1; SELECT 2"), "2");
  const char* values[] = {"41"};
  const ResultOwner prepared(PQprepare(connection.raw(), "s", "SELECT $1::int + 1", 1, nullptr), &PQclear);
  const ResultOwner result(PQexecPrepared(connection.raw(), "s", 1, values, nullptr, nullptr, 0), &PQclear);
  EXPECT_STREQ(PQgetvalue(result.get(), 0, 0), "42");
  ASSERT_EQ(PQenterPipelineMode(connection.raw()), 1);
  constexpr int kStatements = 2000;
  std::thread sender([&] {
    for (int i = 0; i < kStatements; ++i) {
      PQsendQueryParams(connection.raw(), "SELECT repeat('x', 100)", 0, nullptr, nullptr, nullptr, nullptr, 1);
    }
    PQpipelineSync(connection.raw());
  });
  sender.join();
  int rows = 0;
  for (int i = 0; i < kStatements; ++i) {
    const ResultOwner one = next_result(connection);
    if (PQresultStatus(one.get()) == PGRES_TUPLES_OK) ++rows;
    EXPECT_EQ(PQgetResult(connection.raw()), nullptr);
  }
  EXPECT_EQ(rows, kStatements);
  EXPECT_EQ(PQresultStatus(next_result(connection).get()), PGRES_PIPELINE_SYNC);
}

TEST_F(RelayTest, CopyBothWays) {
  const PgConnection connection(conninfo());
  connection.run("CREATE TEMP TABLE t (n int, x text)");
  ASSERT_EQ(PQresultStatus(ResultOwner(PQexec(connection.raw(), "COPY t FROM STDIN"), &PQclear).get()), PGRES_COPY_IN);
  for (int i = 0; i < 50'000; ++i) {
    const std::string line = std::to_string(i) + "\t" + std::string(60, 'x') + "\n";
    ASSERT_EQ(PQputCopyData(connection.raw(), line.data(), static_cast<int>(line.size())), 1);
  }
  ASSERT_EQ(PQputCopyEnd(connection.raw(), nullptr), 1);
  EXPECT_EQ(PQresultStatus(next_result(connection).get()), PGRES_COMMAND_OK);
  while (next_result(connection)) {
  }
  ASSERT_EQ(PQresultStatus(ResultOwner(PQexec(connection.raw(), "COPY t TO STDOUT"), &PQclear).get()), PGRES_COPY_OUT);
  int lines = 0;
  char* line = nullptr;
  for (; PQgetCopyData(connection.raw(), &line, 0) > 0; ++lines) PQfreemem(line);
  EXPECT_EQ(lines, 50'000);
}

TEST_F(RelayTest, AnErrorReachesAClientThatIsStillSending) {
  const PgConnection connection(conninfo());
  connection.run("CREATE TEMP TABLE t (n int)");
  ASSERT_EQ(PQresultStatus(ResultOwner(PQexec(connection.raw(), "COPY t FROM STDIN"), &PQclear).get()), PGRES_COPY_IN);
  const std::string line = "no number\n";
  int sent = 0;
  while (sent < 2'000'000 && PQputCopyData(connection.raw(), line.data(), static_cast<int>(line.size())) == 1) ++sent;
  PQputCopyEnd(connection.raw(), nullptr);
  EXPECT_STREQ(PQresultErrorField(next_result(connection).get(), PG_DIAG_SQLSTATE), "22P02");
}

TEST_F(RelayTest, NotificationsComeWhenTheyCome) {
  const PgConnection listener(conninfo());
  listener.run("LISTEN news");
  direct().run("NOTIFY news, 'hello'");
  PGnotify* notification = nullptr;
  ASSERT_TRUE(eventually(seconds(10), [&] {
    PQconsumeInput(listener.raw());
    notification = PQnotifies(listener.raw());
    return notification != nullptr;
  }));
  EXPECT_STREQ(notification->extra, "hello");
  PQfreemem(notification);
}

TEST_F(RelayTest, CancelEndsTheStatement) {
  const PgConnection connection(conninfo());
  ASSERT_EQ(PQsendQuery(connection.raw(), "SELECT pg_sleep(60)"), 1);
  const PgConnection watcher = direct();
  ASSERT_TRUE(eventually(seconds(10), [&] {
    return watcher.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1";
  }));
  const std::unique_ptr<PGcancel, decltype(&PQfreeCancel)> cancel(PQgetCancel(connection.raw()), &PQfreeCancel);
  char words[256] = "";
  EXPECT_EQ(PQcancel(cancel.get(), words, sizeof words), 1) << words;
  EXPECT_STREQ(PQresultErrorField(next_result(connection).get(), PG_DIAG_SQLSTATE), "57014");
}

TEST_F(RelayTest, ReplicationConnections) {
  const PgConnection connection(conninfo("replication=database"));
  EXPECT_EQ(connection.rows("IDENTIFY_SYSTEM").size(), 1u);
}

TEST_F(RelayTest, AWriteFollowedByTheClientsEndCommits) {
  const PgConnection watcher = direct();
  watcher.run("DROP TABLE IF EXISTS w; CREATE TABLE w (n int)");
  const auto leave = [&](auto&& how, int n) {
    RawClient client(server->port(), seconds(10));
    client.startup({{"user", "postgres"}, {"database", "postgres"}}).read_until_ready();
    const std::string insert = "INSERT INTO w SELECT " + std::to_string(n) + " FROM pg_sleep(0.05)";
    how(client, insert);
    client.send_all();
    n == 3 ? client.half_close() : client.close_now();
  };
  for (int i = 0; i < 5; ++i) {
    leave([](RawClient& c, const std::string& sql) { c.query(sql).terminate(); }, 1);
    leave([](RawClient& c, const std::string& sql) { c.query(sql); }, 2);
    leave([](RawClient& c, const std::string& sql) { c.query(sql); }, 3);
    leave([](RawClient& c, const std::string& sql) { c.parse("", sql).bind("", "").execute("").sync(); }, 4);
    leave([](RawClient& c, const std::string& sql) { c.parse("", sql).bind("", "").execute(""); }, 5);
  }
  EXPECT_TRUE(eventually(seconds(10), [&] {
    return watcher.value(
               "SELECT string_agg(n || 'x' || c, ' ' ORDER BY n) FROM (SELECT n, count(*) c FROM w GROUP BY "
               "n) s") == "1x5 2x5 3x5 4x5";
  })) << watcher.value("SELECT string_agg(n::text, ' ') FROM w");
  EXPECT_TRUE(eventually(seconds(10), [&] { return server->counters().sessions_closed == 25; }));
  EXPECT_EQ(watcher.value("SELECT count(*) FROM w WHERE n = 5"), "0");
}

TEST_F(RelayTest, AHalfClosedClientIsAnswered) {
  RawClient client(server->port(), seconds(10));
  client.startup({{"user", "postgres"}, {"database", "postgres"}}).read_until_ready();
  client.take_transcript();
  client.query("SELECT 'answer' FROM pg_sleep(0.1)").half_close();
  client.read_until_closed();
  const std::vector<std::string> transcript = client.take_transcript();
  EXPECT_GE(transcript.size(), 4u);
  EXPECT_NE(::testing::PrintToString(transcript).find("answer"), std::string::npos);
}

TEST_F(RelayTest, MalformedMessagesAreAnsweredByTheDatabase) {
  const auto answer = [](int port, const std::string& message) {
    RawClient client(port, seconds(10));
    client.startup({{"user", "postgres"}, {"database", "postgres"}}).read_until_ready();
    client.take_transcript();
    client.raw(message).read_until_closed();
    return client.take_transcript();
  };
  const std::string no_length("Q\0\0\0\1", 5);
  const std::string no_type("\1\0\0\0\4", 5);
  EXPECT_EQ(answer(server->port(), no_length), answer(cluster->port(), no_length));
  EXPECT_EQ(answer(server->port(), no_type), answer(cluster->port(), no_type));
  EXPECT_NE(::testing::PrintToString(answer(server->port(), no_type)).find("08P01"), std::string::npos);
}

TEST_F(RelayTest, TheDatabasesLastWordsAreItsOwn) {
  const PgConnection connection(conninfo());
  const PgConnection killer = direct();
  ASSERT_EQ(PQsendQuery(connection.raw(), "SELECT pg_sleep(60)"), 1);
  killer.run("SELECT pg_terminate_backend(" + std::to_string(PQbackendPID(connection.raw())) + ")");
  EXPECT_STREQ(PQresultErrorField(next_result(connection).get(), PG_DIAG_SQLSTATE), "57P01");
}

TEST_F(RelayTest, ADatabaseThatIsDownIsNamedAndUsedAgainWhenItIsUp) {
  cluster->stop();
  EXPECT_NE(
      [&] {
        try {
          const PgConnection connection(conninfo());
          return std::string();
        } catch (const std::exception& error) {
          return std::string(error.what());
        }
      }()
          .find("cannot connect to the database: Connection refused"),
      std::string::npos);
  EXPECT_EQ(PQping(conninfo().c_str()), PQPING_REJECT) << "it is no database that accepts connections";
  cluster->start();
  EXPECT_EQ(PQping(conninfo().c_str()), PQPING_OK);
  EXPECT_EQ(PgConnection(conninfo()).value("SELECT 1"), "1");
}

/// The I/O in a process of its own, so that its memory can be seen.
class RelayProcess {
 public:
  explicit RelayProcess(int upstream_port)
      : port_(test_support::free_port()),
        process_({.arguments = {WEIR_RELAY_MAIN, std::to_string(port_), std::to_string(upstream_port), "2"}}) {
    const bool listens = eventually(seconds(10), [&] { return PQping(conninfo().c_str()) == PQPING_OK; });
    if (!listens) throw std::runtime_error("relay_main does not answer");
  }

  std::string conninfo() const { return "host=127.0.0.1 dbname=postgres user=postgres port=" + std::to_string(port_); }
  /// "VmRSS" or "VmHWM" of /proc, kB.
  long memory(const std::string& name) const {
    const std::string status = test_support::read_file("/proc/" + std::to_string(process_.pid()) + "/status");
    return std::stol(status.substr(status.find(name + ":") + name.size() + 1));
  }

 private:
  int port_;
  ChildProcess process_;
};

#ifndef __SANITIZE_ADDRESS__
#ifndef __SANITIZE_THREAD__

TEST_F(RelayTest, ARowOfAHundredMegabytesIsNotHeldInMemory) {
  const RelayProcess relay(cluster->port());
  const long before = relay.memory("VmHWM");
  const PgConnection connection(relay.conninfo());
  EXPECT_EQ(connection.value("SELECT repeat('x', 100000000)").size(), 100'000'000u);
  EXPECT_EQ(connection.value("SELECT length('" + std::string(100'000'000, 'y') + "')"), "100000000");
  EXPECT_LT(relay.memory("VmHWM") - before, 3000);
}

TEST_F(RelayTest, ASlowClientGrowsTheDatabasesQueueNotOurs) {
  const RelayProcess relay(cluster->port());
  const long before = relay.memory("VmHWM");
  const PgConnection slow(relay.conninfo());
  ASSERT_EQ(PQsendQuery(slow.raw(), "COPY (SELECT repeat('x', 1000) FROM generate_series(1, 200000)) TO STDOUT"), 1);
  const PgConnection watcher = direct();
  ASSERT_TRUE(eventually(seconds(20), [&] {
    return watcher.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'ClientWrite'") == "1";
  }));
  EXPECT_LT(relay.memory("VmHWM") - before, 3000);
  ASSERT_EQ(PQresultStatus(next_result(slow).get()), PGRES_COPY_OUT);
  int lines = 0;
  char* line = nullptr;
  for (; PQgetCopyData(slow.raw(), &line, 0) > 0; ++lines) PQfreemem(line);
  EXPECT_EQ(lines, 200'000);
}

TEST_F(RelayTest, AnIdleConnectionCostsLittle) {
  const RelayProcess relay(cluster->port());
  std::vector<PgConnection> connections;
  for (int i = 0; i < 20; ++i) connections.emplace_back(relay.conninfo());
  const long before = relay.memory("VmRSS");
  for (int i = 0; i < 100; ++i) connections.emplace_back(relay.conninfo());
  for (const PgConnection& connection : connections) connection.value("SELECT repeat('x', 200000)");
  const double each = static_cast<double>(relay.memory("VmRSS") - before) / 100;
  RecordProperty("kilobytes_per_idle_connection", std::to_string(each));
  EXPECT_LT(each, 40);
}

#endif
#endif

}  // namespace
}  // namespace weir::proxy
