// The plan of every kind of write, every obstacle, and the spliced texts to the last byte. What is spliced must parse.
#include "capture/plan.h"

#include <gtest/gtest.h>

#include <functional>

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
  facts.updates.types = {{"id", Sameness::of_any_columns, true}, {"v", Sameness::of_constants, true}};
  return facts;
}

RelationFacts partitioned_table() {
  RelationFacts facts = plain_table();
  facts.kind = 'p';
  facts.routing = {"region"};
  facts.columns.push_back({"region", 'S', false});
  facts.updates.types.push_back({"region", Sameness::of_constants, true});
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
  write.server.client_encoding = "LATIN1";
  const std::string image =
      "pg_catalog.encode(pg_catalog.convert_to(pg_catalog.row_to_json(\"t\".*)::pg_catalog.text,"
      "pg_catalog.getdatabaseencoding()),'hex')";
  EXPECT_NE(write.make().suffix.find(image), std::string::npos);
  EXPECT_EQ(write.make().added.hex, "UTF8");
  write.server.client_encoding = "";
  EXPECT_EQ(write.make().added.hex, "UTF8");
  write.server.client_encoding = "SQL_ASCII";
  EXPECT_EQ(write.make().added.hex, "") << "nothing is converted";
  for (const char* client : {"UTF8", "WIN1252", "SQL_ASCII"}) {
    for (const char* server : {"WIN1252", "EUC_JP", "SQL_ASCII"}) {
      write.server.client_encoding = client;
      write.server.server_encoding = server;
      EXPECT_NE(write.make().suffix.find(image), std::string::npos) << client << " " << server;
      EXPECT_EQ(write.make().added.hex, server);
    }
  }
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
  EXPECT_EQ(unknown.make().how, How::statement) << "absence is no reason to be silent";
  EXPECT_EQ(unknown.make().unknown->table, "t");
  unknown.parsed = parse("INSERT INTO s.t VALUES (1)", {});
  unknown.scope.exclude = {"s.*"};
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
  Planned two = planned("TRUNCATE a, b");
  two.relations[1] = std::make_shared<const RelationFacts>(plain_table("b"));
  EXPECT_EQ(two.make().inner.size(), 2u);
  EXPECT_EQ(planned("TRUNCATE t, t").make().inner.size(), 1u) << "it is emptied once";
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

TEST(PlanTest, MergeTellsItsKindsApartFrom18) {
  const char* mixed = "MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (1)";
  const Plan before = planned(mixed, plain_table(), 17).make();
  EXPECT_EQ(before.how, How::statement);
  EXPECT_EQ(before.inner[0].op, event::Op::gap) << "which is which nobody says";
  EXPECT_EQ(
      planned("MERGE INTO t USING s ON true WHEN MATCHED THEN UPDATE SET v = 'x' WHEN NOT MATCHED THEN DO NOTHING")
          .make()
          .inner[0]
          .op,
      event::Op::update);
  EXPECT_EQ(planned("WITH x AS (MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE RETURNING 1) SELECT 1")
                .make()
                .inner[0]
                .op,
            event::Op::remove);
  Planned merge = planned(mixed, plain_table(), 18);
  EXPECT_EQ(merge.make().how, How::returning);
  EXPECT_TRUE(merge.make().moves.possible) << "its deletes come first";
  EXPECT_EQ(merge.make().suffix,
            "\n/*weir*/RETURNING WITH (OLD AS \"weir old\", NEW AS \"weir new\") "
            "pg_catalog.row_to_json(\"weir old\".*), pg_catalog.row_to_json(\"weir new\".*), " +
                std::string(kTail));
  merge.scope.exclude_columns = {"public.t.v"};
  EXPECT_NE(merge.make().suffix.find("WHEN \"weir new\".tableoid IS NULL"), std::string::npos)
      << "a deleted row has none";
  RelationFacts rules = plain_table();
  rules.has_rules = true;
  EXPECT_EQ(planned(mixed, rules, 18).make().how, How::gap);
}

TEST(PlanTest, ACascadeAddsWhatItEmptiesByItsOwnName) {
  const auto names = [](const Planned& write, const RelationFacts& emptied) {
    const std::vector<FactsPtr> all(write.relations.size(), std::make_shared<const RelationFacts>(emptied));
    std::string out;
    for (const auto& [name, op] :
         make_plan({write.parsed.text, *write.parsed.single(), write.relations, write.server, write.scope, all}).inner)
      out += name.schema + "." + name.table + " ";
    return out;
  };
  RelationFacts emptied = plain_table();
  emptied.leaves = {{16400, {"public", "t"}}, {16401, {"public", "t_a"}}, {16500, {"other", "n"}}};
  RelationFacts facts = partitioned_table();
  EXPECT_EQ(names(planned("TRUNCATE t CASCADE", facts), emptied), "public.t_a other.n ")
      << "t_b has partitions itself, or the answer would have it";
  facts.kind = 'r';
  EXPECT_EQ(names(planned("TRUNCATE t CASCADE", facts), emptied), "public.t public.t_a other.n ");
  EXPECT_EQ(names(planned("TRUNCATE ONLY t CASCADE", facts), emptied), "public.t other.n public.t_a ")
      << "a child may refer to its parent";
  EXPECT_EQ(names(planned("TRUNCATE t, t CASCADE"), emptied), "public.t other.n public.t_a ");
  Planned write = planned("TRUNCATE t CASCADE");
  write.scope.include = {"other.*"};
  EXPECT_EQ(names(write, emptied), "other.n ") << "the named table is not captured, and that one is";
  facts.persistence = 't';
  EXPECT_EQ(names(planned("TRUNCATE t CASCADE", facts), emptied), "");
  EXPECT_FALSE(planned("TRUNCATE t").parsed.single()->tables[0].cascades);
  EXPECT_TRUE(planned("TRUNCATE t CASCADE").parsed.single()->tables[0].cascades);
}

TEST(PlanTest, CopyCannotEvenBeHeld) {
  EXPECT_EQ(planned("COPY t FROM STDIN").make().how, How::gap);
  EXPECT_EQ(planned("COPY (DELETE FROM t RETURNING *) TO STDOUT").make().how, How::gap);
  RelationFacts temporary = plain_table();
  temporary.persistence = 't';
  EXPECT_EQ(planned("COPY t FROM STDIN", temporary).make().how, How::none);
}

constexpr const char* kLockedColumns =
    "\"t\".tableoid, pg_catalog.pg_current_xact_id(), pg_catalog.pg_current_wal_insert_lsn()";

TEST(PlanTest, AnAssignedKeyNeedsTheOldRow) {
  EXPECT_EQ(planned("UPDATE t SET v = 'x' WHERE id = 1").make().lock_query, "");
  const Plan moved = planned("UPDATE t SET id = $2 WHERE id = $1 AND v = $3 RETURNING id").make();
  EXPECT_EQ(moved.how, How::returning);
  const std::string rest = "FROM \"t\" WHERE id = $1 AND v = $3 \nFOR NO KEY UPDATE OF \"t\"";
  EXPECT_EQ(moved.lock_query, "SELECT pg_catalog.row_to_json(\"t\".*), " + std::string(kLockedColumns) + " " + rest);
  EXPECT_EQ(moved.wait_query, "SELECT " + rest);
  EXPECT_EQ(moved.lock_parameters, (std::vector<int>{1, 3}));
  EXPECT_EQ(planned("UPDATE ONLY s.\"T\" AS x SET id = 2").make().wait_query,
            "SELECT FROM ONLY \"s\".\"T\" AS \"x\"\nFOR NO KEY UPDATE OF \"x\"");
  EXPECT_EQ(planned("UPDATE s.t SET id = 2 WHERE s.t.id = 1").make().wait_query,
            "SELECT FROM \"s\".\"t\" WHERE s.t.id = 1\nFOR NO KEY UPDATE OF \"t\"")
      << "an alias would hide the schema";
  EXPECT_EQ(planned("UPDATE t SET region = 'b' WHERE id = 1", partitioned_table()).make().how, How::returning);
  EXPECT_NE(planned("UPDATE t SET region = 'b' WHERE id = 1", partitioned_table()).make().lock_query, "");
  EXPECT_EQ(planned("UPDATE t SET id = 2", plain_table(), 18).make().lock_query, "") << "18 gives the old row itself";
  EXPECT_EQ(planned("INSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET v = 'x'").make().lock_query, "");
}

TEST(PlanTest, AKeyThatIsAssignedWhatItWasIsNoChange) {
  for (const char* text :
       {"UPDATE t SET id = id, v = 'x' WHERE v LIKE f(v)", "UPDATE t AS a SET id = a.id FROM s WHERE s.k = f(a.v)",
        "UPDATE t SET id = 5, v = 'x' WHERE id = 5", "UPDATE t SET id = $1, v = $2 WHERE id = $1",
        "UPDATE t SET id = $1, v = $2 WHERE $1 = t.id AND v <> f()", "UPDATE t SET id = 5 WHERE id IN (5)",
        "UPDATE t SET (id, v) = ($1, $2) WHERE (id, v) = ($1, $3)", "UPDATE t SET id = '5'::int WHERE id = '5'::int",
        "UPDATE t SET id = s.id, v = s.v FROM s WHERE t.id = s.id",
        "INSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET id = EXCLUDED.id, v = EXCLUDED.v",
        "INSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET id = t.id",
        "INSERT INTO t VALUES (1) ON CONFLICT (v, id) DO UPDATE SET (id, v) = (EXCLUDED.id, EXCLUDED.v)"}) {
    const Plan plan = planned(text).make();
    EXPECT_EQ(plan.how, How::returning) << text;
    EXPECT_FALSE(plan.moves.possible) << text;
    EXPECT_EQ(plan.lock_query, "") << text;
  }
}

TEST(PlanTest, AKeyThatMayBeAssignedSomethingElseIsAChange) {
  for (const char* text :
       {"UPDATE t SET id = 5 WHERE id = 6", "UPDATE t SET id = $1 WHERE id = $2", "UPDATE t SET id = v WHERE id = 5",
        "UPDATE t SET id = 5 WHERE id = 5 OR v = 'x'", "UPDATE t SET id = 5 WHERE NOT id = 5",
        "UPDATE t SET id = 5 WHERE id <> 5", "UPDATE t SET id = 5 WHERE id IN (5, 6)",
        "UPDATE t SET id = 5 WHERE s.id = 5", "UPDATE t SET id = '5'::mine WHERE id = '5'::mine",
        "UPDATE t SET id = 5 WHERE id OPERATOR(public.=) 5", "UPDATE t SET (id, v) = (SELECT 1, 'x') WHERE id = 1",
        "INSERT INTO t VALUES (1) ON CONFLICT (v) DO UPDATE SET id = EXCLUDED.id",
        "INSERT INTO t VALUES (1) ON CONFLICT (id COLLATE \"C\") DO UPDATE SET id = EXCLUDED.id",
        "INSERT INTO t VALUES (1) ON CONFLICT ON CONSTRAINT k DO UPDATE SET id = EXCLUDED.id",
        "INSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET id = EXCLUDED.v"})
    EXPECT_TRUE(planned(text).make().moves.possible) << text;
}

TEST(PlanTest, EqualIsTheSameOnlyForSomeTypes) {
  const auto possible = [](const char* text, Sameness sameness, std::vector<std::string> operators = {}) {
    RelationFacts facts = plain_table();
    facts.updates.types[0].sameness = sameness;
    facts.updates.operators = std::move(operators);
    return planned(text, facts).make().moves.possible;
  };
  const char* constant = "UPDATE t SET id = 5 WHERE id = 5";
  const char* column = "UPDATE t SET id = s.id FROM s WHERE t.id = s.id";
  const char* excluded = "INSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET id = EXCLUDED.id";
  EXPECT_TRUE(possible(excluded, Sameness::unknown)) << "1.0 and 1.00";
  EXPECT_FALSE(possible(excluded, Sameness::of_own_type));
  EXPECT_TRUE(possible(constant, Sameness::of_own_type));
  EXPECT_FALSE(possible(constant, Sameness::of_constants));
  EXPECT_TRUE(possible(column, Sameness::of_constants));
  EXPECT_FALSE(possible(column, Sameness::of_any_columns));
  EXPECT_TRUE(possible(constant, Sameness::of_any_columns, {"="})) << "somebody's own operator";
  EXPECT_FALSE(possible(excluded, Sameness::of_any_columns, {"="})) << "the index has its own";
  EXPECT_FALSE(possible("UPDATE t SET id = id", Sameness::unknown, {"="}));
}

TEST(PlanTest, AKeyMayChangeWithoutBeingAssigned) {
  RelationFacts generated = plain_table();
  generated.columns[0].generated = true;
  generated.updates.generated = {"id"};
  generated.updates.key_sources = {"v", "id"};
  EXPECT_NE(planned("UPDATE t SET v = 'x' WHERE id = 1", generated).make().lock_query, "");
  EXPECT_EQ(planned("INSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET v = 'x'", generated).make().how,
            How::statement);
  EXPECT_FALSE(planned("UPDATE t SET v = 'x' WHERE v = 'x'", generated).make().moves.possible);
  generated.updates.key_sources = {"other", "id"};
  EXPECT_FALSE(planned("UPDATE t SET v = 'x' WHERE id = 1", generated).make().moves.possible);
  RelationFacts triggered = plain_table();
  triggered.has_update_triggers = true;
  triggered.updates.triggers.sets = {"id"};
  EXPECT_NE(planned("UPDATE t SET v = 'x' WHERE id = 1", triggered).make().lock_query, "");
  EXPECT_EQ(planned("UPDATE t SET v = 'x' WHERE id = f()", triggered).make().how, How::statement);
  EXPECT_EQ(planned("UPDATE t SET v = 'x' WHERE id = f()", triggered, 18).make().how, How::returning);
  triggered.updates.triggers.sets = {"v"};
  EXPECT_FALSE(planned("UPDATE t SET v = 'x' WHERE id = f()", triggered).make().moves.possible);
  triggered.updates.triggers.known = false;
  EXPECT_NE(planned("UPDATE t SET v = 'x' WHERE id = 1", triggered).make().lock_query, "");
}

TEST(PlanTest, WhatProvesWhichRowIsWhich) {
  RelationFacts facts = partitioned_table();
  facts.columns.push_back({"w", 'S', false});
  facts.columns.push_back({"virtual", 'S', true});
  facts.columns.push_back({"stored", 'S', false});
  facts.updates.generated = {"stored", "virtual"};
  facts.updates.triggers = {.known = true, .may_skip = true, .sets = {"w"}};
  Planned write = planned("UPDATE t SET id = 2 WHERE id = 1", facts);
  EXPECT_EQ(write.make().moves.steady, (std::vector<std::string>{"v", "region"}));
  EXPECT_TRUE(write.make().moves.may_skip);
  EXPECT_TRUE(write.make().moves.key_is_unique);
  write.scope.exclude_columns = {"public.t.v"};
  EXPECT_EQ(write.make().moves.steady, std::vector<std::string>{"region"});
  facts.updates.triggers = {.known = false};
  EXPECT_EQ(planned("UPDATE t SET id = 2", facts).make().moves.steady, std::vector<std::string>{});
  EXPECT_TRUE(planned("UPDATE t SET id = 2", facts).make().moves.may_skip);
  facts.kind = 'r';
  EXPECT_FALSE(planned("UPDATE t SET id = 2", facts).make().moves.key_is_unique) << "children have their own indexes";
  RelationFacts deferrable = plain_table();
  deferrable.updates.key_deferrable = true;
  EXPECT_FALSE(planned("UPDATE t SET id = 2", deferrable).make().moves.key_is_unique);
}

TEST(PlanTest, AWhereThatRunsAUsersCodeIsNotEvaluatedAgain) {
  const auto locks = [](
                         const char* text, const std::function<void(UpdateFacts&)>& change = [](UpdateFacts&) {}) {
    RelationFacts facts = plain_table();
    change(facts.updates);
    return !planned(text, facts).make().lock_query.empty();
  };
  EXPECT_TRUE(locks("UPDATE t SET id = 7 WHERE id + 1 > 5 AND v LIKE 'a%' AND (v, id) = ('a', 5) AND id IS NOT NULL"));
  EXPECT_TRUE(locks("UPDATE t SET id = 7 WHERE id BETWEEN 1 AND 5 OR tableoid = 1 OR CASE id WHEN 1 THEN true END"));
  EXPECT_FALSE(locks("UPDATE t SET id = 7 WHERE id === 5", [](auto& facts) { facts.operators = {"==="}; }));
  EXPECT_TRUE(locks("UPDATE t SET id = 7 WHERE id = 5", [](auto& facts) { facts.operators = {"==="}; }));
  EXPECT_FALSE(locks("UPDATE t SET id = 7 WHERE id BETWEEN 5 AND 6", [](auto& facts) { facts.operators = {">="}; }));
  EXPECT_FALSE(locks("UPDATE t SET id = 7 WHERE CASE id WHEN 1 THEN true END", [](auto& f) { f.operators = {"="}; }));
  EXPECT_FALSE(locks("UPDATE t SET id = 7 WHERE id = 5", [](auto& facts) { facts.types[0].built_in = false; }));
  EXPECT_TRUE(locks("UPDATE t SET id = 7 WHERE id = 5", [](auto& facts) { facts.types[1].built_in = false; }));
  EXPECT_FALSE(locks("UPDATE t SET id = 7 WHERE id = 5", [](auto& facts) { facts.casts = true; }));
  EXPECT_FALSE(locks("UPDATE t SET id = 7 WHERE v = 'a'::citext"));
  EXPECT_FALSE(locks("UPDATE t SET id = 7 WHERE id OPERATOR(mine.=) 5"));
  EXPECT_TRUE(locks("UPDATE t SET id = 7 WHERE id OPERATOR(pg_catalog.=) 5"));
  EXPECT_FALSE(locks("UPDATE t SET id = 7 WHERE unknown = 5"));
  EXPECT_FALSE(locks("UPDATE t SET id = 7 WHERE t.* IS NOT NULL"));
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
