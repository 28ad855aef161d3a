// Text that comes back. Where the server shows a statement's own text, or quotes from it, or reads it in another
// encoding.
#include "tests/integration/differential/script.h"

namespace weir::differential {
namespace {

void audit_triggers(Script& s) {
  s.connect();
  s.query("INSERT INTO audited VALUES (10, 'simple')");
  s.client()
      .parse("", "INSERT INTO audited VALUES ($1, 'extended')")
      .bind("", "", {.parameters = {"11"}})
      .execute("")
      .sync();
  s.step("extended");
  s.client()
      .parse("n", "UPDATE audited SET v = 'named' WHERE id = $1")
      .sync()
      .bind("", "n", {.parameters = {"11"}})
      .execute("")
      .sync();
  s.step("named");
  s.query("INSERT INTO audited VALUES (12, 'one of two'); DELETE FROM audited WHERE id = 10 RETURNING id");
  s.query("PREPARE p AS INSERT INTO audited VALUES (13, 'by PREPARE')");
  s.query("EXECUTE p");
  s.query("DO $$ BEGIN DELETE FROM audited WHERE id = 13; END $$");
  s.query("  /* lead */ UPDATE audited SET v = 'spaces'   ;  -- trail");
  s.direct("SELECT op, query, image FROM audit ORDER BY seq");
}

void own_views_of_the_session(Script& s) {
  s.connect();
  s.client().parse("w", "INSERT INTO nokey VALUES ($1, $2)").parse("r", "DELETE FROM nokey RETURNING a").sync();
  s.step("Parse");
  s.query("SELECT name, statement, parameter_types, from_sql FROM pg_prepared_statements ORDER BY name");
  s.client().bind("", "w", {.parameters = {"1", "x"}}).execute("").sync();
  s.step("run");
  s.query("SELECT name, statement, parameter_types, from_sql FROM pg_prepared_statements ORDER BY name");
  s.query("SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()");
  s.query("UPDATE nokey SET b = (SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid())");
  s.query("SELECT a, b FROM nokey ORDER BY a, b");
  s.query("SELECT name, statement FROM pg_cursors");
}

void seen_by_another_session(Script& s) {
  s.connect();
  s.query("SET application_name = 'watched'");
  s.query("INSERT INTO nokey VALUES (1, 'seen') -- text");
  s.direct("SELECT query, state FROM pg_stat_activity WHERE application_name = 'watched'");
  s.client().parse("", "UPDATE nokey SET b = $1").bind("", "", {.parameters = {"x"}}).execute("").sync();
  s.step("extended");
  s.direct("SELECT query, state FROM pg_stat_activity WHERE application_name = 'watched'");
  s.query("BEGIN");
  s.query("DELETE FROM nokey WHERE a = 1");
  s.direct("SELECT query, state FROM pg_stat_activity WHERE application_name = 'watched'");
  s.query("COMMIT");
  s.direct("SELECT query, state FROM pg_stat_activity WHERE application_name = 'watched'");
}

void error_positions(Script& s) {
  s.connect();
  const char* const statements[] = {"INSERT INTO nokey VALUES (1, 'x'",
                                    "UPDATE nokey SET",
                                    "DELETE FROM nokey WHERE",
                                    "INSERT INTO nokey VALUES (nosuch)",
                                    "/* caf\303\251 */ UPDATE nosuch SET a = 1",
                                    "UPDATE nokey SET a = 'caf\303\251' WHERE nosuch = 1",
                                    "INSERT INTO nokey VALUES (1, 'x') RETURNING nosuch",
                                    "SELECT 1; UPDATE nosuch SET a = 1; SELECT 2",
                                    "DELETE FROM nokey RETURNING",
                                    "UPDATE nokey SET b = 'x' RETURNING 1 +"};
  for (const char* sql : statements) {
    s.query(sql);
    s.client().parse("", sql).bind("", "").execute("").sync();
    s.step(std::string("extended: ") + sql);
  }
}

void text_shapes(Script& s) {
  s.connect();
  const char* const statements[] = {"INSERT INTO nokey VALUES (1, 'c') -- comment at the end",
                                    "INSERT INTO nokey VALUES (1, 'semi');;",
                                    ";;INSERT INTO nokey VALUES (1, 'lead')",
                                    "INSERT INTO nokey VALUES (1, 'x') /* RETURNING */",
                                    "INSERT INTO nokey VALUES (1, E'e\\'s') -- '",
                                    "INSERT INTO nokey VALUES (1, U&'\\0441') /* /* */ */ ;",
                                    "UPDATE nokey SET b = $a$ $b$ ; -- $a$ WHERE a = 1",
                                    "DELETE FROM nokey WHERE b = $$x$$-- no newline",
                                    "INSERT INTO nokey VALUES (1, 'a')RETURNING a",
                                    "INSERT INTO nokey SELECT 1,'x'WHERE true",
                                    "INSERT INTO nokey VALUES (1,'x')\n--\n;\n/**/"};
  for (const char* sql : statements) {
    s.query(sql);
    s.client().parse("", sql).bind("", "").describe_portal("").execute("").sync();
    s.step(std::string("extended: ") + sql);
  }
  s.query(std::string("INSERT INTO nokey VALUES (9, 'before nul')\0; DROP TABLE nokey", 61));
  s.direct("SELECT a, b FROM nokey ORDER BY a, b");
}

void encodings(Script& s) {
  s.connect("postgres", {{"client_encoding", "SJIS"}});
  s.query("INSERT INTO nokey VALUES (1, '\203\134') -- \203\134");
  s.query("INSERT INTO nokey VALUES (2, '\225\134\203\134') RETURNING b");
  s.client()
      .parse("", "UPDATE nokey SET b = $1 WHERE a = 1")
      .bind("", "", {.parameters = {"\203\134'"}})
      .execute("")
      .sync();
  s.step("as a parameter");
  s.query("INSERT INTO nokey VALUES (3, chr(8364))");
  s.query("UPDATE nokey SET b = chr(8364) || b RETURNING a");
  s.query("INSERT INTO nokey VALUES (4, chr(128512)) RETURNING b");
  s.query("SET client_encoding = 'LATIN1'");
  s.query("INSERT INTO nokey VALUES (5, 'gr\374n ' || chr(8364))");
  s.query("SELECT a FROM nokey WHERE b LIKE '%\374%'");
  s.query("SET client_encoding = 'UTF8'");
  s.query("SELECT a, b FROM nokey ORDER BY a, b");
  s.query("INSERT INTO nokey VALUES (6, '\377\376')");
  s.connect("postgres", {{"client_encoding", "SQL_ASCII"}});
  s.query("INSERT INTO nokey VALUES (7, 'raw \303\244')");
  s.query("INSERT INTO nokey VALUES (8, 'bad \344') RETURNING b");
}

void encoding_in_mid_pipeline(Script& s) {
  s.connect();
  s.client().parse("", "SET client_encoding = 'LATIN1'").bind("", "").execute("");
  s.client().parse("", "INSERT INTO nokey VALUES (1, '\344') RETURNING b").bind("", "").execute("");
  s.client().parse("", "INSERT INTO nokey VALUES (2, '\344' || chr(8364))").bind("", "").execute("").sync();
  s.step("ParameterStatus comes before ReadyForQuery, the encoding changes at once");
  s.query("SET client_encoding = 'UTF8'; INSERT INTO nokey VALUES (3, '\303\244'); SET client_encoding = 'LATIN1'");
  s.query("BEGIN; SET LOCAL client_encoding = 'UTF8'");
  s.query("INSERT INTO nokey VALUES (4, '\303\244')");
  s.query("ROLLBACK");
  s.query("INSERT INTO nokey VALUES (5, '\344')");
  s.query("RESET client_encoding");
  s.query("SELECT a, b FROM nokey ORDER BY a, b");
}

void settings_that_change_text(Script& s) {
  s.connect("postgres", {{"TimeZone", "Asia/Kolkata"},
                         {"DateStyle", "SQL, DMY"},
                         {"IntervalStyle", "sql_standard"},
                         {"extra_float_digits", "-3"}});
  s.query("UPDATE typed SET ts = ts, iv = iv, f = f RETURNING ts, iv, f");
  s.query("UPDATE items SET made = made WHERE id = 1 RETURNING made");
  s.query("SET standard_conforming_strings = off; SET escape_string_warning = on");
  s.query("INSERT INTO nokey VALUES (1, 'back\\\\slash \\' quote')");
  s.query("SET standard_conforming_strings = on");
  s.query("SHOW TimeZone");
  s.query("SET xmloption = document; SET bytea_output = escape; UPDATE items SET raw = raw RETURNING raw");
}

}  // namespace

std::vector<WireCase> text_cases() {
  return {{"current_query_in_audit_triggers", audit_triggers},
          {"pg_prepared_statements_and_pg_stat_activity", own_views_of_the_session},
          {"pg_stat_activity_seen_by_others", seen_by_another_session, 15,
           "sessions that bypass Weir see the changed text in pg_stat_activity"},
          {"positions_of_errors", error_positions},
          {"shapes_of_text", text_shapes},
          {"sjis_latin1_sql_ascii", encodings},
          {"client_encoding_in_mid_pipeline", encoding_in_mid_pipeline},
          {"settings_that_change_text", settings_that_change_text}};
}

}  // namespace weir::differential
