// Transaction control inside pipelines, and Query among extended messages.
#include "tests/integration/differential/script.h"

namespace weir::differential {
namespace {

test_support::RawClient& add(Script& s, const std::string& sql) {
  return s.client().parse("", sql).bind("", "").execute("");
}

void commit_without_begin(Script& s) {
  s.connect();
  add(s, "INSERT INTO nokey VALUES (1, 'a')");
  add(s, "COMMIT");
  add(s, "INSERT INTO nokey VALUES (2, 'b')").sync();
  s.step("WARNING 25P01, and it commits");
  add(s, "INSERT INTO nokey VALUES (3, 'stays')");
  add(s, "COMMIT");
  add(s, "INSERT INTO nokey VALUES (4, 'undone')");
  add(s, "SELECT 1/0");
  add(s, "INSERT INTO nokey VALUES (5, 'skipped')").sync();
  s.step("an error after it undoes only what follows");
  add(s, "INSERT INTO nokey VALUES (6, 'undone')");
  add(s, "ROLLBACK");
  add(s, "INSERT INTO nokey VALUES (7, 'stays')").sync();
  s.step("ROLLBACK without BEGIN");
  add(s, "INSERT INTO nokey VALUES (8, 'x')");
  add(s, "COMMIT AND CHAIN").sync();
  s.step("AND CHAIN without BEGIN");
  add(s, "INSERT INTO nokey VALUES (9, 'x')");
  add(s, "SAVEPOINT a").sync();
  s.step("SAVEPOINT without BEGIN");
  s.direct("SELECT a, b FROM nokey ORDER BY a, b");
}

void begin_inside(Script& s) {
  s.connect();
  add(s, "INSERT INTO nokey VALUES (10, 'before')");
  add(s, "BEGIN");
  add(s, "INSERT INTO nokey VALUES (11, 'inside')").sync();
  s.step("BEGIN turns the implicit transaction into a block");
  s.direct("SELECT count(*) FROM nokey WHERE a > 9");
  s.query("ROLLBACK");
  s.direct("SELECT count(*) FROM nokey WHERE a > 9");
  add(s, "INSERT INTO nokey VALUES (12, 'before')");
  add(s, "BEGIN");
  add(s, "COMMIT");
  add(s, "INSERT INTO nokey VALUES (13, 'after')");
  add(s, "BEGIN");
  add(s, "INSERT INTO nokey VALUES (14, 'left open')").sync();
  s.step("several transactions in one pipeline");
  add(s, "INSERT INTO nokey VALUES (15, 'in the block')");
  add(s, "SELECT 1/0").sync();
  s.step("an error fails the block");
  add(s, "COMMIT").sync();
  s.step("COMMIT answers ROLLBACK");
  add(s, "BEGIN");
  add(s, "INSERT INTO nokey VALUES (16, 'x')");
  add(s, "SAVEPOINT a");
  add(s, "INSERT INTO nokey VALUES (17, 'y')");
  add(s, "ROLLBACK TO a");
  add(s, "RELEASE a");
  add(s, "COMMIT AND CHAIN");
  add(s, "INSERT INTO nokey VALUES (18, 'chained')");
  add(s, "COMMIT").sync();
  s.step("a whole life in one pipeline");
  s.direct("SELECT a, b FROM nokey ORDER BY a, b");
}

void query_among_extended(Script& s) {
  s.connect();
  add(s, "INSERT INTO nokey VALUES (20, 'committed by the Query')").query("SELECT 'query'");
  s.step("Query among outstanding extended messages");
  s.direct("SELECT count(*) FROM nokey WHERE a = 20");
  s.client().sync();
  s.step("Sync behind it");
  add(s, "INSERT INTO nokey VALUES (21, 'x')").query("INSERT INTO nokey VALUES (22, 'y'); SELECT 1/0");
  // 15 answers the Query; 18 has kept the first Query's transaction open ('T'), fails at Parse and skips up to Sync.
  s.step_until("a Query that fails", s.door().server->version() < 18 ? 'Z' : 'E');
  s.client().sync();
  s.step_until("Sync", 'Z');
  add(s, "INSERT INTO nokey VALUES (23, 'undone')");
  add(s, "SELECT 1/0");
  s.client().query("INSERT INTO nokey VALUES (24, 'skipped')").sync();
  s.step_until("after an error a Query too is skipped up to Sync", 'Z');
  add(s, "INSERT INTO nokey VALUES (25, 'x')").query("BEGIN").sync();
  s.step("BEGIN by Query in a pipeline");
  s.query("INSERT INTO nokey VALUES (26, 'x')");
  s.query("ROLLBACK");
  s.direct("SELECT a, b FROM nokey ORDER BY a, b");
}

/// From 18 on a Query of one statement leaves open what an Execute before it has begun; and a Sync right behind that
/// Query does not end it either, so that whatever comes next fails and takes it along.
void query_goes_on(Script& s) {
  const auto count = [&s] { s.direct("SELECT a, b FROM nokey WHERE a >= 100 ORDER BY a, b"); };
  const auto begin = [&s](const char* behind) {
    s.connect();
    add(s, "INSERT INTO nokey VALUES (100, 'executed')").query(behind);
    s.step(std::string("behind an Execute: ") + behind);
  };
  const auto end = [&](const char* query) {
    add(s, "SELECT 1").sync();
    s.step("an Execute and a Sync end it");
    count();
    s.query(query);
    count();
    s.other_session("DELETE FROM nokey WHERE a >= 100");
  };
  for (const char* behind : {"INSERT INTO nokey VALUES (101, 'by a Query') RETURNING b",
                             "SELECT 'read'",
                             "",
                             ";",
                             "UPDATE nokey SET b = b",
                             "INSERT INTO nokey VALUES (102, 'x'); INSERT INTO nokey VALUES (103, 'y')",
                             "SELECT 1; SELECT 2",
                             "SELECT 1/0",
                             "no syntax",
                             "COMMIT",
                             "ROLLBACK",
                             "SAVEPOINT a",
                             "DO $$BEGIN INSERT INTO nokey VALUES (104, 'z'); END$$",
                             "DO $$BEGIN COMMIT; END$$",
                             "SET LOCAL work_mem = '7MB'",
                             "LOCK TABLE nokey IN SHARE MODE",
                             "VACUUM nokey",
                             "CREATE TABLE made (a int)",
                             "TRUNCATE orders CASCADE",
                             "PREPARE TRANSACTION 'g'",
                             "MOVE x",
                             "BEGIN"}) {
    begin(behind);
    count();
    s.query("INSERT INTO nokey VALUES (110, 'another')");
    end("SHOW work_mem");
    begin(behind);
    s.client().sync();
    s.step("a Sync");
    s.client().sync();
    s.step("and another");
    count();
    add(s, "INSERT INTO nokey VALUES (111, 'refused or not')").sync();
    s.step("an Execute behind it");
    end("ROLLBACK");
  }
}

void query_goes_on_to_its_end(Script& s) {
  const auto begin = [&s](const std::string& label) {
    s.connect();
    add(s, "INSERT INTO nokey VALUES (120, 'executed')").query("INSERT INTO nokey VALUES (121, 'by a Query')");
    s.step(label);
  };
  const auto count = [&s] { s.direct("SELECT a, b FROM nokey WHERE a >= 120 ORDER BY a, b"); };
  for (const char* end : {"COMMIT", "ROLLBACK", "SELECT 1/0", "BEGIN", "SELECT 1; INSERT INTO nokey VALUES (122, 'x')",
                          "BEGIN; INSERT INTO nokey VALUES (123, 'y')", "SAVEPOINT a", "SELECT pg_sleep(0)"}) {
    begin(std::string("ended by ") + end);
    s.query(end);
    count();
    s.client().sync();
    s.step("a Sync");
    s.query("ROLLBACK");
    count();
  }
  begin("ended by a Parse");
  s.client().parse("", "SELECT 1").sync();
  s.step("and a Sync");
  count();
  begin("not ended by a Close");
  s.client().close_statement("x").sync();
  s.step("and a Sync");
  s.client().parse("", "INSERT INTO nokey VALUES (124, 'refused or not')").bind("", "").execute("").sync();
  s.step("behind it");
  count();
  begin("a session that ends");
  s.client().sync().terminate();
  s.step_until_closed("behind a Sync");
  count();
  begin("a function");
  s.client().request('F', std::string("\0\0\x06\x4a\0\0\0\0\0\0", 10));
  s.step_until("pi", 'Z');
  count();
  s.client().sync();
  s.step("a Sync");
  count();
  s.connect();
  add(s, "INSERT INTO nokey VALUES (125, 'executed')").query("COPY nokey FROM STDIN");
  s.step("the client must hear that it is asked for data");
  s.client().copy_data("126\tcopied\n").copy_done();
  s.step("and its data are taken");
  count();
  s.client().sync();
  s.step("a Sync");
  count();
}

void errors_skip_to_sync(Script& s) {
  s.connect();
  add(s, "INSERT INTO nokey VALUES (30, 'undone')");
  add(s, "INSERT INTO nosuch VALUES (1)");
  add(s, "INSERT INTO nokey VALUES (31, 'skipped')").describe_statement("nosuch").close_portal("x").flush().sync();
  add(s, "INSERT INTO nokey VALUES (32, 'kept')").sync();
  s.step("each Sync ends one error");
  s.client().bind("", "nosuch").sync();
  s.step("Bind of an unknown statement");
  s.client()
      .parse("", "INSERT INTO nokey VALUES (33, 'x'); INSERT INTO nokey VALUES (34, 'y')")
      .bind("", "")
      .execute("")
      .sync();
  s.step("two commands in one Parse");
  s.client().parse("", "INSERT INTO nokey VALUES (35, 'x');;").bind("", "").execute("").sync();
  s.step("one command and semicolons");
  s.client().parse("", "").describe_statement("").bind("", "").describe_portal("").execute("").sync();
  s.step("EmptyQueryResponse");
  s.direct("SELECT a, b FROM nokey ORDER BY a, b");
}

/// The server reads counts without a sign.
void many_parameters(Script& s) {
  constexpr int kMany = 40'000;
  std::string any = "coalesce($1::int";
  for (int i = 2; i <= kMany; ++i) any += ",$" + std::to_string(i);
  any += ")";
  const std::vector<std::uint32_t> types(kMany, 23);
  const test_support::BindOptions values{.parameters = std::vector<std::optional<std::string>>(kMany, "80")};
  const test_support::BindOptions formatted{.parameters = values.parameters, .result_formats = {0, 1}};
  s.connect();
  add(s, "INSERT INTO nokey VALUES (80, 'before')").sync();
  s.step("the unnamed statement is a captured one");
  s.client().parse("", "SELECT a, b FROM nokey WHERE a = " + any, types).bind("", "", values).describe_portal("");
  s.client().execute("").sync();
  s.step("a read takes its place");
  s.client().parse("", "INSERT INTO nokey VALUES (" + any + ", 'many') RETURNING a, b").bind("", "", formatted);
  s.client().describe_portal("").execute("").sync();
  s.step("a write with a RETURNING of its own");
  s.client()
      .parse("w", "UPDATE nokey SET b = 'named' WHERE a = " + any, types)
      .bind("", "w", values)
      .execute("")
      .sync();
  s.step("named");
  add(s, "INSERT INTO nokey VALUES (81, 'after')").sync();
  s.step("still captured");
  s.direct("SELECT a, b FROM nokey ORDER BY a, b");
}

/// What asks the catalog takes a snapshot; these must come before one.
void before_a_snapshot(Script& s) {
  for (const char* sql : {"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; INSERT INTO nokey VALUES (90, 'x')",
                          "SET LOCAL transaction_isolation = 'serializable'; UPDATE nokey SET b = 'y'",
                          "SHOW transaction_isolation; SET TRANSACTION READ WRITE, DEFERRABLE; DELETE FROM nokey",
                          "LOCK TABLE nokey; SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; TRUNCATE nokey"}) {
    s.connect();
    s.query("BEGIN");
    s.query(sql);
    s.query("COMMIT");
  }
  s.direct("SELECT a, b FROM nokey ORDER BY a, b");
}

void flush_in_between(Script& s) {
  s.connect();
  s.client().parse("", "INSERT INTO nokey VALUES (40, 'x')").flush();
  s.step_until("Parse, Flush", '1');
  s.client().bind("", "").describe_portal("").flush();
  s.step_until("Bind, Describe, Flush", 'n');
  s.client().execute("").flush();
  s.step_until("Execute, Flush", 'C');
  s.direct("SELECT count(*) FROM nokey WHERE a = 40");
  s.client().flush().sync();
  s.step("Flush, Sync");
  s.direct("SELECT count(*) FROM nokey WHERE a = 40");
  s.client().sync().sync().flush().sync();
  s.step("Syncs alone");
  s.client().parse("w", "UPDATE nokey SET b = $1 WHERE a = 40").describe_statement("w").flush();
  s.step_until("Describe of a statement, Flush", 'n');
  for (const char* value : {"first", "second", "third"}) {
    s.client().bind("", "w", {.parameters = {value}}).execute("").flush();
    s.step_until(std::string("each flushed: ") + value, 'C');
  }
  s.client().sync();
  s.step("Sync of three");
  s.direct("SELECT a, b FROM nokey ORDER BY a, b");
}

void long_pipeline(Script& s) {
  s.connect();
  s.client().parse("w", "INSERT INTO nokey VALUES ($1, 'pipelined')");
  for (int i = 0; i < 300; ++i) s.client().bind("", "w", {.parameters = {std::to_string(i)}}).execute("");
  s.client().sync();
  s.step("300 writes, one Sync");
  for (int i = 0; i < 100; ++i) s.client().bind("", "w", {.parameters = {std::to_string(i)}}).execute("").sync();
  s.step("100 writes, 100 Syncs");
  for (int i = 0; i < 50; ++i) {
    s.client().query("UPDATE nokey SET b = 'q' WHERE a = " + std::to_string(i));
  }
  s.step("50 Queries at once");
  s.client().query("BEGIN");
  for (int i = 0; i < 20; ++i)
    s.client().query(i == 10 ? "SELECT 1/0" : "DELETE FROM nokey WHERE a = " + std::to_string(i));
  s.client().query("COMMIT").query("SELECT count(*) FROM nokey");
  s.step("a block in Queries sent at once, failing in the middle");
}

void reads_between_writes(Script& s) {
  s.connect();
  add(s, "INSERT INTO nokey VALUES (50, 'x')");
  add(s, "SELECT count(*) FROM nokey WHERE a = 50");
  add(s, "UPDATE nokey SET b = 'y' WHERE a = 50 RETURNING b");
  add(s, "SELECT b FROM nokey WHERE a = 50");
  add(s, "SET LOCAL TimeZone = 'Asia/Tokyo'");
  add(s, "SHOW TimeZone");
  add(s, "DELETE FROM nokey WHERE a = 50");
  add(s, "TABLE nokey").sync();
  s.step("reads and writes in one transaction");
  s.query("SHOW TimeZone");
  add(s, "NOTIFY ch, 'in a pipeline'");
  add(s, "INSERT INTO nokey VALUES (51, 'x')").sync();
  s.step("NOTIFY");
  s.query("LISTEN ch");
  s.query("NOTIFY ch, 'to itself'; INSERT INTO nokey VALUES (52, 'x')");
  s.query("UNLISTEN *");
}

void isolation(Script& s) {
  s.connect();
  s.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
  s.other_session("INSERT INTO nokey VALUES (60, 'seen, no snapshot yet')");
  s.query("SELECT count(*) FROM nokey WHERE a = 60");
  s.other_session("UPDATE items SET qty = 70 WHERE id = 1");
  s.query("UPDATE items SET qty = 71 WHERE id = 1");
  s.query("ROLLBACK");
  s.query("BEGIN ISOLATION LEVEL SERIALIZABLE");
  s.query("SET TRANSACTION READ ONLY");
  s.query("INSERT INTO nokey VALUES (61, 'read only')");
  s.query("ROLLBACK");
  s.query("BEGIN");
  s.query("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE");
  s.query("INSERT INTO nokey VALUES (62, 'x')");
  s.query("SET TRANSACTION ISOLATION LEVEL READ COMMITTED");
  s.query("ROLLBACK");
  add(s, "BEGIN");
  add(s, "INSERT INTO nokey VALUES (63, 'x')");
  add(s, "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE").sync();
  s.step("too late in a pipeline");
  s.query("ROLLBACK");
  add(s, "SET TRANSACTION READ ONLY");
  add(s, "INSERT INTO nokey VALUES (64, 'x')").sync();
  s.step("SET TRANSACTION in an implicit transaction");
  s.query("SET lock_timeout = '50ms'");
  s.query("BEGIN");
  s.query("LOCK TABLE items IN ACCESS EXCLUSIVE MODE");
  s.query("COMMIT");
}

}  // namespace

std::vector<WireCase> pipeline_cases() {
  return {{"commit_in_a_pipeline_without_begin", commit_without_begin},
          {"begin_in_a_pipeline", begin_inside},
          {"query_among_extended_messages", query_among_extended},
          {"query_behind_an_execute", query_goes_on},
          {"query_behind_an_execute_and_what_ends_it", query_goes_on_to_its_end},
          {"errors_skip_to_sync", errors_skip_to_sync},
          {"more_than_32767_parameters", many_parameters},
          {"before_a_snapshot", before_a_snapshot},
          {"flush_in_between", flush_in_between},
          {"long_pipelines", long_pipeline},
          {"reads_between_writes", reads_between_writes},
          {"isolation_levels_and_snapshots", isolation}};
}

}  // namespace weir::differential
