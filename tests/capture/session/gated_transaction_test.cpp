// The open transaction towards the gate: what it hears, when, and how often.
#include "capture/session/gated_transaction.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "capture/event/gap_cause.h"
#include "tests/capture/session/noting_gate.h"

namespace weir::capture {
namespace {

using Said = std::vector<std::string>;

class GatedTransactionTest : public ::testing::Test {
 protected:
  void write(std::string image = "{}") {
    transaction.announce();
    event::ChangeEvent change;
    change.op = event::Op::create;
    change.after = std::move(image);
    change.lsn = 100;
    transaction.written().saw(7, 100);
    transaction.written().add(std::move(change));
  }
  std::string broken() const { return std::string(rules.broken()); }

  NotingGate gate;
  Rules rules;
  GatedTransaction transaction{gate, "db", {}, rules};
};

TEST_F(GatedTransactionTest, AnnouncesOnceAndTellsWhatBecameOfIt) {
  write();
  write();
  EXPECT_TRUE(transaction.waits_for_commit());
  EXPECT_TRUE(transaction.prepare());
  transaction.sent();
  EXPECT_FALSE(transaction.waits_for_commit());
  transaction.ended(Outcome::committed, false);
  EXPECT_EQ(gate.said, (Said{"open 1", "prepare 1: 2", "committed 1"}));
  EXPECT_FALSE(transaction.is_announced());
  EXPECT_EQ(broken(), "");
}

TEST_F(GatedTransactionTest, OneThatWroteNothingIsForgotten) {
  transaction.announce();
  transaction.ended(Outcome::committed, false);
  EXPECT_EQ(gate.said, (Said{"open 1", "aborted 1"}));
}

TEST_F(GatedTransactionTest, OneThatTheGateNeverHeardOfHasNoOutcome) {
  transaction.ended(Outcome::committed, false);
  transaction.lost();
  EXPECT_EQ(gate.said, Said{});
}

TEST_F(GatedTransactionTest, WhatIsSentBehindACommitIsAnotherTransaction) {
  write();
  transaction.prepare();
  transaction.sent();
  transaction.announce();
  transaction.announce();
  EXPECT_EQ(gate.take(), (Said{"open 1", "prepare 1: 1", "open 2"}));
  transaction.ended(Outcome::committed, true);
  EXPECT_EQ(gate.take(), Said{"committed 1"});
  transaction.ended(Outcome::aborted, false);
  EXPECT_EQ(gate.take(), Said{"aborted 2"});
  EXPECT_EQ(broken(), "");
}

TEST_F(GatedTransactionTest, WhatIsUnderWayWhenOneEndsIsAnnouncedAnew) {
  write();
  transaction.ended(Outcome::aborted, true);
  EXPECT_EQ(gate.said, (Said{"open 1", "aborted 1", "open 2"}));
}

TEST_F(GatedTransactionTest, ALostSessionLeavesNothingOpen) {
  write();
  transaction.prepare();
  transaction.sent();
  transaction.announce();
  transaction.lost();
  transaction.lost();
  EXPECT_EQ(gate.said, (Said{"open 1", "prepare 1: 1", "open 2", "unknown 1", "aborted 2"}));
}

TEST_F(GatedTransactionTest, OneWhoseCommitWasNotSentIsLostForGood) {
  write();
  transaction.prepare();
  transaction.lost();
  EXPECT_EQ(gate.said.back(), "aborted 1");
}

TEST_F(GatedTransactionTest, TheAnswerMayComeLater) {
  gate.answers = false;
  write();
  EXPECT_FALSE(transaction.prepare());
  EXPECT_TRUE(transaction.gathers());
  EXPECT_FALSE(transaction.is_prepared());
  EXPECT_TRUE(transaction.prepared({}));
  EXPECT_TRUE(transaction.is_prepared());
  EXPECT_FALSE(transaction.prepared({})) << "nobody waits for it";
  EXPECT_EQ(broken(), "");
}

TEST_F(GatedTransactionTest, AnAnswerToOneThatHasEndedIsNobodys) {
  gate.answers = false;
  write();
  transaction.prepare();
  transaction.ended(Outcome::aborted, false);
  EXPECT_EQ(gate.said.back(), "aborted 1");
  EXPECT_FALSE(transaction.prepared({}));
  EXPECT_FALSE(transaction.is_prepared());
}

TEST_F(GatedTransactionTest, ARefusedOneIsNotCommitted) {
  gate.answer = Result<void>(Error{"full", "53100"});
  write();
  EXPECT_TRUE(transaction.prepare());
  EXPECT_TRUE(transaction.is_refused());
  EXPECT_EQ(transaction.refusal().sqlstate, "53100");
  transaction.sent();
  EXPECT_FALSE(transaction.is_sent());
  transaction.ended(Outcome::aborted, false);
  EXPECT_EQ(gate.said.back(), "aborted 1");
}

TEST_F(GatedTransactionTest, GoesOnWhereItsCommitWasNone) {
  write();
  transaction.prepare();
  transaction.sent();
  transaction.announce();
  transaction.reopen();
  EXPECT_TRUE(transaction.waits_for_commit()) << "the journal has to hear of it again";
  transaction.take_back(1);
  EXPECT_TRUE(transaction.has_something());
  EXPECT_TRUE(transaction.prepare());
  transaction.sent();
  transaction.ended(Outcome::committed, false);
  EXPECT_EQ(gate.said, (Said{"open 1", "prepare 1: 1", "open 2", "reopen 1", "aborted 2", "truncate 1 from 1",
                             "prepare 1: 0", "aborted 1"}))
      << "where all of it was taken back there is nothing to tell";
  EXPECT_EQ(broken(), "");
}

TEST_F(GatedTransactionTest, WhatWasPreparedAndThenRolledBackUnseenIsAGap) {
  write();
  transaction.doubt_prepared();
  EXPECT_EQ(transaction.written().event_count(), 1u) << "nothing was prepared";
  transaction.prepare();
  transaction.sent();
  transaction.reopen();
  transaction.doubt_prepared();
  ASSERT_EQ(transaction.written().events().size(), 1u);
  EXPECT_EQ(transaction.written().events()[0].cause, to_text(event::GapCause::unseen_savepoint));
  EXPECT_EQ(gate.said.back(), "truncate 1 from 1");
}

TEST_F(GatedTransactionTest, RollingBackCutsWhatTheGateHas) {
  transaction.written().savepoint("before");
  EXPECT_TRUE(transaction.rollback_to("before").known);
  EXPECT_EQ(gate.take(), Said{}) << "it knows of nothing";
  write();
  transaction.written().savepoint("a");
  write();
  EXPECT_TRUE(transaction.rollback_to("a").known);
  EXPECT_EQ(gate.take(), (Said{"open 1", "truncate 1 from 2"}));
  EXPECT_FALSE(transaction.rollback_to("never").known);
  EXPECT_EQ(transaction.written().events()[0].cause, to_text(event::GapCause::unseen_savepoint));
}

TEST_F(GatedTransactionTest, ALargeOneIsStreamedAndPreparedWithTheRest) {
  write();
  transaction.stream_if_large();
  EXPECT_EQ(gate.take(), Said{"open 1"});
  write(std::string(1u << 20, 'x'));
  transaction.stream_if_large();
  write();
  transaction.prepare();
  EXPECT_EQ(gate.take(), (Said{"append 1: 2", "prepare 1: 1"}));
}

TEST_F(GatedTransactionTest, WhatCouldNotBeHeldIsReportedBehindAllBefore) {
  write();
  transaction.prepare();
  transaction.sent();
  transaction.ended(Outcome::committed, false);
  gate.take();
  write();
  transaction.ended(Outcome::committed, false);
  EXPECT_EQ(gate.take(), (Said{"open 2", "aborted 2", "report at 100: commit could not be held"}));
  transaction.report("why");
  EXPECT_EQ(gate.take(), Said{"report at 101: why"});
}

TEST_F(GatedTransactionTest, HoldsTheAnswerUntilItIsDurable) {
  gate.told = false;
  EXPECT_FALSE(transaction.must_hold()) << "nothing was sent to be committed";
  write();
  transaction.prepare();
  transaction.sent();
  EXPECT_TRUE(transaction.must_hold());
  EXPECT_TRUE(transaction.holds());
  transaction.durable();
  EXPECT_FALSE(transaction.holds());
  gate.told = true;
  EXPECT_FALSE(transaction.must_hold());
}

TEST_F(GatedTransactionTest, WhatMayCommitByItselfIsNotKnownToHave) {
  transaction.sent_by_itself(true);
  EXPECT_FALSE(transaction.commits_itself()) << "there was nothing to commit";
  write();
  transaction.prepare();
  transaction.sent();
  EXPECT_TRUE(transaction.outcome_is_unknown());
  transaction.sent_by_itself(true);
  EXPECT_TRUE(transaction.commits_itself());
  EXPECT_FALSE(transaction.outcome_is_unknown()) << "it will be asked for";
  EXPECT_FALSE(transaction.gathers());
  transaction.forget_commits_itself();
  EXPECT_FALSE(transaction.commits_itself());
}

TEST_F(GatedTransactionTest, IsKeptWithTheRunOfItsServer) {
  transaction.set_server_run("logged", "unlogged");
  write();
  transaction.prepare();
  EXPECT_EQ(gate.run, "unlogged");
  transaction.ended(Outcome::aborted, false);
  write();
  transaction.written().saw_logged();
  transaction.prepare();
  EXPECT_EQ(gate.run, "logged");
}

// The rules, each broken: the gate is not called.

TEST_F(GatedTransactionTest, NothingIsCutBehindPrepare) {
  write();
  transaction.prepare();
  gate.take();
  transaction.take_back(1);
  EXPECT_EQ(gate.take(), Said{});
  EXPECT_EQ(broken(), "nothing is appended or cut between prepare and reopen");
}

TEST_F(GatedTransactionTest, NothingIsAppendedBehindPrepare) {
  write();
  transaction.prepare();
  write(std::string(1u << 20, 'x'));
  gate.take();
  transaction.stream_if_large();
  EXPECT_EQ(gate.take(), Said{});
  EXPECT_EQ(broken(), "nothing is appended or cut between prepare and reopen");
}

TEST_F(GatedTransactionTest, AnIncompleteOneIsNotPrepared) {
  transaction.announce();
  transaction.written().add({});
  EXPECT_FALSE(transaction.prepare());
  EXPECT_EQ(gate.take(), Said{"open 1"});
  EXPECT_EQ(broken(), "no incomplete transaction is prepared");
}

TEST_F(GatedTransactionTest, NoneIsPreparedTwice) {
  write();
  transaction.prepare();
  transaction.sent();
  gate.take();
  EXPECT_FALSE(transaction.prepare());
  EXPECT_EQ(gate.take(), Said{});
  EXPECT_EQ(broken(), "a transaction is prepared once");
}

TEST_F(GatedTransactionTest, NoneIsReopenedThatWasNotSent) {
  write();
  gate.take();
  transaction.reopen();
  EXPECT_EQ(gate.take(), Said{});
  EXPECT_EQ(broken(), "what is reopened was sent to be committed");
}

void do_anything(GatedTransaction& transaction, std::uint32_t which, std::uint32_t how) {
  event::ChangeEvent change;
  change.lsn = 5;
  switch (which) {
    case 0:
      return transaction.announce();
    case 1:
      transaction.written().saw(how % 4, 5);
      return transaction.written().add(std::move(change));
    case 2:
      return void(transaction.prepare());
    case 3:
      return void(transaction.prepared({}));
    case 4:
      return transaction.sent();
    case 5:
      return transaction.reopen();
    case 6:
      return transaction.ended(Outcome(how % 3), how % 2 == 0);
    case 7:
      return transaction.take_back(1);
    default:
      return transaction.doubt_prepared();
  }
}

/// The rules as the gate sees them: empty, or what of it breaks one.
std::string unruly(const Said& lines) {
  std::map<std::string, int> open;
  std::set<std::string> prepared;
  for (const std::string& line : lines) {
    const std::size_t space = line.find(' ');
    const std::string verb = line.substr(0, space);
    const std::string id = line.substr(space + 1, line.find_first_of(": ", space + 1) - space - 1);
    const bool ends = verb == "committed" || verb == "aborted" || verb == "unknown";
    if (verb == "open") open[id] = 1;
    if (verb == "prepare" && !prepared.insert(id).second) return line;
    if (verb == "reopen" && prepared.erase(id) == 0) return line;
    if ((verb == "truncate" || verb == "append") && prepared.contains(id)) return line;
    if (ends && open[id]-- != 1) return line;
    if (ends && verb != "aborted" && !prepared.contains(id)) return line;
  }
  for (const auto& [id, left] : open)
    if (left != 0) return id + " has no outcome";
  return "";
}

/// Whatever is done with it in whatever order, up to where it is said that a rule does not hold.
TEST(GatedTransactionModelTest, TheRulesHoldAtTheGate) {
  std::uint32_t random = 1;
  const auto next = [&random] { return (random = random * 1664525 + 1013904223) >> 16; };
  for (int round = 0; round < 20'000; ++round) {
    NotingGate gate;
    Rules rules;
    GatedTransaction transaction(gate, "db", {}, rules);
    for (int step = 0; step < 12 && rules.broken().empty(); ++step) {
      gate.answers = next() % 3 != 0;
      do_anything(transaction, next() % 9, next());
    }
    transaction.lost();
    ASSERT_EQ(unruly(gate.said), "") << "round " << round;
  }
}

}  // namespace
}  // namespace weir::capture
