// The stream sentence by sentence: which transactions enter it, when, and in which order.
#include "tests/capture/journal/stream_fixture.h"

namespace weir::capture {
namespace {

// -- from a commit to the stream --------------------------------------------------------------------------------------

TEST_F(StreamTest, WhatIsWrittenIsNotToldBeforeItsOutcomeIsKnown) {
  prepare(1, 10, 10);
  const auto effects = turn();
  EXPECT_EQ(released(effects), "");
  EXPECT_EQ(in_log(), "");
  EXPECT_EQ(pending(), "701");
  EXPECT_TRUE(notes().empty());
}

TEST_F(StreamTest, ACommittedTransactionIsReleasedInTheTurnOfItsOutcome) {
  prepare(1, 10, 10);
  turn();
  end(1);
  EXPECT_EQ(released(turn()), "701@1");
  EXPECT_EQ(in_log(), "701@1");
  EXPECT_EQ(notes(), std::vector<std::string>{"r1@1"}) << "and told to the log once";
  EXPECT_FALSE(stream->deadline());
}

TEST_F(StreamTest, ItsRecordAndItsOutcomeMayComeInOneTurn) {
  prepare(1, 10, 10);
  end(1);
  EXPECT_EQ(released(turn()), "701@1");
}

TEST_F(StreamTest, AnOutcomeAsksForNoSync) {
  prepare(1, 10, 10);
  end(1);
  EXPECT_EQ(turn().sync_to, 0u);
}

TEST_F(StreamTest, ManyOutcomesAreOneNote) {
  for (const int id : {1, 2, 3}) prepare(id, static_cast<event::Lsn>(id) * 10, static_cast<event::Lsn>(id) * 10);
  for (const int id : {3, 1}) end(id);
  end(2, Outcome::aborted);
  turn();
  EXPECT_EQ(notes(), std::vector<std::string>{"a2 r1@1 r3@2"});
}

TEST_F(StreamTest, WhatWasReleasedIsHandedOnAsTheLogHasIt) {
  prepare(1, 10, 12);
  end(1);
  const auto effects = turn();
  ASSERT_EQ(effects.released.size(), 1u);
  const auto& handed = effects.released[0];
  const auto stored = **make_reader()->next(0);
  EXPECT_EQ(handed.transaction.id, stored.id);
  EXPECT_EQ(handed.transaction.xid, 701u);
  EXPECT_EQ(handed.transaction.position, stored.position);
  EXPECT_EQ(handed.transaction.resolved, stored.resolved);
  EXPECT_EQ(handed.transaction.committed_us, 1001);
  EXPECT_EQ(stored.committed_us, 1001);
  ASSERT_TRUE(handed.events);
  EXPECT_EQ(handed.events->size(), 1u);
  EXPECT_GE(handed.bytes, event::memory_of(*handed.events));
}

TEST_F(StreamTest, WhatWasNotKeptInMemoryIsLeftToTheLog) {
  open(1);
  const auto written = transaction(1, 10, 10);
  ASSERT_TRUE(log->write(written, {}, make_spill(1), [&](Place place) {
    queue.emplace_back(command::Written{written, nullptr, place});
  }));
  ASSERT_TRUE(log->sync());
  end(1);
  const auto effects = turn();
  ASSERT_EQ(effects.released.size(), 1u);
  EXPECT_EQ(effects.released[0].events, nullptr);
}

TEST_F(StreamTest, AnAbortedTransactionIsForgotten) {
  prepare(1, 10, 10);
  end(1, Outcome::aborted);
  EXPECT_EQ(released(turn()), "");
  EXPECT_EQ(pending(), "");
  EXPECT_EQ(notes(), std::vector<std::string>{"a1"});
}

TEST_F(StreamTest, ASessionThatEndsBeforeItsCommitCouldBeSentHasAborted) {
  open(1);
  turn();
  end(1, Outcome::unknown);
  const auto effects = turn();
  EXPECT_TRUE(effects.doubts.empty());
  EXPECT_TRUE(notes().empty()) << "the log never heard of it";
}

TEST_F(StreamTest, WhatNobodyKnowsIsIgnored) {
  end(7);
  end(8, Outcome::unknown);
  queue.emplace_back(command::Reopened{9});
  queue.emplace_back(command::GiveUp{10, {change()}});
  const auto effects = turn();
  EXPECT_TRUE(effects.doubts.empty());
  EXPECT_EQ(released(effects), "");
  EXPECT_TRUE(disk->records.empty());
  prepare(11, 10, 10);
  end(11);
  EXPECT_EQ(released(turn()), "711@1");
}

/// A session and the resolver may both know it.
TEST_F(StreamTest, AnOutcomeThatComesTwiceCountsOnce) {
  prepare(1, 10, 10);
  prepare(2, 20, 20);
  end(2);
  end(2);
  end(2, Outcome::aborted);
  turn();
  end(2, Outcome::aborted);
  turn();
  end(1);
  end(1, Outcome::unknown);
  const auto effects = turn();
  EXPECT_EQ(released(effects), "701@1 702@2");
  EXPECT_TRUE(effects.doubts.empty());
  end(1);
  EXPECT_EQ(released(turn()), "");
  EXPECT_EQ(in_log(), "701@1 702@2");
}

// -- the sync ---------------------------------------------------------------------------------------------------------

TEST_F(StreamTest, NothingEntersTheStreamBeforeItsRecordIsDurable) {
  open(1);
  const Place record = write(1, 10, 10);
  end(1);
  const auto effects = turn();
  EXPECT_EQ(released(effects), "");
  EXPECT_EQ(effects.sync_to, record) << "somebody must sync, for it to go on";
  EXPECT_TRUE(notes().empty());
  EXPECT_EQ(turn().sync_to, record) << "it still waits";
  ASSERT_TRUE(log->sync());
  const auto later = turn();
  EXPECT_EQ(released(later), "701@1");
  EXPECT_EQ(later.sync_to, 0u);
}

TEST_F(StreamTest, TheFurthestRecordIsAskedFor) {
  open(1);
  open(2);
  write(1, 10, 10);
  const Place last = write(2, 20, 20);
  end(2);
  end(1);
  EXPECT_EQ(turn().sync_to, last);
}

TEST_F(StreamTest, OneThatIsNotDurableKeepsItsPlaceInTheOrder) {
  prepare(2, 20, 20);
  open(1);
  write(1, 10, 10);
  end(1);
  end(2);
  EXPECT_EQ(released(turn()), "");
  ASSERT_TRUE(log->sync());
  EXPECT_EQ(released(turn()), "701@1 702@2");
}

TEST_F(StreamTest, OneThatIsNotDurableDoesNotStopThoseBeforeIt) {
  prepare(1, 10, 10);
  open(2);
  write(2, 20, 20);
  end(2);
  end(1);
  EXPECT_EQ(released(turn()), "701@1");
}

TEST_F(StreamTest, NoDestinationKnowsWhatACrashOfTheMachineTakes) {
  prepare(1, 10, 10);
  end(1);
  open(2);
  write(2, 20, 20);
  end(2);
  EXPECT_EQ(released(turn()), "701@1");
  disk->crash();
  restart();
  ASSERT_EQ(recovered.doubts.size(), 1u);
  EXPECT_EQ(recovered.doubts[0].transaction.xid, 701u);
  prepare(3, 30, 30);
  end(3);
  end(1);
  EXPECT_EQ(released(turn()), "701@1 703@2") << "no position stands for another transaction than before";
}

TEST_F(StreamTest, AProcessWaitsForNothing) {
  auto unsynced = options;
  unsynced.waits_for_sync = false;
  start(unsynced);
  open(1);
  write(1, 10, 10);
  end(1);
  const auto effects = turn();
  EXPECT_EQ(released(effects), "701@1");
  EXPECT_EQ(effects.sync_to, 0u);
  EXPECT_EQ(disk->syncs, 0);
}

// -- order ------------------------------------------------------------------------------------------------------------

TEST_F(StreamTest, AcknowledgementsOutOfOrderAreReleasedInTheOrderOfTheirLsns) {
  prepare(1, 10, 10);
  prepare(2, 20, 20);
  end(2);
  EXPECT_EQ(released(turn()), "");
  EXPECT_EQ(stream->waiting(), 1u);
  end(1);
  EXPECT_EQ(released(turn()), "701@1 702@2");
  EXPECT_EQ(stream->waiting(), 0u);
}

TEST_F(StreamTest, AnUnknownOutcomeIsADoubtAndKeepsItsPlaceInTheOrder) {
  prepare(1, 10, 10);
  prepare(2, 20, 20);
  end(1, Outcome::unknown);
  end(2);
  const auto effects = turn();
  ASSERT_EQ(effects.doubts.size(), 1u);
  EXPECT_EQ(effects.doubts[0].transaction.id, 1);
  EXPECT_EQ(effects.doubts[0].transaction.xid, 701u);
  EXPECT_EQ(released(effects), "");
  end(1);
  EXPECT_EQ(released(turn()), "701@1 702@2");
}

TEST_F(StreamTest, ADoubtThatDidNotCommitLetsTheOthersGo) {
  prepare(1, 10, 10);
  prepare(2, 20, 20);
  end(1, Outcome::unknown);
  end(2);
  turn();
  end(1, Outcome::aborted);
  EXPECT_EQ(released(turn()), "702@1");
  EXPECT_EQ(pending(), "");
}

TEST_F(StreamTest, ATransactionWhoseCommitFailedGoesOnAndIsReleasedAsItWasWrittenLast) {
  prepare(1, 10, 10);
  prepare(2, 20, 20);
  end(2);
  EXPECT_EQ(released(turn()), "") << "waits for the first one's commit";
  reopen(1);
  EXPECT_EQ(released(turn()), "702@1") << "which is no longer on its way";
  EXPECT_EQ(pending(), "");
  write(1, 10, 30);
  ASSERT_TRUE(log->sync());
  end(1);
  const auto effects = turn();
  EXPECT_EQ(released(effects), "701@2");
  EXPECT_EQ(effects.released.at(0).transaction.last_lsn, 30u);
  ASSERT_TRUE(effects.released.at(0).events);
}

TEST_F(StreamTest, OneThatWasReopenedAndRolledBackLeavesNothing) {
  prepare(1, 10, 10);
  reopen(1);
  end(1, Outcome::aborted);
  EXPECT_EQ(released(turn()), "");
  EXPECT_EQ(pending(), "");
}

/// Its record could not be taken back when its session asked: it is taken back as soon as the disk takes something.
TEST_F(StreamTest, WhatCouldNotBeReopenedIsTakenBackLater) {
  prepare(1, 10, 10);
  turn();
  fail_writes(kDiskFull);
  EXPECT_FALSE(log->reopen(1));
  queue.emplace_back(command::Reopened{1});
  turn();
  end(1, Outcome::aborted);
  turn();
  EXPECT_EQ(pending(), "701");
  fail_writes(std::nullopt);
  clock_ms += 200;
  turn();
  EXPECT_EQ(pending(), "");
}

// -- what is known to have committed ----------------------------------------------------------------------------------

TEST_F(StreamTest, WhatWaitsLongIsNotedAsCommitted) {
  prepare(1, 10, 10);
  prepare(2, 20, 20);
  end(2);
  turn();
  EXPECT_TRUE(notes().empty()) << "most wait for less than that";
  EXPECT_EQ(deadline_ms(), 20);
  clock_ms = 19;
  turn();
  EXPECT_TRUE(notes().empty());
  clock_ms = 20;
  turn();
  EXPECT_EQ(notes(), std::vector<std::string>{"k2"});
  EXPECT_EQ(pending(), "701 702!");
  EXPECT_FALSE(stream->deadline()) << "and once is enough";
  end(1);
  EXPECT_EQ(released(turn()), "701@1 702@2");
  EXPECT_EQ(notes().back(), "r1@1 r2@2");
}

TEST_F(StreamTest, WhatWaitsAtTheEndIsNotedAtOnce) {
  prepare(1, 10, 10);
  prepare(2, 20, 20);
  end(2);
  turn();
  stream->finish(now());
  EXPECT_EQ(notes(), std::vector<std::string>{"k2"});
}

/// One in doubt must not put in doubt again what the database acknowledged behind it.
TEST_F(StreamTest, WhatIsKnownToHaveCommittedStaysKnownOverARestart) {
  prepare(1, 10, 10);
  prepare(2, 20, 20);
  prepare(3, 30, 30);
  end(1, Outcome::unknown);
  end(2);
  end(3, Outcome::aborted);
  turn();
  EXPECT_EQ(stream->waiting(), 1u);
  stream->finish(now());
  restart();
  ASSERT_EQ(recovered.doubts.size(), 1u);
  EXPECT_EQ(recovered.doubts[0].transaction.xid, 701u);
  EXPECT_EQ(stream->waiting(), 1u);
  end(1, Outcome::aborted);
  const auto effects = turn();
  EXPECT_EQ(released(effects), "702@1");
  EXPECT_EQ(effects.released.at(0).transaction.committed_us, 1002);
  EXPECT_EQ(effects.released.at(0).events, nullptr) << "they are read from the log";
}

// -- what can only be reported ----------------------------------------------------------------------------------------

TEST_F(StreamTest, AReportIsATransactionOfItsOwn) {
  report(5, 10);
  const auto effects = turn_and_sync();
  EXPECT_EQ(released(effects), "705@1");
  EXPECT_EQ(in_log(), "705@1");
  ASSERT_TRUE(effects.released.at(0).events);
  EXPECT_EQ(effects.released.at(0).events->at(0).op, event::Op::gap);
  EXPECT_EQ(effects.released.at(0).transaction.event_count, 1u);
}

/// The number that the journal gives it is part of its events' ids.
TEST_F(StreamTest, AReportIsSyncedBeforeItIsTold) {
  report(1, 10);
  const auto effects = turn();
  EXPECT_EQ(released(effects), "");
  EXPECT_EQ(effects.sync_to, log->end());
}

TEST_F(StreamTest, AReportOfAnUnknownPlaceIsNotStoppedByAnybody) {
  prepare(1, 10, 10);
  report(2, 0);
  EXPECT_EQ(released(turn_and_sync()), "702@1");
}

TEST_F(StreamTest, GivingUpPutsGapsInThePlaceOfTheEvents) {
  prepare(1, 10, 10);
  prepare(2, 20, 20);
  end(1, Outcome::unknown);
  end(2);
  turn();
  auto gap = change();
  gap.op = event::Op::gap;
  auto second = gap;
  second.ordinal = 2;
  queue.emplace_back(command::GiveUp{1, {gap, second}});
  const auto effects = turn_and_sync();
  EXPECT_EQ(released(effects), "701@1 702@2");
  EXPECT_EQ(effects.released.at(0).transaction.event_count, 2u);
  const auto events = *make_reader()->events(1, 0, 10);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].op, event::Op::gap);
}

TEST_F(StreamTest, EachKindOfGapIsSaidOnce) {
  report(1, 10);
  EXPECT_EQ(notices(turn_and_sync()),
            std::vector<std::string>{"not captured, a write of t: copy (each has a gap event, the first a line here)"});
  report(2, 20);
  EXPECT_TRUE(turn_and_sync().notices.empty());
}

// -- resolved ---------------------------------------------------------------------------------------------------------

TEST_F(StreamTest, ResolvedStaysBelowWhatAnOpenTransactionMayStillWrite) {
  prepare(1, 10, 10);
  end(1);
  turn();
  EXPECT_EQ(resolved_of(701), 9u);
  open(2);  // may write from 10 on
  prepare(3, 50, 50);
  end(3);
  turn();
  EXPECT_EQ(resolved_of(703), 9u);
  write(2, 12, 60);
  ASSERT_TRUE(log->sync());
  end(2);
  turn();
  EXPECT_EQ(resolved_of(702), 59u);
}

TEST_F(StreamTest, ResolvedStaysBelowAHeldTransaction) {
  limit(0);
  prepare(1, 10, 10);
  end(1);
  turn();
  open(2);
  fill(1000);
  hold(2, 12, 60);
  prepare(3, 50, 50);
  end(3);
  turn();
  EXPECT_EQ(resolved_of(703), 9u);
}

TEST_F(StreamTest, ResolvedStaysBelowATransactionWhoseCommitFailed) {
  prepare(1, 10, 10);
  turn();
  reopen(1);
  turn();
  prepare(2, 50, 50);
  end(2);
  turn();
  EXPECT_EQ(resolved_of(702), 9u);
}

TEST_F(StreamTest, ResolvedHoldsForThoseReleasedInTheSameMoment) {
  prepare(1, 10, 20);
  prepare(2, 15, 30);
  end(2);
  end(1);
  turn();
  EXPECT_EQ(resolved_of(701), 14u);
  EXPECT_EQ(resolved_of(702), 29u);
}

TEST_F(StreamTest, ResolvedStaysBelowOneThatIsNotDurableYet) {
  prepare(1, 10, 10);
  prepare(2, 70, 70);
  open(3);
  write(3, 40, 60);
  end(1);
  end(2, Outcome::aborted);
  end(3);
  EXPECT_EQ(released(turn()), "701@1");
  EXPECT_EQ(resolved_of(701), 39u);
}

TEST_F(StreamTest, ResolvedNeverGoesBack) {
  prepare(1, 50, 50);
  end(1);
  turn();
  EXPECT_EQ(resolved_of(701), 49u);
  prepare(2, 20, 60);
  prepare(3, 30, 30);
  end(3);
  turn();
  EXPECT_EQ(resolved_of(703), 999u) << "waits for the second";
  end(2);
  turn();
  EXPECT_EQ(resolved_of(703), 49u);
  EXPECT_EQ(resolved_of(702), 59u);
}

}  // namespace
}  // namespace weir::capture
