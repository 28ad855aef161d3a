// A Query of several statements: sent as few Queries inside a block, its commit held, shown as the one that it was.
#include <gtest/gtest.h>

#include "capture/facts.h"
#include "tests/capture/session/session_script.h"

namespace weir::testing {
namespace {

const std::string kInsert = "INSERT INTO t VALUES (1)";
const std::string kUpdate = "UPDATE t SET v = 'b'";
const std::string kRow = R"({"id":1,"v":null})";
const std::string kNewRow = R"({"id":1,"v":"b"})";
const std::string kCreated = R"(c public.t 1.1 0/10 key {"id":1} after {"id":1,"v":null})";
const std::string kUpdated = R"(u public.t 2.2 0/18 key {"id":1} after {"id":1,"v":"b"})";

std::string inserted() {
  return query_answered({written(kRow, "0/10")}, "INSERT 0 1");
}

std::string updated() {
  return query_answered({written(kNewRow, "0/18")}, "UPDATE 1");
}

TEST(SessionRunTest, SeveralStatementsAreSentAtOnceAndAreOneTransaction) {
  SessionScript script;
  script.starts().client_sends(client::query(kInsert + "; " + kUpdate + ";")).asks_facts(Table());
  script.expect_upstream(sent_in_group(kInsert + suffix() + "; " + kUpdate + suffix()))
      .upstream_sends(group_begun() + inserted() + updated() + group_ended())
      .expect_client(server::complete("INSERT 0 1"));
  commits_group(script, "prepare 1 xid 800 lsn 0/10-0/18 | " + kCreated + " | " + kUpdated, "UPDATE 1");
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionRunTest, AnErrorUndoesAllAndItsPositionIsInTheWholeText) {
  // Two bytes of the first statement are one character.
  const std::string first = "INSERT INTO t VALUES (1, '\xC3\xA9')";
  const std::string second = "UPDATE t SET v = nope";
  const std::string sent = first + suffix() + "; " + second + suffix();
  const std::size_t at = first.size() - 1 + 2 + 18;
  SessionScript script;
  script.starts().client_sends(client::query(first + "; " + second)).asks_facts(Table());
  script.expect_upstream(sent_in_group(sent))
      .upstream_sends(group_begun() + inserted())
      .expect_client(server::complete("INSERT 0 1"))
      .upstream_sends(server::error("42703", "column does not exist", {{'P', std::to_string(at + suffix().size())}}))
      .expect_client(server::error("42703", "column does not exist", {{'P', std::to_string(at)}}))
      .upstream_sends(group_ended('E'))
      .expect_upstream(sent_in_part("ROLLBACK") + client::sync())
      .upstream_sends(part_answered({}, "ROLLBACK") + server::ready('I'))
      .expect_client(server::ready('I'));
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionRunTest, ReadsBetweenWritesAreShownAsTheyAre) {
  const std::string read = "SELECT v FROM t";
  SessionScript script;
  script.starts().client_sends(client::query(kInsert + "; " + read)).asks_facts(Table());
  const std::string rows = server::row_description({"v"}) + server::row({std::nullopt});
  script.expect_upstream(sent_in_group(kInsert + suffix() + "; " + read))
      .upstream_sends(group_begun() + inserted() + rows + server::complete("SELECT 1") + group_ended())
      .expect_client(server::complete("INSERT 0 1") + rows);
  commits_group(script, "prepare 1 xid 800 lsn 0/10-0/10 | " + kCreated, "SELECT 1");
  EXPECT_EQ(script.replay(), "");
}

/// It writes what nobody sees; the others are captured.
TEST(SessionRunTest, WhatCannotRunAloneIsNoReasonToMissTheOthers) {
  for (const std::string odd : {"DO $$ BEGIN NULL; END $$", "LOCK t", "DISCARD PLANS", "FETCH c", "COPY t TO STDOUT",
                                "VACUUM", "CALL p()", "DECLARE c CURSOR FOR SELECT 1", "SELECT $1"}) {
    SessionScript script;
    script.starts().client_sends(client::query(kInsert + "; " + odd)).asks_facts(Table());
    const bool alone = odd.starts_with("DECLARE");  // its text stays to be seen
    if (alone) {
      script.expect_upstream(sent_in_part(kInsert + suffix()) + client::flush())
          .upstream_sends(part_answered({written(kRow, "0/10")}, "INSERT 0 1"))
          .expect_client(server::complete("INSERT 0 1"))
          .expect_upstream(sent_in_part("BEGIN") + client::parse("", odd) + client::bind("", "") +
                           client::describe('P', "") + client::execute("") + client::flush())
          .upstream_sends(group_begun() + server::parse_complete() + server::bind_complete() + server::no_data() +
                          server::complete("ODD"));
    } else {
      script.expect_upstream(sent_in_group(kInsert + suffix() + "; " + odd))
          .upstream_sends(group_begun() + inserted() + server::complete("ODD") + group_ended())
          .expect_client(server::complete("INSERT 0 1"));
    }
    commits_group(script, "prepare 1 xid 800 lsn 0/10-0/10 | " + kCreated, "ODD");
    EXPECT_EQ(script.replay(), "") << odd;
  }
}

TEST(SessionRunTest, ATableWithRulesIsTheOnlyGap) {
  Table ruled;
  ruled.name = "\"r\"";
  ruled.table = "r";
  ruled.has_rules = true;
  SessionScript script;
  script.starts().client_sends(client::query(kInsert + "; DELETE FROM r")).asks_facts(Table());
  script.asks_facts(ruled);
  script.expect_upstream(sent_in_group(kInsert + suffix() + "; DELETE FROM r"))
      .upstream_sends(group_begun() + inserted() + server::complete("DELETE 2") + group_ended())
      .expect_client(server::complete("INSERT 0 1"));
  asks_epilogue(script);
  commits_group(
      script, "prepare 1 xid 800 lsn 0/10-0/30 | " + kCreated + " | g public.r 2.2 0/30 statement deleted 2 cause rule",
      "DELETE 2");
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionRunTest, TransactionControlBehindItKeepsTheServersOwnBlock) {
  const std::string sql = kInsert + "; DO $$ BEGIN NULL; END $$; COMMIT";
  SessionScript script;
  script.starts().client_sends(client::query(sql)).asks_facts(Table());
  script.expect_upstream(client::query(sql))
      .upstream_is_relayed(server::complete("INSERT 0 1") + server::complete("DO") + server::complete("COMMIT") +
                           server::ready('I'))
      .gate({"report xid 0 | g public.t 1.1 0/0 statement inserted 1 cause query cannot be split"});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionRunTest, InABlockOfTheClientsTheSyncGoesAlong) {
  SessionScript script;
  script.starts()
      .client_is_relayed(client::query("BEGIN"))
      .upstream_is_relayed(server::complete("BEGIN") + server::ready('T'))
      .client_sends(client::query(kInsert + "; " + kUpdate))
      .asks_facts(Table(), false);
  script.expect_upstream(client::query(kInsert + suffix() + "; " + kUpdate + suffix()) + client::sync())
      .upstream_sends(inserted() + updated() + server::ready('T'))
      .expect_client(server::complete("INSERT 0 1"))
      .upstream_sends(server::ready('T'))
      .expect_client(server::complete("UPDATE 1") + server::ready('T'))
      .client_sends(client::query("COMMIT"))
      .gate({"prepare 1 xid 800 lsn 0/10-0/18 | " + kCreated + " | " + kUpdated})
      .journal_has_it()
      .expect_upstream(client::query("COMMIT"))
      .upstream_is_relayed(server::complete("COMMIT") + server::ready('I'))
      .gate({"outcome 1 committed"});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionRunTest, ABlockOfTheQuerysOwnHasItsStatementsInOne) {
  SessionScript script;
  script.starts().client_sends(client::query("BEGIN; " + kInsert + "; " + kUpdate + "; COMMIT")).asks_facts(Table());
  script.expect_upstream(sent_in_part("BEGIN") + client::flush())
      .upstream_sends(part_answered({}, "BEGIN"))
      .expect_client(server::complete("BEGIN"))
      .expect_upstream(client::query(kInsert + suffix() + "; " + kUpdate + suffix()) + client::close('P', "weir:none") +
                       client::flush())
      .upstream_sends(inserted() + updated() + group_ended())
      .expect_client(server::complete("INSERT 0 1") + server::complete("UPDATE 1"))
      .gate({"prepare 1 xid 800 lsn 0/10-0/18 | " + kCreated + " | " + kUpdated});
  commit_runs_in_part(script);
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionRunTest, SettingsAreToldAtTheEndAndNotWhereTheyWereUndone) {
  const std::string sql = "SET TimeZone = 'Asia/Tokyo'; " + kInsert;
  const std::string changed = server::parameter_status("TimeZone", "Asia/Tokyo");
  const std::string restored = server::parameter_status("TimeZone", "UTC");
  SessionScript good;
  good.starts().client_sends(client::query(sql)).asks_facts(Table());
  good.expect_upstream(sent_in_group(sql + suffix()))
      .upstream_sends(group_begun() + server::complete("SET") + inserted() + changed + group_ended())
      .expect_client(server::complete("SET"))
      .gate({"prepare 1 xid 800 lsn 0/10-0/10 | " + kCreated})
      .journal_has_it()
      .expect_upstream(sent_in_part("COMMIT") + client::sync())
      .upstream_sends(part_answered({}, "COMMIT") + server::ready('I'))
      .expect_client(server::complete("INSERT 0 1") + changed + server::ready('I'))
      .gate({"outcome 1 committed"});
  EXPECT_EQ(good.replay(), "");
  const std::string error = server::error("23503", "at the commit");
  SessionScript bad;
  bad.starts().upstream_is_relayed(restored).client_sends(client::query(sql)).asks_facts(Table());
  bad.expect_upstream(sent_in_group(sql + suffix()))
      .upstream_sends(group_begun() + server::complete("SET") + error + restored + group_ended('E'))
      .expect_client(server::complete("SET") + error)
      .expect_upstream(sent_in_part("ROLLBACK") + client::sync())
      .upstream_sends(part_answered({}, "ROLLBACK") + server::ready('I'))
      .expect_client(server::ready('I'));
  EXPECT_EQ(bad.replay(), "");
}

TEST(SessionRunTest, ADeferredConstraintFailsInPlaceOfTheLastCommandComplete) {
  const std::string error = server::error("23503", "violates foreign key constraint");
  SessionScript script;
  script.starts().client_sends(client::query(kInsert + "; " + kUpdate)).asks_facts(Table());
  script.expect_upstream(sent_in_group(kInsert + suffix() + "; " + kUpdate + suffix()))
      .upstream_sends(group_begun() + inserted() + updated() + group_ended())
      .expect_client(server::complete("INSERT 0 1"))
      .gate({"prepare 1 xid 800 lsn 0/10-0/18 | " + kCreated + " | " + kUpdated})
      .journal_has_it()
      .expect_upstream(sent_in_part("COMMIT") + client::sync())
      .upstream_sends(server::parse_complete() + server::bind_complete() + server::notice("trigger ran") + error +
                      server::ready('I'))
      .expect_client(server::notice("trigger ran") + error + server::ready('I'))
      .gate({"outcome 1 aborted"});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionRunTest, ACommitThatTheJournalRefusesUndoesTheBlock) {
  SessionScript script;
  script.starts().client_sends(client::query(kInsert + "; " + kUpdate)).asks_facts(Table());
  script.expect_upstream(sent_in_group(kInsert + suffix() + "; " + kUpdate + suffix()))
      .upstream_sends(group_begun() + inserted() + updated() + group_ended())
      .expect_client(server::complete("INSERT 0 1"))
      .gate({"prepare 1 xid 800 lsn 0/10-0/18 | " + kCreated + " | " + kUpdated})
      .journal_refuses({"no room", "53100"});
  const std::string own = script.next_own_name();
  script
      .expect_upstream(client::execute("weir:none") + client::sync() + client::parse(own, "ROLLBACK") +
                       client::bind("weir:own", own) + client::execute("weir:own") + client::close('P', "weir:own") +
                       client::close('S', own) + client::sync())
      .upstream_sends(server::error("34000", "portal \"weir:none\" does not exist") + server::ready('E'))
      .expect_client(server::error("53100", "no room"))
      .upstream_sends(server::parse_complete() + server::bind_complete() + server::complete("ROLLBACK") +
                      server::close_complete() + server::close_complete() + server::ready('I'))
      .expect_client(server::ready('I'))
      .gate({"outcome 1 aborted"});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionRunTest, ALongStatementIsSentAsAQueryInABlock) {
  const std::string sql = kInsert + " /* " + std::string(40'000, 'x') + " */";
  SessionScript script;
  script.starts().client_sends(client::query(sql + ";")).asks_facts(Table());
  script.expect_upstream(sent_in_group(sql + suffix()))
      .upstream_sends(group_begun() + inserted() + group_ended())
      .expect_client("");
  commits_group(script, "prepare 1 xid 800 lsn 0/10-0/10 | " + kCreated, "INSERT 0 1");
  EXPECT_EQ(script.replay_whole(), "");
}

// A script that makes its tables itself names many that are not there yet when it is planned.
TEST(SessionRunTest, AQueryAsksOnceForEachTableThatIsNotThere) {
  const std::string none = server::bind_complete() + server::row(Table::no_facts()) + server::complete("SELECT 1") +
                           server::close_complete() + server::ready('I');
  SessionScript script;
  script.starts();
  const std::string own = script.next_own_name();
  const auto asked = [&own](const std::string& table) {
    return client::bind("weir:own", own, {table, ""}) + client::execute("weir:own") + client::close('P', "weir:own") +
           client::sync();
  };
  script
      .client_sends(client::query("INSERT INTO t VALUES (1); INSERT INTO u VALUES (1); INSERT INTO t VALUES (2); "
                                  "INSERT INTO v VALUES (1); INSERT INTO u VALUES (2); INSERT INTO w VALUES (1)"))
      .expect_upstream(client::parse(own, capture::facts_query(capture::FactsText::plain)) + asked("\"t\""))
      .upstream_sends(server::parse_complete() + none)
      .expect_upstream(asked("\"u\""))
      .upstream_sends(none)
      .expect_upstream(asked("\"v\""))
      .upstream_sends(none)
      .expect_upstream(asked("\"w\""));
  EXPECT_EQ(script.replay(), "");
}

}  // namespace
}  // namespace weir::testing
