// The delivery loop sentence by sentence, with a destination and a journal that do as they are told.
#include "proxy/delivery/delivery_loop.h"

#include "tests/proxy/delivery/delivery_fixture.h"

namespace weir::proxy {
namespace {

TEST_F(DeliveryLoopTest, DeliversWholeTransactionsInOrderThenIsIdle) {
  release(2);
  release(1);
  EXPECT_EQ(settle().what, What::idle);
  EXPECT_EQ(emitter.taken, (Strings{"b101@1", "1@1", "2@1", "e@1", "b102@2", "1@2", "e@2"}));
  EXPECT_TRUE(loop().finished());
  EXPECT_EQ(said.back(), "checkpoint 2");
}

TEST_F(DeliveryLoopTest, BeginsBehindItsCheckpoint) {
  after = 1;
  release(1);
  release(1);
  settle();
  EXPECT_EQ(emitter.taken, (Strings{"b102@2", "1@2", "e@2"}));
}

TEST_F(DeliveryLoopTest, DoesNotReadTheJournalWhileNothingWasReleased) {
  settle();
  const auto reads = reader.reads;
  EXPECT_EQ(settle().what, What::idle);
  EXPECT_EQ(reader.reads, reads);
  release(1);
  settle();
  EXPECT_EQ(emitter.taken.size(), 3u);
}

TEST_F(DeliveryLoopTest, ALargeTransactionComesInBoundedSlices) {
  release(2'000);
  settle();
  EXPECT_EQ(emitter.taken.size(), 2'002u);
  EXPECT_LE(emitter.largest, DeliveryLoop::kMaxBatchRecords + 1);
  EXPECT_EQ(emitter.taken.back(), "e@1");
  for (std::size_t i = 1; i <= 2'000; ++i) ASSERT_EQ(emitter.taken[i], std::to_string(i) + "@1");
}

TEST_F(DeliveryLoopTest, LargeRowsMakeSmallerSlices) {
  format.padding = 400'000;
  release(10);
  settle();
  EXPECT_LE(emitter.largest, 5u);
  EXPECT_EQ(emitter.taken.size(), 12u);
}

TEST_F(DeliveryLoopTest, RowsTooLargeForOneReadAllCome) {
  reader.row_size = capture::JournalReader::kMostBytes / 2;
  release(5);
  release(1);
  EXPECT_EQ(settle().what, What::idle);
  EXPECT_EQ(emitter.taken, (Strings{"b101@1", "1@1", "2@1", "3@1", "4@1", "5@1", "e@1", "b102@2", "1@2", "e@2"}));
}

TEST_F(DeliveryLoopTest, ATransactionWhoseEventsFillReadsExactlyStillEnds) {
  release(DeliveryLoop::kEventsPerRead);
  release(DeliveryLoop::kEventsPerRead * 2);
  EXPECT_EQ(settle().what, What::idle);
  EXPECT_EQ(emitter.ended, 2);
}

TEST_F(DeliveryLoopTest, ABusyDestinationIsWaitedForAndThenOfferedTheSame) {
  release(1);
  emitter.busy = true;
  EXPECT_EQ(settle().what, What::look);
  EXPECT_TRUE(emitter.taken.empty());
  emitter.busy = false;
  EXPECT_EQ(settle().what, What::idle);
  EXPECT_EQ(emitter.taken, (Strings{"b101@1", "1@1", "e@1"}));
}

TEST_F(DeliveryLoopTest, LooksGrowLongerWhileNothingMovesAndShortWhenItDoes) {
  emitter.confirms = false;
  release(1);
  EXPECT_EQ(settle().at_most, DeliveryLoop::kShortestLook);
  EXPECT_EQ(settle().at_most, DeliveryLoop::kShortestLook * 2);
  for (int i = 0; i < 20; ++i) settle();
  EXPECT_EQ(settle().at_most, DeliveryLoop::kLongestLook);
  release(1);
  EXPECT_EQ(settle().at_most, DeliveryLoop::kShortestLook);
}

TEST_F(DeliveryLoopTest, AFailingDestinationIsOfferedTheSameAgainEverMoreSlowly) {
  release(1);
  emitter.error = Error{"no route to host", ""};
  DeliveryLoop::Microseconds expected = DeliveryLoop::kFirstBackoff;
  for (int i = 0; i < 10; ++i) {
    const auto next = settle();
    EXPECT_EQ(next.what, What::pause);
    EXPECT_EQ(next.at_most, expected);
    clock += next.at_most;
    expected = std::min<DeliveryLoop::Microseconds>(expected * 2, DeliveryLoop::kLongestBackoff);
  }
  emitter.error.reset();
  EXPECT_EQ(settle().what, What::idle);
  EXPECT_EQ(emitter.taken, (Strings{"b101@1", "1@1", "e@1"}));
  release(1);
  emitter.error = Error{"again", ""};
  EXPECT_EQ(settle().at_most, DeliveryLoop::kFirstBackoff);
}

TEST_F(DeliveryLoopTest, AFailureIsToldOnceAndThatItIsOver) {
  release(1);
  emitter.error = Error{"no route to host", ""};
  for (int i = 0; i < 3; ++i) clock += settle().at_most;
  EXPECT_EQ(told(), (Strings{"warning fake:: no route to host; its events wait in the journal"}));
  emitter.error = Error{"fake:: connection refused", ""};
  clock += settle().at_most;
  EXPECT_EQ(told(), (Strings{"warning fake:: connection refused; its events wait in the journal"}));
  emitter.error.reset();
  settle();
  EXPECT_EQ(told(), (Strings{"info fake:: goes on"}));
}

TEST_F(DeliveryLoopTest, WhatItDoesIsCounted) {
  emitter.error = Error{"no broker", ""};
  release(3);
  release(1);
  settle();
  EXPECT_EQ(counts.value().trouble, "no broker");
  EXPECT_EQ(counts.value().durable, 0);
  emitter.error.reset();
  emitter.refused.push_back({{}, 1, "too large"});
  clock += DeliveryLoop::kLongestBackoff;
  settle();
  const auto value = counts.value();
  EXPECT_EQ(value.errors, 1u);
  EXPECT_EQ(value.retries, 1u);
  EXPECT_EQ(value.trouble, "");
  EXPECT_EQ(value.dead_letters, 1u);
  EXPECT_EQ(value.transactions, 2u);
  EXPECT_EQ(value.records, 3u + 1u + 4u);
  EXPECT_GT(value.bytes, 0u);
  EXPECT_EQ(value.durable, 2);
  EXPECT_EQ(value.delivered.count(), 2u);
}

TEST_F(DeliveryLoopTest, ATroubleIsToldAgainOnceInAWhileWhateverItsText) {
  emitter.troubled = "one broker is down";
  settle();
  emitter.troubled = "two brokers are down";
  settle();
  EXPECT_EQ(told(), (Strings{"warning one broker is down"}));
  clock += DeliveryLoop::kTroubleInterval;
  settle();
  EXPECT_EQ(told(), (Strings{"warning two brokers are down"}));
  emitter.troubled.clear();
  settle();
  EXPECT_EQ(told(), (Strings{"info fake:: well again"}));
}

TEST_F(DeliveryLoopTest, DuringABackoffNothingIsOffered) {
  release(1);
  emitter.error = Error{"down", ""};
  settle();
  const auto offers = emitter.offers;
  clock += milliseconds(99);
  EXPECT_EQ(step().what, What::pause);
  EXPECT_EQ(emitter.offers, offers);
}

TEST_F(DeliveryLoopTest, AJournalThatCannotBeReadIsTriedAgain) {
  reader.release(1);
  reader.error = Error{"journal: I/O error", ""};
  EXPECT_EQ(settle().what, What::pause);
  reader.error.reset();
  clock += DeliveryLoop::kFirstBackoff;
  EXPECT_EQ(settle().what, What::idle);
  EXPECT_EQ(emitter.taken.size(), 3u);
}

TEST_F(DeliveryLoopTest, TheCheckpointComesOnlyOnceTheDestinationHasIt) {
  emitter.confirms = false;
  release(1);
  release(1);
  EXPECT_EQ(settle().what, What::look);
  EXPECT_TRUE(said.empty());
  EXPECT_FALSE(loop().finished());
  emitter.durable = 2;
  EXPECT_EQ(settle().what, What::idle);
  EXPECT_EQ(said, Strings{"checkpoint 2"});
}

TEST_F(DeliveryLoopTest, CheckpointsOnTheWayAreCoalesced) {
  emitter.confirms = false;
  for (int i = 0; i < 10; ++i) release(1);
  settle();
  for (int i = 1; i <= 9; ++i) {
    emitter.durable = i;
    settle();
  }
  EXPECT_EQ(said, Strings{"checkpoint 1"});
  clock += DeliveryLoop::kCheckpointInterval;
  settle();
  EXPECT_EQ(said, (Strings{"checkpoint 1", "checkpoint 9"}));
  emitter.durable = 10;
  settle();
  EXPECT_EQ(said.back(), "checkpoint 10") << "the last one does not wait";
}

TEST_F(DeliveryLoopTest, ARefusedRecordIsADeadLetterBeforeTheCheckpointThatPassesIt) {
  emitter.confirms = false;
  release(1);
  settle();
  emitter.refused.push_back({{}, 1, "too large"});
  emitter.durable = 1;
  settle();
  EXPECT_EQ(said, (Strings{"dead letter too large", "checkpoint 1"}));
  const auto notices = loop().take_notices();
  ASSERT_EQ(notices.size(), 1u);
  EXPECT_EQ(notices[0].kind, "dead letters") << "a broken table may have one for each write";
}

TEST_F(DeliveryLoopTest, AFormatMaySayUpToWhereAllIsResolvedInTheSameTransaction) {
  format.tells_resolved = true;
  release(1);
  release(1);
  EXPECT_EQ(settle().what, What::idle);
  EXPECT_EQ(emitter.taken, (Strings{"b101@1", "1@1", "e@1", "r1/10@1", "b102@2", "1@2", "e@2", "r2/20@2"}));
  EXPECT_EQ(said, (Strings{"checkpoint 1", "checkpoint 2"}));
}

TEST_F(DeliveryLoopTest, OneThatKeepsItsOwnPositionBeginsThereAndIsAskedUntilItAnswers) {
  after = 1;
  newest = 4;
  emitter.own_position = 2;
  emitter.error = Error{"the warehouse sleeps", ""};
  for (int i = 0; i < 4; ++i) reader.release(1);
  const auto next = settle();
  EXPECT_EQ(next.what, What::pause);
  EXPECT_EQ(reader.reads, 0) << "where it begins is not known";
  emitter.error.reset();
  clock += next.at_most;
  EXPECT_EQ(settle().what, What::idle);
  EXPECT_EQ(emitter.taken.front(), "b103@3");
  EXPECT_EQ(emitter.ended, 4);
}

TEST_F(DeliveryLoopTest, APositionThatTheStreamHasNotReachedIsOfAStreamThatIsGone) {
  newest = 1;
  emitter.own_position = 40;
  reader.release(1);
  reader.release(1);
  EXPECT_EQ(settle().what, What::idle);
  EXPECT_EQ(emitter.taken.front(), "b102@2") << "the second one was released by this run, and nobody has it";
}

TEST_F(DeliveryLoopTest, OneThatWantsEventsGetsThemInSlicesAndNoRecords) {
  emitter.takes_events = true;
  release(DeliveryLoop::kEventsPerRead + 1);
  release(0);
  EXPECT_EQ(settle().what, What::idle);
  EXPECT_EQ(emitter.largest, DeliveryLoop::kEventsPerRead);
  ASSERT_EQ(emitter.taken.size(), DeliveryLoop::kEventsPerRead + 3);
  EXPECT_EQ(emitter.taken.front(), "1@1");
  EXPECT_EQ(emitter.taken[DeliveryLoop::kEventsPerRead], std::to_string(DeliveryLoop::kEventsPerRead + 1) + "@1");
  EXPECT_EQ(std::count(emitter.taken.begin(), emitter.taken.end(), "end"), 2);
  EXPECT_EQ(said.back(), "checkpoint 2");
}

TEST_F(DeliveryLoopTest, EventsThatWereNotTakenAreOfferedAgain) {
  emitter.takes_events = true;
  emitter.busy = true;
  release(2);
  settle();
  settle();
  EXPECT_EQ(emitter.offers, 2);
  emitter.busy = false;
  EXPECT_EQ(settle().what, What::idle);
  EXPECT_EQ(emitter.taken, (Strings{"1@1", "2@1", "end"}));
}

TEST_F(DeliveryLoopTest, WithAPaceWhatComesAfterAPauseLeavesAtOnce) {
  pace = milliseconds(5);
  for (int i = 1; i <= 10; ++i) {
    release(1);
    EXPECT_EQ(settle().what, What::idle);
    EXPECT_EQ(emitter.ended, i);
    clock += pace;
  }
}

TEST_F(DeliveryLoopTest, WithAPaceWhatComesAtOnceIsCollectedAndReadTogether) {
  pace = milliseconds(5);
  const auto sent = send_early();
  const auto reads = reader.reads;
  release(1);
  clock += std::chrono::microseconds(1'200);
  const auto next = settle();
  EXPECT_EQ(next.what, What::pace);
  EXPECT_EQ(next.at_most, std::chrono::microseconds(3'800));
  EXPECT_EQ(next.releases, DeliveryLoop::kMaxBatchRecords - 1);
  release(1);
  EXPECT_EQ(settle().what, What::pace);
  EXPECT_EQ(reader.reads, reads) << "what is collected is not even read";
  clock += next.at_most;
  EXPECT_EQ(settle().what, What::idle);
  EXPECT_EQ(emitter.ended, sent + 2);
}

TEST_F(DeliveryLoopTest, AFullBatchDoesNotWaitForThePace) {
  pace = milliseconds(5);
  const auto sent = send_early();
  for (std::size_t i = 1; i < DeliveryLoop::kMaxBatchRecords; ++i) release(1);
  const auto next = settle();
  ASSERT_EQ(next.what, What::pace);
  EXPECT_EQ(next.releases, 1u);
  release(1);
  EXPECT_EQ(settle().what, What::idle);
  EXPECT_EQ(emitter.ended, sent + static_cast<event::Position>(DeliveryLoop::kMaxBatchRecords));
}

TEST_F(DeliveryLoopTest, ALargeTransactionAndABacklogGoOnWithoutAPause) {
  pace = milliseconds(5);
  for (int i = 0; i < 3; ++i) release(2'000);
  EXPECT_EQ(settle().what, What::idle);
  EXPECT_EQ(emitter.ended, 3);
}

TEST_F(DeliveryLoopTest, ThePaceDoesNotKeepConfirmationsBack) {
  pace = milliseconds(5);
  emitter.confirms = false;
  const auto sent = send_early();
  release(1);
  EXPECT_EQ(settle().what, What::pace);
  emitter.durable = sent;
  EXPECT_EQ(settle().what, What::pace);
  EXPECT_EQ(said, Strings{"checkpoint " + std::to_string(sent)});
  clock += pace;
  EXPECT_EQ(settle().what, What::look);
  EXPECT_EQ(emitter.ended, sent + 1);
}

}  // namespace
}  // namespace weir::proxy
