// Transactions in doubt, against a real server: every answer it can give, restarts, and being down.
#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "proxy/resolver.h"
#include "tests/support/pg_cluster.h"

namespace weir::proxy {
namespace {

using test_support::PgCluster;
using Kind = Verdict::Kind;

/// The events of the one transaction a test asks about.
class FixedReader final : public capture::JournalReader {
 public:
  explicit FixedReader(std::vector<event::ChangeEvent> events = {}) : events_(std::move(events)) {}
  Result<std::optional<event::Transaction>> next(event::Position) override {
    return std::optional<event::Transaction>();
  }
  Result<std::vector<event::ChangeEvent>> events(std::int64_t, std::uint32_t after, std::size_t limit) override {
    std::vector<event::ChangeEvent> result;
    for (const auto& event : events_) {
      if (event.ordinal > after && result.size() < limit) result.push_back(event);
    }
    return result;
  }

 private:
  std::vector<event::ChangeEvent> events_;
};

std::int64_t now_us() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

constexpr std::int64_t kHourUs = 3'600'000'000;

event::ChangeEvent change(event::Op op, std::uint32_t ordinal, const std::string& key, const std::string& after) {
  event::ChangeEvent event;
  event.op = op;
  event.schema = "public";
  event.table = "T x";
  event.ordinal = ordinal;
  event.key = key;
  if (!after.empty()) event.after = after;
  return event;
}

class ResolverTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    cluster = std::make_unique<PgCluster>(15);
    cluster->start();
    auto connection = connect();
    ASSERT_TRUE(connection.query("CREATE TABLE public.\"T x\" (\"Id\" int PRIMARY KEY, v text)"));
  }
  static void TearDownTestSuite() { cluster.reset(); }

  static Upstream upstream() {
    Upstream result;
    result.hosts = {{"127.0.0.1", static_cast<std::uint16_t>(cluster->port())}};
    result.connect_timeout = std::chrono::seconds(5);
    return result;
  }
  static SideConnection connect() {
    auto opened = SideConnection::open(upstream(), {"postgres", "", "postgres"});
    if (!opened) throw std::runtime_error(opened.error().message);
    return std::move(*opened);
  }
  static std::string value(SideConnection& connection, const std::string& sql) {
    auto rows = connection.query(sql);
    EXPECT_TRUE(rows) << rows.error().message;
    return rows ? rows->at(0).at(0).value_or("") : "";
  }
  static void run(SideConnection& connection, const std::string& sql) {
    auto rows = connection.query(sql);
    EXPECT_TRUE(rows) << rows.error().message;
  }
  /// Runs a write in a transaction that stays open; returns it as the journal would hold it, prepared now.
  static event::Transaction begin(SideConnection& connection, const std::string& write) {
    run(connection, "BEGIN");
    run(connection, write);
    event::Transaction transaction;
    transaction.xid = std::stoull(value(connection, "SELECT pg_current_xact_id()::text"));
    transaction.last_lsn = *event::parse_lsn(value(connection, "SELECT pg_current_wal_insert_lsn()::text"));
    transaction.first_lsn = transaction.last_lsn;
    transaction.prepared_us = now_us() + kHourUs;  // the cluster is young: as if it were not
    transaction.database = "postgres";
    transaction.context.user = "postgres";
    return transaction;
  }
  /// A transaction that committed, a checkpoint, and a server that seems to have been started only after all that.
  static event::Transaction long_ago(SideConnection& connection, const std::string& write,
                                     const std::string& second = "SELECT 1") {
    auto transaction = begin(connection, write);
    run(connection, second);
    run(connection, "COMMIT");
    run(connection, "CHECKPOINT");
    transaction.prepared_us = now_us() - kHourUs;
    return transaction;
  }
  static Verdict ask(const event::Transaction& transaction, std::vector<event::ChangeEvent> events = {}) {
    auto connection = connect();
    FixedReader reader(std::move(events));
    auto verdict = Inquiry(connection, reader).ask(transaction);
    EXPECT_TRUE(verdict) << verdict.error().message;
    return verdict ? *verdict : Verdict{};
  }

  static std::unique_ptr<PgCluster> cluster;
};

std::unique_ptr<PgCluster> ResolverTest::cluster;

TEST_F(ResolverTest, InProgressThenCommitted) {
  auto session = connect();
  const auto transaction = begin(session, "INSERT INTO public.\"T x\" VALUES (1, 'a')");
  EXPECT_EQ(ask(transaction).kind, Kind::in_progress);
  run(session, "COMMIT");
  const auto verdict = ask(transaction);
  EXPECT_EQ(verdict.kind, Kind::committed);
  EXPECT_EQ(verdict.remark, "");
}

TEST_F(ResolverTest, RolledBackIsAborted) {
  auto session = connect();
  const auto transaction = begin(session, "INSERT INTO public.\"T x\" VALUES (2, 'a')");
  run(session, "ROLLBACK");
  EXPECT_EQ(ask(transaction).kind, Kind::aborted);
}

TEST_F(ResolverTest, AnIdTheServerNeverGaveOutWasLostWithItsLog) {
  event::Transaction transaction;
  transaction.xid = 4'000'000;
  transaction.prepared_us = now_us();
  EXPECT_EQ(ask(transaction).kind, Kind::aborted);
}

TEST_F(ResolverTest, ALogThatEndsBeforeItDidNotKeepIt) {
  auto session = connect();
  auto transaction = begin(session, "INSERT INTO public.\"T x\" VALUES (3, 'a')");
  run(session, "COMMIT");
  transaction.last_lsn += 1ull << 40;
  EXPECT_EQ(ask(transaction).kind, Kind::aborted);
}

TEST_F(ResolverTest, ACheckpointLaterThanItThatLiesBeforeItInTheLogDeniesIt) {
  auto session = connect();
  run(session, "CHECKPOINT");
  auto transaction = begin(session, "INSERT INTO public.\"T x\" VALUES (7, 'a')");
  run(session, "COMMIT");
  transaction.prepared_us = now_us() - kHourUs;
  EXPECT_EQ(ask(transaction).kind, Kind::aborted);
}

TEST_F(ResolverTest, AfterARestartARowThatItLeftConfirmsIt) {
  auto session = connect();
  auto transaction = long_ago(session, "INSERT INTO public.\"T x\" VALUES (4, 'a')");
  const auto confirmed = ask(transaction, {change(event::Op::create, 1, R"({"Id":4})", R"({"Id":4,"v":"a"})")});
  EXPECT_EQ(confirmed.kind, Kind::committed);
  EXPECT_EQ(confirmed.remark, "");
  // A column that was left out of the event does not matter; another content does.
  EXPECT_EQ(ask(transaction, {change(event::Op::create, 1, R"({"Id":4})", R"({"Id":4})")}).remark, "");
  const auto other = ask(transaction, {change(event::Op::create, 1, R"({"Id":4})", R"({"Id":4,"v":"b"})")});
  EXPECT_EQ(other.kind, Kind::committed);
  EXPECT_NE(other.remark, "") << "believed, with a warning";
}

TEST_F(ResolverTest, OnlyTheLastEventOfARowCanConfirm) {
  auto session = connect();
  auto transaction = long_ago(session, "INSERT INTO public.\"T x\" VALUES (5, 'a')",
                              "UPDATE public.\"T x\" SET v = 'b' WHERE \"Id\" = 5");
  EXPECT_EQ(ask(transaction, {change(event::Op::create, 1, R"({"Id":5})", R"({"Id":5,"v":"a"})"),
                              change(event::Op::update, 2, R"({"Id":5})", R"({"Id":5,"v":"b"})")})
                .remark,
            "");
}

TEST_F(ResolverTest, ATableThatIsGoneConfirmsNothing) {
  auto session = connect();
  auto transaction = long_ago(session, "INSERT INTO public.\"T x\" VALUES (6, 'a')");
  auto event = change(event::Op::create, 1, R"({"Id":6})", R"({"Id":6})");
  event.table = "dropped";
  const auto verdict = ask(transaction, {event});
  EXPECT_EQ(verdict.kind, Kind::committed);
  EXPECT_NE(verdict.remark, "");
}

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
  void start(std::vector<event::ChangeEvent> events = {}) {
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
    resolver = std::make_unique<Resolver>(options, std::make_unique<FixedReader>(std::move(events)));
    resolver->start();
  }

  Heard heard;
  ClientSessions sessions;
  std::unique_ptr<Resolver> resolver;
};

TEST_F(ResolverThreadTest, AsksUntilATransactionInProgressHasEnded) {
  start();
  auto session = connect();
  const auto open = begin(session, "INSERT INTO public.\"T x\" VALUES (20, 'a')");
  auto other = connect();
  const auto rolled_back = begin(other, "INSERT INTO public.\"T x\" VALUES (21, 'a')");
  run(other, "ROLLBACK");
  resolver->add({{1, open}, {2, rolled_back}});
  EXPECT_TRUE(heard.has("2 aborted"));
  run(session, "COMMIT");
  EXPECT_TRUE(heard.has("1 committed"));
}

TEST_F(ResolverThreadTest, WaitsForADatabaseThatIsDown) {
  auto session = connect();
  const auto transaction = begin(session, "INSERT INTO public.\"T x\" VALUES (22, 'a')");
  run(session, "COMMIT");
  auto lost = connect();
  const auto never = begin(lost, "INSERT INTO public.\"T x\" VALUES (23, 'a')");
  cluster->kill_hard();
  start();
  resolver->add({{1, transaction}, {2, never}});
  cluster->start();
  EXPECT_TRUE(heard.has("1 committed"));
  EXPECT_TRUE(heard.has("2 aborted"));
}

/// Any rights will do, and any search_path: an operator of the client's own stands in for nobody.
TEST_F(ResolverThreadTest, WhereItCannotLogInTheSessionsOfClientsAreAsked) {
  auto session = connect();
  run(session, "CREATE ROLE nobody LOGIN");
  run(session, "CREATE SCHEMA trap");
  run(session, "CREATE FUNCTION trap.no(text, text) RETURNS bool RETURN false");
  run(session, "CREATE OPERATOR trap.= (FUNCTION = trap.no, LEFTARG = text, RIGHTARG = text)");
  run(session, "GRANT USAGE ON SCHEMA trap TO nobody");
  auto open = begin(session, "INSERT INTO public.\"T x\" VALUES (30, 'a')");
  run(session, "COMMIT");
  auto other = connect();
  auto aborted = begin(other, "INSERT INTO public.\"T x\" VALUES (31, 'a')");
  run(other, "ROLLBACK");
  for (auto* transaction : {&open, &aborted}) transaction->context.user = "no such role";

  auto client = SideConnection::open(upstream(), {"nobody", "", "postgres"});
  ASSERT_TRUE(client) << client.error().message;
  run(*client, "SET search_path = trap, pg_catalog");
  sessions.add(1, "postgres", [&client](const capture::Question& question) {
    question.answered(client->query(question.sql, question.parameters));
  });
  start();
  resolver->add({{1, open}, {2, aborted}});
  EXPECT_TRUE(heard.has("1 committed"));
  EXPECT_TRUE(heard.has("2 aborted"));
  resolver->stop();
}

TEST_F(ResolverThreadTest, WhatTheServerHasForgottenBecomesGaps) {
  event::Transaction transaction;
  transaction.xid = 3;  // older than what a cluster knows from its beginning
  transaction.prepared_us = now_us();
  transaction.database = "postgres";
  transaction.context.user = "postgres";
  start({change(event::Op::create, 1, R"({"Id":1})", ""), change(event::Op::create, 2, R"({"Id":2})", ""),
         change(event::Op::remove, 3, R"({"Id":2})", "")});
  resolver->add({{3, transaction}});
  EXPECT_TRUE(heard.has("3 gap T x 2 0 1"));
}

TEST_F(ResolverThreadTest, StopsWhileTheDatabaseIsDown) {
  event::Transaction transaction;
  transaction.xid = 700;
  transaction.database = "no such database";
  transaction.context.user = "postgres";
  start();
  resolver->add({{1, transaction}});
  resolver->stop();
  EXPECT_FALSE(heard.has("1 committed", std::chrono::milliseconds(0)));
}

}  // namespace
}  // namespace weir::proxy
