// What is told of a table whose name is asked before the commit.
#include "capture/session/late_name.h"

#include <gtest/gtest.h>

#include "capture/event/gap_cause.h"

namespace weir::capture {
namespace {

RelationFacts root() {
  RelationFacts facts;
  facts.oid = 1;
  facts.name = {"public", "root"};
  facts.kind = 'p';
  facts.key = {"id"};
  return facts;
}

event::ChangeEvent row() {
  event::ChangeEvent change;
  change.op = event::Op::update;
  change.schema = unnamed(9).schema;
  change.table = unnamed(9).table;
  change.key = R"({"id":2})";
  change.old_key = R"({"id":1})";
  change.before = R"({"id":1,"s\u00e9":"x"})";
  change.after = R"({"id":2,"s\u00e9":1.50})";
  return change;
}

LateName below(const char* schema, const char* table) {
  return {.oid = 9, .name = {schema, table}, .is_below = true, .temporary = false, .logged = true};
}

TEST(LateNameTest, TheAnswersRow) {
  const auto name = read_late_name({"9", "6f74686572", "e9", "true", "p"}, "LATIN1");
  ASSERT_TRUE(name);
  EXPECT_EQ(name->oid, 9u);
  EXPECT_EQ(name->name.schema, "other");
  EXPECT_EQ(name->name.table, "é");
  EXPECT_TRUE(name->is_below);
  EXPECT_TRUE(name->logged);
  EXPECT_FALSE(name->temporary);
  EXPECT_FALSE(read_late_name({"9", "61", "62", "false", "u"}, "UTF8")->logged);
  EXPECT_FALSE(read_late_name({"9", "61", "62", "false", std::nullopt}, "UTF8")->logged);
  EXPECT_TRUE(read_late_name({"9", "61", "62", "true", "t"}, "UTF8")->temporary);
  EXPECT_TRUE(read_late_name({"9", "70675f74656d70", "62", "true", std::nullopt}, "UTF8")->temporary);
}

TEST(LateNameTest, AnAnswerOfAnotherFormIsNone) {
  EXPECT_FALSE(read_late_name({}, "UTF8"));
  EXPECT_FALSE(read_late_name({"0", "61", "62", "true", "p"}, "UTF8"));
  EXPECT_FALSE(read_late_name({"9", "6", "62", "true", "p"}, "UTF8"));
  EXPECT_FALSE(read_late_name({"9", "61", "e9", "true", "p"}, "UTF8"));
  for (std::size_t i = 0; i < 4; ++i) {
    wire::RowView row = {"9", "61", "62", "true", "p"};
    row[i] = std::nullopt;
    EXPECT_FALSE(read_late_name(row, "UTF8")) << i;
  }
}

TEST(LateNameTest, ATableBelowTheOneThatWasNamedIsToldAsThatOneIs) {
  Scope scope;
  scope.include = {"public.root"};
  const auto told = tell_named(row(), below("other", "leaf"), root(), scope);
  ASSERT_TRUE(told);
  EXPECT_EQ(told->schema + "." + told->table, "other.leaf");
  EXPECT_EQ(told->key, R"({"id":2})");
  EXPECT_EQ(told->before, row().before);
  scope.exclude = {"other.*"};
  EXPECT_FALSE(tell_named(row(), below("other", "leaf"), root(), scope));
  scope = {};
  scope.include = {"other.leaf"};
  EXPECT_TRUE(tell_named(row(), below("other", "leaf"), root(), scope));
  EXPECT_FALSE(tell_named(row(), below("other", "leaf_2"), root(), scope));
}

TEST(LateNameTest, ATemporaryTableIsNot) {
  LateName table = below("pg_temp", "leaf");
  table.temporary = true;
  EXPECT_FALSE(tell_named(row(), table, root(), {}));
}

TEST(LateNameTest, AColumnThatIsExcludedOfItAloneIsCutOut) {
  Scope scope;
  scope.exclude_columns = {"other.leaf.sé"};
  const auto told = tell_named(row(), below("other", "leaf"), root(), scope);
  EXPECT_EQ(told->before, R"({"id":1})");
  EXPECT_EQ(told->after, R"({"id":2})");
  EXPECT_EQ(told->old_key, R"({"id":1})");
  scope.exclude_columns = {"other.*.id"};
  const auto keyless = tell_named(row(), below("other", "leaf"), root(), scope);
  EXPECT_EQ(keyless->after, R"({"sé":1.50})");
  EXPECT_FALSE(keyless->key);
  EXPECT_FALSE(keyless->old_key);
}

TEST(LateNameTest, AnotherTableIsAGapUnderItsName) {
  LateName table = below("other", "t");
  table.is_below = false;
  const auto told = tell_named(row(), table, root(), {});
  ASSERT_TRUE(told);
  EXPECT_EQ(told->op, event::Op::gap);
  EXPECT_EQ(told->schema + "." + told->table, "other.t");
  EXPECT_EQ(told->counts.updated, 1);
  EXPECT_EQ(told->cause, to_text(event::GapCause::other_table));
  EXPECT_FALSE(told->after);
  Scope scope;
  scope.include = {"public.root"};
  EXPECT_FALSE(tell_named(row(), table, root(), scope));
}

}  // namespace
}  // namespace weir::capture
