// What is easily got wrong between the two protocols and SQL's own cursors and statements.
#include <gtest/gtest.h>

#include "tests/capture/session/session_script.h"

namespace weir::testing {
namespace {

const std::string kInsert = "INSERT INTO t VALUES (1)";
const std::string kRow = R"({"id":1,"v":null})";
const std::string kCreated = R"(c public.t 1.1 0/10 key {"id":1} after {"id":1,"v":null})";

// SQL can FETCH from a protocol portal.
TEST(SessionTrapTest, FetchInSqlFromAProtocolPortal) {
  SessionScript script;
  open_portal(script);
  script.client_is_relayed(client::query("FETCH ALL FROM p"))
      .upstream_sends(server::row_description(kWithAdded) + server::row(Values{"2"} + written(R"({"id":2})", "0/18")) +
                      server::complete("FETCH 1") + server::ready('T'))
      .expect_client(server::row_description({"id"}) + server::row({"2"}) + server::complete("FETCH 1") +
                     server::ready('T'))
      .client_sends(client::query("COMMIT"))
      .expect_upstream(client::execute("p") + client::flush())
      .upstream_sends(server::complete("INSERT 0 0"))
      .gate({"prepare 1 xid 800 lsn 0/10-0/18 | " + kCreated + R"( | c public.t 2.1 0/18 key {"id":2} after {"id":2})"})
      .journal_has_it()
      .expect_upstream(client::query("COMMIT"))
      .upstream_is_relayed(server::complete("COMMIT") + server::ready('I'))
      .gate({"outcome 1 committed"});
  EXPECT_EQ(script.replay(), "");
}

// And CLOSE it.
TEST(SessionTrapTest, CloseInSqlOfAProtocolPortal) {
  SessionScript script;
  open_portal(script);
  script.client_sends(client::query("CLOSE p"))
      .expect_upstream(client::execute("p") + client::flush())
      .upstream_sends(server::row(Values{"2"} + written(R"({"id":2})", "0/18")) + server::complete("INSERT 0 1"))
      .expect_upstream(client::query("CLOSE p"))
      .upstream_is_relayed(server::complete("CLOSE CURSOR") + server::ready('T'))
      .client_sends(client::query("COMMIT"))
      .gate({"prepare 1 xid 800 lsn 0/10-0/18 | " + kCreated + R"( | c public.t 2.1 0/18 key {"id":2} after {"id":2})"})
      .journal_has_it()
      .expect_upstream(client::query("COMMIT"))
      .upstream_is_relayed(server::complete("COMMIT") + server::ready('I'))
      .gate({"outcome 1 committed"});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionTrapTest, CloseInTheExtendedProtocolOfAProtocolPortal) {
  const std::string close = client::parse("", "CLOSE p") + client::bind("", "");
  SessionScript script;
  open_portal(script);
  script.client_sends(close + client::execute("") + client::sync())
      .expect_upstream(close + client::execute("p") + client::flush())
      .upstream_is_relayed(server::parse_complete() + server::bind_complete())
      .upstream_sends(server::row(Values{"2"} + written(R"({"id":2})", "0/18")) + server::complete("INSERT 0 1"))
      .expect_upstream(client::execute("") + client::sync())
      .upstream_is_relayed(server::complete("CLOSE CURSOR") + server::ready('T'))
      .client_sends(client::query("COMMIT"))
      .gate({"prepare 1 xid 800 lsn 0/10-0/18 | " + kCreated + R"( | c public.t 2.1 0/18 key {"id":2} after {"id":2})"})
      .journal_has_it()
      .expect_upstream(client::query("COMMIT"))
      .upstream_is_relayed(server::complete("COMMIT") + server::ready('I'))
      .gate({"outcome 1 committed"});
  EXPECT_EQ(script.replay(), "");
}

// A failed block refuses the Bind that was to take the portal's place, so its rows are still to be had.
TEST(SessionTrapTest, APortalWhoseSuccessorWasRefusedKeepsItsRows) {
  SessionScript script;
  open_portal(script);
  passes(script, "SAVEPOINT a", "SAVEPOINT", 'T');
  script.client_is_relayed(client::query("SELECT nope"))
      .upstream_is_relayed(server::error("42703", "no column") + server::ready('E'))
      .client_is_relayed(client::bind("p", "") + client::sync())
      .upstream_is_relayed(server::error("25P02", "current transaction is aborted") + server::ready('E'));
  passes(script, "ROLLBACK TO a", "ROLLBACK", 'T');
  script.client_is_relayed(client::execute("p", 5) + client::sync())
      .upstream_sends(server::row(Values{"2"} + written(R"({"id":2})", "0/18")) + server::complete("INSERT 0 1") +
                      server::ready('T'))
      .expect_client(server::row({"2"}) + server::complete("INSERT 0 1") + server::ready('T'))
      .client_sends(client::query("COMMIT"))
      .gate({"prepare 1 xid 800 lsn 0/10-0/18 | " + kCreated + R"( | c public.t 2.1 0/18 key {"id":2} after {"id":2})"})
      .journal_has_it()
      .expect_upstream(client::query("COMMIT"));
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionTrapTest, CursorsShowTheClientsOwnText) {
  const std::string sql = "SELECT statement FROM pg_cursors";
  SessionScript script;
  open_portal(script);
  script.client_is_relayed(client::query(sql))
      .upstream_sends(server::row_description({"statement"}) + server::row({kTwoRows + suffix_of_list()}) +
                      server::complete("SELECT 1") + server::ready('T'))
      .expect_client(server::row_description({"statement"}) + server::row({kTwoRows}) + server::complete("SELECT 1") +
                     server::ready('T'));
  EXPECT_EQ(script.replay_whole(), "");
}

// Bind reaches SQL's PREPARE.
TEST(SessionTrapTest, AStatementPreparedInSqlIsReportedWhereItWrites) {
  const std::string run = client::bind("", "s") + client::execute("") + client::sync();
  SessionScript script;
  script.starts();
  passes(script, "PREPARE s AS " + kInsert, "PREPARE", 'I');
  script.client_is_relayed(run)
      .upstream_is_relayed(server::bind_complete() + server::complete("INSERT 0 1") + server::ready('I'))
      .gate({"report xid 0 | g . 1.1 0/0 statement inserted 1 cause unknown statement"});
  EXPECT_EQ(script.replay(), "");
}

// Close of a statement leaves its portals running.
TEST(SessionTrapTest, APortalOutlivesItsStatement) {
  SessionScript script;
  script.starts().client_sends(client::parse("s", kInsert) + client::bind("p", "s") + client::close('S', "s") +
                               client::execute("p") + client::sync());
  script.expect_upstream(client::parse("s", kInsert)).asks_facts(Table(), false, server::parse_complete());
  const std::string twin = script.next_own_name();
  script
      .expect_upstream(client::parse(twin, kInsert + suffix()) + client::bind("p", twin) + client::close('S', twin) +
                       client::close('S', "s") + client::execute("p") + client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() + server::close_complete() +
                      server::close_complete() + server::row(written(kRow, "0/10")) + server::complete("INSERT 0 1"))
      .expect_client(server::bind_complete() + server::close_complete() + server::complete("INSERT 0 1"))
      .gate({"prepare 1 xid 800 lsn 0/10-0/10 | " + kCreated})
      .journal_has_it()
      .expect_upstream(client::sync())
      .upstream_is_relayed(server::ready('I'))
      .gate({"outcome 1 committed"});
  EXPECT_EQ(script.replay(), "");
}

// In an aborted transaction Describe of a statement without result works.
TEST(SessionTrapTest, DescribeInAnAbortedTransactionIsOfTheClientsOwnText) {
  SessionScript script;
  script.starts()
      .client_is_relayed(client::parse("s", kInsert) + client::sync())
      .upstream_is_relayed(server::parse_complete() + server::ready('I'));
  passes(script, "BEGIN", "BEGIN", 'T');
  script.client_is_relayed(client::query("SELECT nope"))
      .upstream_is_relayed(server::error("42703", "no column") + server::ready('E'))
      .client_is_relayed(client::describe('S', "s") + client::sync())
      .upstream_is_relayed(server::parameter_description({}) + server::no_data() + server::ready('E'));
  EXPECT_EQ(script.replay(), "");
}

// With the client's own RETURNING *, a changed table fails the Bind with 0A000.
TEST(SessionTrapTest, ACachedPlanThatMayNotChangeFailsAsTheClientsOwnWould) {
  const std::string sql = kInsert + " RETURNING *";
  const std::string changed = server::error("0A000", "cached plan must not change result type");
  SessionScript script;
  script.starts()
      .client_is_relayed(client::parse("s", sql) + client::sync())
      .upstream_is_relayed(server::parse_complete() + server::ready('I'))
      .client_sends(client::bind("", "s") + client::execute("") + client::sync());
  script.asks_facts(Table());
  const std::string twin = script.next_own_name();
  script
      .expect_upstream(client::parse(twin, sql + suffix_of_list()) + client::bind("", twin) + client::execute("") +
                       client::flush())
      .upstream_sends(server::parse_complete() + changed)
      .expect_client(changed)
      .expect_upstream(client::sync())
      .upstream_is_relayed(server::ready('I'));
  EXPECT_EQ(script.replay(), "");
}

// Syntax errors change; what does not parse must go through untouched.
TEST(SessionTrapTest, AWriteThatDoesNotParseGoesThroughUntouched) {
  const std::string bad = server::error("42601", "syntax error at end of input", {{'P', "22"}});
  SessionScript script;
  script.starts()
      .client_is_relayed(client::query("INSERT INTO t VALUES ("))
      .upstream_is_relayed(bad + server::ready('I'))
      .client_is_relayed(client::parse("", "INSERT INTO t VALUES (") + client::sync())
      .upstream_is_relayed(bad + server::ready('I'));
  EXPECT_EQ(script.replay(), "");
}

// SJIS characters with 0x5C as second byte.
TEST(SessionTrapTest, CharactersThatEndInABackslashAreLeftToTheServer) {
  const std::string sql = "INSERT INTO t VALUES (E'\x95\x5C'); DELETE FROM u; --'";
  SessionScript script;
  script.starts("15.20", "SJIS")
      .client_is_relayed(client::query(sql))
      .upstream_is_relayed(server::complete("INSERT 0 1") + server::complete("DELETE 0") + server::ready('I'))
      .gate({"report xid 0 | g . 1.1 0/0 statement inserted 1 cause unknown statement"});
  EXPECT_EQ(script.replay(), "");
}

// COMMIT and PREPARE TRANSACTION in a failed block answer ROLLBACK.
TEST(SessionTrapTest, PrepareTransactionInAFailedBlockRollsBack) {
  SessionScript script;
  script.starts();
  passes(script, "BEGIN", "BEGIN", 'T');
  script.client_sends(client::query(kInsert)).asks_facts(Table(), false);
  script.expect_upstream(client::query(kInsert + suffix()))
      .upstream_sends(query_answered({written(kRow, "0/10")}, "INSERT 0 1") + server::ready('T'))
      .expect_client(server::complete("INSERT 0 1") + server::ready('T'))
      .client_is_relayed(client::query("SELECT nope"))
      .upstream_is_relayed(server::error("42703", "no column") + server::ready('E'));
  passes(script, "PREPARE TRANSACTION 'x'", "ROLLBACK", 'I');
  EXPECT_EQ(script.replay(), "");
}

// The server reads nothing before its first ReadyForQuery; that one answers nothing of the client's.
TEST(SessionTrapTest, WhatIsSentAheadOfTheLoginWaitsForItsEnd) {
  SessionScript script;
  script.client_sends(client::query(kInsert)).expect_upstream("").expect_stalled().starts().asks_facts(Table());
  script.expect_upstream(sent_in_part(kInsert + suffix()) + client::flush())
      .upstream_sends(part_answered({written(kRow, "0/10")}, "INSERT 0 1"));
  commits_query(script, "prepare 1 xid 800 lsn 0/10-0/10 | " + kCreated, "INSERT 0 1");
  EXPECT_EQ(script.replay(), "");
}

// A Query inside COPY IN kills the connection, with two ErrorResponses. Nothing is asked or waited for: the
// server waits for data.
TEST(SessionTrapTest, AQueryInsideCopyIn) {
  for (const std::string& sql :
       {std::string("SELECT 1"), kInsert, kInsert + "; COMMIT", std::string("COPY t FROM STDIN"),
        std::string("VACUUM; SELECT 2"), std::string("this does not parse")}) {
    SessionScript script;
    script.starts().client_sends(client::query("COPY t FROM STDIN")).asks_facts(Table());
    script
        .expect_upstream(client::query("COPY t FROM STDIN\n/*weir*/;SELECT "
                                       "pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.text, "
                                       "pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text"))
        .upstream_is_relayed(frame('G', std::string(1, '\0') + int16(0)))
        .client_is_relayed(frame('d', "1\n") + client::query(sql))
        .expect_stalled(false)
        .upstream_is_relayed(server::error("08P01", "unexpected message type 0x51 during COPY from stdin") +
                             server::report('E', "FATAL", "08P01", "terminating connection"))
        .upstream_closes();
    EXPECT_EQ(script.replay(), "") << sql;
  }
}

// A half-closed socket is still answered.
TEST(SessionTrapTest, AClientThatHalfClosesBehindAHeldSync) {
  const std::string write = client::bind("", "") + client::execute("");
  SessionScript script;
  script.starts().client_sends(client::parse("", kInsert) + write + client::sync()).client_finishes();
  script.asks_facts(Table());
  script.expect_upstream(client::parse("", kInsert + suffix()) + write + client::flush())
      .upstream_sends(part_answered({written(kRow, "0/10")}, "INSERT 0 1"))
      .expect_client(part_answered({}, "INSERT 0 1"))
      .gate({"prepare 1 xid 800 lsn 0/10-0/10 | " + kCreated})
      .journal_has_it()
      .expect_upstream(client::sync())
      .upstream_is_relayed(server::ready('I'))
      .gate({"outcome 1 committed"});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionTrapTest, NotificationsAndUnknownMessagesPass) {
  const std::string notification = frame('A', int32(7) + cstring("c") + cstring("payload"));
  SessionScript script;
  script.starts()
      .upstream_is_relayed(notification)
      .client_is_relayed(client::query("SELECT 1"))
      .upstream_is_relayed(notification + server::complete("SELECT 1") + server::ready('I') + notification)
      .client_is_relayed(frame('F', int32(1598) + int16(0) + int16(0) + int16(0)))
      .upstream_is_relayed(frame('V', int32(-1)) + server::ready('I'))
      .client_is_relayed(frame('~', "from the future"));
  EXPECT_EQ(script.replay(), "");
}

}  // namespace
}  // namespace weir::testing
