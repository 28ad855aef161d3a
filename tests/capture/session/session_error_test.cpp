// What a failed Query leaves as it was: names and portals that its statements would have changed.
#include <gtest/gtest.h>

#include "tests/capture/session/session_script.h"

namespace weir::testing {
namespace {

const std::string kInsert = "INSERT INTO t VALUES (1)";

/// In a block, the unnamed portal is a captured write's, and the block has failed.
void fail_behind_bind(SessionScript& script) {
  script.starts();
  passes(script, "BEGIN", "BEGIN", 'T');
  script.client_sends(client::parse("", kInsert) + client::bind("", "") + client::sync());
  script.asks_facts(Table(), false);
  script.expect_upstream(client::parse("", kInsert + suffix()) + client::bind("", "") + client::sync())
      .upstream_is_relayed(server::parse_complete() + server::bind_complete() + server::ready('T'))
      .client_is_relayed(client::query("this does not parse"))
      .upstream_is_relayed(server::error("42601", "syntax error") + server::ready('E'));
}

/// Describe of the unnamed portal is answered as of a write without rows.
void finds_the_write(SessionScript& script) {
  script.client_sends(client::describe('P', "") + client::sync())
      .expect_upstream(client::close('P', "weir:none") + client::sync())
      .upstream_sends(server::close_complete() + server::ready('E'))
      .expect_client(server::no_data() + server::ready('E'));
}

TEST(SessionErrorTest, AQueryThatDoesNotParseLeavesTheUnnamedPortal) {
  SessionScript script;
  fail_behind_bind(script);
  finds_the_write(script);
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionErrorTest, AQueryThatAFailedBlockRefusesLeavesTheUnnamedPortal) {
  for (const std::string sql : {"SELECT 1", "SELECT f()", "UPDATE t SET v = 2", "DEALLOCATE ALL"}) {
    SessionScript script;
    fail_behind_bind(script);
    script.client_is_relayed(client::query(sql))
        .upstream_is_relayed(server::error("25P02", "current transaction is aborted") + server::ready('E'));
    finds_the_write(script);
    EXPECT_EQ(script.replay(), "") << sql;
  }
}

/// The named statement "s" is still captured: the session knows what it is.
void captures_named(SessionScript& script) {
  script.client_sends(client::bind("", "s") + client::execute("") + client::sync()).asks_facts(Table());
  const std::string twin = script.next_own_name();
  script.expect_upstream(client::parse(twin, kInsert + suffix()) + client::bind("", twin) + client::execute("") +
                         client::flush());
}

TEST(SessionErrorTest, WhatIsNotReachedDeallocatesNothing) {
  for (const std::string last : {"DEALLOCATE ALL", "DEALLOCATE s", "DISCARD ALL"}) {
    SessionScript script;
    script.starts()
        .client_is_relayed(client::parse("s", kInsert) + client::sync())
        .upstream_is_relayed(server::parse_complete() + server::ready('I'))
        .client_is_relayed(client::query("SET search_path = a; SAVEPOINT a; " + last))
        .upstream_is_relayed(server::complete("SET") +
                             server::error("25P01", "SAVEPOINT can only be used in transaction blocks") +
                             server::ready('I'));
    captures_named(script);
    EXPECT_EQ(script.replay(), "") << last;
  }
}

TEST(SessionErrorTest, WhatWasReachedDeallocatesAllTheSame) {
  SessionScript script;
  script.starts()
      .client_is_relayed(client::parse("s", kInsert) + client::sync())
      .upstream_is_relayed(server::parse_complete() + server::ready('I'))
      .client_is_relayed(client::query("DEALLOCATE s; SAVEPOINT a; SELECT 1"))
      .upstream_is_relayed(server::complete("DEALLOCATE") +
                           server::error("25P01", "SAVEPOINT can only be used in transaction blocks") +
                           server::ready('I'))
      .client_is_relayed(client::bind("", "s") + client::execute("") + client::sync())
      .upstream_is_relayed(server::error("26000", "prepared statement \"s\" does not exist") + server::ready('I'));
  EXPECT_EQ(script.replay(), "");
}

}  // namespace
}  // namespace weir::testing
