// Rows that are too long to be events: they pass, are not kept, and are told as gaps.
#include <gtest/gtest.h>

#include "tests/capture/session/session_script.h"

namespace weir::testing {
namespace {

const std::string kGap = " statement inserted 1 cause row is longer than capture.max_row_bytes";
const std::string kShort = R"({"id":1,"v":null})";
const std::string kLong = R"({"id":2,"v":")" + std::string(600, 'x') + "\"}";

TEST(SessionLongRowTest, IsAGapBesideTheEventsOfTheOthers) {
  const std::string sql = "INSERT INTO t SELECT * FROM x";
  SessionScript script;
  script.max_row_bytes(500).starts().client_sends(client::query(sql)).asks_facts(Table());
  script.expect_upstream(sent_in_part(sql + suffix()) + client::flush())
      .upstream_sends(part_answered({written(kShort, "0/10"), written(kLong, "0/18")}, "INSERT 0 2"))
      .expect_client("");
  asks_epilogue(script);
  commits_query(script,
                R"(prepare 1 xid 800 lsn 0/10-0/30 | c public.t 1.1 0/10 key {"id":1} after {"id":1,"v":null})"
                " | g public.t 2.1 0/30" +
                    kGap,
                "INSERT 0 2");
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionLongRowTest, IsShownToAClientThatAskedForIt) {
  const std::string sql = "INSERT INTO t VALUES (2) RETURNING v";
  const std::string value(600, 'x');
  SessionScript script;
  script.max_row_bytes(500).starts().client_sends(client::query(sql)).asks_facts(Table());
  script
      .expect_upstream(client::parse("", sql + suffix_of_list()) + client::bind("", "") + client::describe('P', "") +
                       client::execute("") + client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() +
                      server::row_description({"v", "row_to_json", "tableoid", "xid", "lsn"}) +
                      server::row(Values{value} + written(kLong, "0/10")) + server::complete("INSERT 0 1"))
      .expect_client(server::row_description({"v"}) + server::row({value}));
  asks_epilogue(script);
  commits_query(script, "prepare 1 xid 800 lsn 0/30-0/30 | g public.t 1.1 0/30" + kGap, "INSERT 0 1");
  EXPECT_EQ(script.replay(), "");
}

/// A read's rows are nobody's business.
TEST(SessionLongRowTest, IsRelayedWhereNothingIsCaptured) {
  const std::string row = server::row_description({"v"}) + server::row({std::string(5000, 'x')});
  SessionScript script;
  script.max_row_bytes(500).starts().client_is_relayed(client::query("SELECT v FROM t"));
  script.upstream_is_relayed(row + server::complete("SELECT 1") + server::ready('I'));
  EXPECT_EQ(script.replay(), "");
}

}  // namespace
}  // namespace weir::testing
