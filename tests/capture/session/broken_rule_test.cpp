// A rule of the session's own that does not hold ends the capturing: with a gap, and where the client could see what
// Weir has added, with the session.
#include <gtest/gtest.h>

#include <atomic>

#include "capture/session/session_state.h"
#include "capture/sql/statement_cache.h"
#include "tests/capture/session/noting_gate.h"

namespace weir::capture {
namespace {

class BrokenRuleTest : public ::testing::Test {
 protected:
  SessionOptions options() {
    SessionOptions made;
    made.statements = &texts;
    made.settings = &settings;
    made.gate = &gate;
    made.catalog_epoch = &epoch;
    return made;
  }

  StatementCache texts;
  CaptureSettings settings;
  std::atomic<std::uint64_t> epoch{0};
  NotingGate gate;
  SessionState session{options()};
  wire::Turn turn;
};

TEST_F(BrokenRuleTest, NothingHappensWhereAllHold) {
  session.rules.require(true, "a rule");
  turn.to_upstream.buffer() += "sent";
  heed_rules(session, turn);
  EXPECT_EQ(session.track, Track::kept);
  EXPECT_EQ(turn.to_upstream.bytes(), "sent");
  EXPECT_TRUE(gate.said.empty());
}

TEST_F(BrokenRuleTest, WhereNothingOfWeirsWasSentTheSessionIsRelayedFromThereOn) {
  session.transaction.announce();
  session.rules.require(false, "a rule");
  session.rules.require(false, "another");
  turn.to_upstream.buffer() += "the client's";
  heed_rules(session, turn);
  EXPECT_EQ(session.track, Track::lost);
  EXPECT_FALSE(turn.close);
  EXPECT_EQ(turn.to_upstream.bytes(), "the client's");
  EXPECT_EQ(gate.take(),
            (std::vector<std::string>{"open 1", "report at 0: lost track of the session: a rule", "aborted 1"}));
  heed_rules(session, turn);
  EXPECT_TRUE(gate.said.empty()) << "it is told once";
}

TEST_F(BrokenRuleTest, WhereSomethingWasNothingMoreIsSentAndTheSessionEnds) {
  session.queue.push({.expect = Expect::execute, .purpose = Purpose::facts});
  session.rules.require(false, "a rule");
  turn.to_upstream.buffer() += "perhaps wrong";
  heed_rules(session, turn);
  EXPECT_EQ(session.track, Track::closed);
  EXPECT_TRUE(turn.close);
  EXPECT_EQ(turn.to_upstream.bytes(), "");
  EXPECT_NE(turn.to_client.bytes().find("the database's answers do not fit what was sent"), std::string_view::npos);
}

TEST_F(BrokenRuleTest, WhoeverAskedHearsThatTheSessionIsGone) {
  std::string heard;
  session.question.begin(
      {"SELECT 1", {}, [&](const auto& answer) { heard = answer ? "rows" : answer.error().message; }});
  session.rules.require(false, "a rule");
  heed_rules(session, turn);
  EXPECT_EQ(heard, "lost track of the session");
}

}  // namespace
}  // namespace weir::capture
