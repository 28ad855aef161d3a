// The committer's threads at a start: what an earlier run and a crash of the machine left.
#include "tests/proxy/commit/committer_fixture.h"

namespace weir::proxy {
namespace {

// -- what an earlier run left -----------------------------------------------------------------------------------------

TEST_F(CommitterTest, WhatAnEarlierRunLeftIsInDoubtAtTheStart) {
  start();
  auto gate = make_gate();
  const auto id = gate->open();
  ASSERT_TRUE(prepare(*gate, id));
  gate.reset();
  start();
  EXPECT_EQ(heard.count("doubt 1"), 2) << "told before start returns";
  committer->resolve(id, Outcome::committed);
  EXPECT_TRUE(heard.hears("released"));
}

TEST_F(CommitterTest, ACrashOfTheMachineIsToldFirstAndOnce) {
  start();
  auto gate = make_gate();
  const auto id = gate->open();
  ASSERT_TRUE(prepare(*gate, id));
  gate.reset();
  crash();
  start();
  committer->resolve(id, Outcome::committed);
  committer->drain();
  EXPECT_FALSE(shelf.booted_since);
  EXPECT_EQ(left(), "0@1 701@2");
  start();
  EXPECT_EQ(left(), "0@1 701@2");
}

TEST_F(CommitterTest, ATornLogIsACrashToo) {
  start();
  auto gate = make_gate();
  commit(*gate);
  ASSERT_TRUE(heard.hears("released"));
  gate.reset();
  crash();
  shelf.booted_since = false;
  disk->torn = true;
  start();
  committer->drain();
  EXPECT_EQ(left(), "701@1 0@2");
}

TEST_F(CommitterTest, ABootBehindAGoodEndTakesNothing) {
  start();
  auto gate = make_gate();
  commit(*gate);
  ASSERT_TRUE(heard.hears("released"));
  gate.reset();
  committer->stop();
  shelf.booted_since = true;
  start();
  committer->drain();
  EXPECT_EQ(left(), "701@1");
}

TEST_F(CommitterTest, AnEndThatCouldNotBeSyncedIsNoGoodEnd) {
  start();
  fail_syncs(kDiskFull);
  committer->stop();
  EXPECT_FALSE(shelf.ended);
}

/// Every COMMIT has waited for the sync of its record.
TEST_F(CommitterTest, WhereEveryCommitWaitedACrashTookNothing) {
  start(Durability::commit);
  auto gate = make_gate();
  commit(*gate);
  ASSERT_TRUE(heard.hears("released"));
  gate.reset();
  crash();
  start(Durability::commit);
  committer->drain();
  EXPECT_EQ(left(), "701@1");
}

TEST_F(CommitterTest, WhereNothingWasWrittenACrashTookNothing) {
  shelf.booted_since = true;
  start();
  EXPECT_FALSE(shelf.booted_since);
  committer->drain();
  EXPECT_EQ(left(), "");
}

TEST_F(CommitterTest, ABookThatCannotBeReadStopsTheStart) {
  shelf.fail_read = kDiskFull;
  const auto started = try_start(options());
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().message, kDiskFull.message);
  committer->drain();
  committer->stop();
}

}  // namespace
}  // namespace weir::proxy
