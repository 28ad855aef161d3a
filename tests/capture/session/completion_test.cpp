// What a command tag says, and what is told of a write whose rows were not returned.
#include "capture/session/completion.h"

#include <gtest/gtest.h>

#include "capture/sql/statement_cache.h"

namespace weir::capture {
namespace {

class CompletionTest : public ::testing::Test {
 protected:
  CompletionTest() {
    auto facts = std::make_shared<RelationFacts>();
    facts->name = {"public", "t"};
    relation = facts;
  }
  /// "gap public.t 3: why", "statement public.t 3: why", or "nothing".
  static std::string said(const std::optional<Told>& told) {
    if (!told) return "nothing";
    return std::string(told->is_gap ? "gap " : "statement ") + told->table.schema + "." + told->table.table + " " +
           std::to_string(told->rows) + ": " + told->cause;
  }
  std::string target(Plan::How how, std::string_view tag, bool relayed = false) {
    Plan plan;
    plan.how = how;
    plan.op = event::Op::update;
    plan.relation = relation;
    plan.cause = "why";
    return said(tell_target(plan, *text->single(), tag, relayed, {}));
  }
  std::string inner(const char* sql, std::string_view tag, bool relayed = false, int tables = 1) {
    const auto parsed = texts.find_or_parse(sql, {});
    Plan plan;
    plan.cause = "why";
    for (int i = 0; i < tables; ++i) plan.inner.push_back({{"public", "t" + std::to_string(i)}, event::Op::create});
    std::string all;
    for (const Told& told : tell_inner(plan, *parsed->single(), tag, relayed)) all += said(told) + ";";
    return all;
  }

  StatementCache texts;
  std::shared_ptr<const ParsedText> text = texts.find_or_parse("UPDATE t SET v = 1", {});
  std::shared_ptr<const RelationFacts> relation;
};

TEST_F(CompletionTest, TagsHaveTheirRowsAtTheEnd) {
  EXPECT_EQ(rows_of("UPDATE 3"), 3);
  EXPECT_EQ(rows_of("INSERT 0 2"), 2);
  EXPECT_EQ(rows_of("SELECT 0"), 0);
  for (const char* none : {"TRUNCATE TABLE", "BEGIN", "", "UPDATE ", "UPDATE 3x", "UPDATE 99999999999999999999"})
    EXPECT_EQ(rows_of(none), std::nullopt) << none;
}

TEST_F(CompletionTest, TagsSayWhatWasDone) {
  EXPECT_EQ(op_of_tag("INSERT 0 2"), event::Op::create);
  EXPECT_EQ(op_of_tag("UPDATE 2"), event::Op::update);
  EXPECT_EQ(op_of_tag("DELETE 2"), event::Op::remove);
  EXPECT_EQ(op_of_tag("MERGE 2"), event::Op::gap);
  EXPECT_EQ(op_of_tag("SELECT 2"), std::nullopt);
}

TEST_F(CompletionTest, ASplicedStatementEndsWithItsOwnTag) {
  EXPECT_TRUE(ends(StatementKind::update, "UPDATE 1"));
  EXPECT_FALSE(ends(StatementKind::update, "INSERT 0 1"));
  EXPECT_FALSE(ends(StatementKind::insert, "UPDATE 1"));
  EXPECT_FALSE(ends(StatementKind::remove, ""));
  EXPECT_TRUE(ends(StatementKind::merge, "MERGE 1"));
  EXPECT_TRUE(ends(StatementKind::read, "anything"));
}

TEST_F(CompletionTest, WhatWasReturnedIsNotToldOnceMore) {
  EXPECT_EQ(target(Plan::How::returning, "UPDATE 3"), "nothing");
  EXPECT_EQ(target(Plan::How::none, "UPDATE 3"), "nothing");
}

TEST_F(CompletionTest, TheRestIsToldByTheTag) {
  EXPECT_EQ(target(Plan::How::statement, "UPDATE 3"), "statement public.t 3: why");
  EXPECT_EQ(target(Plan::How::input, "INSERT 0 3"), "statement public.t 3: why");
  EXPECT_EQ(target(Plan::How::gap, "UPDATE 3"), "gap public.t 3: why");
  EXPECT_EQ(target(Plan::How::returning, "UPDATE 3", true), "gap public.t 3: why") << "relayed as it is";
  for (const auto how : {Plan::How::statement, Plan::How::input, Plan::How::gap})
    EXPECT_EQ(target(how, "UPDATE 0"), "nothing");
}

TEST_F(CompletionTest, ARuleMayHaveDoneSomethingThatNoTagCounts) {
  auto ruled = std::make_shared<RelationFacts>(*relation);
  ruled->has_rules = true;
  relation = ruled;
  EXPECT_EQ(target(Plan::How::gap, "UPDATE 0"), "gap public.t 0: why");
}

TEST_F(CompletionTest, AWriteOfATableThatWasNotThereIsAGap) {
  Plan plan;
  plan.how = Plan::How::statement;
  plan.unknown = RelationName{"", "new"};
  plan.cause = "unknown";
  EXPECT_EQ(said(tell_target(plan, *text->single(), "UPDATE 1", false, {})), "gap .new 1: unknown");
  EXPECT_EQ(said(tell_target(plan, *text->single(), "UPDATE 0", false, {})), "nothing");
}

TEST_F(CompletionTest, WithoutFactsTheStatementNamesItsTable) {
  Plan plan;
  plan.how = Plan::How::gap;
  EXPECT_EQ(said(tell_target(plan, *text->single(), "UPDATE 1", false, {})), "gap .t 1: query cannot be split");
}

TEST_F(CompletionTest, OneInnerTableHasTheTagsCountAndSeveralHaveNone) {
  EXPECT_EQ(inner("COPY t FROM STDIN", "COPY 3"), "statement public.t0 3: why;");
  EXPECT_EQ(inner("COPY t FROM STDIN", "COPY 0"), "");
  EXPECT_EQ(inner("COPY t FROM STDIN", "COPY 3", true), "gap public.t0 3: copy;");
  EXPECT_EQ(inner("TRUNCATE t, u", "TRUNCATE TABLE", false, 2),
            "statement public.t0 0: why;statement public.t1 0: why;");
}

TEST_F(CompletionTest, ATableThatIsMadeIsToldWhereSomethingWasWritten) {
  EXPECT_EQ(inner("CREATE TABLE t AS SELECT 1", "SELECT 1"), "statement public.t0 1: why;");
  EXPECT_EQ(inner("CREATE TABLE IF NOT EXISTS t AS SELECT 1", "CREATE TABLE AS"), "");
  EXPECT_EQ(inner("CREATE TABLE t AS SELECT 1", "EXPLAIN"), "statement public.t0 0: why;");
}

}  // namespace
}  // namespace weir::capture
