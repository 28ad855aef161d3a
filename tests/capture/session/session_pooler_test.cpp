// Behind a pooler the next transaction may be in another backend: nothing of Weir's own outlives its exchange there.
#include <gtest/gtest.h>

#include "capture/facts.h"
#include "tests/capture/session/session_script.h"

namespace weir::testing {
namespace {

const std::string kInsert = "INSERT INTO t VALUES (1)";
const std::string kRow = R"({"id":1,"v":null})";
const std::string kPrepared =
    R"(prepare 1 xid 800 lsn 0/10-0/10 | c public.t 1.1 0/10 key {"id":1} after {"id":1,"v":null})";

std::string ran_once(const std::string& own, const std::string& sql, const Values& parameters = {}) {
  return client::parse(own, sql) + client::bind("weir:own", own, parameters) + client::execute("weir:own") +
         client::close('P', "weir:own") + client::close('S', own);
}

std::string answered_once(const Values& row) {
  return server::parse_complete() + server::bind_complete() + server::row(row) + server::complete("SELECT 1") +
         server::close_complete() + server::close_complete();
}

Table table_of(const std::string& backend) {
  Table table;
  table.server_run = "77 00000001 100.5 0/0 100.4 " + backend;
  return table;
}

std::string written_once() {
  return server::row(written(kRow, "0/10")) + server::complete("INSERT 0 1");
}

void commits(SessionScript& script) {
  script.gate({kPrepared})
      .journal_has_it()
      .expect_upstream(client::sync())
      .upstream_is_relayed(server::ready('I'))
      .gate({"outcome 1 committed"});
}

/// A named statement, bound for the first time.
void binds_named(SessionScript& script, const std::string& backend) {
  script.starts("15.20", "UTF8", 4711)
      .client_is_relayed(client::parse("s", kInsert) + client::sync())
      .upstream_is_relayed(server::parse_complete() + server::ready('I'))
      .client_sends(client::bind("", "s") + client::execute("") + client::sync());
  script.asks_facts(table_of(backend));
}

TEST(SessionPoolerTest, ATwinIsClosedInItsExchange) {
  SessionScript script;
  binds_named(script, "12");
  const std::string twin = script.next_own_name();
  script
      .expect_upstream(client::parse(twin, kInsert + suffix()) + client::bind("", twin) + client::close('S', twin) +
                       client::execute("") + client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() + server::close_complete() + written_once())
      .expect_client(server::bind_complete() + server::complete("INSERT 0 1"));
  commits(script);
  const std::string next = script.next_own_name();
  script.client_sends(client::bind("", "s") + client::execute("") + client::sync())
      .expect_upstream(client::parse(next, kInsert + suffix()) + client::bind("", next) + client::close('S', next) +
                       client::execute("") + client::flush());
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionPoolerTest, ABackendOfTheSessionsOwnKeepsIt) {
  SessionScript script;
  binds_named(script, "4711");
  const std::string twin = script.next_own_name();
  script
      .expect_upstream(client::parse(twin, kInsert + suffix()) + client::bind("", twin) + client::execute("") +
                       client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() + written_once())
      .expect_client(server::bind_complete() + server::complete("INSERT 0 1"));
  commits(script);
  script.client_sends(client::bind("", "s") + client::execute("") + client::sync())
      .expect_upstream(client::bind("", twin) + client::execute("") + client::flush());
  EXPECT_EQ(script.replay(), "");
}

/// The session's first question, inside of a block.
void asks_in_block(SessionScript& script, const std::string& backend) {
  script.starts("15.20", "UTF8", 4711)
      .client_is_relayed(client::query("BEGIN"))
      .upstream_is_relayed(server::complete("BEGIN") + server::ready('T'))
      .client_sends(client::query(kInsert));
  script.asks_facts(table_of(backend), false);
}

// There the answer comes while the transaction has its backend still.
TEST(SessionPoolerTest, TheQuestionOfABlockIsClosedInItOrKept) {
  SessionScript kept;
  asks_in_block(kept, "4711");
  kept.expect_upstream(client::query(kInsert + suffix()))
      .upstream_sends(query_answered({written(kRow, "0/10")}, "INSERT 0 1") + server::ready('T'))
      .expect_client(server::complete("INSERT 0 1") + server::ready('T'))
      .client_sends(client::query("INSERT INTO u VALUES (1)"));
  Table other = table_of("4711");
  other.name = "\"u\"";
  kept.asks_facts(other, false).expect_upstream(client::query("INSERT INTO u VALUES (1)" + suffix("u")));
  EXPECT_EQ(kept.replay(), "");
  SessionScript closed;
  asks_in_block(closed, "12");
  closed.expect_upstream(client::close('S', "weir:1") + client::query(kInsert + suffix()));
  EXPECT_EQ(closed.replay(), "");
}

// Should it be another all the same, that is noticed by what is missing there.
TEST(SessionPoolerTest, AMissingTwinIsMadeAnew) {
  SessionScript script;
  binds_named(script, "4711");
  const std::string twin = script.next_own_name();
  script
      .expect_upstream(client::parse(twin, kInsert + suffix()) + client::bind("", twin) + client::execute("") +
                       client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() + written_once())
      .expect_client(server::bind_complete() + server::complete("INSERT 0 1"));
  commits(script);
  const std::string write = client::bind("", "s") + client::execute("") + client::sync();
  script.client_sends(write)
      .expect_upstream(client::bind("", twin) + client::execute("") + client::flush())
      .upstream_sends(server::error("26000", "prepared statement \"" + twin + "\" does not exist"))
      .expect_client(server::error("26000", "prepared statement \"s\" does not exist"))
      .expect_upstream(client::sync())
      .upstream_is_relayed(server::ready('I'))
      .client_sends(write);
  const std::string facts = script.next_own_name();
  script
      .expect_upstream(ran_once(facts, std::string(capture::facts_query(capture::FactsText::plain)), {"\"t\"", ""}) +
                       client::sync())
      .upstream_sends(answered_once(table_of("4711").facts()) + server::ready('I'));
  const std::string next = script.next_own_name();
  script.expect_upstream(client::parse(next, kInsert + suffix()) + client::bind("", next) + client::close('S', next) +
                         client::execute("") + client::flush());
  EXPECT_EQ(script.replay_whole(), "");
}

// In a Query the server has them wait for its end, wherever its statements stand.
TEST(SessionPoolerTest, NotificationsComeAtTheEndOfAQuery) {
  const std::string notification = frame('A', int32(7) + cstring("c") + cstring("payload"));
  const std::string encoding = server::parameter_status("application_name", "x");
  SessionScript script;
  script.starts().client_sends(client::query("BEGIN; " + kInsert + "; COMMIT")).asks_facts(Table());
  script.expect_upstream(sent_in_part("BEGIN") + client::flush())
      .upstream_sends(part_answered({}, "BEGIN"))
      .expect_client(server::complete("BEGIN"))
      .expect_upstream(sent_in_part(kInsert + suffix()) + client::flush())
      .upstream_sends(part_answered({written(kRow, "0/10")}, "INSERT 0 1"))
      .expect_client(server::complete("INSERT 0 1"))
      .gate({kPrepared})
      .journal_has_it()
      .expect_upstream(sent_in_part("COMMIT") + client::flush())
      .upstream_sends(part_answered({}, "COMMIT") + notification)
      .expect_upstream(client::sync())
      .gate({"outcome 1 committed"})
      .upstream_sends(encoding + server::ready('I') + notification)
      .expect_client(server::complete("COMMIT") + notification + encoding + server::ready('I') + notification);
  EXPECT_EQ(script.replay_whole(), "");
}

}  // namespace
}  // namespace weir::testing
