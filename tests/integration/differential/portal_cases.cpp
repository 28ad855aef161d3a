// Portals. What Execute's row limit, a second Execute, FETCH, CLOSE and Close show of a portal that writes.
#include "tests/integration/differential/script.h"

namespace weir::differential {
namespace {

void limit_without_returning(Script& s) {
  s.connect();
  s.client().parse("", "UPDATE items SET qty = qty + 1").bind("", "").execute("", 1).sync();
  s.step("a row limit is ignored without RETURNING");
  s.client()
      .parse("", "INSERT INTO nokey VALUES (1, 'a'), (2, 'b')")
      .bind("p", "")
      .describe_portal("p")
      .execute("p", 1)
      .sync();
  s.step("also for a named portal");
  s.client().parse("", "DELETE FROM nokey").bind("", "").execute("", 2).flush();
  s.step_until("and before Sync", 'C');
  s.client().sync();
  s.step("Sync");
}

void second_execute(Script& s) {
  s.connect();
  s.query("BEGIN");
  s.client().parse("", "UPDATE items SET qty = qty + 1 WHERE id < 3").bind("x", "").execute("x").flush();
  s.step_until("first Execute", 'C');
  s.client().execute("x").sync();
  s.step("second Execute: 55000 portal cannot be run");
  s.query("COMMIT");
  s.client().parse("", "INSERT INTO nokey VALUES (5, 'x')").bind("", "").execute("").execute("").sync();
  s.step("the same of the unnamed portal, in one pipeline, outside a block");
  s.direct("SELECT count(*) FROM nokey WHERE a = 5");
  s.client()
      .parse("", "DELETE FROM nokey WHERE a = 1")
      .bind("y", "")
      .execute("y", 1)
      .execute("y", 1)
      .execute("y")
      .sync();
  s.step("with limits");
  s.direct("SELECT count(*) FROM nokey WHERE a = 1");
}

void second_execute_in_savepoint(Script& s) {
  s.connect();
  s.query("BEGIN");
  s.query("INSERT INTO nokey VALUES (6, 'kept')");
  s.query("SAVEPOINT a");
  s.client().parse("w", "INSERT INTO nokey VALUES (7, 'w')").bind("x", "w").execute("x").execute("x").sync();
  s.step("executed twice");
  s.query("ROLLBACK TO a");
  s.client().bind("x", "w").execute("x").sync();
  s.step("again after ROLLBACK TO");
  s.query("COMMIT");
  s.direct("SELECT a, b FROM nokey ORDER BY a, b");
}

void own_returning_with_limit(Script& s) {
  s.connect();
  s.query("BEGIN");
  s.client().parse("", "UPDATE items SET qty = qty + 1 RETURNING id, qty").bind("p", "").execute("p", 2).flush();
  s.step_until("PortalSuspended after two", 's');
  s.direct("SELECT id, qty FROM items ORDER BY id");
  s.client().execute("p", 2).flush();
  s.step_until("two more", 's');
  s.client().execute("p").sync();
  s.step("the rest: the tag counts only these");
  s.client().execute("p").sync();
  s.step("once more");
  s.query("COMMIT");
  s.direct("SELECT id, qty FROM items ORDER BY id");
}

/// A portal of before the savepoint stays readable, one that was made since is gone.
void portals_over_a_savepoint(Script& s) {
  s.connect();
  s.query("BEGIN");
  s.client().parse("w", "UPDATE items SET qty = qty + 1 RETURNING id, qty").bind("before", "w").sync();
  s.step("bound");
  s.query("SAVEPOINT a");
  s.client().execute("before", 1).bind("since", "w").execute("since", 1).sync();
  s.step("one row of each");
  s.query("ROLLBACK TO a");
  s.client().execute("before", 1).sync();
  s.step("its next row");
  s.client().execute("since", 1).sync();
  s.step("34000 portal does not exist");
  s.query("ROLLBACK TO a");
  s.client().parse("i", "UPDATE items SET qty = qty + 1").bind("since", "i").execute("since").sync();
  s.step("one without rows");
  s.query("ROLLBACK TO a");
  s.client().execute("since").sync();
  s.step("gone as well");
  s.query("ROLLBACK TO a");
  s.query("COMMIT");
  s.direct("SELECT id, qty FROM items ORDER BY id");
}

/// What replaces the unnamed portal in a failed block must not try to read it.
void suspended_portal_in_a_failed_block(Script& s) {
  s.connect();
  s.query("BEGIN");
  s.client().parse("", "UPDATE items SET qty = qty + 1 RETURNING id").bind("", "").execute("", 1).sync();
  s.step("suspended");
  s.query("SAVEPOINT a");
  s.client().parse("", "no statement").sync();
  s.step("syntax error");
  s.client().close_portal("").sync();
  s.step("closed");
  s.client().parse("", "ROLLBACK TO a").bind("", "").execute("").sync();
  s.step("goes on");
  s.query("COMMIT");
  s.direct("SELECT id, qty FROM items ORDER BY id");
}

/// Its transaction fails, so the portal is gone when the next Bind replaces it.
void suspended_portal_of_a_failed_pipeline(Script& s) {
  s.connect();
  s.client().parse("", "UPDATE items SET qty = qty + 1 RETURNING id").bind("", "").execute("", 1).execute("nosuch");
  s.client().sync().parse("", "DELETE FROM nokey").bind("", "").execute("").sync();
  s.step("fails and goes on");
  s.direct("SELECT id, qty FROM items ORDER BY id");
}

void suspended_then_sync(Script& s) {
  s.connect();
  s.client().parse("", "UPDATE items SET qty = qty + 1 RETURNING id").bind("", "").execute("", 1).sync();
  s.step("Sync commits all rows of a suspended portal");
  s.direct("SELECT id, qty FROM items ORDER BY id");
  s.client().parse("", "DELETE FROM nokey RETURNING a").bind("", "").execute("", 1).close_portal("").sync();
  s.step("also when the portal is closed before");
  s.direct("SELECT count(*) FROM nokey");
  s.query("BEGIN");
  s.client().parse("", "INSERT INTO nokey VALUES (8, 'a'), (9, 'b') RETURNING a").bind("", "").execute("", 1).sync();
  s.step("in a block");
  s.query("ROLLBACK");
  s.direct("SELECT count(*) FROM nokey");
}

void execute_after_the_end(Script& s) {
  s.connect();
  s.query("BEGIN");
  s.client()
      .parse("", "INSERT INTO nokey VALUES (5, 'x') RETURNING a")
      .bind("p", "")
      .execute("p")
      .execute("p")
      .execute("p", 1)
      .sync();
  s.step("INSERT 0 0 for the second");
  s.query("COMMIT");
  s.direct("SELECT count(*) FROM nokey WHERE a = 5");
}

void fetch_from_protocol_portal(Script& s) {
  s.connect();
  s.query("BEGIN");
  s.client().parse("", "SELECT id FROM items ORDER BY id").bind("reads", "").execute("reads", 1).sync();
  s.step("portal of a SELECT");
  s.query("FETCH 1 FROM reads");
  s.query("SELECT name, statement FROM pg_cursors ORDER BY name");
  s.query("CLOSE reads");
  s.client()
      .parse("", "UPDATE items SET qty = 50 WHERE id < 3 RETURNING id")
      .bind("writes", "")
      .execute("writes", 1)
      .sync();
  s.step("portal of a write with RETURNING");
  s.query("SELECT name, statement FROM pg_cursors ORDER BY name");
  s.query("FETCH 1 FROM writes");
  s.query("CLOSE writes");
  s.query("COMMIT");
  s.query("BEGIN");
  s.client().parse("", "UPDATE items SET qty = 51 WHERE id < 3").bind("plain", "").execute("plain").sync();
  s.step("portal of a plain write");
  s.query("SELECT name, statement FROM pg_cursors ORDER BY name");
  s.query("FETCH 1 FROM plain");
  s.query("ROLLBACK");
}

void close_portal_by_sql(Script& s) {
  s.connect();
  s.query("BEGIN");
  s.client().parse("", "INSERT INTO nokey VALUES (9, 'not run')").bind("p", "").sync();
  s.step("bound, not run");
  s.query("SELECT name, statement, is_holdable, is_binary, is_scrollable FROM pg_cursors");
  s.query("CLOSE p");
  s.client().execute("p").sync();
  s.step("34000 portal does not exist");
  s.query("COMMIT");
  s.client().execute("nosuch").sync();
  s.step("unknown portal");
  s.client().bind("", "nosuch").sync();
  s.step("unknown statement");
}

void sql_execute_and_protocol_bind(Script& s) {
  s.connect();
  s.client().parse("proto", "INSERT INTO nokey VALUES ($1, 'by protocol')", {23}).sync();
  s.step("Parse");
  s.query("EXECUTE proto(60)");
  s.query("EXPLAIN (VERBOSE, COSTS OFF) EXECUTE proto(61)");
  s.query("SELECT name, statement, parameter_types, from_sql FROM pg_prepared_statements ORDER BY name");
  s.query("PREPARE bysql (int) AS UPDATE nokey SET b = 'by sql' WHERE a = $1");
  s.client().bind("", "bysql", {.parameters = {"60"}}).describe_portal("").execute("").sync();
  s.step("Bind of a statement made by PREPARE");
  s.client().describe_statement("bysql").describe_statement("proto").sync();
  s.step("Describe of both");
  s.client().close_statement("bysql").close_statement("proto").sync();
  s.step("Close of both");
  s.query("EXECUTE proto(62)");
  s.query("EXECUTE bysql(60)");
  s.query("SELECT a, b FROM nokey ORDER BY a, b");
}

void close_statement_keeps_portals(Script& s) {
  s.connect();
  s.query("BEGIN");
  s.client()
      .parse("w", "INSERT INTO nokey VALUES (70, 'after close')")
      .bind("p", "w")
      .close_statement("w")
      .execute("p")
      .sync();
  s.step("the portal runs on");
  s.client().bind("q", "w").sync();
  s.step("but the name is gone");
  s.query("ROLLBACK");
  s.client().close_statement("never there").close_portal("nor there").sync();
  s.step("Close of what is not there");
}

void names_are_rebound(Script& s) {
  s.connect();
  s.client().parse("n", "INSERT INTO nokey VALUES (80, 'first')").sync();
  s.step("Parse");
  s.client().parse("n", "SELECT 1").sync();
  s.step("42P05 the name is taken");
  s.client().bind("", "n").execute("").sync();
  s.step("and still means the first");
  s.client().close_statement("n").parse("n", "SELECT 2").bind("", "n").execute("").sync();
  s.step("after Close it means the second");
  s.client().parse("", "INSERT INTO nokey VALUES (81, 'x')").parse("", "SELECT 3").bind("", "").execute("").sync();
  s.step("the unnamed one is simply replaced");
  s.client().parse("", "INSERT INTO nokey VALUES (82, 'x')").sync();
  s.step("Parse unnamed");
  s.query("SELECT 4");
  s.client().bind("", "").execute("").sync();
  s.step("a Query destroys the unnamed statement");
  s.query("BEGIN");
  s.client().parse("", "SELECT 5").bind("p", "").bind("p", "").sync();
  s.step("42P03 the portal is there");
  s.query("ROLLBACK");
  s.direct("SELECT a, b FROM nokey ORDER BY a, b");
}

void portals_end_with_transactions(Script& s) {
  s.connect();
  s.client().parse("", "INSERT INTO nokey VALUES (90, 'x')").bind("p", "").sync().execute("p").sync();
  s.step("a portal does not outlive Sync");
  s.query("BEGIN");
  s.client().parse("", "INSERT INTO nokey VALUES (91, 'x')").bind("p", "").sync().execute("p").sync();
  s.step("but in a block it does");
  s.query("COMMIT");
  s.client().execute("p").sync();
  s.step("and ends with it");
}

void statements_are_discarded(Script& s) {
  for (const std::string how : {"DISCARD ALL", "DEALLOCATE ALL", "DEALLOCATE w"}) {
    s.connect();
    s.client()
        .parse("w", "INSERT INTO nokey VALUES ($1, 'x')")
        .bind("", "w", {.parameters = {"100"}})
        .execute("")
        .sync();
    s.step("prepared and run");
    s.query(how);
    s.client().bind("", "w", {.parameters = {"101"}}).execute("").sync();
    s.step("26000 after " + how);
    s.client()
        .parse("w", "UPDATE nokey SET b = $1 WHERE a = 100")
        .bind("", "w", {.parameters = {"y"}})
        .execute("")
        .sync();
    s.step("the name is free after " + how);
  }
}

}  // namespace

std::vector<WireCase> portal_cases() {
  return {{"row_limit_is_ignored_without_returning", limit_without_returning},
          {"second_execute_of_a_plain_write", second_execute},
          {"second_execute_in_a_savepoint", second_execute_in_savepoint},
          {"own_returning_with_a_limit", own_returning_with_limit},
          {"suspended_portal_and_sync", suspended_then_sync},
          {"portals_over_a_savepoint", portals_over_a_savepoint},
          {"suspended_portal_in_a_failed_block", suspended_portal_in_a_failed_block},
          {"suspended_portal_of_a_failed_pipeline", suspended_portal_of_a_failed_pipeline},
          {"execute_after_the_end_of_returning", execute_after_the_end},
          {"fetch_from_protocol_portals", fetch_from_protocol_portal},
          {"close_of_a_portal_by_sql", close_portal_by_sql},
          {"execute_in_sql_and_bind_of_prepare", sql_execute_and_protocol_bind},
          {"close_of_a_statement_keeps_its_portals", close_statement_keeps_portals},
          {"names_are_rebound", names_are_rebound},
          {"portals_end_with_transactions", portals_end_with_transactions},
          {"discard_and_deallocate_then_reuse", statements_are_discarded}};
}

}  // namespace weir::differential
