// The stream sentence by sentence: what the journal keeps, and what an earlier run and a crash of the machine left.
#include "tests/capture/journal/stream_fixture.h"

namespace weir::capture {
namespace {

// -- what is kept -----------------------------------------------------------------------------------------------------

TEST_F(StreamTest, TrimmingWaitsForEveryDestination) {
  shelf.destinations = {{"a", {}}, {"b", {}}};
  options.emitters = {"a", "b"};
  restart();
  prepare(1, 10, 10);
  prepare(2, 20, 20);
  end(1);
  end(2);
  turn();
  ASSERT_TRUE(log->sync());
  checkpoint("a", 2);
  turn();
  clock_ms = 100;
  turn();
  EXPECT_FALSE(stream->trim_due());
  checkpoint("b", 1);
  turn();
  clock_ms = 200;
  turn();
  ASSERT_TRUE(stream->trim_due());
  stream->trim();
  EXPECT_FALSE(stream->trim_due());
  EXPECT_EQ(in_log(), "702@2");
}

TEST_F(StreamTest, OnlyConfiguredDestinationsKeepSomething) {
  shelf.destinations["of no configured destination"] = {};
  prepare(1, 10, 10);
  end(1);
  turn();
  ASSERT_TRUE(log->sync());
  checkpoint("of no configured destination", 1);
  turn();
  clock_ms = 100;
  turn();
  EXPECT_FALSE(stream->trim_due()) << "the configured one has nothing yet";
}

TEST_F(StreamTest, WhereThereIsNoDestinationNothingIsKept) {
  options.emitters = {};
  restart();
  prepare(1, 10, 10);
  end(1);
  turn();
  ASSERT_TRUE(stream->trim_due());
  stream->trim();
  EXPECT_EQ(in_log(), "");
}

// -- what an earlier run left -----------------------------------------------------------------------------------------

TEST_F(StreamTest, AnEarlierRunsTransactionsAreInDoubtAndKeepTheOrder) {
  prepare(1, 10, 10);
  turn();
  restart();
  ASSERT_EQ(recovered.doubts.size(), 1u);
  EXPECT_EQ(recovered.doubts[0].transaction.id, 1);
  prepare(2, 20, 20);
  end(2);
  EXPECT_EQ(released(turn()), "") << "the one in doubt may have come before";
  end(1);
  EXPECT_EQ(released(turn()), "701@1 702@2");
}

TEST_F(StreamTest, WhatWaitsForNobodyAfterARestartIsReleasedAtOnce) {
  prepare(1, 10, 10);
  prepare(2, 20, 20);
  end(2);
  turn();
  stream->finish(now());
  ASSERT_TRUE(log->note(std::vector{LogOutcome{LogOutcome::Kind::aborted, 1}}));
  restart();
  EXPECT_EQ(released(recovered), "702@1");
  EXPECT_TRUE(recovered.doubts.empty());
}

TEST_F(StreamTest, AnEarlierRunsReportIsReleasedToo) {
  report(1, 10);
  turn();
  restart();
  EXPECT_EQ(released(recovered), "701@1");
}

TEST_F(StreamTest, PositionsAndCheckpointsGoOnAfterARestart) {
  prepare(1, 10, 10);
  end(1);
  turn();
  ASSERT_TRUE(log->sync());
  checkpoint("e", 1);
  turn();
  stream->finish(now());
  stream->trim();
  restart();
  EXPECT_EQ(stream->checkpoint("e"), 1);
  EXPECT_TRUE(recovered.released.empty());
  prepare(2, 20, 20);
  end(2);
  EXPECT_EQ(released(turn()), "702@2");
}

TEST_F(StreamTest, WhatIsPromisedAfterARestartHoldsForNewTransactions) {
  prepare(1, 10, 50);
  end(1);
  turn();
  restart();
  open(2);
  prepare(3, 60, 60);
  end(3);
  turn();
  EXPECT_EQ(resolved_of(703), 49u) << "the second may write from 50 on";
}

TEST_F(StreamTest, ABookThatCannotBeReadStopsTheStart) {
  shelf.fail_read = kDiskFull;
  Stream next(*log, *book, options);
  const auto taken_up = next.recover(now());
  ASSERT_FALSE(taken_up);
  EXPECT_EQ(taken_up.error().message, kDiskFull.message);
}

// -- a crash of the machine -------------------------------------------------------------------------------------------

class StreamCrashTest : public StreamTest {
 protected:
  void crash() {
    disk->crash();
    shelf.booted_since = true;
    auto crashed = options;
    crashed.crashed_after_us = 1'700'000'000'000'000;
    wall = 1'700'000'060'000'000;
    start(crashed);
  }
};

TEST_F(StreamCrashTest, AGapSaysFromWhenToWhenAndComesFirst) {
  prepare(1, 50, 50);
  end(1);
  turn();
  prepare(2, 60, 60);  // in doubt
  prepare(3, 20, 20);  // known to have committed, and with an lsn from before what was released
  end(3);
  turn();
  ASSERT_TRUE(log->sync());
  prepare(4, 30, 30);
  turn();
  crash();
  EXPECT_EQ(released(recovered), "") << "the gap is not durable yet";
  EXPECT_EQ(recovered.doubts.size(), 2u);
  EXPECT_EQ(recovered.sync_to, log->end());
  end(4);
  end(2);
  const auto effects = turn_and_sync();
  ASSERT_EQ(effects.released.size(), 3u) << released(effects);
  const auto& gap = effects.released.at(0);
  EXPECT_EQ(gap.transaction.position, 3);
  EXPECT_EQ(gap.transaction.xid, 0u);
  ASSERT_TRUE(gap.events);
  ASSERT_EQ(gap.events->size(), 1u);
  EXPECT_EQ(gap.events->at(0).op, event::Op::gap);
  EXPECT_EQ(gap.events->at(0).cause,
            "the machine crashed: commits between 2023-11-14 22:13:20Z and 2023-11-14 22:14:20Z that no client saw "
            "acknowledged may be missing; 2 transactions that the journal has had no outcome yet");
}

TEST_F(StreamCrashTest, TheGapComesBeforeWhatIsKnownToHaveCommitted) {
  prepare(1, 50, 50);
  end(1);
  turn();
  prepare(2, 20, 20);
  prepare(3, 30, 30);
  end(3);
  turn();
  stream->finish(now());
  ASSERT_TRUE(log->note(std::vector{LogOutcome{LogOutcome::Kind::aborted, 2}}));
  ASSERT_TRUE(log->sync());
  crash();
  EXPECT_EQ(released(recovered), "");
  EXPECT_EQ(released(turn_and_sync()), "0@2 703@3");
}

/// With `process` a client may have seen it acknowledged.
TEST_F(StreamCrashTest, WhereNothingWasSyncedAnyCommitMayBeMissing) {
  options.waits_for_sync = false;
  crash();
  ASSERT_EQ(recovered.released.size(), 1u);
  EXPECT_EQ(recovered.released[0].events->at(0).cause,
            "the machine crashed: commits between 2023-11-14 22:13:20Z and 2023-11-14 22:14:20Z may be missing; 0 "
            "transactions that the journal has had no outcome yet");
}

TEST_F(StreamCrashTest, ItIsToldOnceOverAllStarts) {
  crash();
  EXPECT_TRUE(shelf.booted_since) << "nobody has been told";
  EXPECT_EQ(released(turn_and_sync()), "0@1");
  EXPECT_FALSE(shelf.booted_since);
}

TEST_F(StreamCrashTest, ThatItWasToldSurvivesAFailingBook) {
  crash();
  fail_book(kDiskFull);
  EXPECT_EQ(released(turn_and_sync()), "0@1");
  EXPECT_TRUE(shelf.booted_since);
  fail_book(std::nullopt);
  clock_ms += 200;
  turn();
  EXPECT_FALSE(shelf.booted_since);
}

TEST_F(StreamCrashTest, OneThatCannotBeWrittenStillComesFirst) {
  prepare(1, 50, 50);
  turn();
  fail_writes(kDiskFull);
  crash();
  end(1);
  EXPECT_EQ(released(turn()), "");
  fail_writes(std::nullopt);
  clock_ms += 200;
  EXPECT_EQ(released(turn_and_sync()), "0@1 701@2");
}

}  // namespace
}  // namespace weir::capture
