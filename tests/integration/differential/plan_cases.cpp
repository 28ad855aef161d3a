// Bind, Describe, plans. Result formats, Describe in a failed transaction, DDL between executions, wide tables.
#include "tests/integration/differential/script.h"

namespace weir::differential {
namespace {

void result_format_counts(Script& s) {
  s.connect();
  s.client()
      .parse("", "INSERT INTO nokey VALUES (1, 'x')")
      .bind("", "", {.result_formats = {0, 1, 0}})
      .describe_portal("")
      .execute("")
      .sync();
  s.step("three result formats for a statement without result");
  s.client().parse("", "INSERT INTO nokey VALUES (1, 'x')").bind("", "", {.result_formats = {1}}).execute("").sync();
  s.step("one binary result format");
  s.client().parse("", "INSERT INTO nokey VALUES (1, 'x')").bind("", "", {.result_formats = {7}}).execute("").sync();
  s.step("an unknown format code");
  s.client()
      .parse("", "INSERT INTO nokey VALUES (1, 'x') RETURNING a")
      .bind("", "", {.result_formats = {0, 1, 0}})
      .execute("")
      .sync();
  s.step("08P01 with RETURNING of one column");
  s.client()
      .parse("", "INSERT INTO nokey VALUES (2, 'y') RETURNING a, b")
      .bind("", "", {.result_formats = {1, 0}})
      .execute("")
      .sync();
  s.step("one format for each column");
  s.client()
      .parse("", "UPDATE nokey SET b = 'z' WHERE a = 2 RETURNING *")
      .bind("", "", {.result_formats = {1}})
      .describe_portal("")
      .execute("")
      .sync();
  s.step("one format for all columns");
}

void bind_errors(Script& s) {
  s.connect();
  s.client().parse("w", "INSERT INTO nokey VALUES ($1, $2)").sync();
  s.step("Parse");
  s.client().bind("", "w", {.parameters = {"1"}}).execute("").sync();
  s.step("too few parameters");
  s.client().bind("", "w", {.parameters = {"1", "2", "3"}}).execute("").sync();
  s.step("too many parameters");
  s.client().bind("", "w", {.parameters = {"one", "x"}}).execute("").sync();
  s.step("22P02 with its context");
  s.client().bind("", "w", {.parameters = {"abc", "x"}, .parameter_formats = {1}}).execute("").sync();
  s.step("wrong binary length");
  s.client()
      .bind("", "w", {.parameters = {std::string("\0\0\0\5", 4), "x"}, .parameter_formats = {1, 0}})
      .execute("")
      .sync();
  s.step("binary and text");
  s.client().bind("", "w", {.parameters = {"1", "x"}, .parameter_formats = {0, 0, 0}}).execute("").sync();
  s.step("too many parameter formats");
  s.client().bind("", "w", {.parameters = {std::nullopt, std::nullopt}}).execute("").sync();
  s.step("NULLs");
  s.client().bind("", "w", {.parameters = {"1", "\xff"}}).execute("").sync();
  s.step("bad encoding");
  s.client().parse("", "UPDATE nokey SET b = $1 WHERE a = $2 AND $3", {0, 20, 16}).describe_statement("").sync();
  s.step("ParameterDescription, some types given");
  s.client().parse("", "UPDATE nokey SET b = $1 WHERE a = $2", {9999999}).sync();
  s.step("an unknown type");
  s.client().parse("", "UPDATE typed SET m = $1, p = $2 WHERE id = $3 RETURNING m, p").describe_statement("").sync();
  s.step("types of the application");
  s.query("SELECT a, b FROM nokey ORDER BY a, b");
}

void describe_in_failed_transaction(Script& s) {
  s.connect();
  s.client()
      .parse("w", "INSERT INTO nokey VALUES (1, 'x')")
      .parse("r", "INSERT INTO nokey VALUES (2, 'x') RETURNING a")
      .sync();
  s.step("Parse");
  s.query("BEGIN");
  s.query("SELECT 1/0");
  s.client().describe_statement("w").sync();
  s.step("NoData of the plain write");
  s.client().describe_statement("r").sync();
  s.step("25P02 of the one with RETURNING");
  s.client().bind("", "w").sync();
  s.step("Bind of the plain write");
  s.client().parse("", "INSERT INTO nokey VALUES (3, 'x')").sync();
  s.step("Parse of a write");
  s.client().parse("", "COMMIT").bind("", "").describe_portal("").execute("").sync();
  s.step("COMMIT answers ROLLBACK");
}

void ddl_between_executions(Script& s) {
  s.connect();
  s.client()
      .parse("w", "UPDATE nokey SET b = 'w' WHERE a = $1")
      .parse("r", "UPDATE nokey SET b = 'r' WHERE a = $1 RETURNING *")
      .sync();
  s.step("Parse of both");
  const auto run_both = [&](const std::string& when) {
    s.client().bind("", "w", {.parameters = {"1"}}).describe_portal("").execute("").sync();
    s.step("plain write, " + when);
    s.client().bind("", "r", {.parameters = {"1"}}).describe_portal("").execute("").sync();
    s.step("own RETURNING *, " + when);
    s.client().describe_statement("w").sync();
    s.step("Describe of the plain write, " + when);
    s.client().describe_statement("r").sync();
    s.step("Describe of own RETURNING *, " + when);
    s.query("EXECUTE w(1)");
    s.query("EXECUTE r(1)");
  };
  run_both("at first");
  s.query("ALTER TABLE nokey ADD COLUMN c int DEFAULT 3");
  run_both("after ADD COLUMN");
  s.other_session("ALTER TABLE " + s.schema() + ".nokey ALTER COLUMN b TYPE varchar(20)");
  run_both("after a change of type by another session");
  s.direct("ALTER TABLE nokey DROP COLUMN c");
  run_both("after DROP COLUMN past the door");
  s.query("ALTER TABLE nokey RENAME COLUMN b TO bb");
  run_both("after RENAME of a column it writes");
  s.query("DROP TABLE nokey");
  run_both("after DROP TABLE");
  s.query("CREATE TABLE nokey (a int PRIMARY KEY, b text)");
  run_both("after a new table of that name");
}

void wide_tables(Script& s) {
  s.connect();
  std::string columns;
  std::string returning;
  for (int i = 1; i <= 1600; ++i) columns += (i > 1 ? ", c" : "c") + std::to_string(i) + " bool";
  for (int i = 1; i <= 1664; ++i) returning += i > 1 ? ", c1" : "c1";
  s.client().query("CREATE TABLE wide (" + columns + ")");
  s.step("a table of 1,600 columns");
  s.query("INSERT INTO wide(c1, c1600) VALUES (true, false)");
  s.client().parse("", "UPDATE wide SET c2 = true").bind("", "").describe_portal("").execute("").sync();
  s.step("UPDATE of it");
  s.client().query("UPDATE wide SET c3 = true RETURNING " + returning);
  s.step("1,664 columns of the client's own");
  s.client().query("UPDATE wide SET c3 = true RETURNING " + returning + ", c1");
  s.step("one too many");
  s.query("DELETE FROM wide RETURNING *");
}

void large_values(Script& s) {
  s.connect();
  const std::string large(3'000'000, 'x');
  s.client().parse("", "INSERT INTO nokey VALUES (500, $1)").bind("", "", {.parameters = {large}}).execute("").sync();
  s.step("three megabytes by parameter");
  s.client().query("INSERT INTO nokey VALUES (501, '" + large + "') RETURNING a, length(b)");
  s.step("three megabytes in the text");
  s.query("UPDATE nokey SET b = b || b WHERE a >= 500 RETURNING a, md5(b)");
  s.query("DELETE FROM nokey WHERE a = 500 RETURNING b");
}

void replans(Script& s) {
  s.connect();
  s.client().parse("w", "UPDATE items SET qty = qty + 1 WHERE id = $1").sync();
  s.step("Parse");
  for (int i = 0; i < 8; ++i) {
    s.client().bind("", "w", {.parameters = {std::to_string(i)}}).execute("").sync();
    s.step("run " + std::to_string(i));
  }
  s.query("SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE name = 'w'");
  s.query("SET search_path = pg_catalog");
  s.client().bind("", "w", {.parameters = {"1"}}).execute("").sync();
  s.step("another search_path");
  s.query("SET search_path = " + s.schema());
  s.client().bind("", "w", {.parameters = {"1"}}).execute("").sync();
  s.step("back again");
}

void search_path_between_executions(Script& s) {
  s.connect();
  s.query("CREATE SCHEMA " + s.schema() + "_b CREATE TABLE nokey (a int, b text, c text DEFAULT 'the other')");
  s.client()
      .parse("w", "INSERT INTO nokey VALUES (1, 'w') RETURNING *")
      .parse("v", "INSERT INTO nokey VALUES (2, 'v')")
      .sync();
  s.step("Parse");
  s.client().bind("", "w").execute("").bind("", "v").execute("").sync();
  s.step("in the first schema");
  s.query("SET search_path = " + s.schema() + "_b");
  s.client().bind("", "v").execute("").sync();
  s.step("plain, in the second");
  s.client().bind("", "w").execute("").sync();
  s.step("with RETURNING *, in the second");
  s.query("BEGIN; SET LOCAL search_path = " + s.schema());
  s.query("INSERT INTO nokey VALUES (3, 'local')");
  s.query("ROLLBACK");
  s.query("INSERT INTO nokey VALUES (3, 'after')");
  s.direct("SELECT * FROM nokey ORDER BY a, b");
  s.direct("SELECT * FROM " + s.schema() + "_b.nokey ORDER BY a, b");
}

}  // namespace

std::vector<WireCase> plan_cases() {
  return {
      {"any_number_of_result_formats", result_format_counts},
      {"errors_in_bind", bind_errors},
      {"describe_in_a_failed_transaction", describe_in_failed_transaction},
      {"ddl_between_executions", ddl_between_executions},
      {"very_many_columns", wide_tables},
      {"large_values", large_values},
      {"custom_and_generic_plans", replans, 15, "pg_prepared_statements does not count the plans of captured writes"},
      {"search_path_between_executions", search_path_between_executions}};
}

}  // namespace weir::differential
