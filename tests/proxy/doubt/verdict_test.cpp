// The table of verdicts, row by row, and the statements that ask for what it needs.
#include "proxy/doubt/verdict.h"

#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "capture/facts.h"
#include "proxy/doubt/outcome_lookup.h"

namespace weir::proxy {
namespace {

using Kind = Verdict::Kind;
using Status = XactStatus;

// system, timeline, postmaster's start, recovered up to, statistics since
const std::string kWritten = "77 00000001 100.5 0/500 100.4";
const std::string kRecoveredFar = "77 00000001 100.5 0/2000 200.4";
const std::string kRecoveredShort = "77 00000001 100.5 0/1FFF 200.4";

event::Transaction written_in(const std::string& run) {
  event::Transaction transaction;
  transaction.xid = 700;
  transaction.first_lsn = 0x1000;
  transaction.last_lsn = 0x2000;
  transaction.server_run = run;
  return transaction;
}

Evidence now(const std::string& run, event::Lsn log_end = 0x9000) {
  return {*capture::read_server_run(run), log_end};
}

Kind kind(const std::string& written, Status status, const std::string& run) {
  return judge(written_in(written), status, now(run)).kind;
}

constexpr Status kAll[] = {Status::in_progress, Status::committed, Status::aborted, Status::too_old,
                           Status::not_given_out};

TEST(VerdictTest, InTheSameRunTheStatusIsTheTruth) {
  // As it was; statistics that somebody reset; a clean restart.
  for (const char* run :
       {"77 00000001 100.5 0/500 100.4", "77 00000001 100.5 0/500 300", "77 00000001 300 0/0 100.4"}) {
    EXPECT_EQ(kind(kWritten, Status::committed, run), Kind::committed) << run;
    EXPECT_EQ(judge(written_in(kWritten), Status::committed, now(run)).remark, "") << run;
    EXPECT_EQ(kind(kWritten, Status::aborted, run), Kind::aborted) << run;
    EXPECT_EQ(kind(kWritten, Status::in_progress, run), Kind::in_progress) << run;
    EXPECT_EQ(kind(kWritten, Status::too_old, run), Kind::unknowable) << run;
    EXPECT_EQ(kind(kWritten, Status::not_given_out, run), Kind::aborted) << run;
  }
}

TEST(VerdictTest, ALogThatWasRecoveredBeyondItLeavesItsIdItsOwn) {
  EXPECT_EQ(kind(kWritten, Status::committed, kRecoveredFar), Kind::committed);
  EXPECT_EQ(kind(kWritten, Status::aborted, kRecoveredFar), Kind::aborted);
  EXPECT_EQ(kind(kWritten, Status::in_progress, kRecoveredFar), Kind::in_progress) << "prepared before the crash";
}

TEST(VerdictTest, ALogThatWasRecoveredUpToBeforeItDeniesItWhateverBecameOfTheId) {
  for (const Status status :
       {Status::in_progress, Status::committed, Status::aborted, Status::too_old, Status::not_given_out})
    EXPECT_EQ(kind(kWritten, status, kRecoveredShort), Kind::aborted);
}

TEST(VerdictTest, ALogThatEndsBeforeItDeniesIt) {
  for (const std::string& run : {kWritten, std::string()})
    EXPECT_EQ(judge(written_in(run), Status::committed, now(kWritten, 0x1FFF)).kind, Kind::aborted);
}

TEST(VerdictTest, WhatNothingProvesIsNotCommitted) {
  const std::string restarted = "77 00000001 300 0/0 200.4";  // recovered, and restarted cleanly since
  EXPECT_EQ(kind(kWritten, Status::committed, restarted), Kind::unknowable);
  EXPECT_EQ(kind(kWritten, Status::aborted, restarted), Kind::aborted);
  EXPECT_EQ(kind("", Status::committed, kWritten), Kind::unknowable) << "it is not known where it was written";
  EXPECT_EQ(kind("what is this", Status::committed, kWritten), Kind::unknowable);
}

TEST(VerdictTest, AnUnloggedRowLeavesNoMarkInTheLog) {
  EXPECT_EQ(kind(kWritten + " unlogged", Status::committed, kRecoveredFar), Kind::unknowable);
  EXPECT_EQ(kind(kWritten + " unlogged", Status::committed, kWritten), Kind::committed);
}

/// The session may have been with the server as it is now when it wrote: nothing denies it then.
TEST(VerdictTest, BehindAPoolerAShortLogProvesNothing) {
  EXPECT_EQ(kind(kWritten + " pooled", Status::committed, kRecoveredShort), Kind::unknowable);
  EXPECT_EQ(kind(kWritten + " pooled", Status::in_progress, kRecoveredShort), Kind::in_progress);
  EXPECT_EQ(kind(kWritten + " pooled", Status::committed, kRecoveredFar), Kind::committed);
  EXPECT_EQ(kind(kWritten + " pooled", Status::committed, kWritten), Kind::committed);
}

TEST(VerdictTest, AFailoverIsJudgedByWhereTheStandbysLogEnded) {
  EXPECT_EQ(kind(kWritten, Status::committed, "77 00000002 90 0/2000 90.4"), Kind::committed);
  EXPECT_EQ(kind(kWritten, Status::committed, "77 00000002 90 0/1FFF 90.4"), Kind::aborted);
  // A standby made of a copy has the statistics of the original.
  EXPECT_EQ(kind(kWritten, Status::committed, "77 00000002 90 0/0 100.4"), Kind::unknowable);
  EXPECT_EQ(kind(kWritten, Status::committed, "77 00000003 90 0/2000 90.4"), Kind::unknowable) << "the second one";
  EXPECT_EQ(kind(kWritten, Status::committed, "77 00000003 90 0/1FFF 90.4"), Kind::aborted);
  EXPECT_EQ(kind("77 00000002 1 0/500 1", Status::committed, kRecoveredFar), Kind::unknowable) << "back to the old one";
}

/// The server crashes again before somebody has asked. What the first crash lost, the log has other things in place of.
TEST(VerdictTest, TheFirstRecoveryDecides) {
  ServerRuns runs;
  for (const char* run : {"77 00000001 90 0/0 90.4", kWritten.c_str(), kRecoveredShort.c_str()}) runs.add(run);
  const auto judged = [&](const std::string& run) {
    Evidence evidence = now(run);
    evidence.later = runs.after(*capture::read_server_run(kWritten));
    return judge(written_in(kWritten), Status::committed, evidence).kind;
  };
  EXPECT_EQ(judged("77 00000001 300 0/8000 300.4"), Kind::aborted);
  EXPECT_EQ(judged("77 00000001 300 0/0 200.4"), Kind::aborted) << "restarted cleanly since";
  ServerRuns others;
  for (const std::string& run : {kWritten, kRecoveredFar}) others.add(run);
  runs.add("77 00000001 300 0/8000 300.4");
  Evidence evidence = now("77 00000001 400 0/0 300.4");
  evidence.later = others.after(*capture::read_server_run(kWritten));
  EXPECT_EQ(judge(written_in(kWritten), Status::committed, evidence).kind, Kind::committed);
}

TEST(VerdictTest, ResetsAndCleanRestartsInTurnAreNoRecovery) {
  ServerRuns runs;
  for (const char* run : {"77 00000001 100.5 0/500 100.4", "77 00000001 100.5 0/500 150", "77 00000001 160 0/0 150"})
    EXPECT_TRUE(runs.add(run));
  EXPECT_FALSE(runs.add("77 00000001 100.5 0/500 150 pooled unlogged"));
  EXPECT_FALSE(runs.add(""));
  Evidence evidence = now("77 00000001 160 0/0 170");
  evidence.later = runs.after(*capture::read_server_run(kWritten));
  EXPECT_EQ(judge(written_in(kWritten), Status::committed, evidence).kind, Kind::committed);
}

TEST(VerdictTest, AnotherClusterKnowsNothing) {
  for (const Status status : kAll) EXPECT_EQ(kind(kWritten, status, "78 00000001 100.5 0/500 100.4"), Kind::unknowable);
}

// -- the statements of Weir's own -------------------------------------------------------------------------------------

/// Words before a parenthesis that are SQL's own.
const std::set<std::string> kGrammar = {"SELECT",   "FROM",         "AS",    "IN",   "EXISTS",   "CASE",
                                        "COALESCE", "EXTRACT",      "AND",   "NOT",  "OPERATOR", "OR",
                                        "WHERE",    "MATERIALIZED", "asked", "JOIN", "ANY",      "FILTER"};

/// The functions that a text calls; those not of pg_catalog with a complaint.
std::set<std::string> functions_of(const std::string& sql) {
  std::set<std::string> found;
  const std::regex call(R"(([A-Za-z_][A-Za-z_.0-9]*)\s*\()");
  for (auto match = std::sregex_iterator(sql.begin(), sql.end(), call); match != std::sregex_iterator(); ++match) {
    const std::string name = (*match)[1];
    if (name.rfind("pg_catalog.", 0) == 0) {
      found.insert(name.substr(11));
    } else if (!kGrammar.contains(name)) {
      ADD_FAILURE() << name << " is not of pg_catalog, in: " << sql;
    }
  }
  return found;
}

/// Nothing that these functions do depends on what a user has made: no row of a user's table, no type, cast, domain,
/// operator, view or policy. A new one is listed here only after that was looked at in PostgreSQL's sources.
TEST(OwnStatementsTest, AQuestionInAnothersSessionEvaluatesNothingThatAUserCanDefine) {
  const std::set<std::string> harmless = {"concat_ws",
                                          "pg_backend_pid",
                                          "pg_control_system",
                                          "pg_current_snapshot",
                                          "pg_current_wal_insert_lsn",
                                          "pg_is_in_recovery",
                                          "pg_last_wal_replay_lsn",
                                          "pg_postmaster_start_time",
                                          "pg_snapshot_xmax",
                                          "pg_stat_get_bgwriter_stat_reset_time",
                                          "pg_walfile_name",
                                          "pg_xact_status",
                                          "substr",
                                          "unnest"};
  for (const auto& sql : OutcomeLookup::statements()) {
    for (const auto& function : functions_of(sql)) EXPECT_TRUE(harmless.contains(function)) << function;
    EXPECT_FALSE(std::regex_search(sql, std::regex(R"((FROM|JOIN)\s+(?!pg_catalog\.|server\b|EXTRACT|pg_catalog)\w)")))
        << "it reads a relation: " << sql;
    const std::regex cast(R"(::(\S*?)[\s,)\[])");
    for (auto match = std::sregex_iterator(sql.begin(), sql.end(), cast); match != std::sregex_iterator(); ++match) {
      const std::string type = (*match)[1];
      EXPECT_TRUE(type == "pg_catalog.text" || type == "pg_catalog.xid8") << type;
    }
  }
}

/// In the writer's own session, with its rights; but for what it reads of the catalog it is held to the same rule.
TEST(OwnStatementsTest, TheQuestionToTheCatalogCallsFunctionsOfPgCatalogOnly) {
  for (std::size_t text = 0; text < capture::kFactsTexts; ++text)
    EXPECT_FALSE(functions_of(std::string(capture::facts_query(capture::FactsText(text)))).empty());
}

}  // namespace
}  // namespace weir::proxy
