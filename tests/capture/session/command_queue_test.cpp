// What was sent and is not answered: an entry takes away what it brought, whatever becomes of it.
#include "capture/session/command_queue.h"

#include <gtest/gtest.h>

#include "capture/sql/statement_cache.h"

namespace weir::capture {
namespace {

class CommandQueueTest : public ::testing::Test {
 protected:
  ~CommandQueueTest() override { EXPECT_EQ(rules.broken(), ""); }

  std::shared_ptr<Execution> execution(const char* text) {
    auto parsed = texts.find_or_parse(text, {});
    const Statement* only = parsed->single();
    return std::make_shared<Execution>(Execution{.text = parsed, .statement = only});
  }
  const Weight& run(const char* text) { return queue.push({.expect = Expect::execute, .execution = execution(text)}); }

  StatementCache texts;
  Rules rules;
  CommandQueue queue{rules};
};

TEST_F(CommandQueueTest, SumsWhatIsUnderWay) {
  run("BEGIN");
  run("CREATE TABLE t (a int)");
  queue.push({.expect = Expect::sync});
  EXPECT_EQ(queue.under_way(), (Weight{.control = 1, .syncs = 1, .catalog = 1}));
  queue.answered(0);
  EXPECT_EQ(queue.under_way(), (Weight{.syncs = 1, .catalog = 1}));
  queue.answered(0);
  queue.answered(0);
  EXPECT_EQ(queue.under_way(), Weight{});
  EXPECT_TRUE(queue.empty());
}

TEST_F(CommandQueueTest, KnowsWhatMayChangeTheEncodingBehindAnAnswer) {
  run("SET client_encoding = 'LATIN1'");
  queue.push({.expect = Expect::sync});
  EXPECT_TRUE(queue.sets_lexer_behind(0));
  EXPECT_FALSE(queue.sets_lexer_behind(1)) << "that Sync tells of it";
  run("SET client_encoding = 'UTF8'");
  queue.answered(0);
  EXPECT_TRUE(queue.sets_lexer_behind(1)) << "a later one does";
  queue.answered(0);
  queue.answered(0);
  EXPECT_FALSE(queue.sets_lexer_behind(0));
  EXPECT_FALSE(queue.sets_lexer_behind(1));
}

TEST_F(CommandQueueTest, AGroupWeighsWhatItsStatementsDoHoweverFarItIs) {
  const auto group = execution("COPY t FROM STDIN; DROP TABLE t; SELECT 1");
  group->in_group = true;
  group->captures = true;
  group->end = 3;
  queue.push({.expect = Expect::query, .purpose = Purpose::run, .execution = group});
  EXPECT_EQ(queue.under_way(), (Weight{.captured = 1, .syncs = 1, .catalog = 1, .copies = 1}));
  group->first = 2;
  group->captures = false;
  queue.answered(0);
  EXPECT_EQ(queue.under_way(), Weight{});
}

TEST_F(CommandQueueTest, WhatCannotBeReadMayDoAnything) {
  EXPECT_EQ(run("SELEKT 1"), (Weight{.control = 1, .catalog = 1}));
  const auto of_weir = execution("SELEKT 1");
  EXPECT_EQ(queue.push({.expect = Expect::execute, .purpose = Purpose::drain, .execution = of_weir}), Weight{});
  queue.fail_to_sync(false);
}

TEST_F(CommandQueueTest, AFailureTakesAllUpToTheSync) {
  run("BEGIN");
  const std::int64_t mark = queue.names().define("s", std::make_shared<Prepared>());
  queue.push({.expect = Expect::parse, .mark = mark});
  queue.push({.expect = Expect::sync});
  run("COMMIT");
  const auto skipped = queue.fail_to_sync(false);
  ASSERT_EQ(skipped.size(), 2u);
  EXPECT_EQ(skipped[1].expect, Expect::parse);
  EXPECT_EQ(queue.names().find("s"), queue.names().unknown_statement());
  EXPECT_EQ(queue.under_way(), (Weight{.control = 1, .syncs = 1}));
  ASSERT_EQ(queue.front().expect, Expect::sync);
  queue.answered(0);
  queue.answered(0);
}

TEST_F(CommandQueueTest, WhatWasSkippedDidNotRunAndTheFirstDid) {
  const auto first = std::make_shared<Portal>();
  const auto second = std::make_shared<Portal>();
  for (const auto& portal : {first, second}) {
    Pending pending{.expect = Expect::execute};
    pending.before = state_of(portal);
    portal->ran = portal->suspended = true;
    queue.push(std::move(pending));
  }
  queue.fail_to_sync(false);
  EXPECT_TRUE(first->ran);
  EXPECT_FALSE(first->suspended);
  EXPECT_FALSE(second->ran);
}

TEST_F(CommandQueueTest, OneThatWasRefusedDidNotRunEither) {
  const auto portal = std::make_shared<Portal>();
  Pending pending{.expect = Expect::execute};
  pending.before = state_of(portal);
  portal->ran = true;
  queue.push(std::move(pending));
  queue.fail_to_sync(true);
  EXPECT_FALSE(portal->ran);
}

TEST_F(CommandQueueTest, ACopyReadsTheSyncsBehindItOrDoesNot) {
  run("COPY t FROM STDIN");
  queue.push({.expect = Expect::sync});
  queue.push({.expect = Expect::sync});
  queue.push({.expect = Expect::sync, .behind_copy_end = true});
  EXPECT_EQ(queue.forget_syncs_behind_front(), 2);
  EXPECT_EQ(queue.under_way(), (Weight{.syncs = 1, .copies = 1}));
  queue.expect_syncs_behind_front(2);
  EXPECT_EQ(queue.under_way(), (Weight{.syncs = 3, .copies = 1}));
  while (!queue.empty()) queue.answered(0);
  EXPECT_EQ(queue.under_way(), Weight{});
}

TEST_F(CommandQueueTest, NamesAreUncertainBehindAnUnansweredSync) {
  const std::int64_t mark = queue.names().define("s", std::make_shared<Prepared>());
  queue.push({.expect = Expect::parse, .mark = mark});
  EXPECT_FALSE(queue.is_uncertain(false, "s"));
  queue.push({.expect = Expect::sync});
  EXPECT_TRUE(queue.is_uncertain(false, "s"));
  EXPECT_FALSE(queue.is_uncertain(false, "r"));
  queue.answered(0);
  EXPECT_FALSE(queue.is_uncertain(false, "s"));
  queue.answered(0);
}

TEST_F(CommandQueueTest, SegmentsEndWithSyncsAndQueries) {
  EXPECT_TRUE(queue.is_clean());
  queue.push({.expect = Expect::parse});
  EXPECT_FALSE(queue.is_clean());
  queue.push({.expect = Expect::sync});
  EXPECT_TRUE(queue.is_clean());
  EXPECT_EQ(queue.segment(), 1u);
  queue.push({.expect = Expect::parse});
  queue.push({.expect = Expect::query});
  EXPECT_FALSE(queue.is_clean()) << "it is skipped where what is before it failed";
  EXPECT_EQ(queue.segment(), 2u);
  while (!queue.empty()) queue.answered(0);
}

TEST_F(CommandQueueTest, WhatWeirLeftUnnamedStaysUntilSomethingHasTakenItsPlace) {
  EXPECT_EQ(queue.replace_own_unnamed('S'), '\0');
  queue.leave_own_unnamed();
  queue.push({.expect = Expect::parse, .own_place = queue.replace_own_unnamed('S')});
  EXPECT_FALSE(queue.has_own_unnamed('S'));
  EXPECT_TRUE(queue.has_own_unnamed('P'));
  queue.fail_to_sync(false);
  EXPECT_TRUE(queue.has_own_unnamed('S')) << "the server did not get to it";
  queue.push({.expect = Expect::parse, .own_place = queue.replace_own_unnamed('S')});
  queue.answered(0);
  EXPECT_FALSE(queue.has_own_unnamed('S'));
}

TEST_F(CommandQueueTest, HidesWhatIsNotTheClients) {
  queue.push({.expect = Expect::sync});
  EXPECT_FALSE(queue.hides());
  queue.push({.expect = Expect::sync, .purpose = Purpose::tidy});
  EXPECT_TRUE(queue.hides());
  queue.answered(0);
  queue.answered(0);
  EXPECT_TRUE(queue.hides()) << "for the rest of the session";
}

TEST_F(CommandQueueTest, BoundPortalsKnowTheirSavepoint) {
  const auto portal = std::make_shared<Portal>();
  queue.push({.expect = Expect::bind, .bound = portal});
  queue.answered(3);
  EXPECT_EQ(portal->savepoint, 3);
}

/// The rule by itself: an entry whose weight was changed behind the queue's back.
TEST(CommandQueueRuleTest, SumsThatDoNotHoldAreSaid) {
  Rules rules;
  CommandQueue queue(rules);
  queue.push({.expect = Expect::sync});
  queue.front().weight.syncs = 2;
  queue.answered(0);
  EXPECT_EQ(rules.broken(), "where nothing is under way nothing has weight");
}

}  // namespace
}  // namespace weir::capture
