// The stream sentence by sentence: a full journal, disks that fail, and the book.
#include "tests/capture/journal/stream_fixture.h"

namespace weir::capture {
namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// -- room -------------------------------------------------------------------------------------------------------------

TEST_F(StreamTest, AFullJournalHoldsWritesUntilThereIsRoom) {
  limit(1000);
  open(1);
  hold(1, 10, 10);
  EXPECT_EQ(replies(turn()), "");
  EXPECT_EQ(deadline_ms(), 100);
  clock_ms = 99;
  EXPECT_EQ(replies(turn()), "");
  EXPECT_EQ(pending(), "");
  fill(999);
  const auto effects = turn();
  EXPECT_EQ(replies(effects), "1 ok");
  EXPECT_EQ(effects.replies.at(0).answer, answer);
  EXPECT_EQ(effects.replies.at(0).end, log->end()) << "what is still to be synced, where it must";
  EXPECT_EQ(pending(), "701");
  EXPECT_FALSE(stream->deadline());
}

TEST_F(StreamTest, OtherLimitsHoldForThoseThatWaitToo) {
  limit(1000);
  open(1);
  hold(1, 10, 10);
  turn();
  queue.emplace_back(command::Limits{2000, milliseconds(100)});
  EXPECT_EQ(replies(turn()), "1 ok") << "there is room now";
  fill(2000);
  open(2);
  hold(2, 20, 20);
  turn();
  queue.emplace_back(command::Limits{2000, milliseconds(10)});
  EXPECT_EQ(replies(turn()), "");
  EXPECT_EQ(deadline_ms(), clock_ms + 10);
  clock_ms += 10;
  EXPECT_EQ(replies(turn()), "2 53100") << "its time is shorter now";
  open(3);
  hold(3, 30, 30);
  turn();
  queue.emplace_back(command::Limits{0, milliseconds(10)});
  EXPECT_EQ(replies(turn()), "3 ok") << "there is no limit";
}

TEST_F(StreamTest, WhatWasHeldIsReleasedAsAnyOther) {
  limit(1000);
  open(1);
  hold(1, 10, 10);
  turn();
  fill(0);
  turn();
  end(1);
  const auto effects = turn_and_sync();
  EXPECT_EQ(released(effects), "701@1");
  ASSERT_TRUE(effects.released.at(0).events);
  EXPECT_EQ(effects.released.at(0).events->size(), 1u);
}

TEST_F(StreamTest, AHeldSpillIsWrittenWithTheRest) {
  limit(1000);
  open(1);
  auto spill = make_spill(1);
  const auto first = change(1);
  ASSERT_TRUE(spill->append({&first, 1}));
  hold(1, 10, 10, std::move(spill));
  turn();
  fill(0);
  EXPECT_EQ(replies(turn()), "1 ok");
  EXPECT_EQ(make_reader()->events(1, 0, 10)->size(), 2u);
  end(1);
  EXPECT_EQ(turn_and_sync().released.at(0).events, nullptr) << "the log has them all, memory has not";
}

TEST_F(StreamTest, HeldWritesGoInTheirOrderAndOnlyAsManyAsThereIsRoomFor) {
  limit(1000);
  for (const int id : {1, 2}) {
    open(id);
    hold(id, 10, 10);
  }
  turn();
  disk->set([](FakeDisk& one) { one.bytes.reset(); });
  EXPECT_EQ(replies(turn()), "1 ok; 2 ok");
}

TEST_F(StreamTest, AHeldWriteIsRefusedWhenItsTimeIsOver) {
  limit(1000);
  open(1);
  hold(1, 10, 10);
  turn();
  clock_ms = 100;
  const auto effects = turn();
  EXPECT_EQ(replies(effects), "1 53100");
  EXPECT_TRUE(has(effects.replies[0].result.error().message, "journal.max_bytes"));
  fill(0);
  EXPECT_EQ(replies(turn()), "");
  EXPECT_EQ(pending(), "");
  end(1, Outcome::aborted);
  turn();
  EXPECT_TRUE(notes().empty());
}

TEST_F(StreamTest, AHeldWriteThatFailsIsRefusedWithItsSqlstate) {
  limit(1000);
  open(1);
  open(2);
  hold(1, 10, 10);
  turn();
  fill(0);
  fail_writes(kDiskFull);
  const auto effects = turn();
  EXPECT_EQ(replies(effects), "1 53100");
  EXPECT_TRUE(has(effects.replies[0].result.error().message, "/j"));
  fail_writes(Error{"journal /j: I/O error", ""});
  hold(2, 20, 20);
  EXPECT_EQ(replies(turn()), "2 58030") << "an error without a SQLSTATE is an I/O error";
  EXPECT_EQ(pending(), "");
}

TEST_F(StreamTest, WhoIsHeldIsToldWhoIsBehind) {
  shelf.destinations = {{"quick", {}}, {"slow", {}}};
  options.emitters = {"quick", "slow"};
  limit(0);
  prepare(1, 10, 10);
  end(1);
  checkpoint("quick", 1);
  turn();
  clock_ms = 100;
  ASSERT_TRUE(log->sync());
  turn();
  open(2);
  hold(2, 20, 20);
  fill(1000);
  turn();
  clock_ms = 200;
  const auto effects = turn();
  ASSERT_EQ(replies(effects), "2 53100");
  const auto& message = effects.replies[0].result.error().message;
  EXPECT_TRUE(has(message, "wait for slow (1 transaction behind)")) << message;
}

TEST_F(StreamTest, ASubscriberWithASayKeepsWhatItIsNotDoneWithUntilItEnds) {
  prepare(1, 10, 10);
  end(1);
  prepare(2, 20, 20);
  end(2);
  queue.emplace_back(command::Subscribe{"looks on", 1});
  turn();
  const auto is_done = [&](event::Position position) {
    ASSERT_TRUE(log->sync());
    checkpoint("e", position);
    turn();
    clock_ms += 200;
    turn();
  };
  is_done(2);
  EXPECT_TRUE(stream->trim_due());
  stream->trim();
  EXPECT_FALSE(stream->trim_due()) << "what is behind 1 is kept";
  checkpoint("looks on", 2);
  turn();
  EXPECT_TRUE(stream->trim_due());
  stream->trim();
  EXPECT_EQ(shelf.destinations.count("looks on"), 0u) << "its place is in no book";
  queue.emplace_back(command::Subscribe{"another", 0});
  turn();
  prepare(3, 30, 30);
  end(3);
  turn();
  is_done(3);
  queue.emplace_back(command::Unsubscribe{"looks on"});
  turn();
  EXPECT_FALSE(stream->trim_due()) << "the other one is at the beginning";
  queue.emplace_back(command::Unsubscribe{"another"});
  turn();
  EXPECT_TRUE(stream->trim_due());
}

TEST_F(StreamTest, WhoIsHeldIsToldOfASubscriberThatIsBehindToo) {
  limit(0);
  prepare(1, 10, 10);
  end(1);
  queue.emplace_back(command::Subscribe{"looks on", 0});
  checkpoint("e", 1);
  turn();
  clock_ms = 100;
  ASSERT_TRUE(log->sync());
  turn();
  open(2);
  hold(2, 20, 20);
  fill(1000);
  turn();
  clock_ms = 200;
  const auto effects = turn();
  ASSERT_EQ(replies(effects), "2 53100");
  const auto& message = effects.replies[0].result.error().message;
  EXPECT_TRUE(has(message, "wait for looks on (1 transaction behind)")) << message;
}

TEST_F(StreamTest, WhereNoDestinationIsBehindTransactionsAre) {
  limit(1000);
  open(1);
  hold(1, 10, 10);
  turn();
  clock_ms = 100;
  EXPECT_TRUE(has(turn().replies.at(0).result.error().message, "in doubt or still running"));
}

TEST_F(StreamTest, ThatItIsFullIsSaidOnceAndThatThereIsRoomToo) {
  limit(1000);
  open(1);
  hold(1, 10, 10);
  const auto full = notices(turn());
  ASSERT_FALSE(full.empty());
  EXPECT_TRUE(has(full[0], "is full")) << full[0];
  open(2);
  hold(2, 20, 20);
  EXPECT_TRUE(turn().notices.empty());
  clock_ms = 100;
  turn();
  fill(100);
  EXPECT_EQ(notices(turn()), std::vector<std::string>{"the journal /j has room again"});
  EXPECT_TRUE(turn().notices.empty());
}

TEST_F(StreamTest, AHeldWriteWhoseSessionEndsIsForgottenAndNotAnswered) {
  limit(1000);
  open(1);
  hold(1, 10, 10);
  turn();
  end(1, Outcome::aborted);
  turn();
  open(2);
  hold(2, 10, 10);
  end(2, Outcome::unknown);
  EXPECT_TRUE(turn().doubts.empty()) << "its COMMIT was not sent";
  fill(0);
  EXPECT_EQ(replies(turn()), "");
  EXPECT_EQ(pending(), "");
  EXPECT_FALSE(stream->deadline());
}

TEST_F(StreamTest, OneThatWasHeldAndWrittenBeforeItsSessionEndedIsADoubt) {
  limit(1000);
  open(1);
  hold(1, 10, 10);
  turn();
  fill(0);
  turn();
  end(1, Outcome::unknown);
  EXPECT_EQ(turn().doubts.size(), 1u) << "whether the answer has reached it and its COMMIT was sent nobody knows here";
}

TEST_F(StreamTest, OutcomesGoOnWhileTheJournalIsFull) {
  limit(0);
  prepare(1, 10, 10);
  fill(1000);
  end(1);
  EXPECT_EQ(released(turn()), "701@1");
}

TEST_F(StreamTest, ACheckpointMakesRoomForHeldWritesWithoutAnIdleMoment) {
  limit(0);
  prepare(1, 10, 10);
  end(1);
  turn();
  ASSERT_TRUE(log->sync());
  disk->set([](FakeDisk& one) { one.bytes.reset(); });
  options.max_bytes = log->bytes();
  options.hold_timeout = milliseconds(1000);
  restart();
  open(2);
  hold(2, 20, 20);
  EXPECT_EQ(replies(turn()), "");
  checkpoint("e", 1);
  EXPECT_EQ(replies(turn()), "2 ok") << "a write that waits for room does not wait for the checkpoint's turn";
  EXPECT_EQ(in_book("e"), 1);
}

TEST_F(StreamTest, HowFullItIsIsSaidAtHalfAndAtFourFifths) {
  limit(0);
  fill(500);
  EXPECT_EQ(notices(turn()).size(), 1u);
  EXPECT_TRUE(turn().notices.empty());
  fill(800);
  const auto said = notices(turn());
  ASSERT_EQ(said.size(), 1u);
  EXPECT_TRUE(has(said[0], "80 % of journal.max_bytes (800 of 1000 bytes)")) << said[0];
  EXPECT_TRUE(turn().notices.empty());
}

TEST_F(StreamTest, HowFullItIsIsSaidAgainOnlyAfterItWasBelow) {
  limit(0);
  fill(500);
  EXPECT_EQ(notices(turn()).size(), 1u);
  for (const std::uint64_t bytes : {499u, 500u, 450u, 600u}) {
    fill(bytes);
    EXPECT_TRUE(turn().notices.empty()) << bytes;
  }
  fill(300);
  EXPECT_TRUE(turn().notices.empty());
  fill(900);
  const auto both = notices(turn());
  ASSERT_EQ(both.size(), 1u) << "the higher one says it all";
  EXPECT_TRUE(has(both[0], "80 % of journal.max_bytes (900 of 1000 bytes)")) << both[0];
  fill(600);
  EXPECT_TRUE(turn().notices.empty());
  fill(800);
  EXPECT_EQ(notices(turn()).size(), 1u);
}

// -- failures ---------------------------------------------------------------------------------------------------------

TEST_F(StreamTest, AnOutcomeIsNotLostWhenItsNoteFails) {
  prepare(1, 10, 10);
  fail_writes(kDiskFull);
  end(1);
  EXPECT_EQ(released(turn()), "");
  EXPECT_EQ(deadline_ms(), 200);
  EXPECT_EQ(released(turn()), "");
  fail_writes(std::nullopt);
  EXPECT_EQ(released(turn()), "") << "its time has not come";
  clock_ms = 200;
  EXPECT_EQ(released(turn()), "701@1");
  EXPECT_EQ(in_log(), "701@1");
  EXPECT_FALSE(stream->deadline());
}

TEST_F(StreamTest, PositionsHaveNoGapAndNoOtherOrderAfterAFailure) {
  prepare(1, 10, 10);
  prepare(2, 20, 20);
  prepare(3, 15, 15);
  fail_writes(kDiskFull);
  end(1);
  end(2);
  turn();
  end(3, Outcome::aborted);
  turn();
  clock_ms = 200;
  turn();
  fail_writes(std::nullopt);
  clock_ms = 400;
  prepare(4, 5, 5);
  end(4);
  EXPECT_EQ(released(turn()), "701@1 702@2 704@3");
  EXPECT_EQ(in_log(), "701@1 702@2 704@3");
}

TEST_F(StreamTest, TheEndSavesWhatWaitedForTheDisk) {
  prepare(1, 10, 10);
  fail_writes(kDiskFull);
  end(1);
  turn();
  fail_writes(std::nullopt);
  EXPECT_EQ(released(stream->finish(now())), "701@1") << "without waiting for its time";
}

TEST_F(StreamTest, AFailureIsToldOnceAndItsEndOnce) {
  prepare(1, 10, 10);
  prepare(2, 20, 20);
  fail_writes(kDiskFull);
  end(1);
  EXPECT_EQ(notices(turn()), std::vector<std::string>{kDiskFull.message + "; it is tried again"});
  end(2);
  for (const int ms : {200, 400, 600}) {
    clock_ms = ms;
    EXPECT_TRUE(turn().notices.empty());
  }
  fail_writes(std::nullopt);
  clock_ms = 800;
  EXPECT_EQ(notices(turn()), std::vector<std::string>{"the journal /j can be written again"});
  EXPECT_TRUE(turn().notices.empty());
}

TEST_F(StreamTest, WhileTheDiskFailsItIsLookedAtAgainAndNotAllTheTime) {
  limit(0);
  prepare(1, 10, 10);
  prepare(2, 20, 20);
  prepare(3, 5, 5);
  end(2);
  turn();
  fail_writes(kDiskFull);
  clock_ms = 20;
  checkpoint("e", 0);
  end(3);
  turn();
  EXPECT_EQ(deadline_ms(), 220);
  clock_ms = 210;
  turn();
  EXPECT_EQ(deadline_ms(), 220) << "whatever else is due by now has to wait for the disk as well";
}

TEST_F(StreamTest, AnAcknowledgementSurvivesAFailedNote) {
  prepare(1, 10, 10);
  prepare(2, 20, 20);
  end(2);
  turn();
  fail_writes(kDiskFull);
  clock_ms = 20;
  turn();
  EXPECT_EQ(pending(), "701 702");
  fail_writes(std::nullopt);
  clock_ms = 220;
  turn();
  EXPECT_EQ(pending(), "701 702!");
  end(1);
  EXPECT_EQ(released(turn()), "701@1 702@2");
}

TEST_F(StreamTest, AReportSurvivesAFailedWrite) {
  fail_writes(kDiskFull);
  report(5, 10);
  EXPECT_EQ(turn().sync_to, 0u);
  fail_writes(std::nullopt);
  clock_ms = 200;
  EXPECT_EQ(released(turn_and_sync()), "705@1");
}

TEST_F(StreamTest, GivingUpSurvivesAFailedWriteAndCountsOnce) {
  prepare(1, 10, 10);
  end(1, Outcome::unknown);
  turn();
  fail_writes(kDiskFull);
  queue.emplace_back(command::GiveUp{1, {change()}});
  turn();
  queue.emplace_back(command::GiveUp{1, {change()}});
  end(1, Outcome::aborted);
  turn();
  fail_writes(std::nullopt);
  clock_ms = 200;
  EXPECT_EQ(released(turn_and_sync()), "701@1");
  EXPECT_EQ(pending(), "");
}

// -- the book ---------------------------------------------------------------------------------------------------------

TEST_F(StreamTest, CheckpointsAreWrittenTogetherAndNotAllTheTime) {
  shelf.destinations = {{"a", {}}, {"b", {}}};
  options.emitters = {"a", "b"};
  restart();
  for (const int id : {1, 2, 3}) {
    prepare(id, static_cast<event::Lsn>(id) * 10, static_cast<event::Lsn>(id) * 10);
    end(id);
  }
  turn();
  ASSERT_TRUE(log->sync());
  checkpoint("a", 1);
  turn();
  EXPECT_EQ(shelf.writes, 0);
  EXPECT_EQ(deadline_ms(), 100);
  clock_ms = 99;
  checkpoint("b", 2);
  checkpoint("a", 3);
  checkpoint("a", 2);
  turn();
  EXPECT_EQ(shelf.writes, 0);
  clock_ms = 100;
  turn();
  EXPECT_EQ(shelf.writes, 1);
  EXPECT_EQ(in_book("a"), 3) << "only forward";
  EXPECT_EQ(in_book("b"), 2);
  EXPECT_EQ(stream->checkpoint("a"), 3);
  EXPECT_FALSE(stream->deadline());
}

TEST_F(StreamTest, TheLastCheckpointIsWrittenAtTheEnd) {
  prepare(1, 10, 10);
  end(1);
  turn();
  ASSERT_TRUE(log->sync());
  checkpoint("e", 1);
  turn();
  stream->finish(now());
  EXPECT_EQ(in_book("e"), 1);
}

TEST_F(StreamTest, ADeadLetterIsInTheBookBeforeTheCheckpointThatPassesIt) {
  prepare(1, 10, 10);
  end(1);
  turn();
  ASSERT_TRUE(log->sync());
  dead_letter(1);
  checkpoint("e", 1);
  turn();
  EXPECT_EQ(shelf.dead_letters.size(), 1u) << "it does not wait for the checkpoint's time";
  EXPECT_EQ(in_book("e"), 0);
  fail_book(kDiskFull);
  dead_letter(1);
  clock_ms = 100;
  turn();
  fail_book(std::nullopt);
  EXPECT_EQ(in_book("e"), 0) << "not even by way of another write";
  clock_ms = 300;
  turn();
  EXPECT_EQ(shelf.dead_letters.size(), 2u);
  EXPECT_EQ(in_book("e"), 1);
}

TEST_F(StreamTest, CheckpointsSurviveAFailedWrite) {
  prepare(1, 10, 10);
  end(1);
  turn();
  ASSERT_TRUE(log->sync());
  fail_book(kDiskFull);
  checkpoint("e", 1);
  dead_letter(1);
  EXPECT_EQ(notices(turn()), std::vector<std::string>{kDiskFull.message + "; it is tried again"});
  EXPECT_EQ(stream->checkpoint("e"), 0);
  EXPECT_FALSE(stream->trim_due()) << "what is not in the book is kept";
  fail_book(std::nullopt);
  clock_ms = 200;
  EXPECT_EQ(notices(turn()), std::vector<std::string>{"the journal /j can be written again"});
  EXPECT_EQ(in_book("e"), 1);
  EXPECT_EQ(shelf.dead_letters.size(), 1u);
  EXPECT_EQ(stream->checkpoint("e"), 1);
}

/// Otherwise another transaction could stand at a position that a destination has, after a crash of the machine.
TEST_F(StreamTest, ACheckpointIsInTheBookOnceTheLogCannotForgetItsPosition) {
  prepare(1, 10, 10);
  prepare(2, 20, 20);
  end(1);
  turn();
  ASSERT_TRUE(log->sync());
  end(2);
  turn();
  checkpoint("e", 2);
  clock_ms = 100;
  turn();
  clock_ms = 200;
  const auto effects = turn();
  EXPECT_EQ(in_book("e"), 1) << "the first one's position is durable";
  EXPECT_EQ(effects.sync_to, log->end());
  ASSERT_TRUE(log->sync());
  clock_ms = 300;
  EXPECT_EQ(turn().sync_to, 0u);
  EXPECT_EQ(in_book("e"), 2);
  EXPECT_FALSE(stream->deadline());
}

TEST_F(StreamTest, AProcessDoesNotAskForThat) {
  auto unsynced = options;
  unsynced.waits_for_sync = false;
  start(unsynced);
  prepare(1, 10, 10);
  end(1);
  turn();
  checkpoint("e", 1);
  turn();
  clock_ms = 100;
  EXPECT_EQ(turn().sync_to, 0u);
  EXPECT_EQ(in_book("e"), 1);
}

}  // namespace
}  // namespace weir::capture
