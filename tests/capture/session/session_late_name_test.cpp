// Rows of a table that the facts do not know: its name is asked before the commit.
#include <gtest/gtest.h>

#include "capture/facts.h"
#include "capture/session/late_name.h"
#include "tests/capture/session/session_script.h"

namespace weir::testing {
namespace {

const std::string kInsert = "INSERT INTO t VALUES (1)";
const std::string kRow = R"({"id":1,"v":null})";

/// Before a commit, which table this oid is of, where table 16400 was named.
void asks_name(SessionScript& script, const std::string& oid, const Values& answer) {
  const std::string own = script.next_own_name();
  script
      .expect_upstream(client::parse(own, capture::late_name_query()) + client::bind("weir:own", own, {oid, "16400"}) +
                       client::execute("weir:own") + client::close('P', "weir:own") + client::close('S', own) +
                       client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() + server::row(answer) +
                      server::complete("SELECT 1") + server::close_complete() + server::close_complete());
}

TEST(SessionLateNameTest, ATableThatWasMadeMeanwhileIsAskedForItsName) {
  SessionScript script;
  script.starts().client_sends(client::query(kInsert)).asks_facts(Table());
  script.expect_upstream(sent_in_part(kInsert + suffix()) + client::flush())
      .upstream_sends(part_answered({written(kRow, "0/10", "800", "16999")}, "INSERT 0 1"));
  asks_name(script, "16999", {"16999", "6f74686572", "6c656166", "true", "p"});
  commits_query(script,
                R"(prepare 1 xid 800 lsn 0/10-0/10 | c other.leaf 1.1 0/10 key {"id":1} after {"id":1,"v":null})",
                "INSERT 0 1");
  // The catalog is asked anew.
  script.client_sends(client::query(kInsert))
      .expect_upstream(facts_asked("weir:1", "\"t\"", false) + client::sync())
      .upstream_sends(server::bind_complete() + server::row(Table().facts()) + server::complete("SELECT 1") +
                      server::close_complete() + server::ready('I'));
  insert_nothing(script);
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionLateNameTest, ATableThatIsNotCapturedHasNothingToCommit) {
  capture::Scope scope;
  scope.exclude = {"other.*"};
  SessionScript script(scope);
  script.starts().client_sends(client::query(kInsert)).asks_facts(Table());
  script.expect_upstream(sent_in_part(kInsert + suffix()) + client::flush())
      .upstream_sends(part_answered({written(kRow, "0/10", "800", "16999")}, "INSERT 0 1"));
  asks_name(script, "16999", {"16999", "6f74686572", "6c656166", "true", "p"});
  script.expect_upstream(client::sync())
      .upstream_sends(server::ready('I'))
      .expect_client(server::complete("INSERT 0 1") + server::ready('I'))
      .gate({});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionLateNameTest, WithoutItsNameOnlyTheRowIsCounted) {
  SessionScript script;
  script.starts().client_sends(client::query(kInsert)).asks_facts(Table());
  script.expect_upstream(sent_in_part(kInsert + suffix()) + client::flush())
      .upstream_sends(part_answered({written(kRow, "0/10", "800", "16999")}, "INSERT 0 1"));
  asks_name(script, "16999", {"16999", std::nullopt, std::nullopt, "false", std::nullopt});
  commits_query(script,
                "prepare 1 xid 800 lsn 0/10-0/10 | g . 1.1 0/10 statement inserted 1 cause another table than the "
                "catalog had named",
                "INSERT 0 1");
  EXPECT_EQ(script.replay(), "");
}

}  // namespace
}  // namespace weir::testing
