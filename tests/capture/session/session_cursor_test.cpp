// SQL's FETCH, MOVE and CLOSE reach portals of the extended protocol, also those of captured writes.
#include <gtest/gtest.h>

#include "tests/capture/session/session_script.h"

namespace weir::testing {
namespace {

const std::string kFirst = R"(c public.t 1.1 0/10 key {"id":1} after {"id":1,"v":null})";
const std::string kSecond = R"(c public.t 2.1 0/18 key {"id":2} after {"id":2})";
const std::string kBoth = "prepare 1 xid 800 lsn 0/10-0/18 | " + kFirst + " | " + kSecond;
const std::string kSecondRow = server::row(Values{"2"} + written(R"({"id":2})", "0/18"));

/// COMMIT; what is left of p is read before it, and no more comes.
void commits(SessionScript& script, const std::string& prepared) {
  script.client_sends(client::query("COMMIT"))
      .expect_upstream(client::execute("p") + client::flush())
      .upstream_sends(server::complete("INSERT 0 0"))
      .gate({prepared})
      .journal_has_it()
      .expect_upstream(client::query("COMMIT"))
      .upstream_is_relayed(server::complete("COMMIT") + server::ready('I'))
      .gate({"outcome 1 committed"});
}

TEST(SessionCursorTest, AFetchThatIsBoundShowsTheClientsColumns) {
  const std::string fetch = client::parse("", "FETCH ALL FROM p");
  SessionScript script;
  open_portal(script);
  script
      .client_sends(fetch + client::describe('S', "") + client::bind("", "", {}, {{}, {1, 0}}) +
                    client::describe('P', "") + client::execute("") + client::sync())
      .expect_upstream(fetch + client::describe('S', "") + client::bind("", "", {}, {{}, {1, 0, 0, 0, 0, 0}}) +
                       client::describe('P', "") + client::execute("") + client::sync())
      .upstream_sends(server::parse_complete() + server::parameter_description({}) +
                      server::row_description(kWithAdded) + server::bind_complete() +
                      server::row_description(kWithAdded) + kSecondRow + server::complete("FETCH 1") +
                      server::ready('T'))
      .expect_client(server::parse_complete() + server::parameter_description({}) + server::row_description({"id"}) +
                     server::bind_complete() + server::row_description({"id"}) + server::row({"2"}) +
                     server::complete("FETCH 1") + server::ready('T'));
  commits(script, kBoth);
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionCursorTest, AFetchWithARowLimitIsReadToItsEndBeforeTheCommit) {
  const std::string fetch = client::parse("f", "FETCH ALL FROM p") + client::bind("q", "f") + client::execute("q", 1);
  SessionScript script;
  open_portal(script);
  script.client_is_relayed(fetch + client::sync())
      .upstream_sends(server::parse_complete() + server::bind_complete() + kSecondRow + server::portal_suspended() +
                      server::ready('T'))
      .expect_client(server::parse_complete() + server::bind_complete() + server::row({"2"}) +
                     server::portal_suspended() + server::ready('T'))
      .client_sends(client::query("COMMIT"))
      .expect_upstream(client::execute("p") + client::execute("q") + client::flush())
      .upstream_sends(server::complete("INSERT 0 0") + server::complete("FETCH 0"))
      .gate({kBoth})
      .journal_has_it()
      .expect_upstream(client::query("COMMIT"));
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionCursorTest, AWrongNumberOfFormatsIsToldAsForTheClientsColumns) {
  const std::string fetch = client::parse("", "FETCH ALL FROM p");
  SessionScript script;
  open_portal(script);
  script.client_sends(fetch + client::bind("", "", {}, {{}, {0, 0, 0}}) + client::sync())
      .expect_upstream(fetch + client::bind("", "", {}, {{}, {0, 0, 0, 0, 0, 0, 0}}) + client::sync())
      .upstream_sends(server::parse_complete() +
                      server::error("08P01", "bind message has 7 result formats but query has 5 columns") +
                      server::ready('E'))
      .expect_client(server::parse_complete() +
                     server::error("08P01", "bind message has 3 result formats but query has 1 columns") +
                     server::ready('E'));
  EXPECT_EQ(script.replay_whole(), "");
}

TEST(SessionCursorTest, SeveralFetchesInOneQuery) {
  SessionScript script;
  open_portal(script);
  const std::string query = client::query("FETCH 1 FROM p; SELECT 1 AS one, 2 AS two; FETCH 1 FROM p");
  const std::string between =
      server::row_description({"one", "two"}) + server::row({"1", "2"}) + server::complete("SELECT 1");
  script.client_is_relayed(query)
      .upstream_sends(server::row_description(kWithAdded) + kSecondRow + server::complete("FETCH 1") + between +
                      server::row_description(kWithAdded) + server::complete("FETCH 0") + server::ready('T'))
      .expect_client(server::row_description({"id"}) + server::row({"2"}) + server::complete("FETCH 1") + between +
                     server::row_description({"id"}) + server::complete("FETCH 0") + server::ready('T'));
  commits(script, kBoth);
  EXPECT_EQ(script.replay_whole(), "");
}

TEST(SessionCursorTest, ACursorOfTheSameNameIsTheClientsOwn) {
  SessionScript script;
  open_portal(script);
  const std::string rows = server::row_description({"one"}) + server::row({"1"}) + server::complete("FETCH 1");
  script.client_is_relayed(client::query("CLOSE p; DECLARE p CURSOR FOR SELECT 1 AS one; FETCH ALL FROM p"))
      .upstream_is_relayed(server::complete("CLOSE CURSOR") + server::complete("DECLARE CURSOR") + rows +
                           server::ready('T'))
      .client_is_relayed(client::query("FETCH ALL FROM p"))
      .upstream_is_relayed(rows + server::ready('T'))
      .client_sends(client::query("COMMIT"));
  asks_epilogue(script);
  // Nobody saw the second row.
  script.gate({"prepare 1 xid 800 lsn 0/10-0/30 | " + kFirst +
               " | g public.t 2.2 0/30 statement cause rows of a portal were not fetched"});
  EXPECT_EQ(script.replay_whole(), "");
}

TEST(SessionCursorTest, WhatMovePassesOverIsAGap) {
  SessionScript script;
  open_portal(script);
  script.client_is_relayed(client::query("MOVE 1 IN p"))
      .upstream_is_relayed(server::complete("MOVE 1") + server::ready('T'));
  script.client_sends(client::query("COMMIT"))
      .expect_upstream(client::execute("p") + client::flush())
      .upstream_sends(server::complete("INSERT 0 0"));
  asks_epilogue(script);
  script.gate({"prepare 1 xid 800 lsn 0/10-0/30 | " + kFirst +
               " | g public.t 2.2 0/30 statement inserted 1 cause rows of a portal were not fetched"});
  EXPECT_EQ(script.replay_whole(), "");
}

// A FETCH that was refused has not run the write: nothing may run it later.
TEST(SessionCursorTest, AWriteThatARefusedFetchWasToRunDoesNotRun) {
  SessionScript script;
  script.starts();
  passes(script, "BEGIN", "BEGIN", 'T');
  script.client_sends(client::parse("", kTwoRows) + client::bind("p", "") + client::sync());
  script.asks_facts(Table(), false);
  script.expect_upstream(client::parse("", kTwoRows + suffix_of_list()) + client::bind("p", "") + client::sync())
      .upstream_is_relayed(server::parse_complete() + server::bind_complete() + server::ready('T'));
  passes(script, "SAVEPOINT a", "SAVEPOINT", 'T');
  script.client_is_relayed(client::query("SELECT nope; FETCH ALL FROM p"))
      .upstream_is_relayed(server::error("42703", "no column") + server::ready('E'))
      .client_is_relayed(client::query("FETCH ALL FROM p"))
      .upstream_is_relayed(server::error("25P02", "current transaction is aborted") + server::ready('E'));
  passes(script, "ROLLBACK TO a", "ROLLBACK", 'T');
  script.client_is_relayed(client::query("COMMIT"))
      .upstream_is_relayed(server::complete("COMMIT") + server::ready('I'));
  EXPECT_EQ(script.replay_whole(), "");
}

}  // namespace
}  // namespace weir::testing
