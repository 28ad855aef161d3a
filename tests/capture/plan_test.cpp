// The plan of every kind of write, every obstacle, and the spliced texts to the last byte. What is spliced must parse.
#include "capture/plan.h"

#include <gtest/gtest.h>

namespace weir::capture {
namespace {

using How = Plan::How;
using FactsPtr = std::shared_ptr<const RelationFacts>;

RelationFacts plain_table(std::string name = "t") {
  RelationFacts facts;
  facts.oid = 16400;
  facts.name = {"public", std::move(name)};
  facts.kind = 'r';
  facts.persistence = 'p';
  facts.selectable = true;
  facts.key = {"id"};
  facts.columns = {{"id", 'N', false}, {"v", 'S', false}};
  facts.leaves = {{16400, facts.name}};
  return facts;
}

RelationFacts partitioned_table() {
  RelationFacts facts = plain_table();
  facts.kind = 'p';
  facts.routing = {"region"};
  facts.leaves = {{16400, {"public", "t"}}, {16401, {"public", "t_a"}}, {16402, {"public", "t_b"}}};
  return facts;
}

/// A plan with everything it was made from.
struct Planned {
  ParsedText parsed;
  std::vector<FactsPtr> relations;
  ServerSettings server;
  Scope scope;

  Plan make() const {
    const Statement* statement = parsed.single();
    EXPECT_NE(statement, nullptr) << parsed.text;
    return statement ? make_plan({parsed.text, *statement, relations, server, scope}) : Plan();
  }
  /// The text that is sent for the plan.
  std::string sent() const { return parsed.text.substr(0, parsed.single()->end) + make().suffix; }
};

Planned planned(std::string_view text, RelationFacts facts = plain_table(), int version = 15) {
  Planned out;
  out.parsed = parse(text, {});
  EXPECT_TRUE(out.parsed.parsed) << text;
  const std::size_t tables = out.parsed.parsed ? out.parsed.single()->tables.size() : 0;
  out.relations.assign(tables, std::make_shared<const RelationFacts>(facts));
  out.server.version = version;
  return out;
}

constexpr const char* kTail = "\"t\".tableoid, pg_catalog.pg_current_xact_id(), pg_catalog.pg_current_wal_insert_lsn()";
/// Where the client's formats are for all columns.
constexpr const char* kTextTail =
    "\"t\".tableoid::pg_catalog.text, pg_catalog.pg_current_xact_id()::pg_catalog.text, "
    "pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text";

TEST(PlanTest, SplicedTextsBefore18) {
  const std::string row = "pg_catalog.row_to_json(\"t\".*), ";
  EXPECT_EQ(planned("INSERT INTO t VALUES (1)").make().suffix, "\n/*weir*/RETURNING " + row + kTail);
  EXPECT_EQ(planned("DELETE FROM t -- all of it").make().suffix, "\n/*weir*/RETURNING " + row + kTail);
  EXPECT_EQ(planned("UPDATE t SET v = 'x' RETURNING id").make().suffix,
            "\n/*weir*/, pg_catalog.row_to_json(\"t\".*)::pg_catalog.text, " + std::string(kTextTail));
  EXPECT_EQ(planned("INSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET v = 'x'").make().suffix,
            "\n/*weir*/RETURNING " + row +
                "(\"t\".xmax OPERATOR(pg_catalog.=) '0'::pg_catalog.xid)::pg_catalog.text, " + kTail);
  EXPECT_EQ(planned("INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING").make().suffix,
            "\n/*weir*/RETURNING " + row + kTail);
}

TEST(PlanTest, SplicedTextsFrom18) {
  const auto image = [](const std::string& row) { return "pg_catalog.row_to_json(" + row + ".*), "; };
  const auto text = [](const std::string& row) { return "pg_catalog.row_to_json(" + row + ".*)::pg_catalog.text, "; };
  const std::string own = image("\"weir old\"") + image("\"weir new\"");
  const std::string with = "\n/*weir*/RETURNING WITH (OLD AS \"weir old\", NEW AS \"weir new\") ";
  EXPECT_EQ(planned("UPDATE t SET v = 'x'", plain_table(), 18).make().suffix, with + own + kTail);
  EXPECT_EQ(planned("UPDATE t SET v = 'x' RETURNING id", plain_table(), 18).make().suffix,
            "\n/*weir*/, " + text("old") + text("new") + kTextTail);
  EXPECT_EQ(planned("UPDATE t SET v = 'x' RETURNING WITH (OLD AS \"O\") id", plain_table(), 18).make().suffix,
            "\n/*weir*/, " + text("\"O\"") + text("new") + kTextTail);
  EXPECT_EQ(planned("INSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET v = 'x'", plain_table(), 18).make().suffix,
            with + own + kTail);
  EXPECT_EQ(planned("INSERT INTO t VALUES (1)", plain_table(), 18).make().suffix,
            "\n/*weir*/RETURNING " + image("\"t\"") + kTail);
  EXPECT_EQ(planned("DELETE FROM t", plain_table(), 18).make().suffix, "\n/*weir*/RETURNING " + image("\"t\"") + kTail);
  EXPECT_EQ(planned("UPDATE t SET v = 'x'", partitioned_table(), 18).make().suffix,
            with + own + "\"weir old\".tableoid, " + kTail);
}

TEST(PlanTest, TablesCalledOldOrNewBefore18AndFrom18) {
  const Plan hidden = planned("UPDATE t AS old SET v = 'x' RETURNING id", plain_table(), 18).make();
  EXPECT_EQ(hidden.how, How::returning);
  EXPECT_EQ(hidden.added.before, -1) << "the client's list cannot name the old row";
  EXPECT_NE(planned("UPDATE t AS old SET v = 'x'", plain_table(), 18).make().added.before, -1);
}

TEST(PlanTest, WhatTheClientsOwnNamesHideIsNotAskedFor) {
  const auto asks_before = [](const char* text) { return planned(text, plain_table(), 18).make().added.before >= 0; };
  EXPECT_TRUE(asks_before("UPDATE t SET v = 'x' RETURNING WITH (OLD AS o, NEW AS n) n.v"));
  EXPECT_TRUE(asks_before("UPDATE t SET v = 'x' FROM old RETURNING WITH (OLD AS o, NEW AS n) n.v"));
  EXPECT_TRUE(asks_before("UPDATE t SET v = 'x' RETURNING WITH (NEW AS n) n.v"));
  EXPECT_FALSE(asks_before("UPDATE t SET v = 'x' FROM o AS old RETURNING WITH (NEW AS n) n.v"));
  EXPECT_FALSE(asks_before("UPDATE t SET v = 'x' RETURNING WITH (NEW AS old) old.v"));
  EXPECT_FALSE(asks_before("UPDATE t SET v = 'x' RETURNING WITH (OLD AS new) new.v"));
  EXPECT_NE(planned("UPDATE t SET id = 7 RETURNING WITH (NEW AS old) old.v", plain_table(), 18).make().lock_query, "");
}

TEST(PlanTest, TablesOfOneNameAreToldApartByTheirSchema) {
  for (const char* text : {"UPDATE t SET v = o.t.v FROM o.t WHERE o.t.id = public.t.id",
                           "DELETE FROM public.t USING o.t WHERE o.t.id = public.t.id RETURNING public.t.id"}) {
    const std::string suffix = planned(text).make().suffix;
    EXPECT_NE(suffix.find("row_to_json(\"public\".\"t\".*)"), std::string::npos) << suffix;
    EXPECT_NE(suffix.find("\"public\".\"t\".tableoid"), std::string::npos) << suffix;
  }
  for (const char* text : {"UPDATE public.t AS a SET v = t.v FROM o.t", "DELETE FROM t USING o.t AS u"})
    EXPECT_EQ(planned(text).make().suffix.find("\"public\""), std::string::npos) << text;
}

TEST(PlanTest, TheAddedColumnsAreThoseOfTheList) {
  const AddedColumns update = planned("UPDATE t SET v = 'x'", partitioned_table(), 18).make().added;
  EXPECT_EQ(update.count, 6);
  EXPECT_EQ(update.before, 0);
  EXPECT_EQ(update.after, 1);
  EXPECT_EQ(update.old_tableoid, 2);
  EXPECT_EQ(update.tableoid, 3);
  EXPECT_EQ(update.xid, 4);
  EXPECT_EQ(update.lsn, 5);
  const AddedColumns upsert = planned("INSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET v = 'x'").make().added;
  EXPECT_EQ(upsert.after, 0);
  EXPECT_EQ(upsert.inserted, 1);
  EXPECT_EQ(upsert.lsn, 4);
  const AddedColumns remove = planned("DELETE FROM t").make().added;
  EXPECT_EQ(remove.before, 0);
  EXPECT_EQ(remove.after, -1);
}

TEST(PlanTest, XminOfAPartitionedTableCannotBeAskedFor) {
  const Plan plan =
      planned("INSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET v = 'x'", partitioned_table()).make();
  EXPECT_EQ(plan.added.inserted, -1);
  EXPECT_EQ(plan.op, event::Op::update);
  EXPECT_EQ(plan.suffix.find("xmax"), std::string::npos);
}

TEST(PlanTest, ExcludedColumnsAreNeverNamed) {
  Planned write = planned("UPDATE t AS x SET v = 'x'");
  write.scope.exclude_columns = {"*.v"};
  EXPECT_NE(write.make().suffix.find("(SELECT pg_catalog.row_to_json(w.*) FROM (SELECT \"x\".\"id\") AS w)"),
            std::string::npos);
  EXPECT_EQ(write.make().suffix.find("\"v\""), std::string::npos);
  write.server.version = 18;
  EXPECT_NE(write.make().suffix.find("(CASE WHEN \"weir old\".tableoid IS NULL THEN NULL ELSE (SELECT"),
            std::string::npos);
}

TEST(PlanTest, AColumnThatIsExcludedOfAPartitionIsSoThroughItsTable) {
  Planned write = planned("INSERT INTO t VALUES (1)", partitioned_table());
  write.scope.exclude_columns = {"public.t_b.v"};
  EXPECT_EQ(write.make().suffix.find("\"v\""), std::string::npos) << write.make().suffix;
}

TEST(PlanTest, VirtualColumnsAreNotEvaluated) {
  RelationFacts facts = plain_table();
  facts.columns.push_back({"computed", 'N', true});
  EXPECT_NE(planned("INSERT INTO t VALUES (1)", facts).make().suffix.find("(SELECT \"t\".\"id\",\"t\".\"v\")"),
            std::string::npos);
}

TEST(PlanTest, ImagesInHexWhereTheClientsEncodingMayLackACharacter) {
  Planned write = planned("INSERT INTO t VALUES (1)");
  write.server.utf8_client = false;
  EXPECT_NE(
      write.make().suffix.find(
          "pg_catalog.encode(pg_catalog.convert_to(pg_catalog.row_to_json(\"t\".*)::pg_catalog.text,'UTF8'),'hex')"),
      std::string::npos);
  EXPECT_TRUE(write.make().added.hex);
  write.server.convertible = false;
  EXPECT_EQ(write.make().cause, "server_encoding SQL_ASCII");
}

TEST(PlanTest, NamesAreQuoted) {
  const Plan plan = planned("DELETE FROM t AS \"a\"\"b\"").make();
  EXPECT_NE(plan.suffix.find("\"a\"\"b\".tableoid"), std::string::npos);
}

TEST(PlanTest, EveryObstacleLeavesTheTextAlone) {
  struct Case {
    const char* cause;
    void (*change)(RelationFacts&);
  };
  const Case cases[] = {
      {"view", [](RelationFacts& facts) { facts.kind = 'v'; }},
      {"foreign table", [](RelationFacts& facts) { facts.kind = 'f'; }},
      {"row-level security", [](RelationFacts& facts) { facts.row_security = true; }},
      {"no SELECT privilege", [](RelationFacts& facts) { facts.selectable = false; }},
      {"trigger reads the statement's text", [](RelationFacts& facts) { facts.shows_text = true; }},
      {"too many columns",
       [](RelationFacts& facts) {
         facts.columns.assign(1600, Column{"c", 'N', false});
       }},
  };
  for (const Case& one : cases) {
    RelationFacts facts = plain_table();
    one.change(facts);
    const Plan values = planned("INSERT INTO t VALUES (1)", facts).make();
    EXPECT_EQ(values.how, facts.kind == 'v' ? How::statement : How::input) << one.cause;
    EXPECT_EQ(values.cause, one.cause);
    EXPECT_EQ(values.suffix, "");
    for (const char* text : {"UPDATE t SET v = 'x'", "DELETE FROM t", "INSERT INTO t SELECT 1",
                             "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING", "INSERT INTO t DEFAULT VALUES"}) {
      const Plan plan = planned(text, facts).make();
      EXPECT_EQ(plan.how, How::statement) << text << ", " << one.cause;
      EXPECT_TRUE(plan.relation);
    }
  }
  EXPECT_EQ(planned("INSERT INTO t VALUES (current_query())").make().cause, "statement reads its own text");
}

TEST(PlanTest, ARuleMayDoAnything) {
  RelationFacts facts = plain_table();
  facts.has_rules = true;
  EXPECT_EQ(planned("INSERT INTO t VALUES (1)", facts).make().how, How::gap);
  EXPECT_EQ(planned("INSERT INTO t VALUES (1)", facts).make().cause, "rule");
  EXPECT_EQ(planned("DELETE FROM t", facts).make().how, How::gap);
}

TEST(PlanTest, WhatIsNotCaptured) {
  EXPECT_EQ(planned("SELECT 1").make().how, How::none);
  RelationFacts temporary = plain_table();
  temporary.persistence = 't';
  EXPECT_EQ(planned("INSERT INTO t VALUES (1)", temporary).make().how, How::none);
  Planned unknown = planned("INSERT INTO t VALUES (1)");
  unknown.relations = {nullptr};
  EXPECT_EQ(unknown.make().how, How::none);
  Planned excluded = planned("INSERT INTO t VALUES (1)");
  excluded.scope.exclude = {"public.*"};
  EXPECT_EQ(excluded.make().how, How::none);
}

TEST(PlanTest, AListedPartitionMakesItsTableOne) {
  Planned write = planned("INSERT INTO t VALUES (1)", partitioned_table());
  write.scope.include = {"public.t_b"};
  EXPECT_EQ(write.make().how, How::returning);
  write.scope.include = {"public.t_c"};
  EXPECT_EQ(write.make().how, How::none);
}

TEST(PlanTest, WritesOfWhichOnlyTheStatementIsKnown) {
  for (const char* text : {"TRUNCATE t", "MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE",
                           "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", "EXPLAIN ANALYZE DELETE FROM t",
                           "SELECT * INTO t FROM s"}) {
    const Plan plan = planned(text).make();
    EXPECT_EQ(plan.how, How::statement) << text;
    EXPECT_EQ(plan.inner.size(), 1u) << text;
    EXPECT_FALSE(plan.relation) << text;
  }
  EXPECT_EQ(planned("WITH x AS (DELETE FROM t) SELECT 1").make().inner[0].op, event::Op::remove);
  EXPECT_EQ(planned("WITH x AS (INSERT INTO t VALUES (1)) SELECT 1").make().inner[0].op, event::Op::create);
  EXPECT_EQ(planned("EXPLAIN ANALYZE DELETE FROM t").make().inner[0].op, event::Op::remove);
  EXPECT_EQ(planned("SELECT * INTO t FROM s").make().inner[0].op, event::Op::create);
  EXPECT_EQ(planned("TRUNCATE t").make().op, event::Op::truncate);
  EXPECT_EQ(planned("TRUNCATE a, b").make().inner.size(), 2u);
  const Plan with = planned("WITH x AS (DELETE FROM a RETURNING *) INSERT INTO t SELECT * FROM x").make();
  EXPECT_EQ(with.how, How::returning) << "its own rows are seen";
  EXPECT_EQ(with.inner.size(), 1u) << "those of the inner part are not";
}

TEST(PlanTest, TruncateEmptiesThePartitionsToo) {
  const auto names = [](const Planned& write) {
    std::string out;
    for (const auto& [name, op] : write.make().inner) out += name.table + " ";
    return out;
  };
  RelationFacts facts = partitioned_table();
  facts.oid = 16400;
  Planned write = planned("TRUNCATE t", facts);
  EXPECT_EQ(names(write), "t_a t_b ");
  write.scope.exclude = {"public.t_b"};
  EXPECT_EQ(names(write), "t_a ");
  facts.kind = 'r';
  EXPECT_EQ(names(planned("TRUNCATE t", facts)), "t t_a t_b ") << "a parent has rows of its own";
  EXPECT_EQ(names(planned("TRUNCATE ONLY t", facts)), "t ");
  EXPECT_EQ(names(planned("TRUNCATE t")), "t ");
}

TEST(PlanTest, CopyCannotEvenBeHeld) {
  EXPECT_EQ(planned("COPY t FROM STDIN").make().how, How::gap);
  EXPECT_EQ(planned("COPY (DELETE FROM t RETURNING *) TO STDOUT").make().how, How::gap);
  RelationFacts temporary = plain_table();
  temporary.persistence = 't';
  EXPECT_EQ(planned("COPY t FROM STDIN", temporary).make().how, How::none);
}

TEST(PlanTest, AnAssignedKeyNeedsTheOldRow) {
  EXPECT_EQ(planned("UPDATE t SET v = 'x' WHERE id = 1").make().lock_query, "");
  const Plan moved = planned("UPDATE t SET id = $2 WHERE id = $1 AND v = $3 RETURNING id").make();
  EXPECT_EQ(moved.how, How::returning);
  EXPECT_EQ(
      moved.lock_query,
      "SELECT pg_catalog.row_to_json(\"t\".*), \"t\".tableoid FROM \"t\" AS \"t\" WHERE id = $1 AND v = $3 \nFOR NO "
      "KEY UPDATE OF \"t\"");
  EXPECT_EQ(moved.lock_parameters, (std::vector<int>{1, 3}));
  EXPECT_EQ(planned("UPDATE ONLY s.\"T\" AS x SET id = 2").make().lock_query,
            "SELECT pg_catalog.row_to_json(\"x\".*), \"x\".tableoid FROM ONLY \"s\".\"T\" AS \"x\"\nFOR NO KEY UPDATE "
            "OF \"x\"");
  EXPECT_EQ(planned("UPDATE t SET region = 'b' WHERE id = 1", partitioned_table()).make().how, How::returning);
  EXPECT_NE(planned("UPDATE t SET region = 'b' WHERE id = 1", partitioned_table()).make().lock_query, "");
  EXPECT_EQ(planned("UPDATE t SET id = 2", plain_table(), 18).make().lock_query, "") << "18 gives the old row itself";
  EXPECT_EQ(planned("INSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET v = 'x'").make().lock_query, "");
}

TEST(PlanTest, OnConflictThatMayChangeTheKeyBefore18) {
  const char* text = "INSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET id = 2";
  EXPECT_EQ(planned(text).make().cause, "key changed without its old value");
  EXPECT_EQ(planned(text).make().how, How::statement);
  EXPECT_EQ(planned(text, plain_table(), 18).make().how, How::returning);
}

TEST(PlanTest, WhereTheOldRowCannotBeAskedForOnlyTheStatementIsKnown) {
  for (const char* text : {"UPDATE t SET id = 2 WHERE id = f()", "UPDATE t SET id = 2 FROM s WHERE s.id = t.id",
                           "UPDATE t SET id = 2 WHERE id IN (SELECT 1)", "UPDATE t SET id = 2 WHERE CURRENT OF c",
                           "UPDATE t SET id = 2 WHERE /* where */ id = 1"}) {
    const Plan plan = planned(text).make();
    EXPECT_EQ(plan.how, How::statement) << text;
    EXPECT_EQ(plan.cause, "key changed without its old value") << text;
    EXPECT_EQ(plan.lock_query, "");
  }
  RelationFacts expression = partitioned_table();
  expression.routes_by_expression = true;
  EXPECT_NE(planned("UPDATE t SET v = 'x' WHERE id = 1", expression).make().lock_query, "")
      << "any column may decide the partition";
}

TEST(PlanTest, SplicedTextsParseAsTheSameStatement) {
  for (const char* text :
       {"INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (1);", "INSERT INTO t VALUES (1) -- end",
        "INSERT INTO t DEFAULT VALUES", "INSERT INTO t SELECT 1 ORDER BY 1 LIMIT 1 /* end */",
        "INSERT INTO t AS x VALUES (1) ON CONFLICT (id) DO UPDATE SET v = x.v WHERE x.id > 1",
        "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING RETURNING *", "INSERT INTO t (TABLE s)",
        "UPDATE t SET v = 'x' WHERE id = 1 OR (id = 2) -- x", "UPDATE t * SET v = 'x'",
        "UPDATE t SET v = 'x' FROM s, u WHERE s.id = u.id RETURNING t.*, s.id AS x", "DELETE FROM ONLY t USING s",
        "DELETE FROM t WHERE CURRENT OF c", "WITH x AS (SELECT 1) DELETE FROM t RETURNING 1 + 1, 'x' y",
        "UPDATE t SET v = $q$;$q$ RETURNING U&\"d\\0061t\"", "INSERT INTO \"T\" VALUES (E'\\'')"}) {
    for (const int version : {15, 18}) {
      const Planned one = planned(text, plain_table(), version);
      ASSERT_EQ(one.make().how, How::returning) << text;
      const ParsedText again = parse(one.sent(), {});
      ASSERT_TRUE(again.parsed) << one.sent();
      ASSERT_NE(again.single(), nullptr) << one.sent();
      EXPECT_EQ(again.single()->kind, one.parsed.single()->kind) << one.sent();
      EXPECT_TRUE(again.single()->write->has_returning) << one.sent();
    }
  }
}

TEST(PlanTest, ANewTableIsInTheScopeOfTheSchemaItIsMadeIn) {
  Planned made = planned("CREATE TABLE u AS SELECT 1");
  made.server.creation_schema = "later";
  made.scope.include = {"later.*"};
  const Plan plan = made.make();
  ASSERT_EQ(plan.inner.size(), 1u);
  EXPECT_EQ(plan.inner[0].name.schema, "later");
  made.server.creation_schema = "public";
  EXPECT_EQ(made.make().how, Plan::How::none);
  // SET search_path = pg_temp
  made.scope.include.clear();
  made.server.creation_schema = "pg_temp_3";
  EXPECT_EQ(made.make().how, Plan::How::none);
}

TEST(PlanTest, OnlyWritesNeedAPlan) {
  const auto needs = [](const char* text) { return needs_plan(*parse(text, {}).single()); };
  EXPECT_TRUE(needs("INSERT INTO t VALUES (1)"));
  EXPECT_TRUE(needs("TRUNCATE t"));
  EXPECT_TRUE(needs("COPY t FROM STDIN"));
  EXPECT_TRUE(needs("CREATE TABLE u AS SELECT 1"));
  EXPECT_FALSE(needs("SELECT 1"));
  EXPECT_FALSE(needs("COMMIT"));
  EXPECT_FALSE(needs("SET search_path = a"));
}

}  // namespace
}  // namespace weir::capture
