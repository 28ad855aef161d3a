// Order and commit. Where notices, errors and tags stand, what a COMMIT really does, and what was committed in
// the end.
#include "tests/integration/differential/script.h"

namespace weir::differential {
namespace {

void notices_before_rows(Script& s) {
  s.connect();
  s.query("INSERT INTO noisy VALUES (10, 1) RETURNING id, v");
  s.query("UPDATE noisy SET v = v + 1 RETURNING id");
  s.query("UPDATE noisy SET v = 13 RETURNING id");
  s.query("UPDATE noisy SET v = 13");
  s.client()
      .parse("", "UPDATE noisy SET v = 5 WHERE id < 3 RETURNING id")
      .bind("", "")
      .describe_portal("")
      .execute("")
      .sync();
  s.step("extended, RETURNING");
  s.client()
      .parse("", "UPDATE noisy SET v = 13 WHERE id = 1 RETURNING id")
      .bind("", "")
      .describe_portal("")
      .execute("")
      .sync();
  s.step("extended, RETURNING, failing AFTER trigger");
  s.client().parse("", "UPDATE noisy SET v = 13 WHERE id = 1").bind("", "").describe_portal("").execute("").sync();
  s.step("extended, plain, failing AFTER trigger");
  s.query("INSERT INTO noisy SELECT i, 1 FROM generate_series(100, 300) i");
  s.query("DELETE FROM noisy WHERE id >= 100 RETURNING id");
}

void deferred_constraint(Script& s) {
  s.connect();
  s.query("INSERT INTO late VALUES (3, 1)");
  s.query("INSERT INTO late VALUES (3, 1) RETURNING id");
  s.client().parse("", "INSERT INTO late VALUES (3, 1)").bind("", "").execute("").sync();
  s.step("extended: CommandComplete, then the error at Sync");
  s.client().parse("", "INSERT INTO late VALUES (3, 1)").bind("", "").execute("").flush();
  s.step_until("up to CommandComplete", 'C');
  s.client().sync();
  s.step("Sync");
  s.query("BEGIN");
  s.query("INSERT INTO late VALUES (3, 1)");
  s.query("COMMIT");
  s.client().parse("", "BEGIN").bind("", "").execute("").parse("", "UPDATE late SET u = 1").bind("", "").execute("");
  s.client().parse("", "COMMIT").bind("", "").execute("").sync();
  s.step("in one pipeline");
  s.query("INSERT INTO at_commit VALUES (1, 5); SELECT 'said before the check'");
  s.query("INSERT INTO at_commit VALUES (2, -5); SELECT 'said before the failure'");
  s.query("BEGIN; INSERT INTO at_commit VALUES (3, -5); COMMIT; SELECT 'never'");
  s.client()
      .parse("", "INSERT INTO at_commit VALUES (4, -5)")
      .bind("", "")
      .execute("")
      .parse("", "SELECT 1")
      .bind("", "")
      .execute("")
      .sync();
  s.step("pipeline that fails at Sync");
  s.query("BEGIN; INSERT INTO at_commit VALUES (5, -5); SET CONSTRAINTS ALL IMMEDIATE; COMMIT");
  s.query("ROLLBACK");
  s.query("BEGIN; INSERT INTO at_commit VALUES (6, -5); PREPARE TRANSACTION 'never'");
  s.query("ROLLBACK");
  s.direct("SELECT * FROM late ORDER BY id");
  s.direct("SELECT * FROM at_commit ORDER BY id");
}

void cancelled_in_the_second(Script& s) {
  s.connect();
  s.query(
      "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(30); RETURN NULL; END $$; "
      "CREATE TRIGGER slow AFTER UPDATE ON nokey FOR EACH STATEMENT EXECUTE FUNCTION slow()");
  s.client().query("INSERT INTO nokey VALUES (50, 'tag was sent'); UPDATE nokey SET b = 'x'");
  s.client().send_all();
  s.wait_for("SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
  test_support::RawClient cancel(s.door().port, std::chrono::seconds(8));
  const auto& key = s.client().messages();
  for (const auto& message : key) {
    if (message.type == 'K') cancel.raw(std::string("\0\0\0\20\4\322\26\56", 8) + message.body);
  }
  cancel.read_until_closed();
  s.note("cancel connection", cancel.take_transcript().back());
  s.step("the INSERT's tag was sent, its row is not there");
  s.direct("SELECT count(*) FROM nokey WHERE a = 50");
  s.client().parse("", "INSERT INTO nokey VALUES (51, 'x')").bind("", "").execute("");
  s.client().parse("", "UPDATE nokey SET b = 'x'").bind("", "").execute("").sync().send_all();
  s.wait_for("SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
  s.direct("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
  s.step("cancelled in a pipeline");
  s.direct("SELECT count(*) FROM nokey WHERE a = 51");
}

void failed_blocks(Script& s) {
  s.connect();
  for (const std::string end :
       {"COMMIT", "PREPARE TRANSACTION 'f'", "END", "COMMIT AND CHAIN", "ROLLBACK AND CHAIN", "ROLLBACK TO a"}) {
    s.query("BEGIN");
    s.query("SAVEPOINT a");
    s.query("INSERT INTO nokey VALUES (60, 'never')");
    s.query("SELECT 1/0");
    s.query("INSERT INTO nokey VALUES (61, 'refused')");
    s.query(end);
    s.query("INSERT INTO nokey VALUES (62, 'after " + std::string(end == "COMMIT AND CHAIN" ? "chain" : "it") + "')");
    s.client().parse("", end).bind("", "").execute("").sync();
    s.step("extended: " + end);
    s.query("ROLLBACK");
  }
  s.direct("SELECT a, b FROM nokey ORDER BY a, b");
}

void two_phase(Script& s) {
  s.connect();
  const auto gid = s.schema() + "-gid";
  s.query("BEGIN; INSERT INTO nokey VALUES (70, 'two-phase'); PREPARE TRANSACTION '" + gid + "'");
  s.direct("SELECT count(*) FROM nokey WHERE a = 70");
  s.other_session("COMMIT PREPARED '" + gid + "'");
  s.direct("SELECT count(*) FROM nokey WHERE a = 70");
  s.query("BEGIN");
  s.query("INSERT INTO nokey VALUES (71, 'two-phase')");
  s.client().parse("", "PREPARE TRANSACTION '" + gid + "'").bind("", "").execute("").sync();
  s.step("extended PREPARE TRANSACTION");
  s.query("INSERT INTO nokey VALUES (73, 'a Query is a block'); PREPARE TRANSACTION '" + gid + "b'");
  s.direct("SELECT a FROM nokey WHERE a = 73");
  s.query("COMMIT PREPARED '" + gid + "b'");
  s.client().parse("", "INSERT INTO nokey VALUES (74, 'a pipeline is none')").bind("", "").execute("");
  s.client().parse("", "PREPARE TRANSACTION 'never'").bind("", "").execute("").sync();
  s.step("ROLLBACK, but it commits");
  s.direct("SELECT a FROM nokey WHERE a >= 73 ORDER BY a");
  s.query("ROLLBACK PREPARED '" + gid + "'");
  s.query("COMMIT PREPARED '" + gid + "'");
}

void terminate_behind(Script& s) {
  s.connect();
  s.client().query("INSERT INTO nokey VALUES (80, 'behind Query')").terminate();
  s.step_until_closed("Terminate behind Query: commits");
  s.direct("SELECT count(*) FROM nokey WHERE a = 80");
  s.connect();
  s.client().parse("", "INSERT INTO nokey VALUES (81, 'behind Sync')").bind("", "").execute("").sync().terminate();
  s.step_until_closed("Terminate behind Sync: commits");
  s.direct("SELECT count(*) FROM nokey WHERE a = 81");
  s.connect();
  s.client().parse("", "INSERT INTO nokey VALUES (82, 'behind Execute')").bind("", "").execute("").terminate();
  s.step_until_closed("Terminate behind Execute: rolls back");
  s.direct("SELECT count(*) FROM nokey WHERE a = 82");
  s.connect();
  s.query("BEGIN");
  s.client().query("INSERT INTO nokey VALUES (83, 'in a block')").terminate();
  s.step_until_closed("Terminate in a block: rolls back");
  s.direct("SELECT count(*) FROM nokey WHERE a = 83");
  s.connect();
  s.query("BEGIN");
  s.client().query("INSERT INTO nokey VALUES (84, 'committed')").query("COMMIT").terminate();
  s.step_until_closed("Terminate behind COMMIT: commits");
  s.direct("SELECT count(*) FROM nokey WHERE a = 84");
}

void half_closed(Script& s) {
  s.connect();
  s.client().query("INSERT INTO nokey VALUES (90, 'half closed') RETURNING a").half_close();
  s.step_until_closed("a half-closed socket is still answered");
  s.direct("SELECT count(*) FROM nokey WHERE a = 90");
  s.connect();
  s.client().parse("", "INSERT INTO nokey VALUES (91, 'x')").bind("", "").execute("").sync().half_close();
  s.step_until_closed("behind Sync");
  s.direct("SELECT count(*) FROM nokey WHERE a = 91");
  s.connect();
  s.client().parse("", "INSERT INTO nokey VALUES (92, 'x')").bind("", "").execute("").flush().half_close();
  s.step_until_closed("behind Flush");
  s.direct("SELECT count(*) FROM nokey WHERE a = 92");
  s.connect();
  s.client()
      .query("INSERT INTO nokey VALUES (93, 'half a message')")
      .raw(std::string("Q\0\0\0\100SELECT", 11))
      .half_close();
  s.step_until_closed("inside a message");
  s.direct("SELECT count(*) FROM nokey WHERE a = 93");
}

void vanished_client(Script& s) {
  s.connect();
  s.client().query("INSERT INTO nokey VALUES (95, 'nobody waits for the answer')").send_all();
  s.client().close_now();
  s.wait_for("SELECT count(*) = 1 FROM " + s.schema() + ".nokey WHERE a = 95");
  s.connect();
  s.query("BEGIN");
  s.query("INSERT INTO nokey VALUES (96, 'open block')");
  s.client().close_now();
  s.wait_for("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE state = 'idle in transaction')");
  s.direct("SELECT count(*) FROM nokey WHERE a = 96");
}

void procedures_that_commit(Script& s) {
  s.connect();
  s.query("CALL add_and_commit(100)");
  s.query("INSERT INTO nokey VALUES (101, 'before'); CALL add_and_commit(102)");
  s.client().parse("", "CALL add_and_commit(103)").bind("", "").execute("").sync();
  s.step("extended");
  s.client().parse("", "INSERT INTO nokey VALUES (104, 'x')").bind("", "").execute("");
  s.client().parse("", "CALL add_and_commit(105)").bind("", "").execute("").sync();
  s.step("in a pipeline behind a write");
  s.query(
      "DO $$ BEGIN INSERT INTO nokey VALUES (106, 'do'); COMMIT; INSERT INTO nokey VALUES (107, 'do'); ROLLBACK; END "
      "$$");
  s.direct("SELECT a, b FROM nokey ORDER BY a, b");
}

void copy_in_odd_orders(Script& s) {
  s.connect();
  s.client().parse("", "COPY nokey FROM STDIN").bind("", "").execute("").sync();
  s.step_until("CopyInResponse", 'G');
  s.client().flush().sync().copy_data("110\tx\n").sync().flush().copy_data("111\ty\n").copy_done().sync();
  s.step_until("Sync and Flush inside are ignored", 'Z');
  s.client().query("COPY nokey FROM STDIN");
  s.step("simple COPY");
  s.client().copy_data("112\tz\n").copy_fail("changed my mind");
  s.step_until("CopyFail", 'Z');
  s.client().query("COPY nokey FROM STDIN; SELECT 1; COPY nokey FROM STDIN");
  s.step("two COPYs in one Query");
  s.client().copy_data("113\tz\n").copy_done();
  s.step_until("first", 'G');
  s.client().copy_data("114\tz\n").copy_done();
  s.step_until("second", 'Z');
  s.client().query("COPY nokey FROM STDIN");
  s.step("simple COPY again");
  s.client().copy_data("115\tz\n").query("SELECT 1");
  s.step_until_closed("a Query inside kills the connection");
  s.connect();
  s.client().copy_data("late\n").copy_done();
  s.query("SELECT 'copy messages outside of COPY are ignored'");
  s.direct("SELECT a, b FROM nokey ORDER BY a, b");
}

void copy_that_fails_before_it_reads(Script& s) {
  const std::string frozen = "COPY nokey FROM STDIN (FREEZE)";
  s.direct("CREATE TABLE other (a integer)");
  s.connect();
  s.query("BEGIN");
  s.client().parse("", frozen).bind("", "").execute("").sync();
  s.step_until("the Sync is answered after all", 'Z');
  s.client().copy_data("120\tx\n").copy_done().sync();
  s.step("what would have been its data");
  s.query("ROLLBACK");
  s.query("INSERT INTO nokey VALUES (121, 'x')");
  s.client().parse("", frozen).bind("", "").execute("").sync();
  s.step_until("outside a block", 'Z');
  s.query("INSERT INTO nokey VALUES (122, 'x')");
  s.client().parse("", frozen).bind("", "").execute("").sync();
  s.client().parse("", "INSERT INTO nokey VALUES (123, 'x')").bind("", "").execute("").sync();
  s.step_until("first of two", 'Z');
  s.step_until("the other", 'Z');
  s.client().parse("", "COPY nokey FROM STDIN").bind("", "").execute("").sync();
  s.client().parse("", "INSERT INTO nokey VALUES (124, 'x')").bind("", "").execute("").sync();
  s.step_until("a Parse inside", 'Z');
  s.client().parse("", "COPY nokey FROM STDIN").bind("", "").execute("").sync();
  s.client().parse("", "INSERT INTO other VALUES (1)").bind("", "").execute("").sync();
  s.step_until("a Parse inside, of a table that was not seen before", 'Z');
  s.client().parse("named", "INSERT INTO nokey VALUES (125, 'x')").sync();
  s.step("to be bound inside");
  s.client().parse("", "COPY nokey FROM STDIN").bind("", "").execute("").sync();
  s.client().bind("", "named").execute("").sync();
  s.step_until("a Bind inside", 'Z');
  s.client().parse("", frozen).bind("", "").execute("").sync().bind("", "named").execute("").sync();
  s.step_until("a COPY that fails", 'Z');
  s.step_until("and a Bind behind it", 'Z');
  s.query("INSERT INTO nokey VALUES (126, 'x')");
  s.direct("SELECT a, b FROM nokey ORDER BY a, b");
}

void early_error_to_a_busy_sender(Script& s) {
  s.connect();
  s.client().query("COPY nokey FROM STDIN");
  s.step("COPY");
  std::string line;
  for (int i = 0; i < 20000; ++i) line += "not a number\t" + std::string(100, 'y') + "\n";
  for (int i = 0; i < 5; ++i) s.client().copy_data(line);
  s.client().copy_done();
  s.step_until("ten megabytes after an error", 'Z');
  s.query("SELECT 'in step'");
}

/// What a session notifies itself of comes behind the whole Query, wherever its COMMIT stands.
void notified_by_a_query(Script& s) {
  s.connect();
  s.query("LISTEN ch");
  s.query("BEGIN; INSERT INTO nokey VALUES (1, 'a'); NOTIFY ch, 'in a block'; COMMIT");
  s.query("BEGIN; INSERT INTO nokey VALUES (2, 'b'); NOTIFY ch; COMMIT; SELECT 1; INSERT INTO nokey VALUES (3)");
  s.query("INSERT INTO nokey VALUES (4, 'd'); NOTIFY ch, 'without one'");
  s.query("INSERT INTO nokey VALUES (5, 'e'); NOTIFY ch, 'rolled back'; SELECT 1/0");
  s.query("INSERT INTO nokey VALUES (6, 'f'); SET application_name = 'n'; NOTIFY ch, 'with a setting'");
  s.query("NOTIFY ch, 'alone'");
  s.direct("SELECT a FROM nokey ORDER BY a");
}

}  // namespace

std::vector<WireCase> commit_cases() {
  return {{"notified_by_a_query", notified_by_a_query},
          {"notices_come_before_rows", notices_before_rows},
          {"constraints_deferred_to_the_commit", deferred_constraint},
          {"cancelled_in_the_second_statement", cancelled_in_the_second},
          {"ends_of_failed_blocks", failed_blocks},
          {"two_phase_commit", two_phase},
          {"terminate_behind_requests", terminate_behind},
          {"half_closed_sockets", half_closed},
          {"vanished_clients", vanished_client},
          {"procedures_that_commit", procedures_that_commit},
          {"copy_in_odd_orders", copy_in_odd_orders},
          {"copy_that_fails_before_it_reads", copy_that_fails_before_it_reads},
          {"early_error_to_a_busy_sender", early_error_to_a_busy_sender}};
}

}  // namespace weir::differential
