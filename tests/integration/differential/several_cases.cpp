// Queries of several statements, of which some write: one transaction, whatever stands between them, errors and
// positions as in the whole text, and the answer of one Query.
#include "tests/integration/differential/script.h"

namespace weir::differential {
namespace {

const char* const kFirst = "INSERT INTO nokey VALUES (1000, 'first')";
const char* const kLast = "UPDATE nokey SET b = 'last \303\251' WHERE a >= 1000";

/// Between two writes: alone, inside a block, as a block, and with an error behind it, whose position counts.
void between(Script& s, const std::string& sql) {
  const std::string first(kFirst), last(kLast);
  s.connect();
  s.query(first + "; " + sql + "; " + last);
  s.query(sql + "; " + first);
  s.query(first + "; " + sql + "; -- and no more\n");
  s.query("BEGIN");
  s.query(first + "; " + sql + "; " + last);
  s.query("ROLLBACK");
  s.query("BEGIN; " + first + "; " + sql + "; " + last + "; COMMIT");
  s.query("ROLLBACK");
  s.query(first + ", (1001, '\303\251')\n; " + last + ";\n" + sql + ";" + last + "; SELECT nope \n FROM nokey; " +
          last);
  s.query("SELECT a, b FROM nokey WHERE a >= 1000");
  s.query("DELETE FROM nokey WHERE a >= 1000");
}

void other_statements(Script& s) {
  s.connect();
  s.query(
      "CREATE FUNCTION noisy_one() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'called'; RETURN 1; END $$");
  for (const char* sql :
       {"DO $$ BEGIN RAISE NOTICE 'from do'; INSERT INTO nokey VALUES (1002, 'do'); END $$",
        "DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'P0042'; END $$",
        "LOCK TABLE nokey IN SHARE ROW EXCLUSIVE MODE",
        "LOCK TABLE nosuch",
        "DISCARD PLANS",
        "DISCARD SEQUENCES",
        "DISCARD TEMP",
        "DISCARD ALL",
        "SET LOCAL work_mem = '1MB'; SHOW work_mem",
        "SET CONSTRAINTS ALL IMMEDIATE",
        "VACUUM nokey",
        "CHECKPOINT",
        "CREATE INDEX CONCURRENTLY nokey_a ON nokey (a)",
        "CREATE INDEX nokey_b ON nokey (b); DROP INDEX nokey_b",
        "COMMIT PREPARED 'none'",
        "EXECUTE nothing",
        "SELECT $1",
        "DELETE FROM nokey WHERE a = $1",
        "INSERT INTO ruled VALUES (77, 'r'); DELETE FROM ruled WHERE id = 77; DELETE FROM ruled",
        "UPDATE told SET v = 'x'",
        "EXPLAIN (COSTS off) DELETE FROM nokey",
        "EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off, BUFFERS off) DELETE FROM nokey WHERE a = -1",
        "SELECT noisy_one() FROM generate_series(1, 2)",
        "TABLE nokey",
        "LISTEN ch; NOTIFY ch, 'x'; UNLISTEN ch",
        "TRUNCATE nokey",
        "CREATE TABLE fresh (id int); INSERT INTO fresh VALUES (1); DROP TABLE fresh",
        "WITH x AS (DELETE FROM nokey WHERE a = 2 RETURNING *) SELECT * FROM x",
        "SELECT a FROM nokey WHERE false",
        "INSERT INTO items(id, name) VALUES (1, 'dup')",
        "INSERT INTO noisy VALUES (50, 13)",
        "INSERT INTO noisy VALUES (51, 1) RETURNING id, v; DELETE FROM noisy WHERE id = 51 RETURNING v"})
    between(s, sql);
}

void cursors(Script& s) {
  for (const char* sql :
       {"DECLARE c CURSOR FOR SELECT id, name FROM items ORDER BY id; FETCH 2 FROM c; MOVE 1 FROM c; FETCH ALL FROM c; "
        "CLOSE c",
        "DECLARE c CURSOR WITH HOLD FOR SELECT 1; FETCH c; CLOSE c", "FETCH 1 FROM nosuch", "CLOSE ALL", "CLOSE nosuch",
        "DECLARE c SCROLL CURSOR FOR SELECT 1; SELECT name, is_scrollable FROM pg_cursors"})
    between(s, sql);
}

void copies_out(Script& s) {
  for (const char* sql : {"COPY nokey TO STDOUT", "COPY (SELECT 1, 'x') TO STDOUT (FORMAT csv)",
                          "COPY nosuch TO STDOUT", "COPY (DELETE FROM nokey WHERE a = 1 RETURNING *) TO STDOUT"})
    between(s, sql);
}

void ends_that_are_none(Script& s) {
  for (const char* sql :
       {"SAVEPOINT a", "ROLLBACK TO a", "COMMIT", "ROLLBACK", "BEGIN", "COMMIT AND CHAIN", "DO $$ BEGIN COMMIT; END $$",
        "DO $$ BEGIN NULL; END $$; BEGIN; SAVEPOINT b; RELEASE b; COMMIT",
        "BEGIN; LOCK TABLE nokey; COMMIT; DO $$ BEGIN NULL; END $$"}) {
    between(s, sql);
    s.query("ROLLBACK");
  }
  s.query("SELECT a, b FROM nokey ORDER BY a, b");
}

void procedures_inside(Script& s) {
  s.connect();
  s.query(
      "CREATE PROCEDURE in_parts() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO nokey VALUES (1003, 'a'); COMMIT; END $$");
  s.query("CREATE PROCEDURE whole() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO nokey VALUES (1004, 'a'); END $$");
  between(s, "CALL in_parts()");
  between(s, "CALL whole()");
}

void prepared_in_sql(Script& s) {
  between(s, "PREPARE p AS INSERT INTO nokey VALUES ($1, 'prepared'); EXECUTE p(1005); DEALLOCATE p");
  between(s, "PREPARE p AS SELECT 1; SELECT name FROM pg_prepared_statements; DEALLOCATE ALL");
  s.connect();
  s.query(std::string(kFirst) + "; PREPARE shown AS SELECT 1; " + kLast);
  s.query("SELECT name FROM pg_prepared_statements");
  s.query(std::string(kFirst) + "; DEALLOCATE shown; " + kLast + "; SELECT 1 / 0");
  s.query("EXECUTE shown");
}

void settings_inside(Script& s) {
  between(s, "SET application_name = 'in the middle'");
  between(s, "SET TimeZone = 'Europe/Vienna'; SET DateStyle = 'German'");
  between(s, "SET ROLE app; RESET ROLE");
  between(s, "SET search_path = pg_catalog");
  between(s, "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE");
  s.connect();
  s.query("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; " + std::string(kFirst) + "; " + kLast);
  s.query("SET statement_timeout = '300ms'");
  s.query(std::string(kFirst) + "; SELECT pg_sleep(0.2); " + kLast + "; SELECT pg_sleep(0.2); " + kLast);
  s.query(std::string(kFirst) + "; SELECT pg_sleep(5); " + kLast);
  s.query("RESET statement_timeout; SET idle_in_transaction_session_timeout = '1ms'");
  for (int i = 0; i < 20; ++i) s.query(std::string(kFirst) + "; " + kLast);
  s.query("SELECT count(*) FROM nokey");
}

void late_failures(Script& s) {
  s.connect();
  const std::string first(kFirst);
  s.query(first + "; INSERT INTO at_commit VALUES (70, -5)");
  s.query(first + "; INSERT INTO at_commit VALUES (71, 5); DO $$ BEGIN NULL; END $$; " + kLast);
  s.query("INSERT INTO at_commit VALUES (72, -5); DO $$ BEGIN NULL; END $$; SELECT 'shown'");
  s.query("INSERT INTO late VALUES (70, 1); LOCK TABLE nokey; " + first);
  s.query("SELECT 'in step'");
  s.query("BEGIN; INSERT INTO at_commit VALUES (73, -5); " + first + "; COMMIT; " + kLast);
  s.query("BEGIN; INSERT INTO late VALUES (70, 1); " + first + "; SET CONSTRAINTS ALL IMMEDIATE; " + kLast +
          "; COMMIT");
  s.query("ROLLBACK");
  s.direct("SELECT * FROM at_commit ORDER BY id");
  s.direct("SELECT a, b FROM nokey ORDER BY a, b");
}

/// Thousands, and one of them fails.
void thousands(Script& s) {
  s.connect();
  const auto inserts = [](int from, int to) {
    std::string sql;
    for (int i = from; i < to; ++i) sql += "INSERT INTO nokey VALUES (" + std::to_string(i) + ", '\303\251');\n";
    return sql;
  };
  s.query(inserts(10000, 13000));
  s.query(inserts(20000, 22000) + "INSERT INTO items(id, nme) VALUES (1, 'x');" + inserts(22000, 23000));
  s.query("BEGIN;" + inserts(30000, 31000) + "SELECT count(*) FROM nokey;" + inserts(31000, 32000) + "COMMIT");
  s.query(inserts(40000, 41000) + "SELECT 1 / (a - 40500) FROM nokey WHERE a = 40500;" + inserts(41000, 42000));
  s.direct("SELECT count(*), sum(a) FROM nokey");
}

/// Sent as a Query in a block, whatever its end looks like.
void long_ones(Script& s) {
  s.connect();
  std::string rows;
  for (int i = 0; i < 20000; ++i) rows += (i ? ",(" : "(") + std::to_string(100000 + i) + ",'v')";
  s.query("INSERT INTO nokey VALUES " + rows);
  s.query("INSERT INTO nokey VALUES " + rows + "; -- done");
  s.query("INSERT INTO nokey VALUES " + rows + " RETURNING a - 100000, b");
  s.query("INSERT INTO nokey VALUES " + rows + ", (1, 2, 3)");
  s.query("INSERT INTO nokey VALUES " + rows + " RETURNING nope");
  s.query("/* " + std::string(40000, '-') + " */ INSERT INTO at_commit VALUES (80, -1)");
  s.query("/* " + std::string(40000, '-') + " */ INSERT INTO ruled VALUES (80, 'x');");
  s.client().parse("", "SELECT 1").query("INSERT INTO nokey VALUES " + rows).bind("", "").execute("").sync();
  s.step("its unnamed statement is gone");
  s.direct("SELECT count(*), sum(a) FROM nokey");
}

}  // namespace

std::vector<WireCase> several_cases() {
  return {{"other_statements_between_writes", other_statements},
          {"cursors_between_writes", cursors},
          {"copy_to_between_writes", copies_out},
          {"transaction_control_between_writes", ends_that_are_none},
          {"procedures_between_writes", procedures_inside},
          {"prepared_statements_between_writes", prepared_in_sql},
          {"settings_between_writes", settings_inside},
          {"several_statements_that_fail_at_the_commit", late_failures},
          {"thousands_of_statements", thousands},
          {"long_statements", long_ones}};
}

}  // namespace weir::differential
