// A session's gate sentence by sentence: what is in the log, what the stream is told, and what the session hears. The
// stream's thread is played by a list; the syncer and the log are those that everybody shares.
#include "tests/proxy/commit/session_gate_fixture.h"

namespace weir::proxy {
namespace {

// -- the four durabilities --------------------------------------------------------------------------------------------

TEST_F(SessionGateTest, AnAnswerWaitsForTheSyncAndTheCommitDoesNot) {
  disk->hold_sync();
  auto gate = make_gate(Durability::answer);
  const auto id = gate->open();
  EXPECT_EQ(prepare(*gate, id), "ok");
  disk->await_held_syncs(1);  // the database commits at the same time
  EXPECT_FALSE(gate->may_be_told(id));
  EXPECT_TRUE(heard.all().empty());
  disk->let_sync_go();
  ASSERT_TRUE(heard.hears("durable"));
  EXPECT_TRUE(gate->may_be_told(id));
}

TEST_F(SessionGateTest, WhatIsDurableWhenTheDatabaseAnswersIsToldAtOnce) {
  auto gate = make_gate(Durability::answer);
  const auto id = gate->open();
  prepare(*gate, id);
  syncer.stop();
  EXPECT_EQ(syncs(), 1);
  EXPECT_TRUE(gate->may_be_told(id));
  EXPECT_TRUE(heard.all().empty());
}

TEST_F(SessionGateTest, ACommitWaitsForTheSync) {
  disk->hold_sync();
  auto gate = make_gate(Durability::commit);
  const auto id = gate->open();
  EXPECT_EQ(prepare(*gate, id), "later");
  disk->await_held_syncs(1);
  EXPECT_TRUE(heard.all().empty());
  disk->let_sync_go();
  ASSERT_TRUE(heard.hears("1 ok"));
  EXPECT_TRUE(gate->may_be_told(id));
}

TEST_F(SessionGateTest, AProcessAndAMemoryWaitForNothing) {
  for (const auto durability : {Durability::process, Durability::memory}) {
    auto gate = make_gate(durability);
    const auto id = gate->open();
    EXPECT_EQ(prepare(*gate, id), "ok");
    EXPECT_TRUE(gate->may_be_told(id));
    EXPECT_EQ(in_log(id), "1");
    gate->outcome(id, Outcome::committed);
  }
  syncer.stop();
  EXPECT_EQ(syncs(), 0);
  EXPECT_TRUE(heard.all().empty());
}

TEST_F(SessionGateTest, SessionsShareSyncs) {
  disk->hold_sync();
  auto one = make_gate();
  auto two = make_gate();
  auto three = make_gate();
  const auto first = one->open();
  prepare(*one, first);
  disk->await_held_syncs(1);
  const auto second = two->open();
  const auto third = three->open();
  prepare(*two, second);
  prepare(*three, third);
  EXPECT_FALSE(one->may_be_told(first));
  EXPECT_FALSE(two->may_be_told(second));
  EXPECT_FALSE(three->may_be_told(third));
  disk->let_sync_go();
  ASSERT_TRUE(heard.hears("durable", 3));
  syncer.stop();
  EXPECT_EQ(syncs(), 2);
}

TEST_F(SessionGateTest, WhoAsksAgainIsToldAgain) {
  disk->hold_sync();
  auto gate = make_gate();
  const auto first = gate->open();
  prepare(*gate, first);
  EXPECT_FALSE(gate->may_be_told(first));
  EXPECT_FALSE(gate->may_be_told(first));
  disk->let_sync_go();
  ASSERT_TRUE(heard.hears("durable"));
  EXPECT_TRUE(gate->may_be_told(first));
}

// -- what is written, and what the stream is told ---------------------------------------------------------------------

TEST_F(SessionGateTest, TheStreamIsToldOfEachStepInItsOrder) {
  auto gate = make_gate();
  const auto id = gate->open();
  EXPECT_EQ(told.back().second, Urgency::whenever);
  prepare(*gate, id);
  EXPECT_EQ(told.back().second, Urgency::whenever) << "nobody waits for it before its outcome";
  const auto written = last_told<command::Written>();
  EXPECT_EQ(written.end, log.end());
  ASSERT_TRUE(written.events);
  EXPECT_EQ(written.events->size(), 1u);
  EXPECT_EQ(written.transaction.xid, 701u);
  EXPECT_GT(written.transaction.prepared_us, 0) << "stamped with the time";
  gate->outcome(id, Outcome::committed);
  EXPECT_EQ(told.back().second, Urgency::offered);
  EXPECT_GE(last_told<command::End>().at_us, written.transaction.prepared_us);
  EXPECT_EQ(told_text(), "open 1; written 1; end 1 committed");
}

TEST_F(SessionGateTest, IdsAreNeverGivenOutTwice) {
  auto one = make_gate();
  auto two = make_gate();
  std::set<std::int64_t> ids;
  for (int i = 0; i < 100; ++i) {
    ids.insert(one->open());
    ids.insert(two->open());
  }
  EXPECT_EQ(ids.size(), 200u);
}

TEST_F(SessionGateTest, ALargeTransactionIsNotKeptInMemory) {
  auto gate = make_gate();
  auto large = change();
  large.after = std::string(capture::kLargestShared, '.');
  prepare(*gate, gate->open(), {large});
  EXPECT_EQ(last_told<command::Written>().events, nullptr);
}

TEST_F(SessionGateTest, WhatIsAppendedIsWrittenBeforeTheRest) {
  auto gate = make_gate();
  const auto id = gate->open();
  gate->append(id, {change(1), change(2)});
  gate->append(id, {change(3)});
  EXPECT_EQ(in_log(id), "none") << "not before it is prepared";
  EXPECT_EQ(prepare(*gate, id, {change(4)}), "ok");
  EXPECT_EQ(in_log(id), "1 2 3 4");
  EXPECT_EQ(last_told<command::Written>().events, nullptr);
  EXPECT_EQ(told_text(), "open 1; written 1");
}

TEST_F(SessionGateTest, ASavepointThatIsRolledBackTakesItsEventsBack) {
  auto gate = make_gate();
  const auto id = gate->open();
  gate->truncate(id, 1);
  gate->append(id, {change(1), change(2), change(3)});
  gate->truncate(id, 2);
  gate->append(id, {change(2)});
  prepare(*gate, id, {});
  EXPECT_EQ(in_log(id), "1 2");
}

TEST_F(SessionGateTest, ATransactionWhoseCommitFailedGoesOnWithItsEvents) {
  auto gate = make_gate();
  const auto id = gate->open();
  EXPECT_EQ(prepare(*gate, id, {change(1), change(2)}), "ok");
  gate->reopen(id);
  EXPECT_EQ(told.back().second, Urgency::soon);
  EXPECT_EQ(in_log(id), "none") << "a crash here finds nothing in doubt";
  gate->truncate(id, 2);
  gate->append(id, {change(2)});
  EXPECT_EQ(prepare(*gate, id, {change(3)}), "ok");
  EXPECT_EQ(in_log(id), "1 2 3");
  gate->reopen(id);
  gate->truncate(id, 1);
  EXPECT_EQ(prepare(*gate, id, {}), "ok") << "also where nothing is left";
  EXPECT_EQ(in_log(id), "");
  gate->outcome(id, Outcome::aborted);
  EXPECT_EQ(told_text(), "open 1; written 1; reopened 1; written 1; reopened 1; written 1; end 1 aborted");
}

TEST_F(SessionGateTest, WhatIsWrittenAgainIsWaitedForAgain) {
  auto gate = make_gate();
  const auto id = gate->open();
  prepare(*gate, id);
  EXPECT_TRUE(gate->may_be_told(id) || heard.hears("durable"));
  gate->reopen(id);
  disk->hold_sync();
  prepare(*gate, id);
  EXPECT_FALSE(gate->may_be_told(id));
}

TEST_F(SessionGateTest, AReportHasANumberOfItsOwn) {
  auto gate = make_gate();
  EXPECT_EQ(gate->open(), 1);
  gate->report(transaction(1, 10, 10), change());
  EXPECT_EQ(told.back().second, Urgency::now);
  EXPECT_EQ(last_told<command::Report>().transaction.id, 2);
  EXPECT_GT(last_told<command::Report>().transaction.committed_us, 0);
}

TEST_F(SessionGateTest, WhoeverLogsHearsOfAReportAtOnce) {
  auto gate = make_gate();
  event::ChangeEvent gap = change();
  gap.cause = "lost track of the session: a rule";
  gate->report(transaction(1, 10, 10), std::move(gap));
  EXPECT_TRUE(heard.hears("reported lost track of the session: a rule"));
}

TEST_F(SessionGateTest, WhatASessionCommittedIsCounted) {
  auto gate = make_gate();
  for (const auto outcome : {Outcome::committed, Outcome::aborted, Outcome::committed, Outcome::unknown}) {
    const auto id = gate->open();
    prepare(*gate, id, {change(1), change(2)});
    gate->outcome(id, outcome);
  }
  EXPECT_EQ(counts.transactions.value(), 2u);
  EXPECT_EQ(counts.events.value(), 4u);
}

TEST_F(SessionGateTest, OfWhatIsNotOpenNothingIsWritten) {
  auto gate = make_gate();
  EXPECT_EQ(prepare(*gate, 7), "58030 told: the transaction is not open; please report this");
  gate->append(7, {change()});
  gate->truncate(7, 1);
  gate->reopen(7);
  gate->outcome(7, Outcome::committed);
  EXPECT_TRUE(gate->may_be_told(7));
  EXPECT_EQ(told_text(), "");
  EXPECT_TRUE(disk->records.empty());
}

// -- failures ---------------------------------------------------------------------------------------------------------

TEST_F(SessionGateTest, AFailedWriteRefusesTheCommitWithItsSqlstate) {
  auto gate = make_gate();
  const auto id = gate->open();
  fail_writes(kDiskFull);
  EXPECT_EQ(prepare(*gate, id), "53100 told: " + kDiskFull.message);
  gate->outcome(id, Outcome::aborted);
  EXPECT_EQ(told_text(), "open 1; end 1 aborted");
  fail_writes(Error{"journal /j: I/O error", ""});
  EXPECT_EQ(prepare(*gate, gate->open()), "58030 told: journal /j: I/O error") << "none is an I/O error";
  fail_writes(std::nullopt);
  EXPECT_EQ(prepare(*gate, gate->open()), "ok");
}

TEST_F(SessionGateTest, WhileSyncsFailNobodyIsToldAndNewCommitsAreRefused) {
  auto gate = make_gate();
  disk->hold_sync();
  const auto first = gate->open();
  prepare(*gate, first);
  disk->await_held_syncs(1);
  disk->set([](FakeDisk& one) { one.fail_sync = kDiskFull; });
  EXPECT_FALSE(gate->may_be_told(first));
  disk->let_sync_go();
  {
    std::unique_lock lock(disk->mutex);
    disk->changed.wait(lock, [&] { return disk->syncs >= 2; });  // so one has failed
  }
  EXPECT_EQ(prepare(*gate, gate->open()), "53100 told: " + kDiskFull.message);
  EXPECT_TRUE(heard.all().empty());
  disk->set([](FakeDisk& one) { one.fail_sync.reset(); });
  ASSERT_TRUE(heard.hears("durable"));
  EXPECT_TRUE(gate->may_be_told(first));
  EXPECT_EQ(prepare(*gate, gate->open()), "ok");
}

TEST_F(SessionGateTest, EventsThatWereLostRefuseTheCommitAndThoseOfOneDoNotTouchTheOther) {
  auto gate = make_gate();
  auto other = make_gate();
  const auto id = gate->open();
  const auto well = other->open();
  gate->append(id, {change(1)});
  fail_spills(Error{"journal /j: value too large", "54000"});
  gate->append(id, {change(2)});
  fail_spills(std::nullopt);
  gate->append(id, {change(3)});
  gate->truncate(id, 1);
  EXPECT_EQ(prepare(*gate, id), "54000 told: journal /j: value too large");
  EXPECT_EQ(in_log(id), "none");
  EXPECT_EQ(prepare(*other, well), "ok");
}

TEST_F(SessionGateTest, EventsThatCouldNotBeTakenBackRefuseTheCommit) {
  auto gate = make_gate();
  const auto id = gate->open();
  gate->append(id, {change(1), change(2)});
  fail_spills(kDiskFull);
  gate->truncate(id, 2);
  fail_spills(std::nullopt);
  EXPECT_EQ(prepare(*gate, id), "53100 told: " + kDiskFull.message);
}

TEST_F(SessionGateTest, WhatCouldNotBeReopenedIsRefusedAndTheStreamKnowsThatItGoesOn) {
  auto gate = make_gate();
  const auto id = gate->open();
  prepare(*gate, id);
  fail_writes(kDiskFull);
  gate->reopen(id);
  fail_writes(std::nullopt);
  gate->append(id, {change(2)});
  EXPECT_EQ(prepare(*gate, id), "53100 told: " + kDiskFull.message);
  gate->outcome(id, Outcome::aborted);
  EXPECT_EQ(told_text(), "open 1; written 1; reopened 1; end 1 aborted");
}

// -- a full journal ---------------------------------------------------------------------------------------------------

TEST_F(SessionGateTest, WhatDoesNotFitIsLeftToTheStream) {
  for (const auto durability : {Durability::answer, Durability::commit, Durability::process, Durability::memory}) {
    told.clear();
    auto gate = make_gate(durability);
    fill(0);
    const auto id = gate->open();
    gate->append(id, {change(1)});
    fill(1000);
    EXPECT_EQ(prepare(*gate, id, {change(2)}), "later");
    EXPECT_EQ(in_log(id), "none");
    EXPECT_EQ(told.back().second, Urgency::now);
    auto& hold = std::get<command::Hold>(told.back().first);
    EXPECT_EQ(hold.transaction.id, id);
    EXPECT_GT(hold.transaction.prepared_us, 0);
    EXPECT_EQ(hold.rest.size(), 1u);
    ASSERT_TRUE(hold.spill) << "with all that was appended";
    (*hold.answer)(id, {});
    EXPECT_TRUE(heard.has(std::to_string(id) + " ok"));
  }
}

TEST_F(SessionGateTest, WhatTheStreamHasWrittenCanBeToldAndReopened) {
  fill(1000);
  auto gate = make_gate();
  const auto id = gate->open();
  prepare(*gate, id);
  ASSERT_TRUE(log.write(transaction(id, 10, 10), std::vector{change(1)}, nullptr, {}));
  EXPECT_TRUE(gate->may_be_told(id)) << "it was answered when it was durable";
  gate->reopen(id);
  fill(0);
  EXPECT_EQ(prepare(*gate, id, {change(2)}), "ok");
  EXPECT_EQ(in_log(id), "1 2");
}

TEST_F(SessionGateTest, StreamingFarBeyondTheLimitIsRefusedAtTheCommit) {
  auto gate = make_gate();
  fill(1249);
  const auto small = gate->open();
  gate->append(small, {change(1)});
  fill(1250);
  const auto id = gate->open();
  gate->append(id, {change(1)});
  fill(0);
  EXPECT_EQ(prepare(*gate, id), "53100 told: the journal /j is full (journal.max_bytes)");
  EXPECT_EQ(prepare(*gate, small, {change(2)}), "ok");
  EXPECT_EQ(in_log(small), "1 2");
}

// -- runs of the server -----------------------------------------------------------------------------------------------

TEST_F(SessionGateTest, ARunOfTheServerIsInTheBookBeforeWhatIsWrittenInIt) {
  auto gate = make_gate();
  std::vector<std::string> then;
  on_written = [&] { then = *book.server_runs(); };
  prepare(*gate, gate->open());
  EXPECT_EQ(then, std::vector<std::string>{kRun});
  prepare(*gate, gate->open());
  EXPECT_EQ(shelf.writes, 1) << "once";
}

TEST_F(SessionGateTest, ARunThatCannotBeNotedRefusesTheCommitAndTheNextTriesAgain) {
  auto gate = make_gate();
  const auto id = gate->open();
  shelf.set([](FakeShelf& one) { one.fail_write = kDiskFull; });
  EXPECT_EQ(prepare(*gate, id), "53100 told: " + kDiskFull.message);
  EXPECT_EQ(in_log(id), "none");
  shelf.set([](FakeShelf& one) { one.fail_write.reset(); });
  EXPECT_EQ(prepare(*gate, gate->open()), "ok");
  EXPECT_EQ(shelf.server_runs, std::vector<std::string>{kRun});
}

/// Both sessions meet the server's new run at the same time: neither writes before the book has it.
TEST(ServerRunsTest, WhoSeesARunThatIsBeingKeptWaits) {
  std::atomic<bool> kept = false;
  std::future<bool> other;
  ServerRuns runs([&](std::string_view) {
    other = std::async(std::launch::async, [&] {
      EXPECT_TRUE(runs.see(kRun));
      return kept.load();
    });
    EXPECT_EQ(other.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
    kept = true;
    return Result<void>();
  });
  EXPECT_TRUE(runs.see(kRun));
  EXPECT_TRUE(other.get());
}

// -- a session that ends ----------------------------------------------------------------------------------------------

TEST_F(SessionGateTest, AGateThatGoesLeavesNothingOpen) {
  auto gate = make_gate();
  gate->open();
  gate.reset();
  EXPECT_EQ(told_text(), "open 1; end 1 unknown");

  told.clear();
  gate = make_gate();
  gate->append(gate->open(), {change()});
  gate.reset();
  EXPECT_EQ(told_text(), "open 2; end 2 unknown");
  EXPECT_EQ(in_log(2), "none");

  told.clear();
  gate = make_gate();
  prepare(*gate, gate->open());
  gate.reset();
  EXPECT_EQ(told_text(), "open 3; written 3; end 3 unknown");

  told.clear();
  gate = make_gate();
  const auto id = gate->open();
  prepare(*gate, id);
  gate->reopen(id);
  gate->open();
  gate.reset();
  EXPECT_EQ(told_text(), "open 4; written 4; reopened 4; open 5; end 5 unknown; end 4 unknown");

  told.clear();
  fill(1000);
  gate = make_gate();
  prepare(*gate, gate->open());
  gate.reset();
  EXPECT_EQ(told_text(), "open 6; hold 6; end 6 unknown");
}

TEST_F(SessionGateTest, AGateMayGoWhileItWaits) {
  for (const auto durability : {Durability::answer, Durability::commit}) {
    disk->hold_sync();
    auto gate = make_gate(durability);
    const auto id = gate->open();
    prepare(*gate, id);
    if (durability == Durability::answer) {
      EXPECT_FALSE(gate->may_be_told(id));
    }
    gate.reset();
    disk->let_sync_go();
    EXPECT_TRUE(heard.hears(durability == Durability::answer ? "durable" : std::to_string(id) + " ok"));
  }
}

TEST_F(SessionGateTest, WhatHasEndedIsNotEndedAgain) {
  auto gate = make_gate();
  const auto id = gate->open();
  prepare(*gate, id);
  gate->outcome(id, Outcome::committed);
  gate->outcome(id, Outcome::unknown);
  gate.reset();
  EXPECT_EQ(told_text(), "open 1; written 1; end 1 committed");
}

TEST_F(SessionGateTest, TheSyncIsAskedForBehindTheCommitThatIsSentNow) {
  std::vector<std::function<void()>> deferred;
  later = [&](std::function<void()> function) { deferred.push_back(std::move(function)); };
  auto gate = make_gate();
  const auto id = gate->open();
  ASSERT_EQ(prepare(*gate, id), "ok");
  ASSERT_EQ(deferred.size(), 1u);
  EXPECT_LT(log.durable(), log.end()) << "nobody has asked";
  gate.reset();
  deferred.front()();
  std::unique_lock lock(disk->mutex);
  disk->changed.wait(lock, [&] { return disk->syncs > 0; });
}

TEST_F(SessionGateTest, AnOutcomeThatIsOfferedIsCarriedOutOnceNothingElseIsAtHand) {
  std::vector<std::function<void()>> deferred;
  later = [&](std::function<void()> function) { deferred.push_back(std::move(function)); };
  auto gate = make_gate(Durability::process);
  for (const bool taken : {false, true}) {
    takes_offers = taken;
    const auto id = gate->open();
    ASSERT_EQ(prepare(*gate, id), "ok");
    gate->outcome(id, Outcome::committed);
    EXPECT_EQ(deferred.size(), taken ? 1u : 0u);
  }
  EXPECT_FALSE(heard.has("carried out"));
  gate.reset();
  deferred.front()();
  EXPECT_TRUE(heard.has("carried out"));
}

}  // namespace
}  // namespace weir::proxy
