// What the gate answers: refused commits, answers that come at once, and commits that are told when the log is durable.
#include <gtest/gtest.h>

#include "tests/capture/session/block_script.h"

namespace weir::testing {
namespace {

const Error kFull{"the journal is full", "53100"};

std::string no_portal() {
  return server::error("34000", "portal \"weir:none\" does not exist", {{'R', "exec_execute_message"}});
}

std::string refused() {
  return server::error("53100", "the journal is full", {{'R', "exec_execute_message"}});
}

/// What ends a block whose COMMIT was refused, as a COMMIT that fails does. Sent by Weir, and its answers.
std::string rolls_back(const std::string& own) {
  return client::sync() + client::parse(own, "ROLLBACK") + client::bind("weir:own", own, {}) +
         client::execute("weir:own") + client::close('P', "weir:own") + client::close('S', own) + client::sync();
}
std::string rolled_back() {
  return server::ready('E') + server::parse_complete() + server::bind_complete() + server::complete("ROLLBACK") +
         server::close_complete() + server::close_complete() + server::ready('I');
}

TEST(SessionTransactionTest, ARefusedCommitEndsTheBlock) {
  SessionScript script;
  begin_and_insert(script);
  script.client_sends(client::query("COMMIT")).gate({kPrepared}).journal_refuses(kFull);
  script.expect_upstream(client::execute("weir:none") + rolls_back(script.next_own_name()))
      .upstream_sends(no_portal() + rolled_back())
      .expect_client(refused() + server::ready('I'))
      .gate({"outcome 1 aborted"});
  passes(script, "SELECT 1", "SELECT 1", 'I');
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionTransactionTest, ARefusedCommitInsideAQueryEndsTheBlock) {
  SessionScript script;
  begin_and_insert(script);
  script.client_sends(client::query(insert(1) + "; COMMIT; SELECT 1"))
      .expect_upstream(sent_in_part(insert(1) + suffix()) + client::flush())
      .upstream_sends(part_answered({}, "INSERT 0 0"))
      .expect_client(server::complete("INSERT 0 0"))
      .gate({kPrepared})
      .journal_refuses(kFull);
  script.expect_upstream(client::execute("weir:none") + rolls_back(script.next_own_name()))
      .upstream_sends(no_portal() + rolled_back())
      .expect_client(refused() + server::ready('I'))
      .gate({"outcome 1 aborted"});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionTransactionTest, ARefusedSyncFailsAndRollsBack) {
  const std::string write = client::bind("", "") + client::execute("");
  SessionScript script;
  script.starts().client_sends(client::parse("", insert(1)) + write + client::sync()).asks_facts(Table());
  script.expect_upstream(client::parse("", insert(1) + suffix()) + write + client::flush())
      .upstream_sends(part_answered({written(kRow, "0/10")}, "INSERT 0 1"))
      .expect_client(part_answered({}, "INSERT 0 1"))
      .gate({kPrepared})
      .journal_refuses(kFull)
      .expect_upstream(client::execute("weir:none") + client::sync())
      .upstream_sends(no_portal() + server::ready('I'))
      .expect_client(refused() + server::ready('I'))
      .gate({"outcome 1 aborted"});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionTransactionTest, ARefusedQueryFailsAndRollsBack) {
  SessionScript script;
  script.starts().client_sends(client::query(insert(1))).asks_facts(Table());
  script.expect_upstream(sent_in_part(insert(1) + suffix()) + client::flush())
      .upstream_sends(part_answered({written(kRow, "0/10")}, "INSERT 0 1"))
      .gate({kPrepared})
      .journal_refuses(kFull)
      .expect_upstream(client::execute("weir:none") + client::sync())
      .upstream_sends(no_portal() + server::ready('I'))
      .expect_client(refused() + server::ready('I'))
      .gate({"outcome 1 aborted"});
  // The next one is as good as the first.
  script.client_sends(client::query(insert(1)))
      .expect_upstream(sent_in_part(insert(1) + suffix()) + client::flush())
      .upstream_sends(part_answered({}, "INSERT 0 0"))
      .expect_upstream(client::sync())
      .upstream_sends(server::ready('I'))
      .expect_client(server::complete("INSERT 0 0") + server::ready('I'));
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionTransactionTest, ARefusedCommitInTheExtendedProtocol) {
  const std::string commit = client::parse("", "COMMIT") + client::bind("", "");
  SessionScript script;
  begin_and_insert(script);
  script.client_sends(commit + client::execute("") + client::sync())
      .expect_upstream(commit)
      .gate({kPrepared})
      .journal_refuses(kFull);
  script.expect_upstream(client::execute("weir:none") + rolls_back(script.next_own_name()))
      .upstream_is_relayed(server::parse_complete() + server::bind_complete())
      .upstream_sends(no_portal() + rolled_back())
      .expect_client(refused() + server::ready('I'))
      .gate({"outcome 1 aborted"});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionTransactionTest, ARefusedFunctionCallCommitsNothing) {
  const std::string call = frame('F', int32(1598) + int16(0) + int16(0) + int16(0));
  const std::string write = client::bind("", "") + client::execute("");
  SessionScript script;
  script.starts().client_sends(client::parse("", insert(1)) + write + call).asks_facts(Table());
  script.expect_upstream(client::parse("", insert(1) + suffix()) + write + client::flush())
      .upstream_sends(part_answered({written(kRow, "0/10")}, "INSERT 0 1"))
      .expect_client(part_answered({}, "INSERT 0 1"))
      .gate({kPrepared})
      .journal_refuses(kFull)
      .expect_upstream(client::execute("weir:none") + client::sync())
      .upstream_sends(no_portal() + server::ready('I'))
      .expect_client(refused() + server::ready('I'))
      .gate({"outcome 1 aborted"});
  EXPECT_EQ(script.replay(), "");
}

// -- the gate answers at once, and the client hears when the log is durable -------------------------------------------

TEST(SessionGateTest, CommitGoesInTheSameTurn) {
  SessionScript script;
  script.on("the gate answers at once", [](Stand& stand) { stand.gate.answer = Result<void>(); });
  begin_and_insert(script);
  script.client_sends(client::query("COMMIT"))
      .expect_upstream(client::query("COMMIT"))
      .gate({kPrepared})
      .upstream_sends(server::complete("COMMIT") + server::ready('I'))
      .expect_client(server::complete("COMMIT") + server::ready('I'))
      .gate({"outcome 1 committed"});
  EXPECT_EQ(script.replay(), "");
}

// Whoever ends the session waits for the answer.
TEST(SessionGateTest, ACommitIsOnItsWayFromWhenItIsSentUntilItsAnswerIsShown) {
  SessionScript script;
  script.on("the log is not durable", [](Stand& stand) { stand.gate.durable = false; });
  begin_and_insert(script);
  script.client_sends(client::query("COMMIT"))
      .gate({kPrepared})
      .expect_commits(false)
      .journal_has_it()
      .expect_upstream(client::query("COMMIT"))
      .expect_commits(true)
      .upstream_sends(server::complete("COMMIT") + server::ready('I'))
      .expect_client("")
      .expect_commits(true)
      .log_is_durable()
      .expect_client(server::complete("COMMIT") + server::ready('I'))
      .expect_commits(false)
      .gate({"outcome 1 committed"});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionGateTest, ARefusalAtOnceIsTheCommitsError) {
  SessionScript script;
  script.on("the gate refuses", [](Stand& stand) { stand.gate.answer = kFull; });
  begin_and_insert(script);
  script.client_sends(client::query("COMMIT")).gate({kPrepared});
  script.expect_upstream(client::execute("weir:none") + rolls_back(script.next_own_name()))
      .upstream_sends(no_portal() + rolled_back())
      .expect_client(refused() + server::ready('I'))
      .gate({"outcome 1 aborted"});
  EXPECT_EQ(script.replay(), "");
}

// Neither the tag nor what follows is shown before: the client could act on a commit whose events a crash would take.
TEST(SessionGateTest, TheCommitsAnswerWaitsForTheSync) {
  SessionScript script;
  script.on("the gate answers at once", [](Stand& stand) {
    stand.gate.answer = Result<void>();
    stand.gate.durable = false;
  });
  begin_and_insert(script);
  script.client_sends(client::query("COMMIT"))
      .expect_upstream(client::query("COMMIT"))
      .gate({kPrepared})
      .upstream_sends(server::complete("COMMIT") + server::ready('I'))
      .expect_client("")
      .gate({})
      .log_is_durable()
      .expect_client(server::complete("COMMIT") + server::ready('I'))
      .gate({"outcome 1 committed"});
  EXPECT_EQ(script.replay(), "");
}

}  // namespace
}  // namespace weir::testing
