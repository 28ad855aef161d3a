// Several hosts behind Weir, a primary and its standby: which one a session gets, and where its cancel goes.
#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <set>

#include "tests/support/pg_cluster.h"
#include "tests/support/pg_connection.h"
#include "tests/support/weir_process.h"

namespace weir::proxy {
namespace {

using std::chrono::seconds;
using test_support::eventually;
using test_support::PgCluster;
using test_support::PgConnection;
using test_support::WeirOptions;
using test_support::WeirProcess;

struct World {
  PgCluster primary{15};
  std::unique_ptr<PgCluster> standby = primary.make_standby();
};

class HostsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { world = std::make_unique<World>(); }
  static void TearDownTestSuite() { world.reset(); }

  void start(const std::string& parameters, const std::string& user = "postgres@") {
    WeirOptions options;
    options.upstream = "postgresql://" + user + "127.0.0.1:" + std::to_string(world->standby->port()) +
                       ",127.0.0.1:" + std::to_string(world->primary.port()) + "/postgres?" + parameters;
    options.arguments = {"--capture.enabled", "false"};
    options.journal = false;
    weir = std::make_unique<WeirProcess>(options);
  }
  /// "t" in a standby, or why there is no session.
  std::string in_recovery() const {
    const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(weir->conninfo().c_str()), &PQfinish);
    if (PQstatus(connection.get()) != CONNECTION_OK) return PQerrorMessage(connection.get());
    const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(connection.get(), "SELECT pg_is_in_recovery()"),
                                                               &PQclear);
    return PQntuples(result.get()) == 1 ? PQgetvalue(result.get(), 0, 0) : PQerrorMessage(connection.get());
  }

  static bool sleeps(const PgCluster& cluster) {
    return PgConnection(cluster.socket_conninfo())
               .value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1";
  }

  static std::unique_ptr<World> world;
  std::unique_ptr<WeirProcess> weir;
};

std::unique_ptr<World> HostsTest::world;

TEST_F(HostsTest, ASessionGetsWhatTargetSessionAttrsSays) {
  for (const auto& [target, standby] : std::vector<std::pair<std::string, std::string>>{{"any", "t"},
                                                                                        {"read-write", "f"},
                                                                                        {"primary", "f"},
                                                                                        {"read-only", "t"},
                                                                                        {"standby", "t"},
                                                                                        {"prefer-standby", "t"}}) {
    start("target_session_attrs=" + target);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(in_recovery(), standby) << target;
  }
}

/// The hosts cannot be asked, so the standby, which comes first in the URI, is tried and found out.
TEST_F(HostsTest, ASessionThatIsAnotherEndsBeforeItBegins) {
  start("target_session_attrs=read-write", "nobody@");
  EXPECT_NE(in_recovery().find("FATAL:  the database is not what target_session_attrs wants"), std::string::npos)
      << in_recovery();
  EXPECT_NE(weir->errors().find("is cannot be asked, so it is tried last"), std::string::npos) << weir->errors();
}

TEST_F(HostsTest, WhereNoHostIsWantedTheClientIsTold) {
  PgConnection(world->primary.socket_conninfo()).run("ALTER SYSTEM SET default_transaction_read_only = on");
  const auto reload = [] { PgConnection(world->primary.socket_conninfo()).value("SELECT pg_reload_conf()"); };
  reload();
  start("target_session_attrs=read-write");
  EXPECT_TRUE(eventually(seconds(10), [&] {
    return in_recovery().find("no host is what target_session_attrs wants") != std::string::npos;
  })) << in_recovery();
  PgConnection owner(world->primary.socket_conninfo());
  owner.run("SET default_transaction_read_only = off");
  owner.run("ALTER SYSTEM RESET default_transaction_read_only");
  reload();
  EXPECT_TRUE(eventually(seconds(10), [&] { return in_recovery() == "f"; })) << "it is asked again";
}

/// Both hosts have sessions, and either would take a key that it does not know without a word.
TEST_F(HostsTest, ACancelGoesToTheSessionsOwn) {
  start("load_balance_hosts=random");
  std::set<std::string> seen;
  for (int i = 0; i < 30 && (i < 6 || seen.size() < 2); ++i) {
    const PgConnection connection(weir->conninfo());
    seen.insert(connection.value("SELECT pg_is_in_recovery()"));
    ASSERT_EQ(PQsendQuery(connection.raw(), "SELECT pg_sleep(20)"), 1);
    // A cancel that comes before its statement cancels nothing.
    EXPECT_TRUE(eventually(seconds(10), [&] { return sleeps(world->primary) || sleeps(*world->standby); }));
    const std::unique_ptr<PGcancel, decltype(&PQfreeCancel)> cancel(PQgetCancel(connection.raw()), &PQfreeCancel);
    char words[256] = "";
    EXPECT_EQ(PQcancel(cancel.get(), words, sizeof words), 1) << words;
    const auto begin = std::chrono::steady_clock::now();
    std::string sqlstate;
    while (PGresult* result = PQgetResult(connection.raw())) {
      const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
      if (state != nullptr) sqlstate = state;
      PQclear(result);
    }
    EXPECT_EQ(sqlstate, "57014");
    EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(10));
  }
  EXPECT_EQ(seen.size(), 2u);
}

}  // namespace
}  // namespace weir::proxy
