// A Weir takes over from the one that runs, again and again, while clients come and go: nobody is refused, no
// transaction fails, reads do not wait, and each event is delivered once.
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "tests/proxy/command/weir_command.h"
#include "tests/support/child_process.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/pg_connection.h"
#include "tests/support/weir_process.h"

namespace weir::proxy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test_support::ChildProcess;
using test_support::eventually;
using test_support::PgConnection;
using Clock = std::chrono::steady_clock;

milliseconds since(Clock::time_point begun) {
  return std::chrono::duration_cast<milliseconds>(Clock::now() - begun);
}

class TakeoverTest : public testing::Test {
 protected:
  TakeoverTest() {
    cluster_.start();
    PgConnection(cluster_.socket_conninfo()).run("CREATE TABLE t (id int PRIMARY KEY)");
  }
  std::unique_ptr<ChildProcess> weir(const std::string& log, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {test_support::weir_binary(),
                                          "--listen",
                                          "127.0.0.1:" + std::to_string(port_),
                                          "--listen",
                                          "unix:" + folder_.path().string(),
                                          "--upstream",
                                          cluster_.uri(),
                                          "--emit",
                                          "file:" + events_,
                                          "--format",
                                          "flat",
                                          "--journal",
                                          (folder_ / "journal").string(),
                                          "--takeover",
                                          (folder_ / "takeover").string(),
                                          "--admin.listen",
                                          "127.0.0.1:" + std::to_string(admin_port_),
                                          "--log.format",
                                          "text"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return std::make_unique<ChildProcess>(test_support::Launch{.arguments = arguments, .stderr_path = folder_ / log});
  }
  std::string log(const std::string& name) const { return test_support::read_file(folder_ / name); }
  bool logs(const std::string& name, const std::string& text, seconds at_most = seconds(30)) const {
    return eventually(at_most, [&] { return log(name).find(text) != std::string::npos; });
  }
  std::string conninfo(bool unix_socket = false) const {
    return "host=" + (unix_socket ? folder_.path().string() : "127.0.0.1") + " port=" + std::to_string(port_) +
           " user=postgres dbname=postgres connect_timeout=30";
  }
  /// How often each id stands in the file.
  std::map<int, int> events() const {
    std::ifstream lines(events_);
    std::map<int, int> ids;
    for (std::string line; std::getline(lines, line);) {
      const auto at = line.find("\"id\":");
      if (at != line.npos) ++ids[std::atoi(line.c_str() + at + 5)];
    }
    return ids;
  }

  const test_support::TempFolder folder_{"weir-takeover"};
  const std::string events_ = (folder_ / "events").string();
  test_support::PgCluster cluster_{18};
  const int port_ = test_support::free_port();
  const int admin_port_ = test_support::free_port();
};

TEST_F(TakeoverTest, UnderLoadNobodyNoticesButByWaiting) {
  auto now = weir("log0");
  ASSERT_TRUE(logs("log0", "listening on")) << log("log0");
  std::atomic<bool> stop = false;
  std::atomic<int> next = 1;
  std::mutex mutex;
  std::vector<std::string> failures;
  std::set<int> acknowledged;
  std::atomic<std::int64_t> slowest_read_ms = 0;
  std::atomic<std::int64_t> slowest_write_ms = 0;
  const auto client = [&](bool writes, bool unix_socket) {
    while (!stop) {
      const auto begun = Clock::now();
      const int id = writes ? next++ : 0;
      try {
        const PgConnection session(conninfo(unix_socket));
        if (writes) session.run("INSERT INTO t VALUES (" + std::to_string(id) + ")");
        if (!writes) session.value("SELECT count(*) FROM t");
        const std::lock_guard lock(mutex);
        if (writes) acknowledged.insert(id);
      } catch (const std::exception& error) {
        const std::lock_guard lock(mutex);
        failures.emplace_back(error.what());
      }
      auto& slowest = writes ? slowest_write_ms : slowest_read_ms;
      slowest = std::max<std::int64_t>(slowest, since(begun).count());
    }
  };
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) clients.emplace_back(client, true, i % 2 == 1);
  for (int i = 0; i < 2; ++i) clients.emplace_back(client, false, i % 2 == 1);
  constexpr int kTakeovers = 4;
  for (int i = 1; i <= kTakeovers; ++i) {
    std::this_thread::sleep_for(milliseconds(500));
    // A transaction that began in the one before ends there.
    const PgConnection open(conninfo());
    const int id = next++;
    open.run("BEGIN; INSERT INTO t VALUES (" + std::to_string(id) + ")");
    auto heir = weir("log" + std::to_string(i));
    ASSERT_TRUE(logs("log" + std::to_string(i), "clients come here from now on")) << log("log" + std::to_string(i));
    std::this_thread::sleep_for(milliseconds(300));
    EXPECT_EQ(open.try_run("COMMIT"), "00000");
    {
      const std::lock_guard lock(mutex);
      acknowledged.insert(id);
    }
    ASSERT_TRUE(logs("log" + std::to_string(i), "takeover: complete")) << log("log" + std::to_string(i));
    EXPECT_EQ(now->wait(seconds(20)), 0) << log("log" + std::to_string(i - 1));
    now = std::move(heir);
  }
  stop = true;
  for (auto& one : clients) one.join();
  EXPECT_TRUE(failures.empty()) << failures.size() << " failed, the first: " << failures.front();
  EXPECT_GT(acknowledged.size(), 100u);
  EXPECT_LT(slowest_read_ms, 1'500) << "reads do not wait for the journal";
  std::map<int, int> wanted;
  for (const int id : acknowledged) wanted[id] = 1;
  EXPECT_TRUE(eventually(seconds(30), [&] { return events().size() >= wanted.size(); }));
  EXPECT_EQ(events(), wanted);
  std::printf("%zu transactions over %d takeovers; the slowest read took %d ms, the slowest write %d ms\n",
              acknowledged.size(), kTakeovers, int(slowest_read_ms), int(slowest_write_ms));
  now->send_signal(SIGTERM);
  EXPECT_EQ(now->wait(seconds(20)), 0);
}

TEST_F(TakeoverTest, AnHeirThatIsWrongChangesNothing) {
  auto first = weir("log0");
  ASSERT_TRUE(logs("log0", "listening on")) << log("log0");
  auto wrong = weir("log1", {"--tls.cert", "/nonexistent", "--tls.key", "/nonexistent"});
  EXPECT_EQ(wrong->wait(seconds(20)), 1);
  EXPECT_TRUE(logs("log0", "the other Weir has gone away; everything stays as it was"));
  for (const bool unix_socket : {false, true})
    PgConnection(conninfo(unix_socket)).run("INSERT INTO t VALUES (" + std::to_string(unix_socket) + ")");
  auto second = weir("log2");
  EXPECT_TRUE(logs("log2", "takeover: complete")) << log("log2");
  for (const bool unix_socket : {false, true})
    PgConnection(conninfo(unix_socket)).run("INSERT INTO t VALUES (1" + std::to_string(unix_socket) + ")");
  EXPECT_TRUE(eventually(seconds(20), [&] { return events().size() == 4; }));
}

TEST_F(TakeoverTest, ReadsGoOnAndWritesWaitForAsLongAsTheOneBeforeIsThere) {
  auto first = weir("log0", {"--shutdown.timeout_ms", "20000"});
  ASSERT_TRUE(logs("log0", "listening on")) << log("log0");
  const PgConnection open(conninfo());
  open.run("BEGIN; INSERT INTO t VALUES (1)");
  auto second = weir("log1");
  ASSERT_TRUE(logs("log1", "clients come here from now on")) << log("log1");
  const PgConnection session(conninfo() + " application_name=waits");
  EXPECT_EQ(session.value("SELECT count(*) FROM t"), "0");
  PGresult* prepared = PQprepare(session.raw(), "r", "SELECT max(id) FROM t WHERE id > $1::int", 1, nullptr);
  EXPECT_EQ(PQresultStatus(prepared), PGRES_COMMAND_OK) << PQresultErrorMessage(prepared);
  PQclear(prepared);
  ASSERT_EQ(PQsendQuery(session.raw(), "INSERT INTO t VALUES (2)"), 1);
  std::this_thread::sleep_for(milliseconds(1'500));
  PQconsumeInput(session.raw());
  EXPECT_EQ(PQisBusy(session.raw()), 1) << "the write waits";
  EXPECT_EQ(PgConnection(conninfo(true)).value("SELECT count(*) FROM t"), "0");
  EXPECT_EQ(
      PgConnection(cluster_.socket_conninfo())
          .value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'waits' AND query LIKE 'INSERT%'"),
      "0")
      << "and holds no lock";
  (void)open.try_run("COMMIT");  // that it is over may stand behind its answer already; the event tells
  while (PGresult* result = PQgetResult(session.raw())) {
    EXPECT_EQ(PQresultStatus(result), PGRES_COMMAND_OK) << PQresultErrorMessage(result);
    PQclear(result);
  }
  EXPECT_EQ(first->wait(seconds(20)), 0);
  EXPECT_TRUE(eventually(seconds(20), [&] { return events() == (std::map<int, int>{{1, 1}, {2, 1}}); }));
}

}  // namespace
}  // namespace weir::proxy
