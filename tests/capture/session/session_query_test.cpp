// The simple Query: what is relayed as it is, and what is sent in parts and shown as a Query's answer.
#include <gtest/gtest.h>

#include "tests/capture/session/session_script.h"

namespace weir::testing {
namespace {

const std::string kInsert = "INSERT INTO t VALUES (1)";
const std::string kRow = R"({"id":1,"v":null})";
const std::string kCreated = R"(c public.t 1.1 0/10 key {"id":1} after {"id":1,"v":null})";

/// Up to the commit: the row was captured, the journal has it.
void insert_by_query(SessionScript& script) {
  script.client_sends(client::query(kInsert)).asks_facts(Table());
  script.expect_upstream(sent_in_part(kInsert + suffix()) + client::flush())
      .upstream_sends(part_answered({written(kRow, "0/10")}, "INSERT 0 1"))
      .expect_client("")
      .expect_stalled()
      .gate({"prepare 1 xid 800 lsn 0/10-0/10 | " + kCreated})
      .journal_has_it()
      .expect_upstream(client::sync())
      .expect_stalled(false);
}

TEST(SessionQueryTest, ReadsAreRelayedByteForByte) {
  SessionScript script;
  script.starts()
      .client_is_relayed(client::query("SELECT 1"))
      .upstream_is_relayed(server::row_description({"?column?"}) + server::row({"1"}) + server::complete("SELECT 1") +
                           server::ready('I'))
      .client_is_relayed(client::query(""))
      .upstream_is_relayed(frame('I') + server::ready('I'))
      .client_is_relayed(client::query("this does not parse"))
      .upstream_is_relayed(server::error("42601", "syntax error") + server::ready('I'));
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionQueryTest, AnInsertIsShownCommittedOnlyOnceItIs) {
  SessionScript script;
  script.starts();
  insert_by_query(script);
  script.upstream_sends(server::ready('I'))
      .expect_client(server::complete("INSERT 0 1") + server::ready('I'))
      .gate({"outcome 1 committed"});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionQueryTest, TheSecondTimeNothingIsAsked) {
  SessionScript script;
  script.starts();
  insert_by_query(script);
  script.upstream_sends(server::ready('I'))
      .expect_client(server::complete("INSERT 0 1") + server::ready('I'))
      .gate({"outcome 1 committed"})
      .client_sends(client::query(kInsert))
      .expect_upstream(sent_in_part(kInsert + suffix()) + client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() + server::error("23505", "duplicate key"))
      .expect_client(server::error("23505", "duplicate key"))
      .expect_upstream(client::sync())
      .upstream_is_relayed(server::ready('I'));
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionQueryTest, AWriteOfNoRowCommitsWithoutTheJournal) {
  const std::string sql = "DELETE FROM t WHERE id = 7";
  SessionScript script;
  script.starts().client_sends(client::query(sql)).asks_facts(Table());
  script.expect_upstream(sent_in_part(sql + suffix()) + client::flush())
      .upstream_sends(part_answered({}, "DELETE 0"))
      .expect_upstream(client::sync())
      .expect_client("")
      .upstream_sends(server::ready('I'))
      .expect_client(server::complete("DELETE 0") + server::ready('I'));
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionQueryTest, ADeferredConstraintFailsInsteadOfCommandComplete) {
  SessionScript script;
  script.starts();
  insert_by_query(script);
  script.upstream_sends(server::error("23503", "violates foreign key constraint") + server::ready('I'))
      .expect_client(server::error("23503", "violates foreign key constraint") + server::ready('I'))
      .gate({"outcome 1 aborted"});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionQueryTest, ParameterStatusComesBetweenCommandCompleteAndReadyForQuery) {
  SessionScript script;
  script.starts();
  insert_by_query(script);
  const std::string changed = server::parameter_status("application_name", "x");
  script.upstream_sends(changed + server::ready('I'))
      .expect_client(server::complete("INSERT 0 1") + changed + server::ready('I'))
      .gate({"outcome 1 committed"});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionQueryTest, NoticesComeBeforeTheRowDescriptionOfAWrite) {
  const std::string sql = "INSERT INTO t VALUES (1) RETURNING id";
  SessionScript script;
  script.starts().client_sends(client::query(sql)).asks_facts(Table());
  script
      .expect_upstream(client::parse("", sql + suffix_of_list()) + client::bind("", "") + client::describe('P', "") +
                       client::execute("") + client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() +
                      server::row_description({"id", "row_to_json", "tableoid", "xid", "lsn"}))
      .expect_client("")
      .upstream_sends(server::notice("trigger ran"))
      .expect_client(server::notice("trigger ran"))
      .upstream_sends(server::row(Values{"1"} + written(kRow, "0/10")))
      .expect_client(server::row_description({"id"}) + server::row({"1"}))
      .upstream_sends(server::complete("INSERT 0 1"))
      .expect_client("")
      .gate({"prepare 1 xid 800 lsn 0/10-0/10 | " + kCreated})
      .journal_has_it()
      .expect_upstream(client::sync())
      .upstream_sends(server::ready('I'))
      .expect_client(server::complete("INSERT 0 1") + server::ready('I'))
      .gate({"outcome 1 committed"});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionQueryTest, AFailingTriggerLeavesNoRowDescription) {
  const std::string sql = "INSERT INTO t VALUES (1) RETURNING id";
  SessionScript script;
  script.starts().client_sends(client::query(sql)).asks_facts(Table());
  script
      .expect_upstream(client::parse("", sql + suffix_of_list()) + client::bind("", "") + client::describe('P', "") +
                       client::execute("") + client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() +
                      server::row_description({"id", "row_to_json", "tableoid", "xid", "lsn"}) +
                      server::error("P0001", "trigger says no"))
      .expect_client(server::error("P0001", "trigger says no"))
      .expect_upstream(client::sync())
      .upstream_is_relayed(server::ready('I'));
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionQueryTest, NoRowStillHasItsRowDescription) {
  const std::string sql = "DELETE FROM t RETURNING v";
  SessionScript script;
  script.starts().client_sends(client::query(sql)).asks_facts(Table());
  script
      .expect_upstream(client::parse("", sql + suffix_of_list()) + client::bind("", "") + client::describe('P', "") +
                       client::execute("") + client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() +
                      server::row_description({"v", "row_to_json", "tableoid", "xid", "lsn"}) +
                      server::complete("DELETE 0"))
      .expect_client(server::row_description({"v"}))
      .expect_upstream(client::sync())
      .upstream_sends(server::ready('I'))
      .expect_client(server::complete("DELETE 0") + server::ready('I'));
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionQueryTest, ABlockWithinOneQuery) {
  SessionScript script;
  script.starts().client_sends(client::query("BEGIN;" + kInsert + ";COMMIT")).asks_facts(Table());
  script.expect_upstream(sent_in_part("BEGIN") + client::flush())
      .upstream_sends(part_answered({}, "BEGIN"))
      .expect_client(server::complete("BEGIN"))
      .expect_upstream(sent_in_part(kInsert + suffix()) + client::flush())
      .upstream_sends(part_answered({written(kRow, "0/10")}, "INSERT 0 1"))
      .expect_client(server::complete("INSERT 0 1"))
      .gate({"prepare 1 xid 800 lsn 0/10-0/10 | " + kCreated});
  commit_runs_in_part(script);
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionQueryTest, QueriesSentAtOnceAreAnsweredInOrder) {
  SessionScript script;
  script.starts()
      .client_sends(client::query("SELECT 1") + client::query(kInsert) + client::query("SELECT 2"))
      .expect_upstream(client::query("SELECT 1"))
      .expect_stalled()
      .upstream_is_relayed(server::complete("SELECT 1") + server::ready('I'));
  script.asks_facts(Table());
  script.expect_upstream(sent_in_part(kInsert + suffix()) + client::flush())
      .upstream_sends(part_answered({written(kRow, "0/10")}, "INSERT 0 1"))
      .gate({"prepare 1 xid 800 lsn 0/10-0/10 | " + kCreated})
      .journal_has_it()
      .expect_upstream(client::sync())
      .upstream_sends(server::ready('I'))
      .expect_client(server::complete("INSERT 0 1") + server::ready('I'))
      .expect_upstream(client::query("SELECT 2"))
      .gate({"outcome 1 committed"})
      .upstream_is_relayed(server::complete("SELECT 1") + server::ready('I'));
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionQueryTest, TheUnnamedStatementOfAQuerySentInPartsIsGoneForTheClient) {
  SessionScript script;
  script.starts();
  insert_by_query(script);
  script.upstream_sends(server::ready('I'))
      .expect_client(server::complete("INSERT 0 1") + server::ready('I'))
      .gate({"outcome 1 committed"})
      .client_sends(client::bind("", "") + client::execute("") + client::sync())
      .expect_upstream(client::close('S', "") + client::bind("", "") + client::execute("") + client::sync())
      .upstream_sends(server::close_complete() + server::error("26000", "unnamed prepared statement does not exist") +
                      server::ready('I'))
      .expect_client(server::error("26000", "unnamed prepared statement does not exist") + server::ready('I'));
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionQueryTest, TheUnnamedPortalOfAQuerySentInPartsIsGoneForTheClient) {
  SessionScript script;
  script.starts();
  insert_by_query(script);
  script.upstream_sends(server::ready('I'))
      .expect_client(server::complete("INSERT 0 1") + server::ready('I'))
      .gate({"outcome 1 committed"})
      .client_sends(client::execute("") + client::sync())
      .expect_upstream(client::close('P', "") + client::execute("") + client::sync())
      .upstream_sends(server::close_complete() + server::error("34000", "portal \"\" does not exist") +
                      server::ready('I'))
      .expect_client(server::error("34000", "portal \"\" does not exist") + server::ready('I'));
  EXPECT_EQ(script.replay(), "");
}

/// BEGIN, and a Query with two rows of the client's own RETURNING; asks about the table.
void returns_in_a_block(SessionScript& script, const std::string& sql) {
  script.starts()
      .client_is_relayed(client::query("BEGIN"))
      .upstream_is_relayed(server::complete("BEGIN") + server::ready('T'))
      .client_sends(client::query(sql + "; -- of mine"))
      .asks_facts(Table(), false);
  script.expect_upstream(client::query(sql + suffix_of_list()));
}

TEST(SessionQueryTest, AQueryInABlockStaysOne) {
  SessionScript script;
  returns_in_a_block(script, "UPDATE t SET v = 'a' RETURNING v, id");
  script
      .upstream_sends(server::row_description({"v", "id", "row_to_json", "tableoid", "xid", "lsn"}) +
                      server::row(Values{"a", "1"} + written(R"({"id":1,"v":"a"})", "0/10")) +
                      server::row(Values{"a", "2"} + written(R"({"id":2,"v":"a"})", "0/18")) +
                      server::complete("UPDATE 2") + server::ready('T'))
      .expect_client(server::row_description({"v", "id"}) + server::row({"a", "1"}) + server::row({"a", "2"}) +
                     server::complete("UPDATE 2") + server::ready('T'))
      .client_sends(client::query("COMMIT"))
      .gate({R"(prepare 1 xid 800 lsn 0/10-0/18 | u public.t 1.1 0/10 key {"id":1} after {"id":1,"v":"a"})"
             R"( | u public.t 2.1 0/18 key {"id":2} after {"id":2,"v":"a"})"})
      .journal_has_it()
      .expect_upstream(client::query("COMMIT"))
      .upstream_is_relayed(server::complete("COMMIT") + server::ready('I'))
      .gate({"outcome 1 committed"});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionQueryTest, AQueryInABlockThatFailsSaysWhatTheServerSays) {
  SessionScript script;
  returns_in_a_block(script, "DELETE FROM t RETURNING id");
  script.upstream_is_relayed(server::error("23503", "still referenced", {{'P', "13"}}) + server::ready('E'))
      .client_is_relayed(client::query("COMMIT"))
      .upstream_is_relayed(server::complete("ROLLBACK") + server::ready('I'));
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionQueryTest, AQueryInABlockNeedsNoJournalUntilCommit) {
  SessionScript script;
  script.starts()
      .client_is_relayed(client::query("BEGIN"))
      .upstream_is_relayed(server::complete("BEGIN") + server::ready('T'))
      .client_sends(client::query(kInsert))
      .asks_facts(Table(), false);
  script.expect_upstream(client::query(kInsert + suffix()))
      .upstream_sends(query_answered({written(kRow, "0/10")}, "INSERT 0 1"))
      .expect_client(server::complete("INSERT 0 1"))
      .upstream_is_relayed(server::ready('T'))
      .client_sends(client::query("COMMIT"))
      .expect_upstream("")
      .expect_stalled()
      .gate({"prepare 1 xid 800 lsn 0/10-0/10 | " + kCreated})
      .journal_has_it()
      .expect_upstream(client::query("COMMIT"))
      .upstream_is_relayed(server::complete("COMMIT") + server::ready('I'))
      .gate({"outcome 1 committed"});
  EXPECT_EQ(script.replay(), "");
}

}  // namespace
}  // namespace weir::testing
