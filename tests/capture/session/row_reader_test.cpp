// From added columns to changes: operations, keys, leaves, moves, and one row of a lock query.
#include "capture/session/row_reader.h"

#include <gtest/gtest.h>

#include "capture/event/gap_cause.h"

namespace weir::capture {
namespace {

std::shared_ptr<RelationFacts> table() {
  auto facts = std::make_shared<RelationFacts>();
  facts->oid = 1;
  facts->name = {"public", "t"};
  facts->kind = 'r';
  facts->key = {"id"};
  facts->columns = {{"id", 'N', false}, {"v", 'S', false}};
  facts->leaves = {{1, {"public", "t"}}, {2, {"public", "t_a"}}, {3, {"other", "t_b"}}};
  return facts;
}

/// after, tableoid, xid, lsn
Plan plan_of(event::Op op) {
  Plan plan;
  plan.how = Plan::How::returning;
  plan.op = op;
  plan.relation = table();
  plan.added.count = 4;
  (op == event::Op::remove ? plan.added.before : plan.added.after) = 0;
  plan.added.tableoid = 1;
  plan.added.xid = 2;
  plan.added.lsn = 3;
  return plan;
}

/// before, after, old tableoid, tableoid, xid, lsn
Plan plan_of_18(event::Op op) {
  Plan plan = plan_of(op);
  plan.added = {.count = 6,
                .before = 0,
                .after = 1,
                .tableoid = 3,
                .old_tableoid = 2,
                .inserted = -1,
                .xid = 4,
                .lsn = 5,
                .hex = {}};
  return plan;
}

TEST(RowReaderTest, AnInsertedRow) {
  const ReadRow read = read_row({R"({"id":7,"v":"a"})", "1", "800", "0/10"}, plan_of(event::Op::create), {});
  ASSERT_TRUE(read.valid);
  EXPECT_EQ(read.xid, 800u);
  EXPECT_EQ(read.lsn, 0x10u);
  ASSERT_EQ(read.events.size(), 1u);
  const event::ChangeEvent& change = read.events[0];
  EXPECT_EQ(change.op, event::Op::create);
  EXPECT_EQ(change.fidelity, event::Fidelity::row);
  EXPECT_EQ(change.schema + "." + change.table, "public.t");
  EXPECT_EQ(change.lsn, 0x10u);
  EXPECT_EQ(change.key, R"({"id":7})");
  EXPECT_EQ(change.after, R"({"id":7,"v":"a"})");
  EXPECT_FALSE(change.before);
}

TEST(RowReaderTest, TheClientsColumnsComeFirst) {
  const ReadRow read = read_row({"7", std::nullopt, R"({"id":7})", "1", "800", "1/0"}, plan_of(event::Op::create), {});
  ASSERT_TRUE(read.valid);
  EXPECT_EQ(read.lsn, event::Lsn(1) << 32);
}

TEST(RowReaderTest, ADeletedRow) {
  const ReadRow read = read_row({R"({"id":7,"v":"a"})", "1", "800", "0/10"}, plan_of(event::Op::remove), {});
  ASSERT_EQ(read.events.size(), 1u);
  EXPECT_EQ(read.events[0].op, event::Op::remove);
  EXPECT_EQ(read.events[0].key, R"({"id":7})");
  EXPECT_EQ(read.events[0].before, R"({"id":7,"v":"a"})");
  EXPECT_FALSE(read.events[0].after);
}

/// The same, with the shape that its images should have.
Plan with_shape(Plan plan) {
  auto facts = std::make_shared<RelationFacts>(*plan.relation);
  event::TableShape shape{"public", "t", {}, {"id"}, 7};
  for (const char* name : {"id", "v"}) shape.columns.push_back({name, 1, 25, "pg_catalog", "text", -1, 'b', 0, false});
  facts->shape = std::make_shared<const event::TableShape>(std::move(shape));
  plan.relation = std::move(facts);
  return plan;
}

TEST(RowReaderTest, AnImageNamesTheShapeThatItFits) {
  const Plan plan = with_shape(plan_of(event::Op::create));
  const ReadRow read = read_row({R"({"id":7,"v":"a"})", "1", "800", "0/10"}, plan, {});
  ASSERT_EQ(read.events.size(), 1u);
  EXPECT_FALSE(read.stale);
  EXPECT_EQ(read.events[0].shape, plan.relation->shape);
  EXPECT_EQ(read.events[0].key, R"({"id":7})");
}

TEST(RowReaderTest, AnImageOfOtherColumnsNamesNoneAndTheCatalogIsToBeAskedAgain) {
  const Plan plan = with_shape(plan_of(event::Op::create));
  for (const char* image : {R"({"id":7})", R"({"id":7,"v":"a","w":1})", R"({"id":7,"w":"a"})"}) {
    const ReadRow read = read_row({image, "1", "800", "0/10"}, plan, {});
    ASSERT_EQ(read.events.size(), 1u) << image;
    EXPECT_TRUE(read.stale) << image;
    EXPECT_EQ(read.events[0].shape, nullptr) << image;
    EXPECT_EQ(read.events[0].op, event::Op::create) << "what was written is known all the same";
    EXPECT_EQ(read.events[0].key, R"({"id":7})") << image;
    EXPECT_EQ(read.events[0].after, image);
  }
  const ReadRow renamed = read_row({R"({"number":7,"v":"a"})", "1", "800", "0/10"}, plan, {});
  EXPECT_TRUE(renamed.stale);
  EXPECT_EQ(renamed.events.at(0).cause, to_text(event::GapCause::other_key));
}

TEST(RowReaderTest, BothImagesMustFitAndGiveTheirKeys) {
  const Plan plan = with_shape(plan_of_18(event::Op::update));
  const auto read = [&plan](const char* before, const char* after) {
    return read_row({before, after, "1", "1", "800", "0/10"}, plan, {}).events.at(0);
  };
  const event::ChangeEvent moved = read(R"({"id":7,"v":"a"})", R"({"id":8,"v":"a"})");
  EXPECT_EQ(moved.shape, plan.relation->shape);
  EXPECT_EQ(moved.key, R"({"id":8})");
  EXPECT_EQ(moved.old_key, R"({"id":7})");
  EXPECT_FALSE(read(R"({"id":7,"v":"a"})", R"({"id":7,"v":"b"})").old_key);
  EXPECT_EQ(read(R"({"id":7})", R"({"id":7,"v":"a"})").shape, nullptr);
}

TEST(RowReaderTest, OfARowThatMovesBothEventsNameIt) {
  const Plan plan = with_shape(plan_of_18(event::Op::update));
  const ReadRow read = read_row({R"({"id":7,"v":"a"})", R"({"id":7,"v":"b"})", "2", "3", "800", "0/10"}, plan, {});
  ASSERT_EQ(read.events.size(), 2u);
  for (const event::ChangeEvent& change : read.events) EXPECT_EQ(change.shape, plan.relation->shape);
}

TEST(RowReaderTest, TheLeafIsTheTable) {
  const ReadRow read = read_row({R"({"id":7})", "3", "800", "0/10"}, plan_of(event::Op::create), {});
  EXPECT_EQ(read.events[0].schema + "." + read.events[0].table, "other.t_b");
}

TEST(RowReaderTest, AnExcludedLeafIsNotCapturedThroughItsTable) {
  Scope scope;
  scope.exclude = {"public.t_a"};
  EXPECT_TRUE(read_row({"{}", "2", "800", "0/10"}, plan_of(event::Op::create), scope).events.empty());
  EXPECT_EQ(read_row({"{}", "3", "800", "0/10"}, plan_of(event::Op::create), scope).events.size(), 1u);
}

TEST(RowReaderTest, ATemporaryTableThatInheritsIsNotCaptured) {
  Plan plan = plan_of(event::Op::update);
  auto parent = table();
  parent->leaves[4] = {"pg_temp_3", "t"};
  plan.relation = parent;
  EXPECT_TRUE(read_row({R"({"id":7})", "4", "800", "0/10"}, plan, {}).events.empty());
  EXPECT_EQ(read_row({R"({"id":7})", "2", "800", "0/10"}, plan, {}).events.size(), 1u);
}

TEST(RowReaderTest, ATableThatTheFactsDoNotKnowHasNoNameYet) {
  Scope scope;
  scope.include = {"public.t"};
  scope.exclude = {"*.t_*"};
  const ReadRow read = read_row({R"({"id":7})", "9", "800", "0/10"}, plan_of(event::Op::create), scope);
  ASSERT_TRUE(read.valid);
  EXPECT_TRUE(read.stale);
  ASSERT_EQ(read.events.size(), 1u);
  EXPECT_EQ(read.events[0].op, event::Op::create);
  EXPECT_EQ(read.events[0].key, R"({"id":7})");
  EXPECT_EQ(unnamed_oid({read.events[0].schema, read.events[0].table}), 9u);
  EXPECT_EQ(unnamed_oid({"public", "9"}), 0u);
}

TEST(RowReaderTest, ARowThatMovesBetweenTablesWithoutNames) {
  const ReadRow read =
      read_row({R"({"id":7})", R"({"id":8})", "9", "10", "800", "0/10"}, plan_of_18(event::Op::update), {});
  ASSERT_EQ(read.events.size(), 2u);
  EXPECT_EQ(unnamed_oid({read.events[0].schema, read.events[0].table}), 9u);
  EXPECT_EQ(unnamed_oid({read.events[1].schema, read.events[1].table}), 10u);
}

TEST(RowReaderTest, OnConflictBefore18) {
  Plan plan = plan_of(event::Op::create);
  plan.added = {.count = 5,
                .before = -1,
                .after = 0,
                .tableoid = 2,
                .old_tableoid = -1,
                .inserted = 1,
                .xid = 3,
                .lsn = 4,
                .hex = {}};
  EXPECT_EQ(read_row({"{\"id\":1}", "true", "1", "8", "0/1"}, plan, {}).events[0].op, event::Op::create);
  EXPECT_EQ(read_row({"{\"id\":1}", "false", "1", "8", "0/1"}, plan, {}).events[0].op, event::Op::update);
}

TEST(RowReaderTest, OnConflictFrom18) {
  const Plan plan = plan_of_18(event::Op::create);
  const ReadRow inserted = read_row({std::nullopt, "{\"id\":1}", std::nullopt, "1", "8", "0/1"}, plan, {});
  ASSERT_EQ(inserted.events.size(), 1u);
  EXPECT_EQ(inserted.events[0].op, event::Op::create);
  const ReadRow updated = read_row({"{\"id\":1,\"v\":1}", "{\"id\":1}", "1", "1", "8", "0/1"}, plan, {});
  ASSERT_EQ(updated.events.size(), 1u);
  EXPECT_EQ(updated.events[0].op, event::Op::update);
  EXPECT_EQ(updated.events[0].before, "{\"id\":1,\"v\":1}");
}

TEST(RowReaderTest, AnUpdateOfTheKeyHasBoth) {
  const Plan plan = plan_of_18(event::Op::update);
  const ReadRow read = read_row({"{\"id\":1}", "{\"id\":2}", "1", "1", "8", "0/1"}, plan, {});
  ASSERT_EQ(read.events.size(), 1u);
  EXPECT_EQ(read.events[0].key, "{\"id\":2}");
  EXPECT_EQ(read.events[0].old_key, "{\"id\":1}");
  EXPECT_FALSE(read_row({"{\"id\":1}", "{\"id\":1}", "1", "1", "8", "0/1"}, plan, {}).events[0].old_key);
}

TEST(RowReaderTest, ARowThatMovesIsGoneHereAndNewThere) {
  const Plan plan = plan_of_18(event::Op::update);
  const ReadRow read = read_row({"{\"id\":1}", "{\"id\":2}", "2", "3", "8", "0/1"}, plan, {});
  ASSERT_EQ(read.events.size(), 2u);
  EXPECT_EQ(read.events[0].op, event::Op::remove);
  EXPECT_EQ(read.events[0].table, "t_a");
  EXPECT_EQ(read.events[0].key, "{\"id\":1}");
  EXPECT_EQ(read.events[0].before, "{\"id\":1}");
  EXPECT_FALSE(read.events[0].after || read.events[0].old_key);
  EXPECT_EQ(read.events[1].op, event::Op::create);
  EXPECT_EQ(read.events[1].table, "t_b");
  EXPECT_EQ(read.events[1].key, "{\"id\":2}");
  EXPECT_EQ(read.events[1].after, "{\"id\":2}");
  EXPECT_FALSE(read.events[1].before || read.events[1].old_key);
}

TEST(RowReaderTest, AMoveBetweenACapturedAndAnotherPartitionShowsItsHalf) {
  const Plan plan = plan_of_18(event::Op::update);
  Scope scope;
  scope.include = {"public.t_a"};
  const ReadRow away = read_row({"{\"id\":1}", "{\"id\":1}", "2", "3", "8", "0/1"}, plan, scope);
  ASSERT_EQ(away.events.size(), 1u);
  EXPECT_EQ(away.events[0].op, event::Op::remove);
  const ReadRow back = read_row({"{\"id\":1}", "{\"id\":1}", "3", "2", "8", "0/1"}, plan, scope);
  ASSERT_EQ(back.events.size(), 1u);
  EXPECT_EQ(back.events[0].op, event::Op::create);
}

TEST(RowReaderTest, ARowOfATableThatIsNotCapturedStillSaysItsTransaction) {
  Scope scope;
  scope.include = {"public.t_a"};
  const ReadRow read = read_row({"{\"id\":1}", "3", "800", "0/10"}, plan_of(event::Op::create), scope);
  EXPECT_TRUE(read.valid);
  EXPECT_EQ(read.xid, 800u);
  EXPECT_TRUE(read.events.empty());
}

TEST(RowReaderTest, TablesWithoutKeyHaveNone) {
  Plan plan = plan_of(event::Op::create);
  auto keyless = table();
  keyless->key.clear();
  plan.relation = keyless;
  EXPECT_FALSE(read_row({"{\"id\":1}", "1", "8", "0/1"}, plan, {}).events[0].key);
  auto excluded = table();
  excluded->key = {"secret"};
  plan.relation = excluded;
  EXPECT_FALSE(read_row({"{\"id\":1}", "1", "8", "0/1"}, plan, {}).events[0].key) << "a key that is not in the image";
}

TEST(RowReaderTest, ImagesInHex) {
  Plan plan = plan_of(event::Op::create);
  plan.added.hex = "UTF8";
  EXPECT_EQ(read_row({"7b226964223a317d", "1", "8", "0/1"}, plan, {}).events[0].after, "{\"id\":1}");
  EXPECT_FALSE(read_row({"7b2", "1", "8", "0/1"}, plan, {}).valid);
  EXPECT_FALSE(read_row({"xx", "1", "8", "0/1"}, plan, {}).valid);
}

TEST(RowReaderTest, AnImageThatIsNotUtf8IsNone) {
  const ReadRow read = read_row({"{\"id\":\"caf\xe9\"}", "1", "8", "0/1"}, plan_of(event::Op::create), {});
  ASSERT_TRUE(read.valid);
  EXPECT_FALSE(read.events[0].after);
  EXPECT_EQ(read.events[0].fidelity, event::Fidelity::statement);
}

TEST(RowReaderTest, WhatIsNotOfTheFormIsSaidToBe) {
  const Plan plan = plan_of(event::Op::create);
  EXPECT_FALSE(read_row({}, plan, {}).valid);
  EXPECT_FALSE(read_row({"{}", "1", "8"}, plan, {}).valid);
  EXPECT_FALSE(read_row({std::nullopt, "1", "8", "0/1"}, plan, {}).valid);
  EXPECT_FALSE(read_row({"{}", "1", std::nullopt, "0/1"}, plan, {}).valid);
  EXPECT_FALSE(read_row({"{}", "1", "8", "nonsense"}, plan, {}).valid);
  EXPECT_FALSE(read_row({"{}", "1", "x", "0/1"}, plan, {}).valid);
  EXPECT_FALSE(read_row({"{}", "1", "8", "0/1"}, Plan(), {}).valid);
}

TEST(LockedRowsTest, OneRowOfTheLockQuery) {
  const Plan plan = plan_of(event::Op::update);
  const auto row = read_locked_row({"{\"id\":1}", "2", "800", "0/10"}, plan);
  ASSERT_TRUE(row);
  EXPECT_EQ(row->image, "{\"id\":1}");
  EXPECT_EQ(row->table.table, "t_a");
  EXPECT_EQ(row->xid, 800u);
  EXPECT_EQ(row->lsn, 16u);
  EXPECT_FALSE(read_locked_row({"{\"id\":1}", "2", "800"}, plan));
  EXPECT_FALSE(read_locked_row({std::nullopt, "2", "800", "0/10"}, plan));
  EXPECT_FALSE(read_locked_row({"{}", "2", std::nullopt, "0/10"}, plan));
  EXPECT_FALSE(read_locked_row({"{}", "2", "800", "nonsense"}, plan));
}

}  // namespace
}  // namespace weir::capture
