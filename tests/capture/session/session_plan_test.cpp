// What each capture plan sends and what comes of it: values of the statement, statements alone, gaps, COPY, old images,
// encodings.
#include <gtest/gtest.h>

#include "capture/facts.h"
#include "tests/capture/session/session_script.h"

namespace weir::testing {
namespace {

const std::string kInsert = "INSERT INTO t VALUES (1, 'a')";
Table without_select() {
  Table table;
  table.selectable = false;
  return table;
}

// INSERT right without SELECT.
TEST(SessionPlanTest, ValuesOfTheStatementWhereRowsCannotBeReturned) {
  SessionScript script;
  script.starts().client_sends(client::query(kInsert)).asks_facts(without_select());
  script.expect_upstream(sent_in_part(kInsert) + client::flush()).upstream_sends(part_answered({}, "INSERT 0 1"));
  asks_epilogue(script);
  commits_query(script,
                "prepare 1 xid 800 lsn 0/30-0/30 | c public.t 1.1 0/30 input key {\"id\":1} after "
                "{\"id\":1,\"v\":\"a\"}",
                "INSERT 0 1");
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionPlanTest, ValuesOfParameters) {
  const std::string sql = "INSERT INTO t (v, id) VALUES ($2, $1), (NULL, 5)";
  SessionScript script;
  script.starts()
      .client_sends(client::parse("", sql) + client::bind("", "", {"7", "it\"s"}) + client::execute("", 1) +
                    client::sync())
      .asks_facts(without_select());
  script
      .expect_upstream(client::parse("", sql) + client::bind("", "", {"7", "it\"s"}) + client::execute("", 1) +
                       client::flush())
      .upstream_is_relayed(part_answered({}, "INSERT 0 2"));
  asks_epilogue(script);
  script
      .gate({R"(prepare 1 xid 800 lsn 0/30-0/30 | c public.t 1.1 0/30 input key {"id":7} after {"v":"it\"s","id":7})"
             R"( | c public.t 2.1 0/30 input key {"id":5} after {"v":null,"id":5})"})
      .journal_has_it()
      .expect_upstream(client::sync())
      .upstream_is_relayed(server::ready('I'))
      .gate({"outcome 1 committed"});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionPlanTest, BinaryParametersAreNotRead) {
  const std::string sql = "INSERT INTO t VALUES ($1)";
  const std::string bind = client::bind("", "", {int32(7)}, {{1}, {}});
  SessionScript script;
  script.starts()
      .client_sends(client::parse("", sql) + bind + client::execute("") + client::sync())
      .asks_facts(without_select());
  script.expect_upstream(client::parse("", sql) + bind + client::execute("") + client::flush())
      .upstream_is_relayed(part_answered({}, "INSERT 0 1"));
  asks_epilogue(script);
  script.gate({"prepare 1 xid 800 lsn 0/30-0/30 | c public.t 1.1 0/30 statement inserted 1 cause no SELECT privilege"})
      .journal_has_it()
      .expect_upstream(client::sync())
      .upstream_is_relayed(server::ready('I'))
      .gate({"outcome 1 committed"});
  EXPECT_EQ(script.replay(), "");
}

// Under row-level security a plain UPDATE hits other rows than one with RETURNING.
TEST(SessionPlanTest, OnlyTheStatementUnderRowLevelSecurity) {
  const std::string sql = "UPDATE t SET v = 'b'";
  Table table;
  table.row_security = true;
  SessionScript script;
  script.starts().client_sends(client::query(sql)).asks_facts(table);
  script.expect_upstream(sent_in_part(sql) + client::flush()).upstream_sends(part_answered({}, "UPDATE 6"));
  asks_epilogue(script);
  commits_query(script,
                "prepare 1 xid 800 lsn 0/30-0/30 | u public.t 1.1 0/30 statement updated 6 cause row-level security",
                "UPDATE 6");
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionPlanTest, AStatementThatWroteNothingIsNoEvent) {
  const std::string sql = "UPDATE t SET v = 'b'";
  Table table;
  table.row_security = true;
  SessionScript script;
  script.starts().client_sends(client::query(sql)).asks_facts(table);
  script.expect_upstream(sent_in_part(sql) + client::flush())
      .upstream_sends(part_answered({}, "UPDATE 0"))
      .expect_upstream(client::sync())
      .upstream_sends(server::ready('I'))
      .expect_client(server::complete("UPDATE 0") + server::ready('I'));
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionPlanTest, TruncateNamesItsTables) {
  const std::string sql = "TRUNCATE t, u";
  Table other;
  other.name = "\"u\"";
  other.table = "u";
  SessionScript script;
  script.starts().client_sends(client::query(sql)).asks_facts({Table(), other});
  script
      .expect_upstream(client::parse("", sql) + client::bind("", "") + client::describe('P', "") + client::execute("") +
                       client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() + server::no_data() +
                      server::complete("TRUNCATE TABLE"));
  asks_epilogue(script);
  commits_query(script,
                "prepare 1 xid 800 lsn 0/30-0/30 | t public.t 1.1 0/30 statement cause only the statement is known | t "
                "public.u 2.1 0/30 statement cause only the statement is known",
                "TRUNCATE TABLE");
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionPlanTest, ATransactionThatGotNoIdWroteNothing) {
  const std::string sql = "TRUNCATE t";
  SessionScript script;
  script.starts().client_sends(client::query(sql)).asks_facts(Table());
  script
      .expect_upstream(client::parse("", sql) + client::bind("", "") + client::describe('P', "") + client::execute("") +
                       client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() + server::no_data() +
                      server::complete("TRUNCATE TABLE"));
  asks_epilogue(script, {std::nullopt, "0/30"});
  script.expect_upstream(client::sync())
      .upstream_sends(server::ready('I'))
      .expect_client(server::complete("TRUNCATE TABLE") + server::ready('I'));
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionPlanTest, AFailedEpilogueEndsTheCommitWithAnError) {
  const std::string cancelled = server::error("57014", "canceling statement due to user request");
  SessionScript script;
  script.starts()
      .client_is_relayed(client::query("BEGIN"))
      .upstream_is_relayed(server::complete("BEGIN") + server::ready('T'))
      .client_sends(client::query(kInsert))
      .asks_facts(without_select(), false);
  script.expect_upstream(sent_in_part(kInsert) + client::sync())
      .upstream_sends(part_answered({}, "INSERT 0 1") + server::ready('T'))
      .expect_client(server::complete("INSERT 0 1") + server::ready('T'))
      .client_sends(client::query("COMMIT"));
  const std::string own = script.next_own_name();
  script
      .expect_upstream(client::parse(own, kEpilogue) + client::bind("weir:own", own) + client::execute("weir:own") +
                       client::close('P', "weir:own") + client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() + cancelled)
      .expect_client(cancelled)
      .expect_upstream(client::sync())
      .upstream_is_relayed(server::ready('E'))
      .client_is_relayed(client::query("ROLLBACK"))
      .upstream_is_relayed(server::complete("ROLLBACK") + server::ready('I'));
  EXPECT_EQ(script.replay(), "");
}

// DO INSTEAD rules: the plain form answers differently in the two protocols.
TEST(SessionPlanTest, ATableWithRulesIsRelayedAndReported) {
  Table table;
  table.has_rules = true;
  SessionScript script;
  script.starts().client_sends(client::query(kInsert)).asks_facts(table);
  script.expect_upstream(client::query(kInsert))
      .upstream_is_relayed(server::complete("INSERT 0 1") + server::ready('I'))
      .gate({"report xid 0 | g public.t 1.1 0/0 statement inserted 1 cause rule"});
  EXPECT_EQ(script.replay(), "");
}

/// The same Query asks for the transaction: the COPY commits by itself, and nobody could be asked afterwards.
const std::string kWhich =
    "\n/*weir*/;SELECT pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.text, "
    "pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text";
std::string which_answered() {
  return server::row_description({"a", "b"}) + server::row({"800", "0/30"}) + server::complete("SELECT 1");
}

TEST(SessionPlanTest, CopyInASimpleQuery) {
  const std::string sql = "COPY t FROM STDIN";
  const std::string data = frame('d', "1\ta\n");
  SessionScript script;
  script.starts().client_sends(client::query(sql + "; -- all")).asks_facts(Table());
  script.expect_upstream(client::query(sql + kWhich))
      .upstream_is_relayed(frame('G', std::string(1, '\0') + int16(2) + int16(0) + int16(0)))
      .client_is_relayed(data + data + client::sync() + client::flush() + frame('c'))
      .upstream_sends(server::complete("COPY 2") + which_answered() + server::ready('I'))
      .expect_client(server::complete("COPY 2") + server::ready('I'))
      .gate({"report xid 800 lsn 0/30 | g public.t 1.1 0/30 statement inserted 2 cause copy"})
      .client_is_relayed(client::query("SELECT 1"))
      .upstream_is_relayed(server::complete("SELECT 1") + server::ready('I'));
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionPlanTest, ACopyWhoseCommitFailsIsNotComplete) {
  const std::string sql = "COPY t FROM STDIN";
  const std::string violated = server::error("23503", "violates foreign key constraint");
  const std::string notice = server::report('N', "NOTICE", "00000", "checked late");
  SessionScript script;
  script.starts().client_sends(client::query(sql)).asks_facts(Table());
  script.expect_upstream(client::query(sql + kWhich))
      .upstream_is_relayed(frame('G', std::string(1, '\0') + int16(1) + int16(0)))
      .client_is_relayed(frame('d', "1\n") + frame('c'))
      .upstream_sends(server::complete("COPY 1") + which_answered() + notice + violated + server::ready('I'))
      .expect_client(notice + violated + server::ready('I'))
      .client_is_relayed(client::query("SELECT 1"))
      .upstream_is_relayed(server::complete("SELECT 1") + server::ready('I'));
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionPlanTest, ACopyThatSomebodyReadsTheTextOfIsRelayedAsItIs) {
  const std::string sql = "COPY t FROM STDIN";
  Table table;
  table.shows_text = true;
  SessionScript script;
  script.starts().client_sends(client::query(sql)).asks_facts(table);
  script.expect_upstream(client::query(sql))
      .upstream_is_relayed(frame('G', std::string(1, '\0') + int16(1) + int16(0)))
      .client_is_relayed(frame('d', "1\n") + frame('c'))
      .upstream_is_relayed(server::complete("COPY 1") + server::ready('I'))
      .gate({"report xid 0 | g public.t 1.1 0/0 statement inserted 1 cause copy"});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionPlanTest, ACopyThatFailsInTheMiddle) {
  const std::string sql = "COPY t FROM STDIN";
  const std::string data = frame('d', "x\n");
  const std::string bad = server::error("22P02", "invalid input syntax");
  SessionScript script;
  script.starts().client_sends(client::query(sql)).asks_facts(Table());
  script.expect_upstream(client::query(sql + kWhich))
      .upstream_is_relayed(frame('G', std::string(1, '\0') + int16(1) + int16(0)))
      .client_is_relayed(data)
      .upstream_is_relayed(bad + server::ready('I'))
      .client_is_relayed(data + frame('c'))
      .client_is_relayed(client::query("SELECT 1"))
      .upstream_is_relayed(server::complete("SELECT 1") + server::ready('I'));
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionPlanTest, WritesOfExecuteAreReported) {
  SessionScript script;
  script.starts()
      .client_is_relayed(client::query("EXECUTE s"))
      .upstream_is_relayed(server::complete("INSERT 0 3") + server::ready('I'))
      .gate({"report xid 0 | g . 1.1 0/0 statement inserted 3 cause execute"})
      .client_is_relayed(client::query("EXECUTE r"))
      .upstream_is_relayed(server::complete("SELECT 3") + server::ready('I'))
      .client_is_relayed(client::query("SELEC unparsable by us"))
      .upstream_is_relayed(server::complete("DELETE 2") + server::ready('I'))
      .gate({"report xid 0 | g . 1.1 0/0 statement deleted 2 cause unknown statement"});
  EXPECT_EQ(script.replay(), "");
}

std::string suffix_18() {
  return "\n/*weir*/RETURNING WITH (OLD AS \"weir old\", NEW AS \"weir new\") "
         "pg_catalog.row_to_json(\"weir old\".*), pg_catalog.row_to_json(\"weir new\".*), \"t\".tableoid, "
         "pg_catalog.pg_current_xact_id(), pg_catalog.pg_current_wal_insert_lsn()";
}

TEST(SessionPlanTest, OldAndNewRowsFrom18) {
  const std::string sql = "UPDATE t SET id = 2";
  SessionScript script;
  script.starts("18.4").client_sends(client::query(sql)).asks_all_facts(Table());
  script.expect_upstream(sent_in_part(sql + suffix_18()) + client::flush())
      .upstream_sends(part_answered({Values{R"({"id":1})"} + written(R"({"id":2})", "0/10")}, "UPDATE 1"));
  commits_query(script,
                R"(prepare 1 xid 800 lsn 0/10-0/10 | u public.t 1.1 0/10 key {"id":2} old_key {"id":1} before {"id":1})"
                R"( after {"id":2})",
                "UPDATE 1");
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionPlanTest, AMovedRowFrom18) {
  const std::string sql = "UPDATE t SET region = 'b'";
  Table table;
  table.kind = "p";
  table.routing = R"(["region"])";
  table.leaves = R"([["16400","public","t"],["16401","public","t_a"],["16402","public","t_b"]])";
  std::string added = suffix_18();
  added.insert(added.find("\"t\".tableoid"), "\"weir old\".tableoid, ");
  SessionScript script;
  script.starts("18.4").client_sends(client::query(sql)).asks_all_facts(table);
  script.expect_upstream(sent_in_part(sql + added) + client::flush())
      .upstream_sends(part_answered(
          {{R"({"id":1,"region":"a"})", R"({"id":1,"region":"b"})", "16401", "16402", "800", "0/10"}}, "UPDATE 1"));
  commits_query(script,
                R"(prepare 1 xid 800 lsn 0/10-0/10 | d public.t_a 1.1 0/10 key {"id":1} before {"id":1,"region":"a"})"
                R"( | c public.t_b 2.1 0/10 key {"id":1} after {"id":1,"region":"b"})",
                "UPDATE 1");
  EXPECT_EQ(script.replay(), "");
}

/// Weir's own statement, prepared, run in a portal of its own and closed.
std::string run_own(const std::string& name, const std::string& text, const std::string& bound,
                    const std::vector<std::int64_t>& types = {25, 25}) {
  return client::parse(name, text, types) + bound + client::execute("weir:own") + client::close('P', "weir:own") +
         client::close('S', name);
}

std::string own_answered(const std::vector<Values>& rows) {
  std::string out = server::parse_complete() + server::bind_complete();
  for (const Values& row : rows) out += server::row(row);
  return out + server::complete("SELECT " + std::to_string(rows.size())) + server::close_complete() +
         server::close_complete();
}

const std::string kLockedRows = " FROM \"t\" WHERE v = $2\nFOR NO KEY UPDATE OF \"t\"";
const std::string kLock =
    "SELECT pg_catalog.row_to_json(\"t\".*), \"t\".tableoid, pg_catalog.pg_current_xact_id(), "
    "pg_catalog.pg_current_wal_insert_lsn()" +
    kLockedRows;

/// An UPDATE of the key before 18: Weir locks the rows, reads them, and then the UPDATE runs.
SessionScript& runs_update_of_key(SessionScript& script, const Table& table, const std::vector<Values>& locked,
                                  const std::vector<Values>& updated) {
  const std::string sql = "UPDATE t SET id = $1 WHERE v = $2";
  script.starts()
      .client_sends(client::parse("", sql, {23, 25}) + client::bind("", "", {"2", "a"}) + client::execute("") +
                    client::sync())
      .asks_all_facts(table);
  const std::string first = script.next_own_name();
  const std::string second = script.next_own_name();
  const auto bound = [](const std::string& name) { return client::bind("weir:own", name, {"2", "a"}, {{0, 0}, {}}); };
  std::string answer = server::parse_complete() + server::bind_complete() +
                       own_answered(std::vector<Values>(locked.size())) + own_answered(locked);
  for (const Values& row : updated) answer += server::row(row);
  const std::string complete = server::complete("UPDATE " + std::to_string(updated.size()));
  script
      .expect_upstream(client::parse("", sql + suffix(), {23, 25}) + client::bind("", "", {"2", "a"}) +
                       run_own(first, "SELECT" + kLockedRows, bound(first)) + run_own(second, kLock, bound(second)) +
                       client::execute("") + client::flush())
      .upstream_sends(answer + complete)
      .expect_client(server::parse_complete() + server::bind_complete() + complete);
  return script;
}

SessionScript& commits(SessionScript& script, const std::string& prepared) {
  return script.gate({prepared})
      .journal_has_it()
      .expect_upstream(client::sync())
      .upstream_is_relayed(server::ready('I'))
      .gate({"outcome 1 committed"});
}

// Before 18 the old key is read by a query of Weir's own, behind another that waits for whoever holds the rows.
TEST(SessionPlanTest, AnUpdateOfTheKeyBefore18) {
  SessionScript script;
  runs_update_of_key(script, Table(), {{R"({"id":1,"v":"a"})", "16400", "800", "0/8"}},
                     {written(R"({"id":2,"v":"a"})", "0/10")});
  commits(script, R"(prepare 1 xid 800 lsn 0/10-0/10 | u public.t 1.1 0/10 key {"id":2} old_key {"id":1} before )"
                  R"({"id":1,"v":"a"} after {"id":2,"v":"a"})");
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionPlanTest, AnErrorOfTheLockQueryIsTheUpdates) {
  const std::string sql = "UPDATE t SET id = $1, v = $3 WHERE v = $2";
  const std::string large(2000, 'x');
  // Of what the lock query does not use only short texts are sent, for an error that names them.
  const auto bound = [](const std::string& name) {
    return client::bind("weir:own", name, {"2", "a", std::nullopt}, {{0, 0, 0}, {}});
  };
  const auto timed_out = [](const std::string& context) {
    return server::error("55P03", "canceling statement due to lock timeout", {{'W', context}, {'F', "postgres.c"}});
  };
  const std::string named = " parameters: $1 = '2', $2 = 'a', $3 = NULL";
  SessionScript script;
  script.starts()
      .client_sends(client::parse("", sql, {23, 25, 25}) + client::bind("p", "", {"2", "a", large}) +
                    client::execute("p") + client::sync())
      .asks_all_facts(Table());
  const std::string first = script.next_own_name(), second = script.next_own_name();
  script
      .expect_upstream(client::parse("", sql + suffix(), {23, 25, 25}) + client::bind("p", "", {"2", "a", large}) +
                       run_own(first, "SELECT" + kLockedRows, bound(first), {25, 25, 25}) +
                       run_own(second, kLock, bound(second), {25, 25, 25}) + client::execute("p") + client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() + server::parse_complete() +
                      server::bind_complete() +
                      timed_out("while locking tuple (0,1) in relation \"t\"\nportal \"weir:own\" with" + named))
      .expect_client(server::parse_complete() + server::bind_complete() +
                     timed_out("while updating tuple (0,1) in relation \"t\"\nportal \"p\" with" + named))
      .expect_upstream(client::sync())
      .upstream_is_relayed(server::ready('I'));
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionPlanTest, RowsThatCannotBeToldApartAreDeletesAndThenCreates) {
  SessionScript script;
  runs_update_of_key(script, Table(),
                     {{R"({"id":1,"v":"a"})", "16400", "800", "0/8"}, {R"({"id":2,"v":"a"})", "16400", "800", "0/9"}},
                     {written(R"({"id":2,"v":"a"})", "0/10"), written(R"({"id":3,"v":"a"})", "0/18")});
  commits(script, R"(prepare 1 xid 800 lsn 0/10-0/18 | d public.t 1.1 0/8 key {"id":1} before {"id":1,"v":"a"})"
                  R"( | d public.t 2.1 0/9 key {"id":2} before {"id":2,"v":"a"})"
                  R"( | c public.t 3.1 0/10 key {"id":2} after {"id":2,"v":"a"})"
                  R"( | c public.t 4.1 0/18 key {"id":3} after {"id":3,"v":"a"})");
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionPlanTest, ARowThatCameInBetweenLeavesTheStatement) {
  SessionScript script;
  runs_update_of_key(script, Table(), {{R"({"id":1,"v":"a"})", "16400", "800", "0/8"}},
                     {written(R"({"id":2,"v":"a"})", "0/10"), written(R"({"id":3,"v":"a"})", "0/18")});
  commits(script,
          "prepare 1 xid 800 lsn 0/10-0/18 | u public.t 1.1 0/18 statement updated 2"
          " cause which rows changed their keys is not known");
  EXPECT_EQ(script.replay(), "");
}

/// Rows that take more memory than there is for them are told as they come.
capture::Scope scope_without_memory() {
  capture::Scope scope;
  scope.moved_bytes = 0;
  return scope;
}

TEST(SessionPlanTest, ManyRowsAreDeletesAndCreatesAsTheyCome) {
  SessionScript script(scope_without_memory());
  runs_update_of_key(script, Table(),
                     {{R"({"id":1,"v":"a"})", "16400", "800", "0/8"}, {R"({"id":2,"v":"b"})", "16400", "800", "0/9"}},
                     {written(R"({"id":11,"v":"a"})", "0/10"), written(R"({"id":12,"v":"b"})", "0/18")});
  commits(script, R"(prepare 1 xid 800 lsn 0/8-0/18 | d public.t 1.1 0/8 key {"id":1} before {"id":1,"v":"a"})"
                  R"( | d public.t 2.1 0/9 key {"id":2} before {"id":2,"v":"b"})"
                  R"( | c public.t 3.1 0/10 key {"id":11} after {"id":11,"v":"a"})"
                  R"( | c public.t 4.1 0/18 key {"id":12} after {"id":12,"v":"b"})");
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionPlanTest, WhatWasToldIsTakenBackWhereAnotherRowCameInBetween) {
  SessionScript script(scope_without_memory());
  runs_update_of_key(script, Table(), {{R"({"id":1,"v":"a"})", "16400", "800", "0/8"}},
                     {written(R"({"id":11,"v":"a"})", "0/10"), written(R"({"id":12,"v":"a"})", "0/18")});
  commits(script,
          "prepare 1 xid 800 lsn 0/8-0/18 | u public.t 1.1 0/18 statement updated 2"
          " cause which rows changed their keys is not known");
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionPlanTest, NoRowWrittenTakesBackTheDeletes) {
  SessionScript script(scope_without_memory());
  runs_update_of_key(script, Table(), {{R"({"id":1,"v":"a"})", "16400", "800", "0/8"}}, {})
      .expect_upstream(client::sync())
      .upstream_is_relayed(server::ready('I'))
      .gate({});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionPlanTest, AParameterOfAUsersTypeIsNotAskedWith) {
  const std::string sql = "UPDATE t SET id = $1 WHERE v = $2";
  SessionScript script;
  script.starts()
      .client_sends(client::parse("", sql, {23, 16999}) + client::bind("", "", {"1", "a"}) + client::execute("") +
                    client::sync())
      .asks_all_facts(Table());
  script
      .expect_upstream(client::parse("", sql + suffix(), {23, 16999}) + client::bind("", "", {"1", "a"}) +
                       client::execute("") + client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() +
                      server::row(written(R"({"id":2,"v":"a"})", "0/10")) + server::complete("UPDATE 1"))
      .expect_client(server::parse_complete() + server::bind_complete() + server::complete("UPDATE 1"));
  commits(script,
          "prepare 1 xid 800 lsn 0/10-0/10 | u public.t 1.1 0/10 statement updated 1"
          " cause which rows changed their keys is not known");
  EXPECT_EQ(script.replay(), "");
}

std::string suffix_in_hex() {
  std::string added = suffix();
  const std::string image = "pg_catalog.row_to_json(\"t\".*)";
  return added.replace(added.find(image), image.size(),
                       "pg_catalog.encode(pg_catalog.convert_to(" + image +
                           "::pg_catalog.text,pg_catalog.getdatabaseencoding()),'hex')");
}

// A row with a character that the client's encoding lacks fails a statement that succeeds without RETURNING.
TEST(SessionPlanTest, ImagesInHexWhereTheClientIsNotUtf8) {
  SessionScript script;
  script.starts("15.20", "SJIS").client_sends(client::query(kInsert)).asks_facts(Table());
  script.expect_upstream(sent_in_part(kInsert + suffix_in_hex()) + client::flush())
      .upstream_sends(part_answered({written("7b226964223a317d", "0/10")}, "INSERT 0 1"));
  commits_query(script, R"(prepare 1 xid 800 lsn 0/10-0/10 | c public.t 1.1 0/10 key {"id":1} after {"id":1})",
                "INSERT 0 1");
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionPlanTest, AChangeOfTheEncodingMakesPlansAnew) {
  SessionScript script;
  script.starts().client_sends(client::query(kInsert)).asks_facts(Table());
  script.expect_upstream(sent_in_part(kInsert + suffix()) + client::flush())
      .upstream_sends(part_answered({}, "INSERT 0 0"))
      .expect_upstream(client::sync())
      .upstream_sends(server::ready('I'))
      .expect_client(server::complete("INSERT 0 0") + server::ready('I'))
      .client_is_relayed(client::query("SET client_encoding = 'LATIN1'"))
      .upstream_is_relayed(server::complete("SET") + server::parameter_status("client_encoding", "LATIN1") +
                           server::ready('I'))
      .client_sends(client::query(kInsert))
      .asks_facts(Table());
  script.expect_upstream(sent_in_part(kInsert + suffix_in_hex()) + client::flush());
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionPlanTest, EventsCarryTextAndTagsWhereAskedTo) {
  const std::string sql = "DELETE FROM t /*route='%2Forders',traceparent='00-1-2-01'*/";
  capture::Scope scope;
  scope.statement_text = true;
  SessionScript script(scope);
  script.starts().client_sends(client::query(sql)).asks_facts(Table());
  script.expect_upstream(sent_in_part(sql + suffix()) + client::flush())
      .upstream_sends(part_answered({written(R"({"id":1})", "0/10")}, "DELETE 1"));
  commits_query(script,
                R"(prepare 1 xid 800 lsn 0/10-0/10 | d public.t 1.1 0/10 key {"id":1} before {"id":1} sql )" + sql +
                    R"( tags {"route":"/orders","traceparent":"00-1-2-01"})",
                "DELETE 1");
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionPlanTest, WritesInsideWithHaveAnEventOfTheirOwn) {
  const std::string sql = "WITH x AS (DELETE FROM u RETURNING *) INSERT INTO t SELECT * FROM x";
  const std::string next = "DELETE FROM t";
  Table inner;
  inner.name = "\"u\"";
  inner.table = "u";
  SessionScript script;
  script.starts().client_sends(client::query(sql + "; " + next)).asks_facts({Table(), inner});
  script.expect_upstream(sent_in_group(sql + suffix() + "; " + next + suffix()))
      .upstream_sends(group_begun() + query_answered({written(R"({"id":1})", "0/10")}, "INSERT 0 1") +
                      query_answered({written(R"({"id":1})", "0/18")}, "DELETE 1") + group_ended())
      .expect_client(server::complete("INSERT 0 1"));
  // It has no version of its own; that of the row behind it is as good, and nothing need be asked.
  commits_group(script,
                R"(prepare 1 xid 800 lsn 0/10-0/18 | c public.t 1.1 0/10 key {"id":1} after {"id":1})"
                R"( | d public.u 2.1 0/18 statement | d public.t 3.2 0/18 key {"id":1} before {"id":1})",
                "DELETE 1");
  EXPECT_EQ(script.replay(), "");
}

// The count of a SELECT is not that of what its WITH wrote.
TEST(SessionPlanTest, AWriteInsideTheWithOfASelectIsNeverLost) {
  const std::string sql = "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x WHERE false";
  const std::string sent =
      client::parse("", sql) + client::bind("", "") + client::describe('P', "") + client::execute("") + client::flush();
  SessionScript script;
  script.starts().client_sends(client::query(sql)).asks_facts(Table());
  script.expect_upstream(sent)
      .upstream_sends(server::parse_complete() + server::bind_complete() + server::row_description({"id"}) +
                      server::complete("SELECT 0"))
      .expect_client(server::row_description({"id"}));
  asks_epilogue(script);
  commits_query(script,
                "prepare 1 xid 800 lsn 0/30-0/30 | d public.t 1.1 0/30 statement cause only the statement is known",
                "SELECT 0");
  EXPECT_EQ(script.replay(), "");
}

// Its tag counts nothing where the rule did something else.
TEST(SessionPlanTest, AnInsteadRuleIsAGapWhateverTheTagCounts) {
  Table table;
  table.has_rules = true;
  const std::string sql = "INSERT INTO t VALUES (1)";
  SessionScript script;
  script.starts().client_sends(client::query(sql)).asks_facts(table);
  script.expect_upstream(client::query(sql))
      .upstream_is_relayed(server::complete("INSERT 0 0") + server::ready('I'))
      .gate({"report xid 0 | g public.t 1.1 0/0 statement cause rule"});
  EXPECT_EQ(script.replay(), "");
}

/// A table that is made from a query: the catalog knows none of that name yet.
void makes_table(SessionScript& script, const std::string& sql, const std::string& name, const std::string& prepared) {
  script.starts().client_sends(client::query(sql));
  const std::string own = script.next_own_name(), question(capture::facts_query(capture::FactsText::plain));
  script
      .expect_upstream(client::parse(own, question) + client::bind("weir:own", own, {name, ""}) +
                       client::execute("weir:own") + client::close('P', "weir:own") + client::sync())
      .upstream_sends(server::parse_complete() + server::bind_complete() + server::row(Table::no_facts("later")) +
                      server::complete("SELECT 1") + server::close_complete() + server::ready('I'))
      .expect_upstream(client::parse("", sql) + client::bind("", "") + client::describe('P', "") + client::execute("") +
                       client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() + server::no_data() +
                      server::complete("SELECT 1"));
  asks_epilogue(script);
  commits_query(script, prepared, "SELECT 1");
}

TEST(SessionPlanTest, ANewTableIsFilledByItsQuery) {
  const std::string cause = " 1.1 0/30 statement inserted 1 cause only the statement is known";
  const std::string prepared = "prepare 1 xid 800 lsn 0/30-0/30 | c ";
  SessionScript named;
  makes_table(named, "CREATE TABLE s.u AS SELECT 1", "\"s\".\"u\"", prepared + "s.u" + cause);
  EXPECT_EQ(named.replay(), "");
  // Where the search_path lets it be made.
  SessionScript unnamed;
  makes_table(unnamed, "CREATE TABLE u AS SELECT 1", "\"u\"", prepared + "later.u" + cause);
  EXPECT_EQ(unnamed.replay(), "");
}

}  // namespace
}  // namespace weir::testing
