// Explicit blocks, savepoints, commits that are not, and what the gate hears when the session is lost.
#include <gtest/gtest.h>

#include "tests/capture/session/block_script.h"

namespace weir::testing {
namespace {

/// COMMIT is held until the journal has the transaction.
void commit_is_sent(SessionScript& script, const std::string& prepared = kPrepared, const std::string& sql = "COMMIT") {
  script.client_sends(client::query(sql))
      .expect_upstream("")
      .expect_stalled()
      .gate({prepared})
      .journal_has_it()
      .expect_upstream(client::query(sql));
}

TEST(SessionTransactionTest, ARollbackPreparesNothing) {
  SessionScript script;
  begin_and_insert(script);
  passes(script, "ROLLBACK", "ROLLBACK", 'I');
  passes(script, "BEGIN", "BEGIN", 'T');
  passes(script, "COMMIT", "COMMIT", 'I');
  EXPECT_EQ(script.replay(), "");
}

/// Which run of the server it was written in goes along, for the day when its outcome is in doubt. The process id in
/// BackendKeyData is 1; a pooler shows one of its own.
TEST(SessionTransactionTest, TheServersRunIsKeptWithIt) {
  const auto run_of = [](const std::string& answer, bool logged) {
    SessionScript script;
    script.starts("15.20", "UTF8", 1);
    passes(script, "BEGIN", "BEGIN", 'T');
    const Table table{.logged = logged, .server_run = answer};
    script.client_sends(client::query(insert(1))).asks_facts(table, false);
    const bool keeps = answer.ends_with(" 1");  // the question, prepared
    script.expect_upstream((keeps ? "" : client::close('S', "weir:1")) + client::query(insert(1) + suffix()))
        .upstream_sends((keeps ? "" : server::close_complete()) +
                        query_answered({written(kRow, "0/10")}, "INSERT 0 1") + server::ready('T'))
        .expect_client(server::complete("INSERT 0 1") + server::ready('T'));
    commit_is_sent(script);
    std::string run;
    script.on("the run", [&run](Stand& stand) { run = stand.gate.server_run(); });
    script.upstream_is_relayed(server::complete("COMMIT") + server::ready('I')).gate({"outcome 1 committed"});
    EXPECT_EQ(script.replay(), "");
    return run;
  };
  EXPECT_EQ(run_of("77 00000001 100.5 0/0 100.4 1", true), "77 00000001 100.5 0/0 100.4");
  EXPECT_EQ(run_of("77 00000001 100.5 0/0 100.4 1", false), "77 00000001 100.5 0/0 100.4 unlogged");
  EXPECT_EQ(run_of("77 00000001 100.5 0/0 100.4 4242", true), "77 00000001 100.5 0/0 100.4 pooled");
  EXPECT_EQ(run_of("not what was asked", true), "");
}

TEST(SessionTransactionTest, WhatASavepointTakesBackIsNotPrepared) {
  SessionScript script;
  begin_and_insert(script);
  passes(script, "SAVEPOINT a", "SAVEPOINT", 'T');
  insert_in_block(script, 2, kOther, "0/18", false);
  passes(script, "ROLLBACK TO a", "ROLLBACK", 'T');
  insert_in_block(script, 3, R"({"id":3})", "0/20", true);
  passes(script, "RELEASE a", "RELEASE", 'T');
  commit_is_sent(script, "prepare 1 xid 800 lsn 0/10-0/20 | " + kCreated +
                             R"( | c public.t 2.2 0/20 key {"id":3} after {"id":3})");
  script.upstream_is_relayed(server::complete("COMMIT") + server::ready('I')).gate({"outcome 1 committed"});
  EXPECT_EQ(script.replay(), "");
}

// What was prepared is what a crash leaves behind, so it must not hold what the same Query takes back.
TEST(SessionTransactionTest, ACommitBehindARollbackToPreparesWhatIsLeft) {
  SessionScript script;
  begin_and_insert(script);
  passes(script, "SAVEPOINT a", "SAVEPOINT", 'T');
  insert_in_block(script, 2, kOther, "0/18", false);
  script.client_sends(client::query("ROLLBACK TO a; COMMIT"))
      .expect_upstream(sent_in_part("ROLLBACK TO a") + client::flush())
      .upstream_sends(part_answered({}, "ROLLBACK"))
      .expect_client(server::complete("ROLLBACK"))
      .gate({"prepare 1 xid 800 lsn 0/10-0/18 | " + kCreated});
  commit_runs_in_part(script);
  EXPECT_EQ(script.replay(), "");
}

// What hides a commit is prepared before it is sent. It failed, and the block goes on: nothing of it may be lost.
TEST(SessionTransactionTest, ABlockGoesOnAtItsSavepointAfterAQueryThatMightHaveCommitted) {
  SessionScript script;
  begin_and_insert(script);
  passes(script, "SAVEPOINT a", "SAVEPOINT", 'T');
  insert_in_block(script, 2, kOther, "0/18", false);
  const std::string both = kCreated + R"( | c public.t 2.2 0/18 key {"id":2} after {"id":2,"v":null})";
  commit_is_sent(script, "prepare 1 xid 800 lsn 0/10-0/18 | " + both, "SELEC 1");
  script.upstream_is_relayed(server::error("42601", "syntax error") + server::ready('E')).gate({"reopen 1"});
  passes(script, "ROLLBACK TO a", "ROLLBACK", 'T');
  script.gate({"truncate 1 from 2"});
  commit_is_sent(script, "prepare 1 xid 800 lsn 0/10-0/18");
  script.upstream_is_relayed(server::complete("COMMIT") + server::ready('I')).gate({"outcome 1 committed"});
  EXPECT_EQ(script.replay(), "");
}

// The parser may not know a syntax that the server has: what looks as if it might commit did not.
TEST(SessionTransactionTest, ABlockGoesOnBehindATextThatCouldNotBeRead) {
  SessionScript script;
  begin_and_insert(script);
  commit_is_sent(script, kPrepared, "SELEC 1");
  script.upstream_is_relayed(server::complete("SELECT 1") + server::ready('T')).gate({"reopen 1"});
  insert_in_block(script, 2, kOther, "0/18", false);
  commit_is_sent(script, R"(prepare 1 xid 800 lsn 0/10-0/18 | c public.t 2.2 0/18 key {"id":2} after )" + kOther);
  script.upstream_is_relayed(server::complete("COMMIT") + server::ready('I')).gate({"outcome 1 committed"});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionTransactionTest, TheTagOfATextThatCouldNotBeReadSaysHowItEnded) {
  SessionScript script;
  begin_and_insert(script);
  commit_is_sent(script, kPrepared, "ROLLBAC");
  script.upstream_is_relayed(server::complete("ROLLBACK") + server::ready('I')).gate({"outcome 1 aborted"});
  EXPECT_EQ(script.replay(), "");
}

// What is not captured comes into the transaction with its tag, behind what was prepared.
TEST(SessionTransactionTest, AGapBehindThePreparedEventsIsReported) {
  SessionScript script;
  begin_and_insert(script);
  commit_is_sent(script, kPrepared, "EXECUTE w; COMMIT");
  script.upstream_is_relayed(server::complete("INSERT 0 1") + server::complete("COMMIT") + server::ready('I'))
      .gate({"outcome 1 committed", "report xid 800 lsn 0/10 | g . 2.2 0/0 statement inserted 1 cause execute"});
  EXPECT_EQ(script.replay(), "");
}

// The journal still has it as prepared: had Weir died behind this COMMIT, it would be told.
TEST(SessionTransactionTest, WhatWasTakenBackAfterAFailedCommitIsPreparedWithNothingInIt) {
  SessionScript script;
  script.starts();
  passes(script, "BEGIN", "BEGIN", 'T');
  passes(script, "SAVEPOINT a", "SAVEPOINT", 'T');
  insert_in_block(script, 1, kRow, "0/10", true);
  commit_is_sent(script, kPrepared, "SELEC 1");
  script.upstream_is_relayed(server::error("42601", "syntax error") + server::ready('E')).gate({"reopen 1"});
  passes(script, "ROLLBACK TO a", "ROLLBACK", 'T');
  script.gate({"truncate 1 from 1"});
  commit_is_sent(script, "prepare 1 xid 800 lsn 0/10-0/10");
  script.upstream_is_relayed(server::complete("COMMIT") + server::ready('I')).gate({"outcome 1 aborted"});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionTransactionTest, AFailedBlockGoesOnAtItsSavepoint) {
  SessionScript script;
  begin_and_insert(script);
  passes(script, "SAVEPOINT a", "SAVEPOINT", 'T');
  script.client_sends(client::query(insert(1)))
      .expect_upstream(client::query(insert(1) + suffix()))
      .upstream_is_relayed(server::error("23505", "duplicate key") + server::ready('E'));
  passes(script, "ROLLBACK TO SAVEPOINT a", "ROLLBACK", 'T');
  commit_is_sent(script);
  script.upstream_is_relayed(server::complete("COMMIT") + server::ready('I')).gate({"outcome 1 committed"});
  EXPECT_EQ(script.replay(), "");
}

// COMMIT in a failed block answers ROLLBACK.
TEST(SessionTransactionTest, CommitOfAFailedBlockIsNotHeld) {
  SessionScript script;
  begin_and_insert(script);
  script.client_is_relayed(client::query("SELECT nope"))
      .upstream_is_relayed(server::error("42703", "no column") + server::ready('E'));
  passes(script, "COMMIT", "ROLLBACK", 'I');
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionTransactionTest, InAFailedBlockNothingIsAsked) {
  SessionScript script;
  script.starts();
  passes(script, "BEGIN", "BEGIN", 'T');
  script.client_is_relayed(client::query("SELECT nope"))
      .upstream_is_relayed(server::error("42703", "no column") + server::ready('E'))
      .client_is_relayed(client::query(insert(1)))
      .upstream_is_relayed(server::error("25P02", "transaction is aborted") + server::ready('E'))
      .client_is_relayed(client::parse("", insert(1)) + client::bind("", "") + client::execute("") + client::sync())
      .upstream_is_relayed(server::error("25P02", "transaction is aborted") + server::ready('E'));
  passes(script, "ROLLBACK", "ROLLBACK", 'I');
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionTransactionTest, AWritePipelinedBehindTheRollbackOfAFailedBlockIsCaptured) {
  const std::string sql = insert(1);
  SessionScript script;
  script.starts();
  passes(script, "BEGIN", "BEGIN", 'T');
  script.client_is_relayed(client::query("SELECT nope"))
      .upstream_is_relayed(server::error("42703", "no column") + server::ready('E'))
      .client_sends(client::parse("", "ROLLBACK") + client::bind("", "") + client::execute("") +
                    client::parse("", sql) + client::bind("", "") + client::execute("") + client::sync())
      .expect_upstream(client::parse("", "ROLLBACK") + client::bind("", "") + client::execute("") + client::flush())
      .expect_stalled()
      .upstream_is_relayed(server::parse_complete() + server::bind_complete() + server::complete("ROLLBACK"));
  script.asks_facts(Table(), false);
  script
      .expect_upstream(client::parse("", sql + suffix()) + client::bind("", "") + client::execute("") + client::flush())
      .upstream_sends(part_answered({written(kRow, "0/10")}, "INSERT 0 1"))
      .expect_client(part_answered({}, "INSERT 0 1"))
      .gate({kPrepared})
      .journal_has_it()
      .expect_upstream(client::sync())
      .upstream_is_relayed(server::ready('I'))
      .gate({"outcome 1 committed"});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionTransactionTest, CommitThatAnswersRollbackAborts) {
  SessionScript script;
  begin_and_insert(script);
  commit_is_sent(script);
  script.upstream_is_relayed(server::complete("ROLLBACK") + server::ready('I')).gate({"outcome 1 aborted"});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionTransactionTest, AConstraintThatFailsAtCommitAborts) {
  SessionScript script;
  begin_and_insert(script);
  commit_is_sent(script);
  script.upstream_is_relayed(server::error("23503", "violates foreign key") + server::ready('I'))
      .gate({"outcome 1 aborted"});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionTransactionTest, AndChainBeginsTheNext) {
  SessionScript script;
  begin_and_insert(script);
  commit_is_sent(script, kPrepared, "COMMIT AND CHAIN");
  script.upstream_is_relayed(server::complete("COMMIT") + server::ready('T')).gate({"outcome 1 committed"});
  insert_in_block(script, 2, kOther, "0/20", false);
  passes(script, "ROLLBACK AND CHAIN", "ROLLBACK", 'T');
  insert_in_block(script, 2, kOther, "0/28", true);
  script.client_sends(client::query("COMMIT"))
      .gate({"prepare 3 xid 800 lsn 0/28-0/28 | c public.t 1.1 0/28 key {\"id\":2} after " + kOther})
      .journal_has_it()
      .expect_upstream(client::query("COMMIT"))
      .upstream_is_relayed(server::complete("COMMIT") + server::ready('I'))
      .gate({"outcome 3 committed"});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionTransactionTest, CommitInTheExtendedProtocolIsHeldAtItsExecute) {
  const std::string commit = client::parse("", "COMMIT") + client::bind("", "") + client::describe('P', "");
  SessionScript script;
  begin_and_insert(script);
  // The unnamed statement of the Query sent in parts is replaced by the client's own.
  script.client_sends(commit + client::execute("", 1) + client::sync())
      .expect_upstream(commit)
      .gate({kPrepared})
      .expect_stalled()
      .journal_has_it()
      .expect_upstream(client::execute("", 1) + client::sync())
      .upstream_is_relayed(server::parse_complete() + server::bind_complete() + server::no_data())
      .upstream_is_relayed(server::complete("COMMIT") + server::ready('I'))
      .gate({"outcome 1 committed"});
  EXPECT_EQ(script.replay(), "");
}

// With a savepoint the block could live on behind a Bind that fails, so its answer is waited for.
TEST(SessionTransactionTest, CommitBehindASavepointWaitsForItsOwnBind) {
  const std::string commit = client::parse("", "COMMIT") + client::bind("", "") + client::describe('P', "");
  SessionScript script;
  begin_and_insert(script);
  passes(script, "SAVEPOINT a", "SAVEPOINT", 'T');
  script.client_sends(commit + client::execute("") + client::sync())
      .expect_upstream(commit + client::flush())
      .expect_stalled()
      .upstream_is_relayed(server::parse_complete() + server::bind_complete() + server::no_data())
      .gate({kPrepared})
      .journal_has_it()
      .expect_upstream(client::execute("") + client::sync())
      .upstream_is_relayed(server::complete("COMMIT") + server::ready('I'))
      .gate({"outcome 1 committed"});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionTransactionTest, ACommitWhoseBindFailsHasNotCommitted) {
  const std::string commit = client::bind("", "c");
  SessionScript script;
  begin_and_insert(script);
  script.client_sends(client::parse("c", "COMMIT") + client::sync())
      .expect_upstream(client::parse("c", "COMMIT") + client::sync())
      .upstream_is_relayed(server::parse_complete() + server::ready('T'));
  script.client_sends(commit + client::execute("") + client::sync())
      .expect_upstream(commit)
      .gate({kPrepared})
      .journal_has_it()
      .expect_upstream(client::execute("") + client::sync())
      .upstream_is_relayed(server::error("08P01", "bind message supplies 1 parameters") + server::ready('E'))
      .gate({"reopen 1"});
  passes(script, "COMMIT", "ROLLBACK", 'I');
  script.gate({"outcome 1 aborted"});
  EXPECT_EQ(script.replay(), "");
}

// BEGIN in a pipeline turns the implicit transaction into a block.
TEST(SessionTransactionTest, BeginInAPipelineMakesSyncCommitNothing) {
  const std::string begin = client::parse("", "BEGIN") + client::bind("", "") + client::execute("");
  const std::string write = client::bind("", "") + client::execute("");
  SessionScript script;
  script.starts().client_sends(begin + client::parse("", insert(1)) + write + client::sync());
  script.expect_upstream(begin).asks_facts(Table(), false, part_answered({}, "BEGIN"));
  script.expect_upstream(client::parse("", insert(1) + suffix()) + write + client::sync())
      .upstream_sends(part_answered({written(kRow, "0/10")}, "INSERT 0 1"))
      .expect_client(part_answered({}, "INSERT 0 1"))
      .upstream_is_relayed(server::ready('T'));
  commit_is_sent(script);
  script.upstream_is_relayed(server::complete("COMMIT") + server::ready('I')).gate({"outcome 1 committed"});
  EXPECT_EQ(script.replay(), "");
}

// COMMIT in a pipeline without BEGIN commits what went before it; an error after it undoes only what follows.
TEST(SessionTransactionTest, CommitInAPipelineWithoutBegin) {
  const std::string write = client::parse("", insert(1)) + client::bind("", "") + client::execute("");
  const std::string spliced = client::parse("", insert(1) + suffix()) + client::bind("", "") + client::execute("");
  const std::string commit = client::parse("c", "COMMIT") + client::bind("c", "c");
  SessionScript script;
  script.starts().client_sends(write + commit + client::execute("c") + write + client::sync()).asks_facts(Table());
  script.expect_upstream(spliced + commit + client::flush())
      .upstream_sends(part_answered({written(kRow, "0/10")}, "INSERT 0 1") + server::parse_complete() +
                      server::bind_complete())
      .expect_client(part_answered({}, "INSERT 0 1") + server::parse_complete() + server::bind_complete())
      .gate({kPrepared})
      .journal_has_it()
      .expect_upstream(client::execute("c") + spliced + client::flush())
      .expect_stalled()
      .upstream_is_relayed(server::report('N', "WARNING", "25P01", "there is no transaction in progress") +
                           server::complete("COMMIT"))
      .gate({"outcome 1 committed"})
      .upstream_sends(server::parse_complete() + server::bind_complete() + server::error("23505", "duplicate key"))
      .expect_client(server::parse_complete() + server::bind_complete() + server::error("23505", "duplicate key"))
      .expect_upstream(client::sync())
      .upstream_is_relayed(server::ready('I'));
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionTransactionTest, PrepareTransactionIsHeldAndItsOutcomeLeftOpen) {
  SessionScript script;
  begin_and_insert(script);
  commit_is_sent(script, kPrepared, "PREPARE TRANSACTION 'x'");
  script.upstream_is_relayed(server::complete("PREPARE TRANSACTION") + server::ready('I')).gate({"outcome 1 unknown"});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionTransactionTest, TheConnectionIsLostWhileTheJournalWrites) {
  SessionScript script;
  begin_and_insert(script);
  script.client_sends(client::query("COMMIT")).gate({kPrepared}).upstream_closes().gate({"outcome 1 aborted"});
  EXPECT_EQ(script.replay(), "");
}

// A FATAL during the commit leaves it in doubt.
TEST(SessionTransactionTest, ACommitWithoutAnAnswerIsUnknown) {
  SessionScript script;
  begin_and_insert(script);
  commit_is_sent(script);
  const std::string fatal = server::report('E', "FATAL", "57P01", "terminating connection");
  script.upstream_is_relayed(fatal).upstream_closes().gate({"outcome 1 unknown"});
  EXPECT_EQ(script.replay(), "");
}

/// Whether the transaction was in the journal, and what the gate was told of its end.
struct Lost {
  int prepared = 0;
  int outcomes = 0;
  std::string last;
};

Lost read_lost(const std::vector<std::string>& calls) {
  Lost lost;
  for (const std::string& call : calls) {
    if (call.starts_with("prepare ")) ++lost.prepared;
    if (call.starts_with("outcome ")) {
      ++lost.outcomes;
      lost.last = call;
    }
  }
  return lost;
}

TEST(SessionTransactionTest, LostAtAnyStepTheGateHearsOneOutcome) {
  SessionScript script;
  begin_and_insert(script);
  script.client_sends(client::query("COMMIT"))
      .expect_stalled()
      .journal_has_it()
      .expect_upstream(client::query("COMMIT"))
      .upstream_is_relayed(server::complete("COMMIT") + server::ready('I'));
  std::vector<std::string> seen;
  const std::string problem = script.replay_cut_short([&seen](std::size_t, const std::vector<std::string>& calls) {
    const Lost lost = read_lost(calls);
    EXPECT_EQ(lost.outcomes, lost.prepared);
    if (seen.empty() || seen.back() != lost.last) seen.push_back(lost.last);
  });
  EXPECT_EQ(problem, "");
  EXPECT_EQ(seen, (std::vector<std::string>{"", "outcome 1 aborted", "outcome 1 unknown", "outcome 1 committed"}));
}

TEST(SessionTransactionTest, ALargeTransactionGoesToTheJournalAsItComes) {
  const std::string large(600'000, 'x');
  const auto image = [&large](int id) { return "{\"id\":" + std::to_string(id) + ",\"v\":\"" + large + "\"}"; };
  const auto event = [&image](int id, const std::string& place, const std::string& lsn) {
    return " | c public.t " + place + " " + lsn + " key {\"id\":" + std::to_string(id) + "} after " + image(id);
  };
  SessionScript script;
  begin_and_insert(script);
  passes(script, "SAVEPOINT a", "SAVEPOINT", 'T');
  insert_in_block(script, 2, image(2), "0/18", false);
  insert_in_block(script, 3, image(3), "0/20", false);
  script.gate({"append 1 | " + kCreated + event(2, "2.2", "0/18") + event(3, "3.3", "0/20")});
  passes(script, "ROLLBACK TO a", "ROLLBACK", 'T');
  script.gate({"truncate 1 from 2"});
  insert_in_block(script, 4, kOther, "0/28", true);
  script.client_sends(client::query("COMMIT"))
      .gate({"prepare 1 xid 800 lsn 0/10-0/28 | c public.t 2.2 0/28 key {\"id\":2} after " + kOther})
      .journal_has_it()
      .expect_upstream(client::query("COMMIT"))
      .upstream_is_relayed(server::complete("COMMIT") + server::ready('I'))
      .gate({"outcome 1 committed"});
  EXPECT_EQ(script.replay_whole(), "");
}

TEST(SessionTransactionTest, WhatWasCapturedAsAStatementHoldsUpNoStreaming) {
  const std::string image = "{\"id\":1,\"v\":\"" + std::string(1'200'000, 'x') + "\"}";
  SessionScript script;
  script.starts();
  passes(script, "BEGIN", "BEGIN", 'T');
  script.client_sends(client::query("TRUNCATE t")).asks_facts(Table(), false);
  script
      .expect_upstream(client::parse("", "TRUNCATE t") + client::bind("", "") + client::describe('P', "") +
                       client::execute("") + client::sync())
      .upstream_sends(server::parse_complete() + server::bind_complete() + server::no_data() +
                      server::complete("TRUNCATE TABLE") + server::ready('T'))
      .expect_client(server::complete("TRUNCATE TABLE") + server::ready('T'));
  insert_in_block(script, 1, image, "0/10", false);
  script.gate(
      {"append 1 | t public.t 1.1 0/10 statement cause only the statement is known | c public.t 2.2 0/10 key "
       "{\"id\":1} after " +
       image});
  passes(script, "ROLLBACK", "ROLLBACK", 'I');
  script.gate({"outcome 1 aborted"});
  EXPECT_EQ(script.replay_whole(), "");
}

TEST(SessionTransactionTest, AStreamedTransactionThatRollsBackIsForgotten) {
  const std::string image = "{\"id\":1,\"v\":\"" + std::string(1'200'000, 'x') + "\"}";
  SessionScript script;
  script.starts();
  passes(script, "BEGIN", "BEGIN", 'T');
  insert_in_block(script, 1, image, "0/10", true);
  script.gate({"append 1 | c public.t 1.1 0/10 key {\"id\":1} after " + image});
  passes(script, "ROLLBACK", "ROLLBACK", 'I');
  script.gate({"outcome 1 aborted"});
  EXPECT_EQ(script.replay_whole(), "");
}

}  // namespace
}  // namespace weir::testing
