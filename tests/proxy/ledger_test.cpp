// The ledger sentence by sentence, over a journal that fails on demand.
#include "proxy/ledger.h"

#include <gtest/gtest.h>

#include "tests/proxy/fake_journal.h"
#include "tests/proxy/transactions.h"

namespace weir::proxy {
namespace {

using capture::Outcome;
using std::chrono::milliseconds;

const Error kDiskFull{"journal /j: cannot commit: database or disk is full; make room", "53100"};

class LedgerTest : public testing::Test {
 protected:
  LedgerTest() { make({}); }

  void make(const FakeJournal::State& state, Ledger::Limits limits = {"/j", 0, milliseconds(0), {"e"}}) {
    auto made = std::make_unique<FakeJournal>();
    made->start_from(state);
    journal = made.get();
    ledger = std::make_unique<Ledger>(std::move(made), limits);
    recovered = *ledger->recover();
  }

  Ledger::Effects run(std::vector<Command> commands) {
    Ledger::Now now{++wall, Ledger::Clock::time_point{} + milliseconds(clock_ms)};
    return ledger->execute(std::move(commands), now);
  }

  Command prepare(std::int64_t id, event::Lsn first, event::Lsn last) {
    return command::Prepare{transaction(id, first, last), {change()}, std::make_shared<const Answer>()};
  }
  Command end(std::int64_t id, Outcome outcome) { return command::End{id, outcome, 1000 + id}; }

  /// "1 ok; 2 53100" in the order of the replies.
  static std::string text(const Ledger::Effects& effects) {
    std::string result;
    for (const auto& reply : effects.replies) {
      result += (result.empty() ? "" : "; ") + std::to_string(reply.id) + " " +
                (reply.result ? "ok" : reply.result.error().sqlstate);
    }
    return result;
  }

  /// The stream as readers see it: "xid@position" in order of position.
  std::string stream() const {
    std::map<event::Position, event::Xid> order;
    for (const auto& [id, stored] : journal->durable.transactions) {
      if (stored.state == "committed") order[stored.transaction.position] = stored.transaction.xid;
    }
    std::string result;
    for (const auto& [position, xid] : order) {
      result += (result.empty() ? "" : " ") + std::to_string(xid) + "@" + std::to_string(position);
    }
    return result;
  }

  std::size_t stored_in_state(const std::string& state) const {
    std::size_t count = 0;
    for (const auto& [id, stored] : journal->durable.transactions) count += stored.state == state ? 1 : 0;
    return count;
  }

  FakeJournal* journal = nullptr;
  std::unique_ptr<Ledger> ledger;
  Ledger::Effects recovered;
  std::int64_t wall = 0;
  std::int64_t clock_ms = 0;
};

TEST_F(LedgerTest, OneSyncServesEveryPrepareThatWaits) {
  const auto effects = run({command::Open{1}, command::Open{2}, prepare(1, 10, 10), prepare(2, 20, 20)});
  EXPECT_EQ(text(effects), "1 ok; 2 ok");
  EXPECT_EQ(journal->syncs, 1);
  EXPECT_EQ(stored_in_state("prepared"), 2u);
  EXPECT_EQ(stream(), "");
}

TEST_F(LedgerTest, AGroupWithoutPrepareIsOnlyFlushed) {
  run({command::Open{1}, prepare(1, 10, 10)});
  run({end(1, Outcome::committed)});
  EXPECT_EQ(journal->syncs, 1);
  EXPECT_EQ(journal->flushes, 1);
}

TEST_F(LedgerTest, ACommittedTransactionIsReleasedInTheGroupOfItsOutcome) {
  run({command::Open{1}, prepare(1, 10, 10)});
  const auto effects = run({end(1, Outcome::committed)});
  EXPECT_EQ(effects.released.size(), 1u);
  EXPECT_EQ(stream(), "701@1");
  EXPECT_EQ(journal->durable.transactions.begin()->second.transaction.committed_us, 1001);
}

TEST_F(LedgerTest, WhatWasReleasedIsHandedOnAsTheJournalHasIt) {
  run({command::Open{1}, prepare(1, 10, 12)});
  const auto effects = run({end(1, Outcome::committed)});
  ASSERT_EQ(effects.released.size(), 1u);
  const auto& handed = effects.released[0];
  const auto& [id, stored] = *journal->durable.transactions.begin();
  EXPECT_EQ(handed.transaction.id, id);
  EXPECT_EQ(handed.transaction.xid, 701u);
  EXPECT_EQ(handed.transaction.position, stored.transaction.position);
  EXPECT_EQ(handed.transaction.resolved, stored.transaction.resolved);
  EXPECT_EQ(handed.transaction.committed_us, stored.transaction.committed_us);
  EXPECT_EQ(handed.transaction.prepared_us, stored.transaction.prepared_us);
  ASSERT_TRUE(handed.events);
  EXPECT_EQ(handed.events->size(), 1u);
}

TEST_F(LedgerTest, WhatWasStreamedIsLeftToTheJournal) {
  auto large = transaction(1, 10, 10);
  large.event_count = 2;
  run({command::Open{1}, command::Append{1, {change()}}});
  run({command::Prepare{large, {change()}, std::make_shared<const Answer>()}});
  const auto effects = run({end(1, Outcome::committed)});
  ASSERT_EQ(effects.released.size(), 1u);
  EXPECT_EQ(effects.released[0].events, nullptr);
}

TEST_F(LedgerTest, PreparedIsStampedWithTheTime) {
  wall = 41;
  run({command::Open{1}, prepare(1, 10, 10)});
  EXPECT_EQ(journal->durable.transactions.begin()->second.transaction.prepared_us, 42);
}

TEST_F(LedgerTest, AnAbortedTransactionIsErased) {
  run({command::Open{1}, prepare(1, 10, 10)});
  const auto effects = run({end(1, Outcome::aborted)});
  EXPECT_TRUE(effects.released.empty());
  EXPECT_TRUE(journal->durable.transactions.empty());
}

TEST_F(LedgerTest, AcknowledgementsOutOfOrderAreReleasedInTheOrderOfTheLog) {
  run({command::Open{1}, command::Open{2}, prepare(1, 10, 10), prepare(2, 20, 20)});
  EXPECT_TRUE(run({end(2, Outcome::committed)}).released.empty());
  EXPECT_EQ(run({end(1, Outcome::committed)}).released.size(), 2u);
  EXPECT_EQ(stream(), "701@1 702@2");
}

TEST_F(LedgerTest, AnUnknownOutcomeIsADoubtAndKeepsItsPlaceInTheOrder) {
  run({command::Open{1}, command::Open{2}, prepare(1, 10, 10), prepare(2, 20, 20)});
  const auto effects = run({end(1, Outcome::unknown), end(2, Outcome::committed)});
  ASSERT_EQ(effects.doubts.size(), 1u);
  EXPECT_EQ(effects.doubts[0].id, 1);
  EXPECT_EQ(effects.doubts[0].transaction.xid, 701u);
  EXPECT_EQ(effects.doubts[0].transaction.id, journal->durable.transactions.begin()->first);
  EXPECT_EQ(stream(), "");
  run({end(1, Outcome::committed)});
  EXPECT_EQ(stream(), "701@1 702@2");
}

TEST_F(LedgerTest, ASessionThatEndsBeforeItsCommitWasSentHasAborted) {
  run({command::Open{1}, command::Append{1, {change()}}});
  EXPECT_EQ(stored_in_state("open"), 1u);
  EXPECT_TRUE(run({end(1, Outcome::unknown)}).doubts.empty());
  EXPECT_TRUE(journal->durable.transactions.empty());
}

TEST_F(LedgerTest, APrepareThatIsAbortedInItsOwnGroupIsNotAnswered) {
  const auto effects = run({command::Open{1}, prepare(1, 10, 10), end(1, Outcome::unknown)});
  EXPECT_EQ(text(effects), "");
  EXPECT_TRUE(journal->durable.transactions.empty());
}

TEST_F(LedgerTest, StreamedEventsAreJournalledAndTakenBack) {
  run({command::Open{1}, command::Append{1, {change(1), change(2), change(3)}}, command::Truncate{1, 2}});
  EXPECT_EQ(journal->durable.transactions.begin()->second.events.size(), 1u);
  run({prepare(1, 10, 10)});
  EXPECT_EQ(journal->durable.transactions.begin()->second.events.size(), 2u);
  EXPECT_EQ(journal->durable.transactions.size(), 1u);
}

TEST_F(LedgerTest, ATransactionWhoseCommitFailedGoesOnAndIsReleasedAsItWasPreparedLast) {
  run({command::Open{1}, command::Open{2}, prepare(1, 10, 10), prepare(2, 20, 20)});
  run({end(2, Outcome::committed)});
  EXPECT_EQ(stream(), "") << "waits for the first one's commit";
  run({command::Reopen{1}});
  EXPECT_EQ(stream(), "702@1") << "which is no longer on its way";
  EXPECT_EQ(stored_in_state("open"), 1u);
  run({command::Truncate{1, 1}});
  EXPECT_EQ(text(run({prepare(1, 10, 30)})), "1 ok");
  const auto effects = run({end(1, Outcome::committed)});
  EXPECT_EQ(stream(), "702@1 701@2");
  ASSERT_EQ(effects.released.size(), 1u);
  EXPECT_EQ(effects.released[0].transaction.last_lsn, 30u);
  EXPECT_EQ(journal->durable.transactions.begin()->second.events.size(), 1u);
}

TEST_F(LedgerTest, WhatIsPreparedStaysAsItIsAndStopsNobody) {
  run({command::Open{1}, command::Open{2}, prepare(1, 10, 10)});
  const auto again = run({command::Truncate{1, 1}, command::Append{1, {change(2)}}, prepare(1, 10, 30)});
  EXPECT_EQ(text(again), "1 58030");
  EXPECT_EQ(journal->durable.transactions.begin()->second.events.size(), 1u);
  run({end(1, Outcome::committed), prepare(2, 20, 20)});
  run({end(2, Outcome::committed)});
  EXPECT_EQ(stream(), "701@1 702@2");
}

TEST_F(LedgerTest, ATransactionThatCouldNotBeOpenedAgainDoesNotCommit) {
  run({command::Open{1}, prepare(1, 10, 10)});
  journal->fail_group = kDiskFull;
  run({command::Reopen{1}, command::Open{2}, prepare(2, 20, 20)});
  run({command::Truncate{1, 1}});
  journal->fail_group.reset();
  EXPECT_EQ(text(run({prepare(1, 10, 30)})), "1 53100");
  run({});
  EXPECT_TRUE(journal->durable.transactions.empty());
}

TEST_F(LedgerTest, AFailedGroupRefusesEveryPrepareInItWithItsSqlstate) {
  journal->fail_group = kDiskFull;
  const auto effects = run({command::Open{1}, command::Open{2}, prepare(1, 10, 10), prepare(2, 20, 20)});
  EXPECT_EQ(text(effects), "1 53100; 2 53100");
  EXPECT_NE(effects.replies[0].result.error().message.find("/j"), std::string::npos);
  EXPECT_TRUE(ledger->deadline());
}

TEST_F(LedgerTest, AnErrorWithoutSqlstateIsAnIoError) {
  journal->fail_group = Error{"journal /j: I/O error", ""};
  EXPECT_EQ(text(run({command::Open{1}, prepare(1, 10, 10)})), "1 58030");
}

TEST_F(LedgerTest, AnOutcomeIsNotLostWhenItsGroupFails) {
  run({command::Open{1}, command::Open{2}, prepare(1, 10, 10)});
  journal->fail_group = kDiskFull;
  const auto failed = run({end(1, Outcome::committed), prepare(2, 20, 20)});
  EXPECT_EQ(text(failed), "2 53100");
  EXPECT_TRUE(failed.released.empty());
  EXPECT_TRUE(run({}).released.empty());
  journal->fail_group.reset();
  EXPECT_EQ(run({}).released.size(), 1u);
  EXPECT_EQ(stream(), "701@1");
  EXPECT_FALSE(ledger->deadline());
}

TEST_F(LedgerTest, WhileTheJournalFailsNewCommitsAreRefusedAndOldOutcomesGoFirst) {
  run({command::Open{1}, prepare(1, 10, 10)});
  journal->fail_group = kDiskFull;
  run({end(1, Outcome::committed)});
  EXPECT_EQ(text(run({command::Open{2}, prepare(2, 20, 20)})), "2 53100");
  journal->fail_group.reset();
  EXPECT_EQ(text(run({command::Open{3}, prepare(3, 30, 30)})), "3 ok");
  EXPECT_EQ(stream(), "701@1");
  EXPECT_EQ(stored_in_state("prepared"), 1u);
  EXPECT_EQ(journal->groups.size(), 3u) << "what was kept has a group of its own";
}

TEST_F(LedgerTest, PositionsHaveNoGapAfterAFailure) {
  run({command::Open{1}, command::Open{2}, prepare(1, 10, 10), prepare(2, 20, 20)});
  journal->fail_group = kDiskFull;
  run({end(1, Outcome::committed)});
  run({end(2, Outcome::committed)});
  journal->fail_group.reset();
  run({});
  EXPECT_EQ(stream(), "701@1 702@2");
}

TEST_F(LedgerTest, EventsLostWhileRunningRefuseTheCommitAndErrorsOfOneDoNotTouchTheOther) {
  run({command::Open{1}, command::Open{2}});
  journal->fail_append = Error{"journal /j: value too large", "54000"};
  run({command::Append{1, {change()}}});
  journal->fail_append.reset();
  EXPECT_EQ(text(run({prepare(1, 10, 10), prepare(2, 20, 20)})), "1 54000; 2 ok");
  EXPECT_EQ(stored_in_state("prepared"), 1u);
}

TEST_F(LedgerTest, AFullJournalHoldsPreparesUntilThereIsRoom) {
  make({}, {"/j", 1000, milliseconds(100), {"e"}});
  journal->size = 1000;
  EXPECT_EQ(text(run({command::Open{1}, prepare(1, 10, 10)})), "");
  EXPECT_EQ(ledger->deadline(), Ledger::Clock::time_point{} + milliseconds(100));
  clock_ms = 99;
  EXPECT_EQ(text(run({})), "");
  journal->size = 999;
  EXPECT_LE(ledger->deadline(), Ledger::Clock::time_point{} + milliseconds(99))
      << "there is room: it is looked at once";
  EXPECT_EQ(text(run({})), "1 ok");
  EXPECT_FALSE(ledger->deadline());
}

TEST_F(LedgerTest, AHeldPrepareIsRefusedWhenItsTimeIsOver) {
  make({}, {"/j", 1000, milliseconds(100), {"e"}});
  journal->size = 1000;
  run({command::Open{1}, prepare(1, 10, 10)});
  clock_ms = 100;
  const auto effects = run({});
  EXPECT_EQ(text(effects), "1 53100");
  EXPECT_NE(effects.replies[0].result.error().message.find("journal.max_bytes"), std::string::npos);
  journal->size = 0;
  EXPECT_EQ(text(run({})), "");
}

TEST_F(LedgerTest, WhatTheWalHoldsTwiceFillsNoJournal) {
  make({}, {"/j", 1000, milliseconds(100), {"e"}});
  journal->size = 1200;
  journal->wal = 300;
  EXPECT_EQ(text(run({command::Open{1}, prepare(1, 10, 10)})), "1 ok");
  EXPECT_EQ(journal->size, 900u);
}

TEST_F(LedgerTest, WhoIsHeldIsToldWhoIsBehind) {
  make({}, {"/j", 1000, milliseconds(100), {"quick", "slow"}});
  run({command::Open{1}, command::Open{2}, prepare(1, 10, 10)});
  run({end(1, Outcome::committed)});
  run({command::Checkpoint{"quick", 1}});
  journal->size = 1000;
  run({prepare(2, 20, 20)});
  clock_ms = 100;
  const auto effects = run({});
  ASSERT_EQ(effects.replies.size(), 1u);
  const auto& message = effects.replies[0].result.error().message;
  EXPECT_NE(message.find("wait for slow (1 transaction behind)"), std::string::npos) << message;
}

TEST_F(LedgerTest, AHeldPrepareWhoseSessionEndsIsForgotten) {
  make({}, {"/j", 1000, milliseconds(100), {"e"}});
  journal->size = 1000;
  run({command::Open{1}, prepare(1, 10, 10)});
  run({end(1, Outcome::aborted)});
  journal->size = 0;
  EXPECT_EQ(text(run({})), "");
  EXPECT_TRUE(journal->durable.transactions.empty());
}

TEST_F(LedgerTest, OutcomesGoOnWhileTheJournalIsFull) {
  make({}, {"/j", 1000, milliseconds(100), {"e"}});
  run({command::Open{1}, prepare(1, 10, 10)});
  journal->size = 1000;
  EXPECT_EQ(run({end(1, Outcome::committed)}).released.size(), 1u);
}

TEST_F(LedgerTest, StreamingFarBeyondTheLimitIsRefusedAtTheCommit) {
  make({}, {"/j", 1000, milliseconds(100), {"e"}});
  journal->size = 1300;
  run({command::Open{1}, command::Append{1, {change()}}});
  EXPECT_TRUE(journal->durable.transactions.empty());
  EXPECT_EQ(text(run({prepare(1, 10, 10)})), "1 53100");
}

TEST_F(LedgerTest, TrimmingWaitsForEveryDestination) {
  make({}, {"/j", 0, milliseconds(0), {"a", "b"}});
  run({command::Open{1}, command::Open{2}, prepare(1, 10, 10), prepare(2, 20, 20)});
  run({end(1, Outcome::committed), end(2, Outcome::committed)});
  run({command::Checkpoint{"a", 2}});
  EXPECT_FALSE(ledger->trim_due());
  run({command::Checkpoint{"b", 1}});
  ASSERT_TRUE(ledger->trim_due());
  ledger->trim_step();
  EXPECT_FALSE(ledger->trim_due());
  EXPECT_EQ(stream(), "702@2");
}

TEST_F(LedgerTest, TrimmingMakesRoomForHeldPreparesWithoutAnIdleMoment) {
  make({}, {"/j", 1000, milliseconds(100), {"e"}});
  run({command::Open{1}, command::Open{2}, prepare(1, 10, 10)});
  run({end(1, Outcome::committed)});
  journal->size = 1000;
  EXPECT_EQ(text(run({prepare(2, 20, 20)})), "");
  run({command::Checkpoint{"e", 1}});
  EXPECT_TRUE(ledger->trim_due());
  EXPECT_EQ(text(run({})), "2 ok");
}

TEST_F(LedgerTest, ADestinationWithoutCheckpointKeepsEverything) {
  run({command::Open{1}, prepare(1, 10, 10)});
  run({end(1, Outcome::committed), command::Checkpoint{"of no configured destination", 1}});
  EXPECT_FALSE(ledger->trim_due());
}

TEST_F(LedgerTest, CheckpointsSurviveAFailedGroup) {
  journal->fail_group = kDiskFull;
  run({command::Checkpoint{"e", 7}, command::DeadLetter{"e", {{}, 3, "too large"}}});
  EXPECT_EQ(ledger->checkpoint("e"), 0);
  journal->fail_group.reset();
  run({});
  EXPECT_EQ(journal->durable.checkpoints["e"], 7);
  EXPECT_EQ(journal->durable.dead_letters.size(), 1u);
  EXPECT_EQ(ledger->checkpoint("e"), 7);
}

TEST_F(LedgerTest, AReportIsATransactionOfItsOwnAndSurvivesAFailedGroup) {
  journal->fail_group = kDiskFull;
  auto gap = change();
  gap.op = event::Op::gap;
  run({command::Report{transaction(5, 0, 0), gap}});
  journal->fail_group.reset();
  EXPECT_EQ(run({}).released.size(), 1u);
  EXPECT_EQ(stream(), "705@1");
  EXPECT_EQ(journal->durable.transactions.begin()->second.events.size(), 1u);
}

TEST_F(LedgerTest, GivingUpPutsGapsInThePlaceOfTheEvents) {
  run({command::Open{1}, command::Open{2}, prepare(1, 10, 10), prepare(2, 20, 20)});
  run({end(1, Outcome::unknown), end(2, Outcome::committed)});
  auto gap = change();
  gap.op = event::Op::gap;
  run({command::GiveUp{1, {gap}}});
  EXPECT_EQ(stream(), "701@1 702@2");
  for (const auto& [id, stored] : journal->durable.transactions) {
    if (stored.transaction.xid != 701) continue;
    EXPECT_EQ(stored.events.at(0).op, event::Op::gap);
  }
  EXPECT_EQ(journal->durable.transactions.size(), 2u);
}

TEST_F(LedgerTest, AnEarlierRunsPreparedTransactionsAreInDoubtAndKeepTheOrder) {
  run({command::Open{1}, prepare(1, 10, 10)});
  const auto state = journal->durable;
  make(state);
  ASSERT_EQ(recovered.doubts.size(), 1u);
  const auto id = recovered.doubts[0].id;
  EXPECT_LT(id, 0);
  run({command::Open{1}, prepare(1, 20, 20)});
  run({end(1, Outcome::committed)});
  EXPECT_EQ(stream(), "") << "the one in doubt may have come before";
  run({end(id, Outcome::committed)});
  EXPECT_EQ(stream(), "701@1 701@2");
}

/// One in doubt must not put in doubt again what the database acknowledged behind it.
TEST_F(LedgerTest, WhatIsKnownToHaveCommittedStaysKnownOverARestartThoughItWaits) {
  run({command::Open{1}, command::Open{2}, command::Open{3}, prepare(1, 10, 10), prepare(2, 20, 20),
       prepare(3, 30, 30)});
  run({end(1, Outcome::unknown), end(2, Outcome::committed), end(3, Outcome::aborted)});
  EXPECT_EQ(stream(), "");
  EXPECT_EQ(ledger->waiting(), 1u);
  EXPECT_EQ(stored_in_state("acknowledged"), 1u);
  const auto left = journal->durable;
  make(left);
  ASSERT_EQ(recovered.doubts.size(), 1u);
  EXPECT_EQ(recovered.doubts[0].transaction.xid, 701u);
  EXPECT_EQ(ledger->waiting(), 1u);
  run({end(recovered.doubts[0].id, Outcome::aborted)});
  EXPECT_EQ(stream(), "702@1");
  EXPECT_EQ(journal->durable.transactions.begin()->second.transaction.committed_us, 1002);
}

TEST_F(LedgerTest, WhatWaitsForNobodyAfterARestartIsReleasedWithoutACommand) {
  run({command::Open{1}, command::Open{2}, prepare(1, 10, 10), prepare(2, 20, 20)});
  run({end(1, Outcome::unknown), end(2, Outcome::committed)});
  auto left = journal->durable;
  left.transactions.erase(left.transactions.begin());
  make(left);
  ASSERT_TRUE(ledger->deadline());
  EXPECT_LE(*ledger->deadline(), Ledger::Clock::time_point{});
  EXPECT_EQ(run({}).released.size(), 1u);
  EXPECT_FALSE(ledger->deadline());
}

TEST_F(LedgerTest, WhatIsReleasedInTheGroupOfItsOutcomeIsWrittenOnce) {
  run({command::Open{1}, prepare(1, 10, 10)});
  run({end(1, Outcome::committed)});
  EXPECT_EQ(journal->groups.back(), "release 101@1");
}

/// An outcome that is seen while the journal cannot be written is not forgotten either.
TEST_F(LedgerTest, AnAcknowledgementSurvivesAFailedGroup) {
  run({command::Open{1}, command::Open{2}, prepare(1, 10, 10), prepare(2, 20, 20)});
  journal->fail_group = kDiskFull;
  run({end(1, Outcome::unknown), end(2, Outcome::committed)});
  EXPECT_EQ(stored_in_state("acknowledged"), 0u);
  journal->fail_group.reset();
  run({});
  EXPECT_EQ(stored_in_state("acknowledged"), 1u);
  run({end(1, Outcome::committed)});
  EXPECT_EQ(stream(), "701@1 702@2");
}

TEST_F(LedgerTest, TheRunsOfTheServerAreKeptInTheOrderInWhichTheyWereSeen) {
  const auto prepared_in = [&](std::int64_t id, const std::string& run) {
    auto one = transaction(id, 10, 10);
    one.server_run = run;
    return command::Prepare{one, {change()}, std::make_shared<const Answer>()};
  };
  const std::string first = "77 00000001 100.5 0/0 100.4";
  const std::string second = "77 00000001 100.5 0/500 200.4";
  run({prepared_in(1, first), prepared_in(2, first + " unlogged")});
  journal->fail_group = kDiskFull;
  run({prepared_in(3, second)});
  journal->fail_group.reset();
  run({});
  run({prepared_in(4, first), command::NoteRun{"77 00000001 300 0/0 200.4"}});
  EXPECT_EQ(journal->durable.server_runs, (std::vector<std::string>{first, second, "77 00000001 300 0/0 200.4"}));
  const auto left = journal->durable;
  make(left);
  EXPECT_EQ(ledger->runs().after(*capture::read_server_run(first)).size(), 2u);
}

/// The number that the journal gives it is part of its events' ids.
TEST_F(LedgerTest, AReportIsSyncedBecauseItsNumberLeavesWeir) {
  run({command::Report{transaction(1, 10, 10), change()}});
  EXPECT_EQ(journal->syncs, 1);
}

TEST_F(LedgerTest, PositionsGoOnAfterARestart) {
  run({command::Open{1}, prepare(1, 10, 10)});
  run({end(1, Outcome::committed)});
  const auto state = journal->durable;
  make(state);
  run({command::Open{2}, prepare(2, 20, 20)});
  run({end(2, Outcome::committed)});
  EXPECT_EQ(stream(), "701@1 702@2");
}

event::Lsn resolved_of(const FakeJournal& journal, event::Xid xid) {
  for (const auto& [id, stored] : journal.durable.transactions) {
    if (stored.transaction.xid == xid) return stored.transaction.resolved;
  }
  return 999;
}

TEST_F(LedgerTest, ResolvedStaysBelowWhatAnOpenTransactionMayStillWrite) {
  run({command::Open{1}, prepare(1, 10, 10)});
  run({end(1, Outcome::committed)});
  EXPECT_EQ(resolved_of(*journal, 701), 9u);
  run({command::Open{2}});  // may write from 10 on
  run({command::Open{3}, prepare(3, 50, 50)});
  run({end(3, Outcome::committed)});
  EXPECT_EQ(resolved_of(*journal, 703), 9u);
  run({prepare(2, 12, 60)});
  run({end(2, Outcome::committed)});
  EXPECT_EQ(resolved_of(*journal, 702), 59u);
}

TEST_F(LedgerTest, ResolvedStaysBelowATransactionWhoseCommitFailed) {
  run({command::Open{1}, prepare(1, 10, 10)});
  run({command::Reopen{1}});
  run({command::Open{2}, prepare(2, 50, 50)});
  run({end(2, Outcome::committed)});
  EXPECT_EQ(resolved_of(*journal, 702), 9u);
}

TEST_F(LedgerTest, ResolvedHoldsForThoseReleasedInTheSameMoment) {
  run({command::Open{1}, command::Open{2}, prepare(1, 10, 20), prepare(2, 15, 30)});
  run({end(2, Outcome::committed), end(1, Outcome::committed)});
  EXPECT_EQ(resolved_of(*journal, 701), 14u);
  EXPECT_EQ(resolved_of(*journal, 702), 29u);
}

}  // namespace
}  // namespace weir::proxy
