// CALL and DO in a pipeline outside a block: they can commit what came before them, and then still fail.
#include <gtest/gtest.h>

#include "tests/capture/session/session_script.h"

namespace weir::testing {
namespace {

const std::string kInsert = "INSERT INTO t VALUES (1)";
const std::string kRow = R"({"id":1,"v":null})";
const std::string kPrepared =
    R"(prepare 1 xid 800 lsn 0/10-0/10 | c public.t 1.1 0/10 key {"id":1} after {"id":1,"v":null})";
const std::string kStatus = "SELECT pg_catalog.pg_xact_status($1::pg_catalog.text::pg_catalog.xid8)::pg_catalog.text";

std::string run(std::string_view sql) {
  return client::parse("", sql) + client::bind("", "") + client::execute("");
}

/// The pipeline INSERT; `text`; SELECT 2. The journal has the row, `text` is on its way.
void calls(SessionScript& script, const std::string& text = "CALL p()") {
  script.starts().client_sends(run(kInsert) + run(text) + run("SELECT 2") + client::sync()).asks_facts(Table());
  script.expect_upstream(run(kInsert + suffix()) + client::parse("", text) + client::bind("", "") + client::flush())
      .upstream_sends(part_answered({written(kRow, "0/10")}, "INSERT 0 1") + server::parse_complete() +
                      server::bind_complete())
      .expect_client(part_answered({}, "INSERT 0 1") + server::parse_complete() + server::bind_complete())
      .gate({kPrepared})
      .journal_has_it()
      .expect_upstream(client::execute("") + client::flush());
}

void asks_status(SessionScript& script, const std::string& status) {
  const std::string own = script.next_own_name();
  script
      .expect_upstream(client::parse(own, kStatus) + client::bind("weir:own", own, {"800"}) +
                       client::execute("weir:own") + client::close('P', "weir:own") + client::close('S', own) +
                       client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() + server::row({status}) +
                      server::complete("SELECT 1") + server::close_complete() + server::close_complete());
}

TEST(SessionCallTest, AnErrorBehindItDoesNotMeanAborted) {
  for (const char* text : {"CALL p()", "DO $$BEGIN COMMIT; END$$"}) {
    for (const char* sqlstate : {"P0001", "57014"}) {
      SessionScript script;
      calls(script, text);
      script.upstream_is_relayed(server::error(sqlstate, "behind a COMMIT"))
          .expect_upstream(run("SELECT 2") + client::sync())
          .gate({"outcome 1 unknown"})
          .upstream_is_relayed(server::ready('I'));
      EXPECT_EQ(script.replay_whole(), "");
    }
  }
}

TEST(SessionCallTest, ATransactionThatGoesOnIsPreparedAgain) {
  SessionScript script;
  calls(script);
  script.upstream_is_relayed(server::complete("CALL"));
  asks_status(script, "in progress");
  script.gate({"reopen 1"})
      .expect_upstream(run("SELECT 2") + client::flush())
      .upstream_is_relayed(part_answered({{"2"}}, "SELECT 1"))
      .gate({"prepare 1 xid 800 lsn 0/10-0/10"})
      .journal_has_it()
      .expect_upstream(client::sync())
      .upstream_is_relayed(server::ready('I'))
      .gate({"outcome 1 committed"});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionCallTest, WhatItEndedIsKnownAtOnce) {
  for (const char* status : {"committed", "aborted"}) {
    SessionScript script;
    calls(script);
    script.upstream_is_relayed(server::complete("CALL"));
    asks_status(script, status);
    script.gate({"outcome 1 " + std::string(status)})
        .expect_upstream(run("SELECT 2") + client::sync())
        .upstream_is_relayed(part_answered({{"2"}}, "SELECT 1") + server::ready('I'));
    EXPECT_EQ(script.replay_whole(), "");
  }
}

TEST(SessionCallTest, ALostSessionLeavesItInDoubt) {
  SessionScript script;
  calls(script);
  script.upstream_closes().gate({"outcome 1 unknown"});
  EXPECT_EQ(script.replay_whole(), "");
}

TEST(SessionCallTest, ItsOwnBindFailsAndNothingRan) {
  SessionScript script;
  script.starts().client_sends(run(kInsert) + run("CALL p()") + client::sync()).asks_facts(Table());
  script
      .expect_upstream(run(kInsert + suffix()) + client::parse("", "CALL p()") + client::bind("", "") + client::flush())
      .upstream_sends(part_answered({written(kRow, "0/10")}, "INSERT 0 1") + server::error("42883", "no p()"))
      .expect_client(part_answered({}, "INSERT 0 1") + server::error("42883", "no p()"))
      .expect_upstream(client::execute("") + client::sync())
      .upstream_is_relayed(server::ready('I'));
  EXPECT_EQ(script.replay_whole(), "");
}

/// A Query behind what was not ended by a Sync.
void calls_by_query(SessionScript& script) {
  script.starts().client_sends(run(kInsert) + client::query("CALL p()")).asks_facts(Table());
  script.expect_upstream(run(kInsert + suffix()) + client::flush())
      .upstream_sends(part_answered({written(kRow, "0/10")}, "INSERT 0 1"))
      .expect_client(part_answered({}, "INSERT 0 1"))
      .gate({kPrepared})
      .journal_has_it()
      .expect_upstream(client::query("CALL p()"));
}

TEST(SessionCallTest, TheSameByAQuery) {
  SessionScript fails;
  calls_by_query(fails);
  fails.upstream_is_relayed(server::error("P0001", "behind a COMMIT"))
      .gate({"outcome 1 unknown"})
      .upstream_is_relayed(server::ready('I'));
  EXPECT_EQ(fails.replay(), "");
  SessionScript succeeds;
  calls_by_query(succeeds);
  succeeds.upstream_is_relayed(server::complete("CALL"))
      .gate({"outcome 1 unknown"})
      .upstream_is_relayed(server::ready('I'));
  EXPECT_EQ(succeeds.replay(), "");
}

// In a Query of several statements CALL cannot commit, and what is no CALL never can.
TEST(SessionCallTest, OtherErrorsStillMeanAborted) {
  for (const char* text : {"SELECT 1/0", "SELECT 1; CALL p()"}) {
    SessionScript script;
    script.starts().client_sends(run(kInsert) + client::query(text)).asks_facts(Table());
    script.expect_upstream(run(kInsert + suffix()) + client::flush())
        .upstream_sends(part_answered({written(kRow, "0/10")}, "INSERT 0 1"))
        .expect_client(part_answered({}, "INSERT 0 1"))
        .gate({kPrepared})
        .journal_has_it()
        .expect_upstream(client::query(text))
        .upstream_is_relayed(server::error("22012", "division by zero"))
        .gate({"outcome 1 aborted"})
        .upstream_is_relayed(server::ready('I'));
    EXPECT_EQ(script.replay_whole(), "");
  }
}

}  // namespace
}  // namespace weir::testing
