// How much of a table is asked: what is enough for most writes, and where that says that more has to be known.
#include <gtest/gtest.h>

#include "capture/plan.h"
#include "tests/capture/session/session_script.h"

namespace weir::capture {
namespace {

using How = Plan::How;

RelationFacts plain_table() {
  RelationFacts facts;
  facts.oid = 16400;
  facts.name = {"public", "t"};
  facts.kind = 'r';
  facts.persistence = 'p';
  facts.selectable = true;
  facts.key = {"id"};
  facts.columns = {{"id", 'N', false}, {"v", 'S', false}};
  facts.leaves = {{16400, facts.name}};
  facts.updates = read_update_facts(std::nullopt);
  return facts;
}

RelationFacts partitioned_table() {
  RelationFacts facts = plain_table();
  facts.kind = 'p';
  facts.routing = {"region"};
  facts.columns.push_back({"region", 'S', false});
  return facts;
}

/// A statement whose tables are all known alike.
struct Asked {
  Asked(std::string_view text, const RelationFacts& facts, int version) : parsed(parse(text, {})) {
    relations.assign(parsed.single()->tables.size(), std::make_shared<const RelationFacts>(facts));
    server.version = version;
  }
  PlanInput input() const { return {parsed.text, *parsed.single(), relations, server, scope}; }

  ParsedText parsed;
  std::vector<std::shared_ptr<const RelationFacts>> relations;
  ServerSettings server;
  Scope scope;
};

FactsText needed(std::string_view text, const RelationFacts& facts = plain_table(), int version = 15) {
  const Asked write(text, facts, version);
  return needed_facts(write.input());
}

TEST(NeededFactsTest, OnlyAnUpdateThatMayMoveARowNeedsMoreFacts) {
  for (const char* text :
       {"INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING", "DELETE FROM t WHERE id = 1",
        "UPDATE t SET v = 'x' WHERE id = 1", "INSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET v = 'x'",
        "MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN DELETE", "TRUNCATE t", "SELECT 1"})
    EXPECT_EQ(needed(text), FactsText::plain) << text;
  for (const char* text :
       {"UPDATE t SET id = 2", "UPDATE t SET v = 'x', id = 1 WHERE id = 1", "UPDATE t SET (v, id) = ('x', 2)",
        "INSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET id = 2", "UPDATE t SET unknown = 2",
        "WITH w AS (DELETE FROM u) UPDATE t SET id = 2"})
    EXPECT_EQ(needed(text), FactsText::updates) << text;
  EXPECT_EQ(needed("MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN DELETE", plain_table(), 18),
            FactsText::updates);
  EXPECT_EQ(needed("UPDATE t SET region = 'x'", partitioned_table()), FactsText::updates);
  EXPECT_EQ(needed("UPDATE t SET v = 'x'", partitioned_table()), FactsText::plain);
}

TEST(NeededFactsTest, WhatATableDoesByItselfNeedsMoreFacts) {
  const char* update = "UPDATE t SET v = 'x'";
  const auto needed_where = [&](auto change, const char* text) {
    RelationFacts facts = plain_table();
    change(facts);
    return needed(text, facts);
  };
  const auto triggers = [](RelationFacts& facts) { facts.has_update_triggers = true; };
  EXPECT_EQ(needed_where(triggers, update), FactsText::updates);
  EXPECT_EQ(needed_where(triggers, "DELETE FROM t"), FactsText::plain);
  EXPECT_EQ(needed_where([](auto& facts) { facts.routes_by_expression = true; }, update), FactsText::updates);
  EXPECT_EQ(needed_where([](auto& facts) { facts.columns[0].generated = true; }, update), FactsText::updates);
  EXPECT_EQ(needed_where([](auto& facts) { facts.columns[1].generated = true; }, update), FactsText::plain);
  EXPECT_EQ(needed_where([](auto& facts) { facts.may_have_casts = true; }, "DELETE FROM t"), FactsText::whole);
  // No row is seen there.
  EXPECT_EQ(needed_where([](auto& facts) { facts.has_rules = true; }, "UPDATE t SET id = 2"), FactsText::plain);
  EXPECT_EQ(needed_where([](auto& facts) { facts.persistence = 't'; }, "UPDATE t SET id = 2"), FactsText::plain);
}

// What was not asked must not matter: whatever it says, the plan is the same.
TEST(NeededFactsTest, AnUpdateThatMovesNoRowIsPlannedAlikeByAllFacts) {
  const RelationFacts unknown = plain_table();
  RelationFacts known = unknown;
  known.updates = read_update_facts(testing::Table().updates);
  ASSERT_TRUE(known.updates.triggers.known);
  for (const int version : {15, 18}) {
    const Plan plan = make_plan(Asked("UPDATE t SET v = 'x' WHERE v = f(id)", unknown, version).input());
    EXPECT_EQ(plan.how, How::returning);
    EXPECT_FALSE(plan.moves.possible);
    EXPECT_EQ(plan.suffix, make_plan(Asked("UPDATE t SET v = 'x' WHERE v = f(id)", known, version).input()).suffix);
  }
}

}  // namespace
}  // namespace weir::capture

namespace weir::testing {
namespace {

const std::string kInsert = "INSERT INTO t VALUES (1)";
const std::string kUpdate = "UPDATE t SET v = 'b'";

void update_nothing(SessionScript& script) {
  writes_nothing(script, kUpdate, "UPDATE 0");
}

TEST(NeededFactsTest, AnUpdateOfOtherColumnsThanTheKeyNeedsNoMoreThanAnInsert) {
  SessionScript script;
  script.starts().client_sends(client::query(kInsert)).asks_facts(Table().without_updates());
  insert_nothing(script);
  script.client_sends(client::query(kUpdate));
  update_nothing(script);
  EXPECT_EQ(script.replay(), "");
}

TEST(NeededFactsTest, TriggersAreAskedForWhereThereAreSome) {
  Table table = Table().without_updates();
  table.has_update_triggers = true;
  SessionScript script;
  script.starts().client_sends(client::query(kInsert)).asks_facts(table);
  insert_nothing(script);
  table = Table();
  table.has_update_triggers = true;
  script.client_sends(client::query(kUpdate)).asks_facts(capture::FactsText::updates, {table});
  update_nothing(script);
  // What an UPDATE knows is enough for the others.
  script.client_sends(client::query(kInsert));
  insert_nothing(script);
  // And what was needed once is asked at once.
  passes(script, "SET search_path = s", "SET", 'I');
  script.client_sends(client::query(kInsert)).asks_facts(capture::FactsText::updates, {table});
  insert_nothing(script);
  EXPECT_EQ(script.replay(), "");
}

TEST(NeededFactsTest, CastsToJsonAreLookedForWhereTheDatabaseHasAny) {
  Table flagged = Table().without_updates();
  flagged.columns = R"([["id","N",""],["v","S","i"]])";
  SessionScript script;
  script.starts().client_sends(client::query(kInsert)).asks_facts(capture::FactsText::plain, {flagged});
  script.asks_facts(capture::FactsText::whole, {Table()});
  insert_nothing(script);
  script.client_sends(client::query(kUpdate));
  update_nothing(script);
  EXPECT_EQ(script.replay(), "");
}

}  // namespace
}  // namespace weir::testing
