// What a text's grammar says: the kind of each statement, where it stands, and what is special about it.
#include "capture/sql/statement.h"

#include <gtest/gtest.h>

#include <thread>

namespace weir::capture {

void PrintTo(StatementKind kind, std::ostream* out) {
  *out << "kind " << int(kind);
}

namespace {

using Kind = StatementKind;

constexpr LexerSettings kOldStrings{.standard_conforming_strings = false, .hides_backslashes = false};

std::string repeat(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

ParsedText parsed(std::string_view text) {
  ParsedText out = parse(text, {});
  EXPECT_TRUE(out.parsed) << text;
  return out;
}

/// The one statement of a text; views of it live as long as the text does.
class One {
 public:
  explicit One(std::string_view text) : text_(parsed(text)) {}
  const Statement* operator->() const {
    static const Statement kNone;
    const Statement* single = text_.single();
    EXPECT_NE(single, nullptr) << text_.text;
    return single ? single : &kNone;
  }

 private:
  ParsedText text_;
};

const std::vector<std::pair<std::string, Kind>> kKinds = {
    {"SELECT 1", Kind::read},
    {"VALUES (1)", Kind::read},
    {"TABLE t", Kind::read},
    {"WITH x AS (SELECT 1) SELECT * FROM x", Kind::read},
    {"SELECT * FROM t FOR UPDATE", Kind::read},
    {"EXPLAIN DELETE FROM t", Kind::read},
    {"EXPLAIN (COSTS OFF) DELETE FROM t", Kind::read},
    {"EXPLAIN ANALYZE SELECT 1", Kind::read},
    {"SHOW work_mem", Kind::read},
    {"COPY t TO STDOUT", Kind::read},
    {"COPY (SELECT 1) TO STDOUT", Kind::read},
    {"INSERT INTO t VALUES (1)", Kind::insert},
    {"INSERT INTO t DEFAULT VALUES", Kind::insert},
    {"WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x", Kind::insert},
    {"UPDATE t SET a = 1", Kind::update},
    {"DELETE FROM t", Kind::remove},
    {"MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE", Kind::merge},
    {"TRUNCATE t, s", Kind::truncate},
    {"COPY t FROM STDIN", Kind::copy_from},
    {"COPY t FROM '/tmp/x'", Kind::copy_from},
    {"WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", Kind::write_query},
    {"SELECT * INTO u FROM t", Kind::write_query},
    {"CREATE TABLE u AS SELECT 1", Kind::write_query},
    {"CREATE TABLE u AS EXECUTE s", Kind::write_query},
    {"EXPLAIN ANALYZE CREATE TABLE u AS SELECT 1", Kind::write_query},
    {"EXPLAIN CREATE TABLE u AS SELECT 1", Kind::read},
    {"EXPLAIN (ANALYZE FALSE) DELETE FROM t", Kind::read},
    {"EXPLAIN (ANALYZE off, VERBOSE) DELETE FROM t", Kind::read},
    {"EXPLAIN (ANALYZE 0) DELETE FROM t", Kind::read},
    {"EXPLAIN (ANALYZE 1) DELETE FROM t", Kind::write_query},
    {"CREATE MATERIALIZED VIEW u AS SELECT 1", Kind::ddl},
    {"EXPLAIN ANALYZE DELETE FROM t", Kind::write_query},
    {"EXPLAIN (ANALYZE) UPDATE t SET a = 1", Kind::write_query},
    {"EXPLAIN ANALYZE WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", Kind::write_query},
    {"COPY (INSERT INTO t VALUES (1) RETURNING *) TO STDOUT", Kind::write_query},
    {"BEGIN", Kind::begin},
    {"START TRANSACTION READ ONLY", Kind::begin},
    {"COMMIT", Kind::commit},
    {"END", Kind::commit},
    {"ROLLBACK", Kind::rollback},
    {"ABORT", Kind::rollback},
    {"SAVEPOINT a", Kind::savepoint},
    {"RELEASE a", Kind::release},
    {"ROLLBACK TO a", Kind::rollback_to},
    {"PREPARE TRANSACTION 'x'", Kind::prepare_transaction},
    {"COMMIT PREPARED 'x'", Kind::finish_prepared},
    {"ROLLBACK PREPARED 'x'", Kind::finish_prepared},
    {"EXECUTE s (1)", Kind::execute},
    {"CALL p()", Kind::opaque},
    {"DO 'begin end'", Kind::opaque},
    {"SET search_path = a", Kind::session},
    {"SET LOCAL \"Search_Path\" = a", Kind::session},
    {"SET SCHEMA 'a'", Kind::session},
    {"SET NAMES 'latin1'", Kind::session},
    {"SET row_security = off", Kind::session},
    {"RESET ROLE", Kind::session},
    {"SET work_mem = 1", Kind::utility},
    {"SET LOCAL app.tenant = 'x'", Kind::utility},
    {"RESET timezone", Kind::utility},
    {"SELECT set_config('search_path', 'a', false)", Kind::session},
    {"SELECT pg_catalog.set_config($1, 'a', true)", Kind::session},
    {"SELECT set_config('app.tenant', 'a', true)", Kind::read},
    {"SELECT set_config('standard_conforming_strings', 'off', true)", Kind::session},
    {"SET TRANSACTION READ ONLY", Kind::utility},
    {"RESET ALL", Kind::session},
    {"SET ROLE r", Kind::session},
    {"SET SESSION AUTHORIZATION r", Kind::session},
    {"DISCARD ALL", Kind::session},
    {"DEALLOCATE s", Kind::session},
    {"CREATE TABLE u (id int)", Kind::ddl},
    {"ALTER TABLE t ADD b int", Kind::ddl},
    {"DROP TABLE t", Kind::ddl},
    {"GRANT SELECT ON t TO r", Kind::ddl},
    {"CREATE POLICY p ON t", Kind::ddl},
    {"LISTEN c", Kind::utility},
    {"VACUUM", Kind::utility},
    {"PREPARE s AS SELECT 1", Kind::utility},
    {"DECLARE c CURSOR FOR SELECT 1", Kind::utility},
    {"FETCH c", Kind::utility},
    {"LOCK TABLE t", Kind::utility},
};

TEST(StatementTest, KindsOfEveryStatement) {
  for (const auto& [text, kind] : kKinds) EXPECT_EQ(One(text)->kind, kind) << text;
}

TEST(StatementTest, NamesAndOptionsOfTransactionControl) {
  EXPECT_EQ(One("SAVEPOINT \"A b\"")->name, "A b");
  EXPECT_EQ(One("ROLLBACK TO SAVEPOINT x")->name, "x");
  EXPECT_EQ(One("RELEASE SAVEPOINT x")->name, "x");
  EXPECT_TRUE(One("COMMIT AND CHAIN")->chain);
  EXPECT_TRUE(One("ROLLBACK AND CHAIN")->chain);
  EXPECT_FALSE(One("COMMIT AND NO CHAIN")->chain);
  EXPECT_EQ(One("DEALLOCATE s")->name, "s");
  EXPECT_TRUE(One("DEALLOCATE ALL")->drops_all_statements);
  EXPECT_FALSE(One("DEALLOCATE s")->drops_all_statements);
  EXPECT_TRUE(One("DISCARD ALL")->drops_all_statements);
  EXPECT_FALSE(One("DISCARD PLANS")->drops_all_statements);
}

/// Each statement of a text as it is cut out of it.
std::vector<std::string> cut(std::string_view text) {
  std::vector<std::string> parts;
  for (const Statement& statement : parsed(text).statements)
    parts.emplace_back(text.substr(statement.begin, statement.end - statement.begin));
  return parts;
}

TEST(StatementTest, PositionsAreThoseOfTheClientsText) {
  using Parts = std::vector<std::string>;
  EXPECT_EQ(cut(""), Parts());
  EXPECT_EQ(cut(" ;; -- nothing\n;"), Parts());
  EXPECT_EQ(cut("SELECT 1"), Parts{"SELECT 1"});
  EXPECT_EQ(cut("SELECT 1;"), Parts{"SELECT 1"});
  EXPECT_EQ(cut("SELECT 1; DELETE FROM t"), (Parts{"SELECT 1", "DELETE FROM t"}));
  EXPECT_EQ(cut("SELECT ';';;/*;*/DELETE FROM t"), (Parts{"SELECT ';'", "DELETE FROM t"}));
  EXPECT_EQ(cut("SELECT $a$;$a$;SELECT $$;$$"), (Parts{"SELECT $a$;$a$", "SELECT $$;$$"}));
  EXPECT_EQ(cut("SELECT E'\\';';SELECT U&'\\003b;';SELECT U&\"a;b\""),
            (Parts{"SELECT E'\\';'", "SELECT U&'\\003b;'", "SELECT U&\"a;b\""}));
  EXPECT_EQ(cut("SELECT '\xC3\xA9';SELECT '\xE2\x82\xAC'"), (Parts{"SELECT '\xC3\xA9'", "SELECT '\xE2\x82\xAC'"}));
}

TEST(StatementTest, ACommentBehindAStatementDoesNotHideItsEnd) {
  // Whatever stands behind the statement's text, a line break and more text continue it.
  for (const std::string text :
       {"DELETE FROM t -- end", "DELETE FROM t /* end */", "DELETE FROM t -- end\n;",
        "DELETE FROM t /* RETURNING */;-- x", " \n\tDELETE FROM t\n", "/* a */ DELETE FROM t"}) {
    const One one(text);
    EXPECT_TRUE(parse(std::string(text).substr(0, one->end) + "\nRETURNING 1", {}).parsed) << text;
    EXPECT_LE(one->begin, std::string(text).find("DELETE")) << text;
  }
}

TEST(StatementTest, WhatCannotBeTakenComesBackUnparsed) {
  EXPECT_FALSE(parse("SELEC 1", {}).parsed);
  EXPECT_FALSE(parse("INSERT INTO", {}).parsed);
  EXPECT_FALSE(parse("SELECT 'open", {}).parsed);
  EXPECT_FALSE(parse("SELECT 1; SELEC 2", {}).parsed) << "one bad statement and the server runs none";
  EXPECT_FALSE(parse(std::string_view("SELECT 1\0", 9), {}).parsed);
  EXPECT_FALSE(parse("SELECT '\xff\xfe' FROM \xC3(", {}).parsed);
  EXPECT_EQ(parse("SELEC 1", {}).single(), nullptr);
}

TEST(StatementTest, DeepNestingCostsTheParseAndNothingElse) {
  const auto try_all = [] {
    for (const int depth : {100, 4000, 20'000, 100'000}) {
      parse("UPDATE t SET a = 1 WHERE " + repeat("(", depth) + "1 = 1" + repeat(")", depth), {});
      parse("UPDATE t SET a = 1 WHERE " + repeat("NOT ", depth) + "true", {});
      parse("UPDATE t SET a = 1 WHERE 1" + repeat(" + 1", depth) + " = 1", {});
      parse("SELECT 1" + repeat(" UNION SELECT 1", depth), {});
      parse("SELECT " + repeat("(SELECT ", depth) + "1" + repeat(")", depth), {});
      parse("INSERT INTO t VALUES (" + repeat("ARRAY[", depth) + "1" + repeat("]", depth) + ")", {});
    }
  };
  try_all();
  EXPECT_FALSE(parse("SELECT " + repeat("(", 100'000) + "1" + repeat(")", 100'000), {}).parsed);
  EXPECT_TRUE(parse("SELECT " + repeat("(", 100) + "1" + repeat(")", 100), {}).parsed) << "and the next is as good";
  std::thread(try_all).join();
}

TEST(StatementTest, LongTextsAreParsed) {
  const ParsedText rows = parse("INSERT INTO t VALUES (1)" + repeat(",(2)", 100'000), {});
  ASSERT_TRUE(rows.parsed);
  EXPECT_EQ(rows.statements[0].kind, Kind::insert);
  EXPECT_EQ(insert_values(rows.text, 0, {}).size(), 100'001u);
  EXPECT_TRUE(parse("SELECT '" + std::string(10'000'000, 'x') + "'", {}).parsed);
  EXPECT_EQ(parse(repeat("SELECT 1;", 10'000), {}).statements.size(), 10'000u);
}

TEST(StatementTest, TheSessionsStringSyntaxDecidesWhereAStringEnds) {
  const std::string text = "SELECT 'a\\'; DELETE FROM t --'";
  const ParsedText standard = parse(text, {});
  const ParsedText old = parse(text, kOldStrings);
  ASSERT_TRUE(standard.parsed && old.parsed);
  EXPECT_EQ(standard.statements.size(), 2u);
  EXPECT_EQ(old.statements.size(), 1u);
}

TEST(StatementTest, ACharacterThatEndsInABackslashIsNotGuessedAt) {
  const std::string text = "INSERT INTO t VALUES (E'\x95\x5C'); DELETE FROM u; --'";
  EXPECT_FALSE(parse(text, {.standard_conforming_strings = true, .hides_backslashes = true}).parsed);
  EXPECT_TRUE(
      parse("INSERT INTO t VALUES ('\x95\x41')", {.standard_conforming_strings = true, .hides_backslashes = true})
          .parsed);
}

TEST(StatementTest, TablesAWriteNames) {
  const One one("UPDATE ONLY \"S\".\"T\" AS x SET a = 1");
  EXPECT_EQ(one->write->target.schema, "S");
  EXPECT_EQ(one->write->target.name, "T");
  EXPECT_EQ(one->write->target.alias, "x");
  EXPECT_TRUE(one->write->target.only);
  EXPECT_EQ(One("INSERT INTO t VALUES (1)")->write->target.alias, "t");
  EXPECT_EQ(One("TRUNCATE a, b.c")->tables.size(), 2u);
  EXPECT_EQ(One("TRUNCATE a, b.c")->tables[1].schema, "b");
}

TEST(StatementTest, WritesInsideWithAreTheStatementsToo) {
  const One insert("WITH x AS (DELETE FROM a RETURNING *), y AS (UPDATE b SET v = 1) INSERT INTO t SELECT * FROM x");
  ASSERT_EQ(insert->tables.size(), 3u);
  EXPECT_TRUE(insert->modifying_with);
  EXPECT_EQ(insert->tables[0].name, "t");
  EXPECT_EQ(insert->tables[1].name, "a");
  EXPECT_EQ(insert->tables[2].name, "b");
  const One nested("WITH x AS (WITH y AS (SELECT 1) INSERT INTO a SELECT * FROM y RETURNING *) TABLE x");
  EXPECT_EQ(nested->tables.size(), 1u);
  EXPECT_FALSE(nested->select) << "its rows come when all is written";
  EXPECT_TRUE(One("SELECT 1")->select);
}

TEST(StatementTest, WhoLooksAtTextsAndStatements) {
  EXPECT_TRUE(One("INSERT INTO t VALUES (current_query())")->shows_text);
  EXPECT_TRUE(One("SELECT * FROM pg_catalog.pg_stat_activity")->shows_text);
  EXPECT_TRUE(One("INSERT INTO t SELECT name FROM pg_cursors")->shows_text);
  EXPECT_TRUE(One("SELECT * FROM (SELECT query FROM pg_stat_activity) x")->shows_text);
  EXPECT_FALSE(One("SELECT 'current_query()'")->shows_text);
  EXPECT_TRUE(One("SELECT * FROM pg_prepared_statements")->shows_statements);
  EXPECT_TRUE(One("CREATE TABLE u AS SELECT * FROM pg_prepared_statement()")->shows_statements);
  EXPECT_FALSE(One("SELECT 1")->shows_statements);
}

TEST(StatementTest, ParametersAreSeenWherverTheyStand) {
  for (const char* text :
       {"SELECT $1", "INSERT INTO t VALUES ($1)", "UPDATE t SET a = $2 WHERE b = 1",
        "DELETE FROM t WHERE a IN (SELECT $1)", "SELECT 1 LIMIT $1", "DECLARE c CURSOR FOR SELECT $1"})
    EXPECT_TRUE(One(text)->has_parameters) << text;
  EXPECT_FALSE(One("SELECT '$1'")->has_parameters);
}

TEST(StatementTest, WhatMeansSomethingElseOutsideAQuery) {
  for (const char* text :
       {"VACUUM", "CALL p()", "DO ''", "COPY t FROM STDIN", "COPY t TO STDOUT", "EXECUTE s", "COMMIT PREPARED 'x'",
        "CREATE INDEX CONCURRENTLY i ON t (a)", "DROP INDEX CONCURRENTLY i", "DISCARD ALL", "FETCH c",
        "CREATE DATABASE d", "ALTER SYSTEM SET work_mem = 1", "CHECKPOINT", "CREATE TABLE u AS EXECUTE s"})
    EXPECT_TRUE(One(text)->needs_own_query) << text;
  for (const char* text : {"SELECT 1", "INSERT INTO t VALUES (1)", "CREATE TABLE u (a int)", "CREATE INDEX i ON t (a)",
                           "COMMIT", "SET work_mem = 1"})
    EXPECT_FALSE(One(text)->needs_own_query) << text;
  for (const char* text : {"SET LOCAL work_mem = 1", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "LOCK TABLE t",
                           "DECLARE c CURSOR FOR SELECT 1", "SET CONSTRAINTS ALL DEFERRED", "PREPARE TRANSACTION 'x'"})
    EXPECT_TRUE(One(text)->needs_block) << text;
}

TEST(StatementTest, GrammarOfNewerServers) {
  EXPECT_EQ(One("MERGE INTO t USING s ON true WHEN NOT MATCHED BY SOURCE THEN DELETE RETURNING merge_action()")->kind,
            Kind::merge);
  EXPECT_EQ(One("SELECT * FROM JSON_TABLE('[]', '$' COLUMNS (a int PATH '$'))")->kind, Kind::read);
  EXPECT_EQ(One("COPY t FROM STDIN (ON_ERROR ignore)")->kind, Kind::copy_from);
}

TEST(StatementTest, PartsOfColumnsAreNoValuesOfThem) {
  EXPECT_TRUE(One("INSERT INTO t (id, a) VALUES (1, 2)")->write->has_values);
  EXPECT_FALSE(One("INSERT INTO t (id, a[1], a[2]) VALUES (1, 2, 3)")->write->has_values);
  EXPECT_FALSE(One("INSERT INTO t (c.x) VALUES (1)")->write->has_values);
}

TEST(StatementTest, CommentsInsideCommentsTakeNoTime) {
  std::string deep = "SELECT 1 ";
  for (int i = 0; i < 100'000; ++i) deep += "/*";
  EXPECT_FALSE(parse(deep, {}).parsed);
  std::string many = "SELECT 1 ";
  for (int i = 0; i < 100'000; ++i) many += "/* */";
  EXPECT_TRUE(parse(many, {}).parsed);
  EXPECT_TRUE(parse("SELECT 1 /* a /* b /* c */ */ */ / 2 * 3", {}).parsed);
}

}  // namespace
}  // namespace weir::capture
