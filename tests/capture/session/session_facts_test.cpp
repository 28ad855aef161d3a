// What the session asks the catalog, when it asks again, and the statements of Weir's own that the client must not see.
#include <gtest/gtest.h>

#include "capture/facts.h"
#include "tests/capture/session/session_script.h"

namespace weir::testing {
namespace {

const std::string kInsert = "INSERT INTO t VALUES (1)";
const std::string kRow = R"({"id":1,"v":null})";
const std::string kCreated = R"(c public.t 1.1 0/10 key {"id":1} after {"id":1,"v":null})";
const std::string kCancelled = server::error("57014", "canceling statement due to user request");
const std::string kDenied = server::error("42501", "permission denied for table pg_attrdef");

TEST(SessionFactsTest, AQuestionThatFailsByItselfIsNotShownAndTheWriteIsReported) {
  SessionScript script;
  script.starts()
      .client_sends(client::query(kInsert))
      .expect_upstream(facts_asked(script.next_own_name(), "\"t\"", true) + client::sync())
      .upstream_sends(server::parse_complete() + server::bind_complete() + kDenied + server::ready('I'))
      .expect_client("")
      .expect_upstream(client::query(kInsert))
      .upstream_is_relayed(server::complete("INSERT 0 1") + server::ready('I'))
      .gate({"report xid 0 | g .t 1.1 0/0 statement inserted 1 cause catalog could not be asked"});
  // The next one asks again; the statement it asks with is still there.
  script.client_sends(client::query(kInsert))
      .expect_upstream(facts_asked("weir:1", "\"t\"", false) + client::sync())
      .upstream_sends(server::bind_complete() + server::row(Table().facts()) + server::complete("SELECT 1") +
                      server::close_complete() + server::ready('I'));
  insert_nothing(script);
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionFactsTest, AQuestionThatFailsInTheClientsBlockEndsTheQuery) {
  SessionScript script;
  script.starts();
  passes(script, "BEGIN", "BEGIN", 'T');
  script.client_sends(client::query(kInsert))
      .expect_upstream(facts_asked(script.next_own_name(), "\"t\"", true) + client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() +
                      server::error("57014", "canceling statement due to user request",
                                    {{'P', "7"}, {'W', "portal \"weir:own\" with parameters: $1 = '\"t\"', $2 = ''"}}))
      .expect_client(kCancelled)
      .expect_upstream(client::sync())
      .upstream_is_relayed(server::ready('E'));
  passes(script, "ROLLBACK", "ROLLBACK", 'I');
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionFactsTest, AQuestionThatFailsInAPipelineDoesNotHarmTheNext) {
  const std::string write = client::parse("", kInsert) + client::bind("", "") + client::execute("");
  SessionScript script;
  script.starts();
  passes(script, "BEGIN", "BEGIN", 'T');
  script.client_sends(write + client::sync())
      .expect_upstream(facts_asked(script.next_own_name(), "\"t\"", true) + client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() + kCancelled)
      .expect_client(kCancelled)
      .expect_upstream(write + client::sync())
      .upstream_is_relayed(server::ready('E'));
  passes(script, "ROLLBACK", "ROLLBACK", 'I');
  script.client_sends(client::query(kInsert))
      .expect_upstream(facts_asked("weir:1", "\"t\"", false) + client::sync())
      .upstream_sends(server::bind_complete() + server::row(Table().facts()) + server::complete("SELECT 1") +
                      server::close_complete() + server::ready('I'));
  insert_nothing(script);
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionFactsTest, AnErrorOfTheClientsOwnIsNoFailedQuestion) {
  const std::string write = client::parse("", kInsert) + client::bind("", "") + client::execute("");
  SessionScript script;
  script.starts()
      .client_sends(client::parse("", "bad") + write + client::sync())
      .expect_upstream(client::parse("", "bad") + facts_asked(script.next_own_name(), "\"t\"", true) + client::flush())
      .upstream_is_relayed(server::error("42601", "syntax error"))
      .expect_upstream(write + client::sync())
      .upstream_is_relayed(server::ready('I'))
      .client_sends(client::query(kInsert));
  script.asks_facts(Table());
  insert_nothing(script);
  EXPECT_EQ(script.replay(), "");
}

/// The catalog says that there is no such table.
void asks_in_vain(SessionScript& script, const std::string& own, bool prepares) {
  script.client_sends(client::query(kInsert))
      .expect_upstream(facts_asked(own, "\"t\"", prepares) + client::sync())
      .upstream_sends((prepares ? server::parse_complete() : "") + server::bind_complete() +
                      server::row(Table::no_facts()) + server::complete("SELECT 1") + server::close_complete() +
                      server::ready('I'))
      .expect_upstream(sent_in_part(kInsert) + client::flush());
}

TEST(SessionFactsTest, ATableTheCatalogDoesNotKnowIsLeftToTheServer) {
  const std::string missing = server::error("42P01", "relation \"t\" does not exist", {{'P', "13"}});
  SessionScript script;
  script.starts();
  asks_in_vain(script, script.next_own_name(), true);
  script.upstream_sends(missing)
      .expect_client(missing)
      .expect_upstream(client::sync())
      .upstream_is_relayed(server::ready('I'))
      .gate({});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionFactsTest, ThatThereIsNoSuchTableIsNeverRemembered) {
  SessionScript script;
  script.starts();
  asks_in_vain(script, script.next_own_name(), true);
  // Somebody has made it in between.
  script.upstream_sends(part_answered({}, "INSERT 0 1"));
  asks_epilogue_for_id(script);
  commits_query(
      script,
      "prepare 1 xid 800 lsn 0/30-0/30 | g .t 1.1 0/30 statement inserted 1 cause a table that the catalog does "
      "not know",
      "INSERT 0 1");
  asks_in_vain(script, "weir:1", false);
  script.upstream_sends(part_answered({}, "INSERT 0 0"))
      .expect_upstream(client::sync())
      .upstream_sends(server::ready('I'))
      .expect_client(server::complete("INSERT 0 0") + server::ready('I'))
      .client_sends(client::query(kInsert))
      .expect_upstream(facts_asked("weir:1", "\"t\"", false) + client::sync())
      .upstream_sends(server::bind_complete() + server::row(Table().facts()) + server::complete("SELECT 1") +
                      server::close_complete() + server::ready('I'));
  insert_nothing(script);
  EXPECT_EQ(script.replay(), "");
}

/// Statement "s" is prepared and has a twin, whose name is returned.
std::string bind_named(SessionScript& script, bool asks = true) {
  script.client_sends(client::bind("", "s") + client::execute("") + client::sync());
  if (asks) script.asks_facts(Table());
  const std::string twin = script.next_own_name();
  script
      .expect_upstream(client::parse(twin, kInsert + suffix()) + client::bind("", twin) + client::execute("") +
                       client::flush())
      .upstream_sends(part_answered({}, "INSERT 0 0"))
      .expect_client(server::bind_complete() + server::complete("INSERT 0 0"))
      .expect_upstream(client::sync())
      .upstream_is_relayed(server::ready('I'));
  return twin;
}

void prepare_named(SessionScript& script) {
  script.client_is_relayed(client::parse("s", kInsert) + client::sync())
      .upstream_is_relayed(server::parse_complete() + server::ready('I'));
}

void time_passes(SessionScript& script, int ms) {
  script.on("time passes", [ms](Stand& stand) { stand.now += std::chrono::milliseconds(ms); });
}

std::string check_asked(const std::string& digest = "1") {
  return client::bind("weir:own", "weir:1", {"\"t\"", digest}) + client::execute("weir:own") +
         client::close('P', "weir:own");
}

std::string check_answered(const Table& table = Table()) {
  return server::bind_complete() + server::row(table.facts()) + server::complete("SELECT 1") + server::close_complete();
}

const std::string kChanged = server::error("22012", "division by zero");

TEST(SessionFactsTest, OldFactsAreAskedForInTheExchangeOfTheWrite) {
  SessionScript script;
  script.starts().client_sends(client::query(kInsert)).asks_facts(Table());
  insert_nothing(script);
  time_passes(script, 10'000);
  script.client_sends(client::query(kInsert));
  insert_nothing(script);
  time_passes(script, 1);
  script.client_sends(client::query(kInsert))
      .expect_upstream(check_asked() + sent_in_part(kInsert + suffix()) + client::flush())
      .upstream_sends(check_answered() + part_answered({}, "INSERT 0 0"))
      .expect_upstream(client::sync())
      .upstream_sends(server::ready('I'))
      .expect_client(server::complete("INSERT 0 0") + server::ready('I'));
  // They are new again.
  script.client_sends(client::query(kInsert));
  insert_nothing(script);
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionFactsTest, AQueryBehindFactsThatHaveChangedRunsByTheNewOnes) {
  Table table;
  table.row_security = true;
  table.digest = "2";
  SessionScript script;
  script.starts().client_sends(client::query(kInsert)).asks_facts(Table());
  insert_nothing(script);
  time_passes(script, 10'001);
  script.client_sends(client::query(kInsert))
      .expect_upstream(check_asked() + sent_in_part(kInsert + suffix()) + client::flush())
      .upstream_sends(server::bind_complete() + kChanged)
      .expect_client("")
      .expect_upstream(client::sync())
      .upstream_sends(server::ready('I'))
      .expect_client("")
      .asks_facts(table);
  script.expect_upstream(sent_in_part(kInsert) + client::flush()).upstream_sends(part_answered({}, "INSERT 0 0"));
  script.expect_upstream(client::sync())
      .upstream_sends(server::ready('I'))
      .expect_client(server::complete("INSERT 0 0") + server::ready('I'));
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionFactsTest, AnExtendedQueryBehindFactsThatHaveChangedIsTakenOnceMore) {
  const std::string rest = client::bind("", "") + client::execute("");
  Table table;
  table.selectable = false;
  table.digest = "2";
  SessionScript script;
  script.starts().client_sends(client::query(kInsert)).asks_facts(Table());
  insert_nothing(script);
  time_passes(script, 10'001);
  script.client_sends(client::parse("", kInsert) + rest + client::sync())
      .expect_upstream(check_asked() + client::parse("", kInsert + suffix()) + rest + client::flush())
      .upstream_sends(server::bind_complete() + kChanged)
      .expect_upstream(client::sync())
      .upstream_sends(server::ready('I'))
      .expect_client("")
      .asks_facts(table);
  script.expect_upstream(client::parse("", kInsert) + rest + client::flush())
      .upstream_is_relayed(part_answered({}, "INSERT 0 0"))
      .expect_upstream(client::sync())
      .upstream_is_relayed(server::ready('I'));
  EXPECT_EQ(script.replay(), "");
}

// What failed stands before a Sync that is not answered yet, the question behind it.
TEST(SessionFactsTest, AnErrorInFrontOfItIsNotTheQuestions) {
  const std::string missing = client::bind("p", "missing") + client::sync();
  const std::string refused = server::error("26000", "prepared statement does not exist") + server::ready('I');
  const std::string rest = client::bind("", "") + client::execute("");
  for (const bool same : {true, false}) {
    Table table;
    table.selectable = same;
    table.digest = same ? "1" : "2";
    SessionScript script;
    script.starts().client_sends(client::query(kInsert)).asks_facts(Table());
    insert_nothing(script);
    time_passes(script, 10'001);
    script.client_sends(missing + client::parse("", kInsert) + rest + client::sync())
        .expect_upstream(missing + check_asked() + client::parse("", kInsert + suffix()) + rest + client::flush())
        .upstream_is_relayed(refused)
        .upstream_sends(same ? check_answered() : server::bind_complete() + kChanged)
        .expect_client("");
    if (!same) {
      script.expect_upstream(client::sync()).upstream_sends(server::ready('I')).expect_client("").asks_facts(table);
      script.expect_upstream(client::parse("", kInsert) + rest + client::flush());
    }
    script.upstream_is_relayed(part_answered({}, "INSERT 0 0"))
        .expect_upstream(client::sync())
        .upstream_is_relayed(server::ready('I'));
    // What was asked is new.
    script.client_sends(client::query(kInsert));
    script.expect_upstream(sent_in_part(kInsert + (same ? suffix() : "")) + client::flush());
    EXPECT_EQ(script.replay(), "");
  }
}

// The server would end the session before what has to be sent anew.
TEST(SessionFactsTest, ALengthThatCannotBeWaitsForTheQuestion) {
  const std::string parse = client::parse("", kInsert);
  const std::string wrong = "S" + int32(0);
  Table table;
  table.selectable = false;
  table.digest = "2";
  SessionScript script;
  script.starts().client_sends(client::query(kInsert)).asks_facts(Table());
  insert_nothing(script);
  time_passes(script, 10'001);
  script.client_sends(parse + wrong)
      .expect_upstream(check_asked() + client::parse("", kInsert + suffix()) + client::flush())
      .upstream_sends(server::bind_complete() + kChanged)
      .expect_upstream(client::sync())
      .upstream_sends(server::ready('I'))
      .expect_client("")
      .asks_facts(table);
  script.expect_upstream(parse + wrong).upstream_is_relayed(server::parse_complete()).upstream_closes();
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionFactsTest, ATwinBehindFactsThatHaveChangedIsMadeAnew) {
  Table table;
  table.digest = "2";
  capture::Scope scope;
  scope.exclude_columns = {"*.secret"};
  SessionScript script(scope);
  script.starts();
  prepare_named(script);
  const std::string twin = bind_named(script);
  time_passes(script, 10'001);
  const std::string rest = client::bind("", "s") + client::execute("") + client::sync();
  table.columns = R"([["id","N",""],["secret","S",""]])";
  script.client_sends(rest)
      .expect_upstream(check_asked() + client::bind("", twin) + client::execute("") + client::flush())
      .upstream_sends(server::bind_complete() + kChanged)
      .expect_upstream(client::sync())
      .upstream_sends(server::ready('I'))
      .asks_facts(table);
  const std::string other = script.next_own_name();
  const std::string image = "(SELECT pg_catalog.row_to_json(w.*) FROM (SELECT \"t\".\"id\") AS w), \"t\".tableoid";
  const std::string plain = "pg_catalog.row_to_json(\"t\".*), \"t\".tableoid";
  std::string text = kInsert + suffix();
  text.replace(text.find(plain), plain.size(), image);
  script.expect_upstream(client::close('S', twin) + client::parse(other, text) + client::bind("", other) +
                         client::execute("") + client::flush());
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionFactsTest, InABlockOldFactsAreWaitedFor) {
  Table table;
  table.digest = "2";
  SessionScript script;
  script.starts().client_sends(client::query(kInsert)).asks_facts(Table());
  insert_nothing(script);
  passes(script, "BEGIN", "BEGIN", 'T');
  time_passes(script, 10'001);
  script.client_sends(client::query(kInsert)).asks_facts(table, false);
  script.expect_upstream(client::query(kInsert + suffix()))
      .upstream_sends(query_answered({}, "INSERT 0 0") + server::ready('T'))
      .expect_client(server::complete("INSERT 0 0") + server::ready('T'));
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionFactsTest, ACancelOfACheckIsOneOfTheStatement) {
  SessionScript script;
  script.starts().client_sends(client::query(kInsert)).asks_facts(Table());
  insert_nothing(script);
  time_passes(script, 10'001);
  script.client_sends(client::query(kInsert))
      .expect_upstream(check_asked() + sent_in_part(kInsert + suffix()) + client::flush())
      .upstream_sends(server::bind_complete() + kCancelled)
      .expect_client(kCancelled)
      .expect_upstream(client::sync())
      .upstream_is_relayed(server::ready('I'));
  script.client_sends(client::query(kInsert))
      .expect_upstream(check_asked() + sent_in_part(kInsert + suffix()) + client::flush());
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionFactsTest, TemporaryAndExcludedTablesAreOnlyRelayed) {
  Table temporary;
  temporary.persistence = "t";
  SessionScript script;
  script.starts().client_sends(client::query(kInsert)).asks_facts(temporary);
  script.expect_upstream(client::query(kInsert))
      .upstream_is_relayed(server::complete("INSERT 0 1") + server::ready('I'));
  EXPECT_EQ(script.replay(), "");
  capture::Scope scope;
  scope.exclude = {"public.t"};
  SessionScript excluded(scope);
  excluded.starts().client_sends(client::query(kInsert)).asks_facts(Table());
  excluded.expect_upstream(client::query(kInsert))
      .upstream_is_relayed(server::complete("INSERT 0 1") + server::ready('I'));
  EXPECT_EQ(excluded.replay(), "");
}

TEST(SessionFactsTest, WhatChangesTheMeaningOfNamesIsAskedAfter) {
  for (const auto& [sql, tag] : {std::pair{"SET search_path = a", "SET"}, std::pair{"RESET ROLE", "RESET"},
                                 std::pair{"ALTER TABLE t ADD w int", "ALTER TABLE"}, std::pair{"DO ''", "DO"},
                                 std::pair{"SELECT set_config('search_path', 'a', false)", "SELECT 1"},
                                 std::pair{"DISCARD PLANS", "DISCARD PLANS"}}) {
    SessionScript script;
    script.starts().client_sends(client::query(kInsert)).asks_facts(Table());
    insert_nothing(script);
    passes(script, sql, tag, 'I');
    script.client_sends(client::query(kInsert)).asks_facts(Table());
    insert_nothing(script);
    EXPECT_EQ(script.replay(), "") << sql;
  }
}

TEST(SessionFactsTest, ARollbackUndoesWhatTheFactsWereReadUnder) {
  SessionScript script;
  script.starts();
  passes(script, "BEGIN", "BEGIN", 'T');
  passes(script, "SET LOCAL search_path = a", "SET", 'T');
  script.client_sends(client::query(kInsert)).asks_facts(Table(), false);
  script.expect_upstream(client::query(kInsert + suffix()))
      .upstream_sends(query_answered({}, "INSERT 0 0") + server::ready('T'))
      .expect_client(server::complete("INSERT 0 0") + server::ready('T'));
  passes(script, "ROLLBACK", "ROLLBACK", 'I');
  script.client_sends(client::query(kInsert)).asks_facts(Table());
  insert_nothing(script);
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionFactsTest, SettingsOfABlockEndWithItsCommit) {
  SessionScript script;
  script.starts();
  passes(script, "BEGIN", "BEGIN", 'T');
  passes(script, "SET LOCAL search_path = a", "SET", 'T');
  script.client_sends(client::query(kInsert)).asks_facts(Table(), false);
  script.expect_upstream(client::query(kInsert + suffix()))
      .upstream_sends(query_answered({}, "INSERT 0 0") + server::ready('T'))
      .expect_client(server::complete("INSERT 0 0") + server::ready('T'));
  passes(script, "COMMIT", "COMMIT", 'I');
  script.client_sends(client::query(kInsert)).asks_facts(Table());
  insert_nothing(script);
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionFactsTest, DdlOfAnotherSessionIsAskedAfter) {
  SessionScript script;
  script.starts().client_sends(client::query(kInsert)).asks_facts(Table());
  insert_nothing(script);
  script.on("another session commits DDL", [](Stand& stand) { ++stand.epoch; })
      .client_sends(client::query(kInsert))
      .asks_facts(Table());
  insert_nothing(script);
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionFactsTest, OtherSessionsHearOfDdlWhenItIsCommitted) {
  SessionScript script;
  const auto epoch = [&script](std::uint64_t expected) {
    script.on("the epoch", [expected](Stand& stand) { EXPECT_EQ(stand.epoch.load(), expected); });
  };
  script.starts();
  passes(script, "BEGIN", "BEGIN", 'T');
  passes(script, "ALTER TABLE t ADD w int", "ALTER TABLE", 'T');
  epoch(0);
  passes(script, "COMMIT", "COMMIT", 'I');
  epoch(1);
  passes(script, "DROP TABLE t", "DROP TABLE", 'I');
  epoch(2);
  passes(script, "BEGIN", "BEGIN", 'T');
  passes(script, "ALTER TABLE t ADD w int", "ALTER TABLE", 'T');
  passes(script, "ROLLBACK", "ROLLBACK", 'I');
  epoch(2);
  EXPECT_EQ(script.replay(), "");
}

/// The question to the catalog waits for a lock, and the client cancels, or a timeout does.
void question_is_cancelled(SessionScript& script, const std::string& sqlstate) {
  const std::string own = script.next_own_name();
  script
      .expect_upstream(client::parse(own, capture::facts_query(capture::FactsText::plain)) +
                       client::bind("weir:own", own, {"\"t\"", ""}) + client::execute("weir:own") +
                       client::close('P', "weir:own") + client::sync())
      .upstream_sends(server::parse_complete() + server::bind_complete() + server::error(sqlstate, "cancelled"))
      .expect_client(server::error(sqlstate, "cancelled"))
      .expect_upstream(client::execute("weir:none"))
      .upstream_sends(server::ready('I') + server::error("34000", "portal \"weir:none\" does not exist"));
}

TEST(SessionFactsTest, ACancelOfTheQuestionIsOneOfTheStatement) {
  for (const std::string sqlstate : {"57014", "55P03"}) {
    SessionScript script;
    script.starts().client_sends(client::query(kInsert));
    question_is_cancelled(script, sqlstate);
    script.expect_upstream(client::sync()).upstream_is_relayed(server::ready('I'));
    passes(script, "SELECT 1", "SELECT 1", 'I');
    EXPECT_EQ(script.replay(), "");
  }
}

TEST(SessionFactsTest, ACancelOfTheQuestionSkipsToSync) {
  const std::string rest = client::bind("", "") + client::execute("") + client::sync();
  SessionScript script;
  script.starts().client_sends(client::parse("", kInsert) + rest);
  question_is_cancelled(script, "57014");
  // The server ignores it all.
  script.expect_upstream(client::parse("", kInsert) + rest).upstream_is_relayed(server::ready('I'));
  passes(script, "SELECT 1", "SELECT 1", 'I');
  EXPECT_EQ(script.replay(), "");
}

// The rewritten text is seen in pg_prepared_statements.
TEST(SessionFactsTest, WhoLooksAtPreparedStatementsFindsTheClientsOnly) {
  const std::string sql = "SELECT name FROM pg_prepared_statements";
  SessionScript script;
  script.starts();
  prepare_named(script);
  const std::string twin = bind_named(script);
  script.client_sends(client::query(sql))
      .expect_upstream(client::close('S', twin) + client::close('S', "weir:1") + client::query(sql))
      .upstream_sends(server::close_complete() + server::close_complete())
      .upstream_is_relayed(server::row_description({"name"}) + server::row({"s"}) + server::complete("SELECT 1") +
                           server::ready('I'));
  // The twin is made anew, under another name.
  script.client_sends(client::bind("", "s") + client::execute("") + client::sync());
  const std::string other = script.next_own_name();
  script.expect_upstream(client::parse(other, kInsert + suffix()) + client::bind("", other) + client::execute("") +
                         client::flush());
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionFactsTest, AWriteThatLooksAtPreparedStatementsFindsTheClientsOnly) {
  const std::string sql = "INSERT INTO t SELECT 1 FROM pg_prepared_statements";
  SessionScript script;
  script.starts().client_sends(client::query(sql)).asks_facts(Table());
  script.expect_upstream(client::close('S', "weir:1") + sent_in_part(sql + suffix()) + client::flush())
      .upstream_sends(server::close_complete() + part_answered({}, "INSERT 0 0"))
      .expect_upstream(client::sync())
      .upstream_sends(server::ready('I'))
      .expect_client(server::complete("INSERT 0 0") + server::ready('I'));
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionFactsTest, DeallocateTakesTheTwinAlong) {
  SessionScript script;
  script.starts();
  prepare_named(script);
  const std::string twin = bind_named(script);
  script.client_sends(client::query("DEALLOCATE s"))
      .expect_upstream(client::close('S', twin) + client::query("DEALLOCATE s"))
      .upstream_sends(server::close_complete() + server::complete("DEALLOCATE") + server::ready('I'))
      .expect_client(server::complete("DEALLOCATE") + server::ready('I'))
      .client_is_relayed(client::bind("", "s") + client::execute("") + client::sync())
      .upstream_is_relayed(server::error("26000", "prepared statement \"s\" does not exist") + server::ready('I'));
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionFactsTest, DeallocateAllAndDiscardAllTakeEverythingAlong) {
  for (const char* sql : {"DEALLOCATE ALL", "DISCARD ALL"}) {
    SessionScript script;
    script.starts();
    prepare_named(script);
    bind_named(script);
    passes(script, sql, sql, 'I');
    script.client_is_relayed(client::bind("", "s") + client::execute("") + client::sync())
        .upstream_is_relayed(server::error("26000", "prepared statement \"s\" does not exist") + server::ready('I'))
        .client_sends(client::query(kInsert));
    script.own_statements_are_gone();
    script.asks_facts(Table());
    insert_nothing(script);
    EXPECT_EQ(script.replay(), "") << sql;
  }
}

TEST(SessionFactsTest, ADeallocateThatFailsLeavesTheNames) {
  SessionScript script;
  script.starts();
  prepare_named(script);
  passes(script, "BEGIN", "BEGIN", 'T');
  script.client_is_relayed(client::query("SELECT nope"))
      .upstream_is_relayed(server::error("42703", "no column") + server::ready('E'))
      .client_is_relayed(client::query("DEALLOCATE ALL"))
      .upstream_is_relayed(server::error("25P02", "transaction is aborted") + server::ready('E'));
  passes(script, "ROLLBACK", "ROLLBACK", 'I');
  bind_named(script);
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionFactsTest, ATwinIsMadeAnewWhereThePlanHasChanged) {
  Table excluded;
  capture::Scope scope;
  scope.exclude_columns = {"*.secret"};
  SessionScript script(scope);
  script.starts();
  prepare_named(script);
  const std::string twin = bind_named(script);
  passes(script, "ALTER TABLE t ADD secret text", "ALTER TABLE", 'I');
  excluded.columns = R"([["id","N",""],["secret","S",""]])";
  script.client_sends(client::bind("", "s") + client::execute("") + client::sync()).asks_facts(excluded);
  const std::string other = script.next_own_name();
  const std::string image = "(SELECT pg_catalog.row_to_json(w.*) FROM (SELECT \"t\".\"id\") AS w), \"t\".tableoid";
  const std::string plain = "pg_catalog.row_to_json(\"t\".*), \"t\".tableoid";
  std::string text = kInsert + suffix();
  text.replace(text.find(plain), plain.size(), image);
  script.expect_upstream(client::close('S', twin) + client::parse(other, text) + client::bind("", other) +
                         client::execute("") + client::flush());
  EXPECT_EQ(script.replay(), "");
}

}  // namespace
}  // namespace weir::testing
