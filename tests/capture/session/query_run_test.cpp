// A Query in parts: what stands in one group, what its text is, and where an error's position is in the whole.
#include "capture/session/query_run.h"

#include <gtest/gtest.h>

#include "capture/sql/statement_cache.h"

namespace weir::capture {
namespace {

const std::string kSplice = " RETURNING added";

std::shared_ptr<const Plan> spliced() {
  Plan plan;
  plan.how = Plan::How::returning;
  plan.suffix = kSplice;
  return std::make_shared<const Plan>(plan);
}

std::shared_ptr<const Plan> as_it_is(Plan::How how) {
  Plan plan;
  plan.how = how;
  return std::make_shared<const Plan>(plan);
}

class QueryRunTest : public ::testing::Test {
 protected:
  /// Writes are spliced; others have no plan.
  QueryRun run(const std::string& sql) {
    auto text = texts.find_or_parse(sql, {});
    QueryRun::Plans plans;
    for (const Statement& statement : text->statements) plans.push_back(needs_plan(statement) ? spliced() : nullptr);
    return {text, std::move(plans)};
  }
  /// How many statements go at once, step by step: "2 1" for two in a group and one by itself in a group; "-" for one
  /// that is sent as ever.
  std::string steps(const std::string& sql) { return steps(run(sql)); }
  std::string steps(QueryRun run) {
    std::string said;
    while (!run.all_sent()) {
      const std::size_t first = run.next();
      const std::size_t end = run.group_end(block);
      said += said.empty() ? "" : " ";
      said += end == first ? "-" : std::to_string(end - first);
      if (end == first) {
        run.take_single("UTF8");
      } else {
        run.take_group(end, "UTF8");
      }
    }
    return said;
  }

  StatementCache texts;
  Block block;
};

TEST_F(QueryRunTest, StatementsThatCannotDisturbEachOtherGoAtOnce) {
  EXPECT_EQ(steps("INSERT INTO t VALUES (1); SELECT 1; UPDATE t SET a = 2"), "3");
  EXPECT_EQ(steps("INSERT INTO t VALUES (1)"), "-");
}

TEST_F(QueryRunTest, WhatChangesTheCatalogEndsAGroup) {
  EXPECT_EQ(steps("INSERT INTO t VALUES (1); ALTER TABLE t ADD b int; INSERT INTO t VALUES (1); SELECT 1"), "2 2");
}

TEST_F(QueryRunTest, TransactionControlStandsAloneAndNoBlockIsOpenedBeforeIt) {
  EXPECT_EQ(steps("INSERT INTO t VALUES (1); UPDATE t SET a = 2; COMMIT; SELECT 1; SELECT 2"), "- - - 2");
  block.begun();
  EXPECT_EQ(steps("INSERT INTO t VALUES (1); UPDATE t SET a = 2; COMMIT"), "2 -");
}

TEST_F(QueryRunTest, InAFailedBlockEachIsSentAsEver) {
  block.begun();
  block.failed();
  EXPECT_EQ(steps("INSERT INTO t VALUES (1); SELECT 1"), "- -");
}

TEST_F(QueryRunTest, WhatCannotRunInTheExtendedProtocolIsAGroupOfOne) {
  EXPECT_EQ(steps("DO $$ BEGIN END $$"), "1");
  auto text = texts.find_or_parse("INSERT INTO t VALUES ($1)", {});
  EXPECT_EQ(steps(QueryRun(text, {spliced()})), "1");
  text = texts.find_or_parse("INSERT INTO t VALUES (1)", {});
  EXPECT_EQ(steps(QueryRun(text, {as_it_is(Plan::How::gap)})), "1");
  EXPECT_EQ(steps(QueryRun(text, {as_it_is(Plan::How::input)})), "-");
}

TEST_F(QueryRunTest, ALongStatementIsAGroupToo) {
  EXPECT_EQ(steps("INSERT INTO t VALUES ('" + std::string(40'000, 'x') + "')"), "1");
}

TEST_F(QueryRunTest, AGroupIsBoundedInBytes) {
  const std::string large = "INSERT INTO t VALUES ('" + std::string(600'000, 'x') + "')";
  EXPECT_EQ(steps(large + ";" + large + ";" + large), "2 1");
}

TEST_F(QueryRunTest, AStatementWithoutAPlanYetIsWaitedFor) {
  const auto text = texts.find_or_parse("SELECT 1; INSERT INTO t VALUES (1); SELECT 2; SELECT 3", {});
  QueryRun run(text, {nullptr, nullptr, nullptr, nullptr});
  EXPECT_EQ(run.group_end(block), 0u) << "SELECT 1 by itself";
  run.take_single("UTF8");
  EXPECT_EQ(run.group_end(block), 1u);
  run.set_plan(1, spliced());
  EXPECT_EQ(run.group_end(block), 4u);
}

TEST_F(QueryRunTest, AGroupsTextIsTheClientsWithWhatIsAdded) {
  QueryRun two = run("/* a */ INSERT INTO t VALUES (1) ; SELECT 1 ; -- end");
  const QueryRun::Step step = two.take_group(2, "UTF8");
  EXPECT_EQ(step.text, "/* a */ INSERT INTO t VALUES (1) " + kSplice + "; SELECT 1 ; -- end");
  EXPECT_TRUE(two.all_sent());
  EXPECT_TRUE(step.execution->captures);
  EXPECT_TRUE(step.execution->in_group);
  EXPECT_EQ(step.execution->end, 2u);
}

TEST_F(QueryRunTest, NothingIsAddedBehindTheLastSemicolon) {
  QueryRun two = run("SELECT 1; INSERT INTO t VALUES (1); -- end");
  EXPECT_EQ(two.take_group(2, "UTF8").text, "SELECT 1; INSERT INTO t VALUES (1)" + kSplice);
}

TEST_F(QueryRunTest, ASingleStatementIsTheWholeTextWhereNothingIsAdded) {
  QueryRun read = run("SELECT 1; -- end");
  EXPECT_EQ(read.take_single("UTF8").text, "SELECT 1; -- end");
  QueryRun write = run("INSERT INTO t VALUES (1); -- end");
  const QueryRun::Step step = write.take_single("UTF8");
  EXPECT_EQ(step.text, "INSERT INTO t VALUES (1)" + kSplice);
  EXPECT_EQ(step.execution->statement->kind, StatementKind::insert);
  EXPECT_TRUE(step.execution->plan);
}

TEST_F(QueryRunTest, AnswersOfAGroupAreItsStatementsOneByOne) {
  QueryRun two = run("INSERT INTO t VALUES (1); SELECT 1");
  Pending group{.expect = Expect::query, .execution = two.take_group(2, "UTF8").execution};
  two.begin_statement(group);
  EXPECT_TRUE(group.spliced);
  EXPECT_EQ(group.execution->statement->kind, StatementKind::insert);
  group.execution->next = 1;
  two.begin_statement(group);
  EXPECT_FALSE(group.spliced);
  EXPECT_EQ(group.execution->plan, nullptr);
  group.execution->next = 2;
  group.spliced = true;
  two.begin_statement(group);
  EXPECT_TRUE(group.spliced) << "behind the last there is none";
}

/// The place in the client's text of each character of a step's text, as errors would name them.
std::string places(const QueryRun& run, const Pending& pending, const std::string& step, std::string_view whole) {
  std::string said;
  for (std::size_t at = 1; at <= step.size(); ++at) {
    const std::size_t place = run.position(pending, at, "UTF8");
    said += place <= whole.size() ? whole[place - 1] : '.';
  }
  return said;
}

TEST_F(QueryRunTest, PositionsAreThoseInTheWholeText) {
  const std::string whole = "INSERT INTO t VALUES (1); SELECT 1; UPDATE t SET a = 2; SELECT 3";
  QueryRun four = run(whole);
  four.take_single("UTF8");
  QueryRun::Step step = four.take_single("UTF8");
  Pending single{.execution = step.execution};
  EXPECT_TRUE(four.shifts(single));
  EXPECT_EQ(places(four, single, step.text, whole), step.text);
  step = four.take_group(4, "UTF8");
  const Pending group{.execution = step.execution};
  // What is added means the place that it was added to: the semicolon behind the statement, or its last character.
  const std::string shown = places(four, group, step.text, whole);
  const std::size_t at = step.text.find(kSplice);
  EXPECT_EQ(shown.substr(0, at), step.text.substr(0, at));
  EXPECT_EQ(shown.substr(at, kSplice.size()), std::string(kSplice.size(), '2'));
  EXPECT_EQ(shown.substr(at + kSplice.size()), step.text.substr(at + kSplice.size()));
}

TEST_F(QueryRunTest, PositionsCountCharactersNotBytes) {
  QueryRun two = run("INSERT INTO t VALUES ('\xC3\xA9\xE2\x82\xAC'); SELECT nope");
  const QueryRun::Step step = two.take_group(2, "UTF8");
  const Pending group{.execution = step.execution};
  const std::size_t characters_before = std::string("INSERT INTO t VALUES ('..'); SELECT ").size();
  EXPECT_EQ(two.position(group, characters_before + kSplice.size() + 1, "UTF8"), characters_before + 1);
}

TEST_F(QueryRunTest, TheFirstStatementAloneIsNotShifted) {
  QueryRun one = run("INSERT INTO t VALUES (1)");
  EXPECT_FALSE(one.shifts({.execution = one.take_single("UTF8").execution}));
}

TEST_F(QueryRunTest, AnErrorEndsWhatIsNotFinished) {
  QueryRun ends = run("SELECT 1; SELECT 2");
  ends.fail_unless_finished();
  EXPECT_TRUE(ends.failed());
  QueryRun finished = run("SELECT 1; SELECT 2");
  finished.finish();
  finished.fail_unless_finished();
  EXPECT_FALSE(finished.failed());
}

TEST_F(QueryRunTest, WhatIsHeldIsGivenOnceAndOfAStatusTheLast) {
  QueryRun one = run("SELECT 1");
  one.hold_complete("C");
  one.hold_notification("A1");
  one.hold_notification("A2");
  one.keep_description("T");
  one.hold_status("TimeZone", "S1");
  one.hold_status("DateStyle", "S2");
  one.hold_status("TimeZone", "S3");
  EXPECT_EQ(one.take_complete() + one.take_notifications() + one.take_description(), "CA1A2T");
  EXPECT_EQ(one.take_complete() + one.take_notifications() + one.take_description(), "");
  EXPECT_EQ(one.take_statuses(),
            (std::vector<std::pair<std::string, std::string>>{{"DateStyle", "S2"}, {"TimeZone", "S3"}}));
  EXPECT_TRUE(one.take_statuses().empty());
}

TEST(ToldSettingsTest, KnowsWhatTheClientWasTold) {
  ToldSettings told;
  EXPECT_TRUE(told.tell("TimeZone", "UTC"));
  EXPECT_TRUE(told.tell("Time", "UTC"));
  EXPECT_FALSE(told.tell("TimeZone", "UTC"));
  EXPECT_TRUE(told.tell("TimeZone", ""));
  EXPECT_FALSE(told.tell("TimeZone", ""));
  EXPECT_FALSE(told.tell("Time", "UTC"));
  EXPECT_TRUE(told.tell("", "Time"));
}

}  // namespace
}  // namespace weir::capture
