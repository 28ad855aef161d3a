// Transactions in doubt, against a real server: every answer it can give, restarts, and being down.
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <signal.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>

#include "proxy/doubt/resolver.h"
#include "tests/capture/journal/known_reader.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/pg_connection.h"

namespace weir::proxy {
namespace {

using test_support::PgCluster;
using Kind = Verdict::Kind;

event::ChangeEvent change(event::Op op, std::uint32_t ordinal, const std::string& key, const std::string& after = {}) {
  event::ChangeEvent event;
  event.op = op;
  event.schema = "public";
  event.table = "t";
  event.ordinal = ordinal;
  event.key = key;
  if (!after.empty()) event.after = after;
  return event;
}

/// On both servers; each test makes the tables it needs, and may crash its cluster.
class ResolverTest : public testing::TestWithParam<int> {
 protected:
  static void TearDownTestSuite() { clusters.clear(); }

  void SetUp() override {
    auto& made = clusters[GetParam()];
    if (!made) {
      // What is not committed stays out of the log on disk, for a crash to lose it.
      made = std::make_unique<PgCluster>(
          GetParam(), test_support::PgSettings{{"wal_writer_delay = 10s", "max_prepared_transactions = 2"}});
    }
    cluster = made.get();
    auto connection = connect();
    run(connection, "DROP TABLE IF EXISTS public.t");
    run(connection, "CREATE TABLE public.t (id int PRIMARY KEY, v text)");
  }

  Upstream upstream() const {
    Upstream result;
    result.hosts = {{"127.0.0.1", static_cast<std::uint16_t>(cluster->port())}};
    result.connect_timeout = std::chrono::seconds(5);
    return result;
  }
  SideConnection connect(const std::string& user = "postgres") const {
    auto opened = SideConnection::open(upstream(), {user, "", "postgres"});
    if (!opened) throw std::runtime_error(opened.error().message);
    return std::move(*opened);
  }
  static std::string value(SideConnection& connection, const std::string& sql) {
    auto rows = connection.query(sql);
    EXPECT_TRUE(rows) << sql << ": " << rows.error().message;
    return rows ? rows->at(0).at(0).value_or("") : "";
  }
  static void run(SideConnection& connection, const std::string& sql) {
    auto rows = connection.query(sql);
    EXPECT_TRUE(rows) << sql << ": " << rows.error().message;
  }
  /// Runs a write in a transaction that stays open; returns it as the journal would hold it.
  static event::Transaction begin(SideConnection& connection, const std::string& write, bool logged = true) {
    run(connection, "BEGIN");
    run(connection, write);
    event::Transaction transaction;
    transaction.xid = std::stoull(value(connection, "SELECT pg_current_xact_id()::text"));
    transaction.last_lsn = *event::parse_lsn(value(connection, "SELECT pg_current_wal_insert_lsn()::text"));
    transaction.first_lsn = transaction.last_lsn;
    transaction.server_run =
        capture::note(value(connection, "SELECT " + std::string(capture::server_run_expression())), false, logged);
    transaction.database = "postgres";
    transaction.context.user = "postgres";
    return transaction;
  }
  static event::Transaction commit(SideConnection& connection, const std::string& write, bool logged = true) {
    auto transaction = begin(connection, write, logged);
    run(connection, "COMMIT");
    return transaction;
  }
  static capture::Doubt doubt(std::int64_t id, event::Transaction transaction) {
    transaction.id = id;
    return {std::move(transaction)};
  }
  Verdict ask(const event::Transaction& transaction) const {
    auto connection = connect();
    const event::Transaction* const one = &transaction;
    runs.add(transaction.server_run);
    auto verdicts = OutcomeLookup(connection, runs).ask({&one, 1});
    EXPECT_TRUE(verdicts) << verdicts.error().message;
    return verdicts ? verdicts->at(0) : Verdict{};
  }
  Kind kind(const event::Transaction& transaction) const { return ask(transaction).kind; }

  void crash() const {
    cluster->kill_hard();
    cluster->start();
  }
  /// All of the server recovers, its postmaster stays.
  void kill_a_backend() const {
    auto connection = connect();
    test_support::PgConnection witness(cluster->socket_conninfo());
    kill(std::stoi(value(connection, "SELECT pg_backend_pid()::text")), SIGKILL);
    EXPECT_TRUE(
        test_support::eventually(std::chrono::seconds(30), [&] { return witness.try_run("SELECT 1") != "00000"; }));
    EXPECT_TRUE(test_support::eventually(std::chrono::seconds(30),
                                         [&] { return PQping(cluster->socket_conninfo().c_str()) == PQPING_OK; }));
  }
  void restart() const {
    cluster->stop();
    cluster->start();
  }
  /// Commits as others do until the id of the transaction has been given out again.
  void give_out_again(event::Xid xid) const {
    auto connection = connect();
    for (int i = 0; i < 10'000; ++i) {
      if (std::stoull(value(connection, "SELECT pg_current_xact_id()::text")) >= xid) return;
    }
    FAIL() << "the id " << xid << " is far away";
  }

  /// One that was open when the server crashed, and whose id the server has forgotten.
  event::Transaction lose(bool postmaster) const {
    for (int i = 0; i < 10; ++i) {
      auto session = connect();
      run(session, "CHECKPOINT");
      auto lost = begin(session, "INSERT INTO public.t VALUES (6, 'a')");
      postmaster ? crash() : kill_a_backend();
      const bool known = kind(lost) != Kind::aborted;
      EXPECT_FALSE(known);
      auto fresh = connect();
      // Now and then the server writes its log to disk by itself, just then.
      if (std::stoull(value(fresh, "SELECT pg_current_xact_id()::text")) <= lost.xid) return lost;
    }
    ADD_FAILURE() << "no crash loses anything";
    return {};
  }

  static std::map<int, std::unique_ptr<PgCluster>> clusters;
  PgCluster* cluster = nullptr;
  mutable ServerRuns runs;
};

std::map<int, std::unique_ptr<PgCluster>> ResolverTest::clusters;

#define ON_BOTH(suite)                                               \
  INSTANTIATE_TEST_SUITE_P(Versions, suite, testing::Values(15, 18), \
                           [](const auto& info) { return "pg" + std::to_string(info.param); })

TEST_P(ResolverTest, InProgressThenCommitted) {
  auto session = connect();
  const auto transaction = begin(session, "INSERT INTO public.t VALUES (1, 'a')");
  EXPECT_EQ(kind(transaction), Kind::in_progress);
  run(session, "COMMIT");
  const auto verdict = ask(transaction);
  EXPECT_EQ(verdict.kind, Kind::committed);
  EXPECT_EQ(verdict.remark, "");
}

TEST_P(ResolverTest, RolledBackIsAborted) {
  auto session = connect();
  const auto transaction = begin(session, "INSERT INTO public.t VALUES (2, 'a')");
  run(session, "ROLLBACK");
  EXPECT_EQ(kind(transaction), Kind::aborted);
}

TEST_P(ResolverTest, ManyAreAskedAboutAtOnceAndAnIdThatWasNeverGivenOutSpoilsNothing) {
  auto session = connect();
  auto other = connect();
  std::vector<event::Transaction> transactions;
  for (int i = 0; i < 300; ++i)
    transactions.push_back(commit(session, "INSERT INTO public.t VALUES (" + std::to_string(i) + ")"));
  transactions.push_back(begin(other, "INSERT INTO public.t VALUES (1000)"));
  transactions.push_back(transactions.front());
  transactions.back().xid += 1'000'000;
  std::vector<const event::Transaction*> asked;
  for (const auto& transaction : transactions) asked.push_back(&transaction);
  auto connection = connect();
  const auto verdicts = OutcomeLookup(connection, runs).ask(asked);
  ASSERT_TRUE(verdicts) << verdicts.error().message;
  for (int i = 0; i < 300; ++i) EXPECT_EQ(verdicts->at(static_cast<std::size_t>(i)).kind, Kind::committed) << i;
  EXPECT_EQ(verdicts->at(300).kind, Kind::in_progress);
  EXPECT_EQ(verdicts->at(301).kind, Kind::aborted);
}

TEST_P(ResolverTest, ALogThatEndsBeforeItDidNotKeepIt) {
  auto session = connect();
  auto transaction = commit(session, "INSERT INTO public.t VALUES (3, 'a')");
  transaction.last_lsn += 1ull << 40;
  EXPECT_EQ(kind(transaction), Kind::aborted);
}

TEST_P(ResolverTest, ACleanRestartForgetsNothing) {
  auto session = connect();
  const auto transaction = commit(session, "INSERT INTO public.t VALUES (4, 'a')");
  restart();
  EXPECT_EQ(kind(transaction), Kind::committed);
  auto admin = connect();
  run(admin, "SELECT pg_stat_reset_shared('bgwriter')");
  const auto later = commit(admin, "INSERT INTO public.t VALUES (5, 'a')");
  run(admin, "SELECT pg_stat_reset_shared('bgwriter')");
  EXPECT_EQ(kind(later), Kind::committed) << "statistics that somebody resets are no recovery";
}

/// By kill -9 of the postmaster and of one backend; later checkpoints change nothing.
TEST_P(ResolverTest, ACrashWhoseLogReachedItLeavesItItsOwn) {
  for (const bool postmaster : {true, false}) {
    auto session = connect();
    const auto committed = commit(session, "INSERT INTO public.t VALUES (" + std::to_string(postmaster) + ", 'a')");
    auto other = connect();
    const auto open = begin(other, "INSERT INTO public.t VALUES (100, 'a')");
    run(session, "INSERT INTO public.t VALUES (20" + std::to_string(postmaster) + ", 'b')");  // takes the log to disk
    postmaster ? crash() : kill_a_backend();
    EXPECT_EQ(kind(committed), Kind::committed);
    EXPECT_EQ(kind(open), Kind::aborted);
    give_out_again(open.xid + 10);
    auto admin = connect();
    run(admin, "CHECKPOINT");
    EXPECT_EQ(kind(committed), Kind::committed);
    EXPECT_EQ(kind(open), Kind::aborted);
  }
}

/// The id is somebody else's then, who committed.
TEST_P(ResolverTest, WhatACrashLostIsNotCommittedWhoeverHasItsId) {
  for (const bool postmaster : {true, false}) {
    const auto lost = lose(postmaster);
    give_out_again(lost.xid);
    auto admin = connect();
    EXPECT_EQ(value(admin, "SELECT pg_xact_status('" + std::to_string(lost.xid) + "')"), "committed");
    EXPECT_EQ(kind(lost), Kind::aborted) << "after";
    run(admin, "CREATE TABLE public.filler AS SELECT generate_series(1, 10000)");
    run(admin, "DROP TABLE public.filler");
    run(admin, "CHECKPOINT");
    EXPECT_EQ(kind(lost), Kind::aborted) << "where the log has grown beyond it";
    // Restarted cleanly the server does not say any more how far its log had come; but it has told.
    restart();
    EXPECT_EQ(kind(lost), Kind::aborted);
    ServerRuns nothing_seen;
    const event::Transaction* const one = &lost;
    auto again = connect();
    const auto verdicts = OutcomeLookup(again, nothing_seen).ask({&one, 1});
    ASSERT_TRUE(verdicts);
    EXPECT_EQ(verdicts->at(0).kind, Kind::unknowable) << "where nobody asked before";
  }
}

/// Two crashes in a row, and three: whatever ran in between was not seen.
TEST_P(ResolverTest, CrashesBetweenWhichNobodyLookedChangeNothing) {
  for (const int crashes : {2, 3}) {
    const std::string id = std::to_string(10 * crashes);
    auto session = connect();
    const auto kept = commit(session, "INSERT INTO public.t VALUES (" + id + ", 'a')");
    run(session, "CHECKPOINT");
    const auto open = begin(session, "INSERT INTO public.t VALUES (" + id + " + 1, 'a')");
    auto other = connect();
    const auto rolled_back = begin(other, "INSERT INTO public.t VALUES (" + id + " + 2, 'a')");
    run(other, "ROLLBACK");
    for (int i = 0; i < crashes; ++i) {
      cluster->stop(PgCluster::Stop::immediate);
      cluster->start();
      // Somebody whom Weir does not see is given the ids that the crash has forgotten.
      if (i == 0) give_out_again(open.xid);
    }
    EXPECT_EQ(kind(kept), Kind::committed) << crashes;
    EXPECT_EQ(kind(rolled_back), Kind::aborted) << crashes;
    EXPECT_NE(kind(open), Kind::committed) << crashes;
  }
}

TEST_P(ResolverTest, APreparedTransactionWaitsOverACrash) {
  auto session = connect();
  const auto transaction = begin(session, "INSERT INTO public.t VALUES (7, 'a')");
  run(session, "PREPARE TRANSACTION 'p'");
  crash();
  EXPECT_EQ(kind(transaction), Kind::in_progress);
  auto admin = connect();
  run(admin, "COMMIT PREPARED 'p'");
  EXPECT_EQ(kind(transaction), Kind::committed);
}

TEST_P(ResolverTest, UnloggedRowsLeaveNoMarkInTheLog) {
  auto session = connect();
  run(session, "CREATE UNLOGGED TABLE IF NOT EXISTS public.u (id int)");
  const auto transaction = commit(session, "INSERT INTO public.u VALUES (1)", false);
  EXPECT_EQ(kind(transaction), Kind::committed);
  run(session, "INSERT INTO public.t VALUES (8, 'a')");
  crash();
  EXPECT_EQ(kind(transaction), Kind::unknowable);
}

/// The standby is a copy, so its statistics have begun when the primary's had.
TEST_P(ResolverTest, AFailoverIsJudgedByWhereTheStandbysLogEnded) {
  PgCluster primary(GetParam());
  test_support::PgConnection(primary.socket_conninfo()).run("CREATE TABLE t (id int PRIMARY KEY, v text)");
  const auto standby = primary.make_standby();
  cluster = &primary;
  auto session = connect();
  const auto kept = commit(session, "INSERT INTO public.t VALUES (1, 'a')");
  const test_support::PgConnection follower(standby->socket_conninfo());
  ASSERT_TRUE(test_support::eventually(std::chrono::seconds(30),
                                       [&] { return follower.value("SELECT count(*) FROM public.t") == "1"; }));
  standby->stop();
  const auto lost = commit(session, "INSERT INTO public.t VALUES (2, 'a')");
  EXPECT_EQ(kind(lost), Kind::committed);
  primary.stop(PgCluster::Stop::immediate);
  standby->start();
  cluster = standby.get();
  auto admin = connect();
  EXPECT_EQ(value(admin, "SELECT pg_promote(true, 60)::text"), "true");
  EXPECT_EQ(kind(kept), Kind::committed);
  EXPECT_EQ(kind(lost), Kind::aborted);
  give_out_again(lost.xid);
  run(admin, "CREATE TABLE public.filler AS SELECT generate_series(1, 10000)");
  EXPECT_EQ(value(admin, "SELECT pg_xact_status('" + std::to_string(lost.xid) + "')"), "committed");
  EXPECT_EQ(kind(kept), Kind::committed);
  EXPECT_EQ(kind(lost), Kind::aborted);
}

ON_BOTH(ResolverTest);

// -- the thread -------------------------------------------------------------------------------------------------------

/// What the resolver said, and a way to wait for it.
class Heard {
 public:
  void add(const std::string& what) {
    const std::lock_guard lock(mutex_);
    heard_.push_back(what);
    changed_.notify_all();
  }
  bool has(const std::string& what, std::chrono::milliseconds within = std::chrono::seconds(30)) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, within,
                             [&] { return std::find(heard_.begin(), heard_.end(), what) != heard_.end(); });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> heard_;
};

class ResolverThreadTest : public ResolverTest {
 protected:
  void start(const std::vector<event::ChangeEvent>& events = {}) {
    Resolver::Options options;
    options.upstream = upstream();
    options.sessions = &sessions;
    options.resolve = [this](std::int64_t id, capture::Outcome outcome) {
      heard.add(std::to_string(id) + (outcome == capture::Outcome::committed ? " committed" : " aborted"));
    };
    options.give_up = [this](std::int64_t id, const std::vector<event::ChangeEvent>& gaps) {
      for (const auto& gap : gaps) {
        heard.add(std::to_string(id) + " gap " + gap.table + " " + std::to_string(gap.counts.inserted) + " " +
                  std::to_string(gap.counts.updated) + " " + std::to_string(gap.counts.deleted));
      }
    };
    options.runs = [this]() -> ServerRuns& { return runs; };
    options.waiting = [this] { return waiting; };
    // Up to the reason.
    options.tell = [this](const Notice& notice) { heard.add(notice.text.substr(0, notice.text.find(':'))); };
    options.remind_every = std::chrono::milliseconds(50);
    options.remind_after = std::chrono::milliseconds(50);
    for (std::int64_t id = 1; id < 10; ++id) known[id] = events;
    resolver = std::make_unique<Resolver>(options, std::make_unique<capture::KnownReader>(known, 0));
    resolver->start();
  }

  Heard heard;
  std::size_t waiting = 4711;
  capture::KnownTransactions known;  // all that a test asks about have the same events
  AskableSessions sessions;
  std::unique_ptr<Resolver> resolver;
};

TEST_P(ResolverThreadTest, AsksUntilATransactionInProgressHasEnded) {
  start();
  auto session = connect();
  const auto open = begin(session, "INSERT INTO public.t VALUES (20, 'a')");
  auto other = connect();
  const auto rolled_back = begin(other, "INSERT INTO public.t VALUES (21, 'a')");
  run(other, "ROLLBACK");
  resolver->add({doubt(1, open), doubt(2, rolled_back)});
  EXPECT_TRUE(heard.has("2 aborted"));
  run(session, "COMMIT");
  EXPECT_TRUE(heard.has("1 committed"));
}

TEST_P(ResolverThreadTest, WhatIsInDoubtIsCountedInWordsThatAgree) {
  waiting = 1;
  start();
  auto session = connect();
  const auto one = begin(session, "INSERT INTO public.t VALUES (24, 'a')");
  resolver->add({doubt(1, one)});
  EXPECT_TRUE(heard.has("1 transaction is in doubt, and 1 that committed waits behind"));
  auto other = connect();
  resolver->add({doubt(2, begin(other, "INSERT INTO public.t VALUES (25, 'a')"))});
  EXPECT_TRUE(heard.has("2 transactions are in doubt, and 1 that committed waits behind"));
  run(session, "ROLLBACK");
  run(other, "ROLLBACK");
  EXPECT_TRUE(heard.has("1 aborted"));
  EXPECT_TRUE(heard.has("2 aborted"));
}

TEST_P(ResolverThreadTest, ManyThatWaitAreCountedSo) {
  start();
  auto session = connect();
  resolver->add({doubt(1, begin(session, "INSERT INTO public.t VALUES (26, 'a')"))});
  EXPECT_TRUE(heard.has("1 transaction is in doubt, and 4711 that committed wait behind"));
  run(session, "ROLLBACK");
  EXPECT_TRUE(heard.has("1 aborted"));
}

TEST_P(ResolverThreadTest, WaitsForADatabaseThatIsDown) {
  auto session = connect();
  const auto transaction = begin(session, "INSERT INTO public.t VALUES (22, 'a')");
  run(session, "COMMIT");
  auto lost = connect();
  const auto never = begin(lost, "INSERT INTO public.t VALUES (23, 'a')");
  cluster->kill_hard();
  start();
  resolver->add({doubt(1, transaction), doubt(2, never)});
  cluster->start();
  EXPECT_TRUE(heard.has("1 committed"));
  EXPECT_TRUE(heard.has("2 aborted"));
}

/// Any rights will do, and any search_path: an operator of the client's own stands in for nobody.
TEST_P(ResolverThreadTest, WhereItCannotLogInTheSessionsOfClientsAreAsked) {
  auto session = connect();
  run(session, "CREATE ROLE nobody LOGIN");
  run(session, "CREATE SCHEMA trap");
  run(session, "CREATE SEQUENCE trap.sprung");
  run(session,
      "CREATE FUNCTION trap.greater(xid8, xid8) RETURNS bool LANGUAGE sql AS"
      " $$SELECT nextval('trap.sprung') > 0$$");
  run(session, "CREATE OPERATOR trap.>= (FUNCTION = trap.greater, LEFTARG = xid8, RIGHTARG = xid8)");
  for (const char* name : {"pg_xact_status(xid8)", "concat_ws(text, VARIADIC text[])", "substr(text, int)",
                           "pg_walfile_name(pg_lsn)", "unnest(xid8[])", "pg_is_in_recovery()"}) {
    run(session, std::string("CREATE FUNCTION trap.") + name +
                     " RETURNS text LANGUAGE sql AS $$SELECT nextval('trap.sprung')::text$$");
  }
  run(session, "GRANT USAGE ON SCHEMA trap TO nobody");
  run(session, "GRANT ALL ON SEQUENCE trap.sprung TO nobody");
  auto open = begin(session, "INSERT INTO public.t VALUES (30, 'a')");
  run(session, "COMMIT");
  auto other = connect();
  auto aborted = begin(other, "INSERT INTO public.t VALUES (31, 'a')");
  run(other, "ROLLBACK");
  for (auto* transaction : {&open, &aborted}) transaction->context.user = "no such role";

  auto client = SideConnection::open(upstream(), {"nobody", "", "postgres"});
  ASSERT_TRUE(client) << client.error().message;
  run(*client, "SET search_path = trap, pg_catalog");
  sessions.add(1, [&client](const capture::Question& question) {
    question.answered(client->query(question.sql, question.parameters));
  });
  start();
  resolver->add({doubt(1, open), doubt(2, aborted)});
  EXPECT_TRUE(heard.has("1 committed"));
  EXPECT_TRUE(heard.has("2 aborted"));
  resolver->stop();
  EXPECT_EQ(value(session, "SELECT is_called::text FROM trap.sprung"), "false");
  run(session, "DROP SCHEMA trap CASCADE");
  run(session, "DROP ROLE nobody");
}

/// The owner of a table makes a view of its name, and gives its types checks and casts that run a function: whoever
/// asks about the transaction, with whatever rights, runs none of it.
TEST_P(ResolverThreadTest, NothingThatTheWriterOwnsIsEvaluated) {
  auto admin = connect();
  run(admin, "CREATE ROLE eve LOGIN");
  run(admin, "CREATE SCHEMA lair AUTHORIZATION eve");
  run(admin, "CREATE TABLE public.touched (who text)");
  run(admin, "GRANT ALL ON public.touched TO PUBLIC");
  auto eve = connect("eve");
  run(eve, "CREATE SEQUENCE lair.sprung");
  run(eve,
      "CREATE FUNCTION lair.spring(text) RETURNS bool LANGUAGE plpgsql AS"
      " $$BEGIN PERFORM nextval('lair.sprung'); ALTER ROLE eve SUPERUSER; RETURN true; END$$");
  run(eve, "CREATE DOMAIN lair.word AS text");
  run(eve, "CREATE TABLE lair.t (id lair.word PRIMARY KEY, v text)");
  auto transaction = commit(eve, "INSERT INTO lair.t VALUES ('1', 'a')");
  const auto rolled_back = begin(eve, "INSERT INTO lair.t VALUES ('2', 'a')");
  run(eve, "ROLLBACK");
  run(eve, "ALTER DOMAIN lair.word ADD CHECK (lair.spring(VALUE)) NOT VALID");
  run(eve, "ALTER TABLE lair.t RENAME TO was");
  run(eve, "CREATE VIEW lair.t AS SELECT id, v, lair.spring(v), xmin FROM lair.was WHERE lair.spring(v)");
  crash();
  auto event = change(event::Op::create, 1, R"({"id":"1"})", R"({"id":"1","v":"a"})");
  event.schema = "lair";
  start({event});
  resolver->add({doubt(1, transaction), doubt(2, rolled_back)});
  EXPECT_TRUE(heard.has("1 committed"));
  EXPECT_TRUE(heard.has("2 aborted"));
  auto after = connect();
  EXPECT_EQ(value(after, "SELECT is_called::text FROM lair.sprung"), "false");
  EXPECT_EQ(value(after, "SELECT rolsuper::text FROM pg_roles WHERE rolname = 'eve'"), "false");
  run(after, "DROP OWNED BY eve CASCADE");
  run(after, "DROP TABLE public.touched");
  run(after, "DROP SCHEMA IF EXISTS lair CASCADE");
  run(after, "DROP ROLE eve");
}

TEST_P(ResolverThreadTest, ADatabaseThatIsGoneIsNotNeeded) {
  auto admin = connect();
  run(admin, "CREATE DATABASE doomed");
  event::Transaction transaction;
  {
    auto opened = SideConnection::open(upstream(), {"postgres", "", "doomed"});
    ASSERT_TRUE(opened) << opened.error().message;
    run(*opened, "CREATE TABLE public.t (id int)");
    transaction = commit(*opened, "INSERT INTO public.t VALUES (1)");
  }
  transaction.database = "doomed";
  run(admin, "DROP DATABASE doomed WITH (FORCE)");
  start();
  resolver->add({doubt(1, transaction)});
  EXPECT_TRUE(heard.has("1 committed"));
}

TEST_P(ResolverThreadTest, WhatTheServerHasForgottenBecomesGaps) {
  event::Transaction transaction;
  transaction.xid = 3;  // older than what a cluster knows from its beginning
  transaction.database = "postgres";
  transaction.context.user = "postgres";
  start({change(event::Op::create, 1, R"({"Id":1})", ""), change(event::Op::create, 2, R"({"Id":2})", ""),
         change(event::Op::remove, 3, R"({"Id":2})", "")});
  resolver->add({doubt(3, transaction)});
  EXPECT_TRUE(heard.has("3 gap t 2 0 1"));
}

TEST_P(ResolverThreadTest, StopsWhileTheDatabaseIsDown) {
  event::Transaction transaction;
  transaction.xid = 700;
  transaction.database = "no such database";
  transaction.context.user = "postgres";
  start();
  resolver->add({doubt(1, transaction)});
  resolver->stop();
  EXPECT_FALSE(heard.has("1 committed", std::chrono::milliseconds(0)));
}

ON_BOTH(ResolverThreadTest);

}  // namespace
}  // namespace weir::proxy
