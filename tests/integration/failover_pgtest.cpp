// Weir before a standby, and before a name behind which a standby takes over: clients see what they would without Weir,
// and what was in doubt when the primary went is decided by the one that was promoted.
#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <chrono>
#include <string>

#include "tests/support/pass_through.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/pg_connection.h"
#include "tests/support/weir_process.h"

namespace weir {
namespace {

using test_support::PassThrough;
using test_support::PgCluster;
using test_support::PgConnection;
using test_support::WeirProcess;
using namespace std::chrono_literals;

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

std::string event_of(int id) {
  return "\"after\":{\"id\":" + std::to_string(id) + "}";
}

bool row_is_at(const PgCluster& cluster, int id) {
  const PgConnection direct(cluster.socket_conninfo());
  return test_support::eventually(
      30s, [&] { return direct.value("SELECT count(*) FROM t WHERE id = " + std::to_string(id)) == "1"; });
}

/// Sends COMMIT without waiting for its answer.
void begin_to_commit(const PgConnection& client) {
  ASSERT_EQ(PQsendQuery(client.raw(), "COMMIT"), 1);
  PQflush(client.raw());
}

/// What a client sees when its server goes away.
void expect_connection_lost(const PgConnection& client) {
  while (PGresult* result = PQgetResult(client.raw())) {
    EXPECT_EQ(PQresultStatus(result), PGRES_FATAL_ERROR);
    PQclear(result);
  }
  EXPECT_EQ(PQstatus(client.raw()), CONNECTION_BAD);
}

class FailoverTest : public testing::TestWithParam<int> {};

TEST_P(FailoverTest, AStandbyBehindWeirReadsAndRefusesAsItDoes) {
  PgCluster primary(GetParam());
  PgConnection(primary.socket_conninfo()).run("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
  const auto standby = primary.make_standby();
  WeirProcess weir({.upstream = standby->uri(), .emit = {"stdout"}});
  weir.start();
  const PgConnection through(weir.conninfo());
  const PgConnection direct(standby->conninfo());
  EXPECT_EQ(through.value("SELECT id FROM t"), "1");
  EXPECT_EQ(through.value("SHOW in_hot_standby"), "on");
  for (const std::string sql : {"INSERT INTO t VALUES (2)", "UPDATE t SET id = 3", "DELETE FROM t RETURNING id",
                                "CREATE TABLE u (id int)", "SELECT 1; INSERT INTO t VALUES (2)", "COPY t FROM STDIN",
                                "SELECT * FROM t FOR UPDATE", "BEGIN READ WRITE", "SELECT count(*) FROM t"}) {
    PGresult* seen = PQexec(through.raw(), sql.c_str());
    PGresult* expected = PQexec(direct.raw(), sql.c_str());
    EXPECT_EQ(test_support::render(seen), test_support::render(expected)) << sql;
    PQclear(seen);
    PQclear(expected);
    EXPECT_EQ(PQtransactionStatus(through.raw()), PQtransactionStatus(direct.raw())) << sql;
  }
  EXPECT_EQ(weir.terminate(), 0);
  EXPECT_EQ(weir.output(), "") << "nothing was written, so nothing is told";
}

TEST_P(FailoverTest, WhatIsInDoubtIsDecidedByTheServerThatTookOver) {
  PgCluster primary(GetParam());
  PgConnection(primary.socket_conninfo()).run("CREATE TABLE t (id int PRIMARY KEY)");
  const auto standby = primary.make_standby();
  PassThrough name(primary.port());
  WeirProcess weir(
      {.upstream = "postgresql://postgres@127.0.0.1:" + std::to_string(name.port()) + "/postgres", .emit = {"stdout"}});
  weir.start();
  const PgConnection kept(weir.conninfo());
  const PgConnection lost(weir.conninfo());
  kept.run("INSERT INTO t VALUES (1)");
  kept.run("BEGIN; INSERT INTO t VALUES (2)");
  lost.run("BEGIN; INSERT INTO t VALUES (3)");

  // From here on no answer arrives: one commit reaches the standby, the other does not.
  name.freeze();
  begin_to_commit(kept);
  ASSERT_TRUE(row_is_at(*standby, 2));
  standby->stop();
  begin_to_commit(lost);
  ASSERT_TRUE(row_is_at(primary, 3));
  primary.kill_hard();
  name.cut();
  expect_connection_lost(kept);
  expect_connection_lost(lost);

  standby->start();
  EXPECT_EQ(PgConnection(standby->socket_conninfo()).value("SELECT pg_promote(true, 60)"), "t");
  name.lead_to(standby->port());
  name.thaw();
  const PgConnection after(weir.conninfo());
  EXPECT_EQ(after.value("SELECT string_agg(id::text, ',' ORDER BY id) FROM t"), "1,2");
  after.run("INSERT INTO t VALUES (4)");
  EXPECT_TRUE(test_support::eventually(60s, [&] { return count_of(weir.output(), event_of(4)) != 0; }))
      << weir.errors();
  const std::string events = weir.output();
  EXPECT_EQ(count_of(events, event_of(1)), 1u) << events;
  EXPECT_EQ(count_of(events, event_of(2)), 1u) << events;
  EXPECT_EQ(count_of(events, event_of(3)), 0u) << events;
  EXPECT_LT(events.find(event_of(2)), events.find(event_of(4))) << events;
  EXPECT_EQ(count_of(events, "gap"), 0u) << events;
}

INSTANTIATE_TEST_SUITE_P(On, FailoverTest, testing::Values(15, 18));

}  // namespace
}  // namespace weir
