// The extended protocol: the spliced unnamed statement, the twin of a named one, portals, row limits, pipelines.
#include <gtest/gtest.h>

#include "tests/capture/session/session_script.h"

namespace weir::testing {
namespace {

const std::string kInsert = "INSERT INTO t VALUES ($1)";
const std::string kReturning = "INSERT INTO t VALUES ($1) RETURNING id";
const std::string kRow = R"({"id":1,"v":null})";
const std::string kCreated = R"(c public.t 1.1 0/10 key {"id":1} after {"id":1,"v":null})";
const std::string kPrepared = "prepare 1 xid 800 lsn 0/10-0/10 | " + kCreated;

std::string one_written() {
  return server::row(written(kRow, "0/10")) + server::complete("INSERT 0 1");
}

/// The journal takes it, the commit succeeds.
void commits(SessionScript& script, const std::string& prepared = kPrepared) {
  script.gate({prepared})
      .journal_has_it()
      .expect_upstream(client::sync())
      .upstream_is_relayed(server::ready('I'))
      .gate({"outcome 1 committed"});
}

/// A captured write through the unnamed statement.
void writes_one(SessionScript& script) {
  const std::string write = client::bind("", "", {"1"}) + client::execute("");
  script.starts().client_sends(client::parse("", kInsert) + write + client::sync()).asks_facts(Table());
  script.expect_upstream(client::parse("", kInsert + suffix()) + write + client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() + one_written())
      .expect_client(server::parse_complete() + server::bind_complete() + server::complete("INSERT 0 1"));
  commits(script);
}

TEST(SessionExtendedTest, ReadsAreRelayedByteForByte) {
  SessionScript script;
  script.starts()
      .client_is_relayed(client::parse("", "SELECT $1", {25}) + client::bind("", "", {"x"}, {{0}, {1}}) +
                         client::describe('P', "") + client::execute("", 5) + client::sync())
      .upstream_is_relayed(server::parse_complete() + server::bind_complete() + server::row_description({"x"}) +
                           server::row({"x"}) + server::complete("SELECT 1") + server::ready('I'))
      .client_is_relayed(client::parse("s", "SELECT 1") + client::describe('S', "s") + client::flush())
      .upstream_is_relayed(server::parse_complete() + server::parameter_description({}) +
                           server::row_description({"x"}))
      .client_is_relayed(client::bind("p", "s") + client::execute("p", 1) + client::execute("p", 1) +
                         client::close('P', "p") + client::close('S', "s") + client::sync())
      .upstream_is_relayed(server::bind_complete() + server::row({"1"}) + server::portal_suspended() +
                           server::complete("SELECT 0") + server::close_complete() + server::close_complete() +
                           server::ready('I'));
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionExtendedTest, SyncIsHeldUntilTheJournalHasTheRow) {
  SessionScript script;
  script.starts().client_sends(client::parse("", kInsert, {23}) + client::bind("", "", {"1"}) +
                               client::describe('P', "") + client::execute("", 1) + client::sync());
  script.asks_facts(Table());
  script
      .expect_upstream(client::parse("", kInsert + suffix(), {23}) + client::bind("", "", {"1"}) +
                       client::describe('P', "") + client::execute("", 0) + client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() +
                      server::row_description({"row_to_json", "tableoid", "xid", "lsn"}) + one_written())
      .expect_client(server::parse_complete() + server::bind_complete() + server::no_data() +
                     server::complete("INSERT 0 1"))
      .expect_stalled();
  commits(script);
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionExtendedTest, ANamedStatementIsBoundThroughItsTwin) {
  SessionScript script;
  script.starts()
      .client_is_relayed(client::parse("s", kInsert, {23}) + client::describe('S', "s") + client::sync())
      .upstream_is_relayed(server::parse_complete() + server::parameter_description({23}) + server::no_data() +
                           server::ready('I'))
      .client_sends(client::bind("", "s", {"1"}) + client::execute("") + client::sync());
  script.asks_facts(Table());
  const std::string twin = script.next_own_name();
  script
      .expect_upstream(client::parse(twin, kInsert + suffix(), {23}) + client::bind("", twin, {"1"}) +
                       client::execute("") + client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() + one_written())
      .expect_client(server::bind_complete() + server::complete("INSERT 0 1"));
  commits(script);
  script.client_sends(client::bind("", "s", {"1"}) + client::execute("") + client::sync())
      .expect_upstream(client::bind("", twin, {"1"}) + client::execute("") + client::flush())
      .upstream_sends(server::bind_complete() + server::complete("INSERT 0 0"))
      .expect_client(server::bind_complete() + server::complete("INSERT 0 0"))
      .expect_upstream(client::sync())
      .upstream_is_relayed(server::ready('I'))
      .client_sends(client::close('S', "s") + client::sync())
      .expect_upstream(client::close('S', twin) + client::close('S', "s") + client::sync())
      .upstream_sends(server::close_complete() + server::close_complete() + server::ready('I'))
      .expect_client(server::close_complete() + server::ready('I'));
  EXPECT_EQ(script.replay(), "");
}

/// Binds with the client's own codes and says which the server gets.
void bind_with_formats(const std::string& sql, const std::string& added, const std::vector<int>& asked,
                       const std::vector<int>& sent) {
  SessionScript script;
  script.starts().client_sends(client::parse("", sql) + client::bind("", "", {"1"}, {{}, asked}) + client::flush());
  script.asks_facts(Table());
  script.expect_upstream(client::parse("", sql + added) + client::bind("", "", {"1"}, {{}, sent}) + client::flush())
      .upstream_is_relayed(server::parse_complete() + server::bind_complete());
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionExtendedTest, ResultFormatsCoverTheAddedColumnsToo) {
  bind_with_formats(kReturning, suffix_of_list(), {}, {});
  bind_with_formats(kReturning, suffix_of_list(), {1}, {1});
  const std::string two = kReturning + ", v";
  bind_with_formats(two, suffix_of_list(), {1, 0}, {1, 0, 0, 0, 0, 0});
}

// A statement without result takes any number of result-format codes; with RETURNING it must be 0, 1 or n.
TEST(SessionExtendedTest, AnyNumberOfResultFormatsWhereTheClientAsksForNoRows) {
  bind_with_formats(kInsert, suffix(), {}, {});
  bind_with_formats(kInsert, suffix(), {1}, {});
  bind_with_formats(kInsert, suffix(), {1, 1, 0}, {});
}

TEST(SessionExtendedTest, DescribeOfAnUnnamedStatementShowsTheClientsColumnsOnly) {
  SessionScript script;
  script.starts().client_sends(client::parse("", kReturning) + client::describe('S', "") + client::sync());
  script.asks_facts(Table());
  const std::vector<std::string> with_added{"id", "row_to_json", "tableoid", "xid", "lsn"};
  script.expect_upstream(client::parse("", kReturning + suffix_of_list()) + client::describe('S', "") + client::sync())
      .upstream_sends(server::parse_complete() + server::parameter_description({23}) +
                      server::row_description(with_added) + server::ready('I'))
      .expect_client(server::parse_complete() + server::parameter_description({23}) + server::row_description({"id"}) +
                     server::ready('I'))
      .client_is_relayed(client::bind("", "", {"1"}) + client::describe('P', "") + client::flush())
      .upstream_sends(server::bind_complete() + server::row_description(with_added))
      .expect_client(server::bind_complete() + server::row_description({"id"}));
  EXPECT_EQ(script.replay(), "");
}

// Without RETURNING, Execute's row limit is ignored and a second Execute of the portal fails.
TEST(SessionExtendedTest, ASecondExecuteOfAPlainWriteFails) {
  SessionScript script;
  script.starts().client_sends(client::parse("", kInsert) + client::bind("c1", "", {"1"}) + client::execute("c1", 1) +
                               client::execute("c1", 1) + client::sync());
  script.asks_facts(Table());
  const server::Fields of_the_server{{'F', "portalmem.c"}, {'L', "395"}, {'R', "MarkPortalActive"}};
  script
      .expect_upstream(client::parse("", kInsert + suffix()) + client::bind("c1", "", {"1"}) +
                       client::execute("c1", 0) + client::execute("weir:none", 0) + client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() + one_written() +
                      server::error("34000", "portal \"weir:none\" does not exist",
                                    {{'F', "postgres.c"}, {'L', "395"}, {'R', "exec_execute_message"}}))
      .expect_client(server::parse_complete() + server::bind_complete() + server::complete("INSERT 0 1") +
                     server::error("55000", "portal \"c1\" cannot be run", of_the_server))
      .expect_upstream(client::sync())
      .upstream_is_relayed(server::ready('I'));
  EXPECT_EQ(script.replay(), "");
}

/// A Parse of an insert with so many typed parameters, its Bind with values of them, Describe, Execute and Sync.
std::string run_of_many(const std::string& sql, int parameters, const std::string& value) {
  std::vector<std::int64_t> types(std::size_t(parameters), 23);
  std::vector<std::optional<std::string>> values(std::size_t(parameters), value);
  return client::parse("", sql, types) + client::bind("", "", values) + client::execute("") + client::sync();
}

// The server reads counts without a sign.
TEST(SessionExtendedTest, MoreThan32767ParametersAreCapturedToo) {
  SessionScript script;
  script.starts().client_sends(run_of_many(kInsert, 40'000, "1")).asks_facts(Table());
  const std::string sent = run_of_many(kInsert + suffix(), 40'000, "1");
  script.expect_upstream(sent.substr(0, sent.size() - client::sync().size()) + client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() + one_written())
      .expect_client(server::parse_complete() + server::bind_complete() + server::complete("INSERT 0 1"));
  commits(script, kPrepared);
  EXPECT_EQ(script.replay_whole(), "");
}

// What is too large to be held is relayed; the unnamed statement is then no longer the one before.
TEST(SessionExtendedTest, AParseThatIsTooLargeToBeReadTakesTheNameAllTheSame) {
  const std::string huge = client::parse("", "SELECT '" + std::string(65u << 20, 'x') + "'");
  const std::string run = client::bind("", "") + client::execute("") + client::sync();
  SessionScript script;
  writes_one(script);
  script.client_is_relayed(huge.substr(0, 1000))
      .client_is_relayed(huge.substr(1000) + run)
      .upstream_is_relayed(server::parse_complete() + server::bind_complete() + server::row({"x"}) +
                           server::complete("SELECT 1") + server::ready('I'))
      .client_is_relayed(run)
      .upstream_is_relayed(server::bind_complete() + server::complete("INSERT 0 2") + server::ready('I'))
      .gate({"report xid 0 lsn 0/11 | g . 1.1 0/0 statement inserted 2 cause unknown statement"});
  EXPECT_EQ(script.replay_whole(), "");
}

// The added columns would come in the formats of a Bind that cannot be changed any more.
TEST(SessionExtendedTest, ABindThatIsTooLargeToBeReadRunsTheClientsOwnText) {
  const std::string bind = client::bind("", "", {std::string(65u << 20, 'x')}, {{}, {1}});
  const std::string rest = client::execute("") + client::sync();
  SessionScript script;
  writes_one(script);
  script.client_sends(bind.substr(0, 1000))
      .expect_upstream(client::parse("", kInsert) + bind.substr(0, 1000))
      .client_is_relayed(bind.substr(1000) + rest)
      .upstream_sends(server::parse_complete() + server::bind_complete() + server::complete("INSERT 0 1") +
                      server::ready('I'))
      .expect_client(server::bind_complete() + server::complete("INSERT 0 1") + server::ready('I'))
      .gate({"report xid 0 lsn 0/11 | g .t 1.1 0/0 statement inserted 1 cause statement was not planned"});
  EXPECT_EQ(script.replay_whole(), "");
}

// Rolling back to a savepoint destroys the portals made since; that is then the server's to say.
TEST(SessionExtendedTest, ASecondExecuteOfAPortalThatASavepointTookIsRelayed) {
  SessionScript script;
  script.starts();
  for (const char* sql : {"BEGIN", "SAVEPOINT"}) {
    const std::string text = sql == std::string("BEGIN") ? sql : "SAVEPOINT a";
    script.client_is_relayed(client::query(text)).upstream_is_relayed(server::complete(sql) + server::ready('T'));
  }
  const std::string run = client::bind("c1", "", {"1"}) + client::execute("c1") + client::sync();
  script.client_sends(client::parse("", kInsert) + run).asks_facts(Table(), false);
  script.expect_upstream(client::parse("", kInsert + suffix()) + run)
      .upstream_sends(server::parse_complete() + server::bind_complete() + one_written() + server::ready('T'))
      .expect_client(server::parse_complete() + server::bind_complete() + server::complete("INSERT 0 1") +
                     server::ready('T'))
      .client_is_relayed(client::query("ROLLBACK TO a"))
      .upstream_is_relayed(server::complete("ROLLBACK") + server::ready('T'))
      .client_is_relayed(client::execute("c1") + client::sync())
      .upstream_is_relayed(server::error("34000", "portal \"c1\" does not exist") + server::ready('E'));
  EXPECT_EQ(script.replay(), "");
}

// With a client's own RETURNING and a limit the first Execute has written all rows, and Sync commits all of
// them.
TEST(SessionExtendedTest, RowsTheClientDidNotFetchAreDrainedBeforeSync) {
  const std::string sql = "INSERT INTO t SELECT 1 UNION ALL SELECT 2 RETURNING id";
  SessionScript script;
  script.starts().client_sends(client::parse("", sql) + client::bind("", "") + client::execute("", 1) + client::sync());
  script.asks_facts(Table());
  script
      .expect_upstream(client::parse("", sql + suffix_of_list()) + client::bind("", "") + client::execute("", 1) +
                       client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() +
                      server::row(Values{"1"} + written(kRow, "0/10")) + server::portal_suspended())
      .expect_client(server::parse_complete() + server::bind_complete() + server::row({"1"}) +
                     server::portal_suspended())
      .expect_upstream(client::execute("") + client::flush())
      .upstream_sends(server::row(Values{"2"} + written(R"({"id":2})", "0/18")) + server::complete("INSERT 0 1"))
      .expect_client("");
  commits(script,
          "prepare 1 xid 800 lsn 0/10-0/18 | " + kCreated + R"( | c public.t 2.1 0/18 key {"id":2} after {"id":2})");
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionExtendedTest, ASuspendedPortalIsFetchedOn) {
  const std::string sql = "INSERT INTO t SELECT 1 UNION ALL SELECT 2 RETURNING id";
  SessionScript script;
  script.starts().client_sends(client::parse("", sql) + client::bind("", "") + client::execute("", 1) +
                               client::execute("", 1) + client::execute("", 1) + client::sync());
  script.asks_facts(Table());
  script
      .expect_upstream(client::parse("", sql + suffix_of_list()) + client::bind("", "") + client::execute("", 1) +
                       client::execute("", 1) + client::execute("", 1) + client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() +
                      server::row(Values{"1"} + written(kRow, "0/10")) + server::portal_suspended() +
                      server::row(Values{"2"} + written(R"({"id":2})", "0/18")) + server::portal_suspended() +
                      server::complete("INSERT 0 0"))
      .expect_client(server::parse_complete() + server::bind_complete() + server::row({"1"}) +
                     server::portal_suspended() + server::row({"2"}) + server::portal_suspended() +
                     server::complete("INSERT 0 0"));
  commits(script,
          "prepare 1 xid 800 lsn 0/10-0/18 | " + kCreated + R"( | c public.t 2.1 0/18 key {"id":2} after {"id":2})");
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionExtendedTest, APortalIsDrainedBeforeItIsClosedOrReplaced) {
  const std::string sql = "INSERT INTO t SELECT 1 UNION ALL SELECT 2 RETURNING id";
  SessionScript script;
  script.starts().client_sends(client::parse("", sql) + client::bind("p", "") + client::execute("p", 1) +
                               client::close('P', "p") + client::bind("", "") + client::execute("", 1) +
                               client::bind("", "") + client::flush());
  script.asks_facts(Table());
  script.expect_upstream(client::parse("", sql + suffix_of_list()) + client::bind("p", "") + client::execute("p", 1) +
                         client::execute("p") + client::close('P', "p") + client::bind("", "") +
                         client::execute("", 1) + client::execute("") + client::bind("", "") + client::flush());
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionExtendedTest, APipelineOfWritesIsOneTransaction) {
  const std::string update = "UPDATE t SET v = $1";
  SessionScript script;
  script.starts().client_sends(client::parse("", kInsert) + client::bind("", "", {"1"}) + client::execute("") +
                               client::parse("", update) + client::bind("", "", {"b"}) + client::execute("") +
                               client::sync());
  script.asks_facts(Table());
  script
      .expect_upstream(client::parse("", kInsert + suffix()) + client::bind("", "", {"1"}) + client::execute("") +
                       client::parse("", update + suffix()) + client::bind("", "", {"b"}) + client::execute("") +
                       client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() + one_written() + server::parse_complete() +
                      server::bind_complete() + server::row(written(R"({"id":1,"v":"b"})", "0/18")) +
                      server::complete("UPDATE 1"))
      .expect_client(server::parse_complete() + server::bind_complete() + server::complete("INSERT 0 1") +
                     server::parse_complete() + server::bind_complete() + server::complete("UPDATE 1"));
  commits(script, "prepare 1 xid 800 lsn 0/10-0/18 | " + kCreated +
                      R"( | u public.t 2.2 0/18 key {"id":1} after {"id":1,"v":"b"})");
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionExtendedTest, AnErrorInAPipelineUndoesWhatWentBeforeItAndSkipsToSync) {
  SessionScript script;
  script.starts().client_sends(client::parse("", kInsert) + client::bind("", "", {"1"}) + client::execute("") +
                               client::bind("", "", {"1"}) + client::execute("") + client::sync());
  script.asks_facts(Table());
  script
      .expect_upstream(client::parse("", kInsert + suffix()) + client::bind("", "", {"1"}) + client::execute("") +
                       client::bind("", "", {"1"}) + client::execute("") + client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() + one_written() + server::bind_complete() +
                      server::error("23505", "duplicate key"))
      .expect_client(server::parse_complete() + server::bind_complete() + server::complete("INSERT 0 1") +
                     server::bind_complete() + server::error("23505", "duplicate key"))
      .expect_upstream(client::sync())
      .upstream_is_relayed(server::ready('I'));
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionExtendedTest, WhatIsSentBehindAnErrorIsSkippedUpToSync) {
  SessionScript script;
  script.starts()
      .client_is_relayed(client::parse("", "bad") + client::flush())
      .upstream_is_relayed(server::error("42601", "syntax error"))
      .client_is_relayed(client::parse("", kInsert) + client::bind("", "", {"1"}) + client::execute("") +
                         client::query(kInsert) + client::sync())
      .upstream_is_relayed(server::ready('I'))
      .client_sends(client::query("INSERT INTO t VALUES (1)"))
      .asks_facts(Table())
      .expect_upstream(sent_in_part("INSERT INTO t VALUES (1)" + suffix()) + client::flush());
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionExtendedTest, ADeferredConstraintFailsAtSync) {
  SessionScript script;
  script.starts().client_sends(client::parse("", kInsert) + client::bind("", "", {"1"}) + client::execute("") +
                               client::sync());
  script.asks_facts(Table());
  script
      .expect_upstream(client::parse("", kInsert + suffix()) + client::bind("", "", {"1"}) + client::execute("") +
                       client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() + one_written())
      .expect_client(server::parse_complete() + server::bind_complete() + server::complete("INSERT 0 1"))
      .gate({kPrepared})
      .journal_has_it()
      .expect_upstream(client::sync())
      .upstream_is_relayed(server::error("23503", "violates foreign key constraint") + server::ready('I'))
      .gate({"outcome 1 aborted"});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionExtendedTest, AQueryCommitsWhatOutstandingMessagesWrote) {
  SessionScript script;
  script.starts().client_sends(client::parse("", kInsert) + client::bind("", "", {"1"}) + client::execute("") +
                               client::query("SELECT 1"));
  script.asks_facts(Table());
  script
      .expect_upstream(client::parse("", kInsert + suffix()) + client::bind("", "", {"1"}) + client::execute("") +
                       client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() + one_written())
      .expect_client(server::parse_complete() + server::bind_complete() + server::complete("INSERT 0 1"))
      .gate({kPrepared})
      .journal_has_it()
      .expect_upstream(client::query("SELECT 1"))
      .upstream_is_relayed(server::complete("SELECT 1") + server::ready('I'))
      .gate({"outcome 1 committed"});
  EXPECT_EQ(script.replay(), "");
}

// Terminate sent directly behind Sync: the write commits.
TEST(SessionExtendedTest, TerminateBehindAHeldSyncComesAfterIt) {
  SessionScript script;
  script.starts().client_sends(client::parse("", kInsert) + client::bind("", "", {"1"}) + client::execute("") +
                               client::sync() + client::terminate());
  script.asks_facts(Table());
  script
      .expect_upstream(client::parse("", kInsert + suffix()) + client::bind("", "", {"1"}) + client::execute("") +
                       client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() + one_written())
      .expect_client(server::parse_complete() + server::bind_complete() + server::complete("INSERT 0 1"))
      .gate({kPrepared})
      .journal_has_it()
      .expect_upstream(client::sync() + client::terminate())
      .upstream_is_relayed(server::ready('I'))
      .gate({"outcome 1 committed"})
      .upstream_closes();
  EXPECT_EQ(script.replay(), "");
}

// Behind Execute without Sync it rolls back.
TEST(SessionExtendedTest, TerminateBehindExecuteRollsBack) {
  SessionScript script;
  script.starts().client_sends(client::parse("", kInsert) + client::bind("", "", {"1"}) + client::execute("") +
                               client::terminate());
  script.asks_facts(Table());
  script
      .expect_upstream(client::parse("", kInsert + suffix()) + client::bind("", "", {"1"}) + client::execute("") +
                       client::terminate())
      .upstream_sends(server::parse_complete() + server::bind_complete() + one_written())
      .expect_client(server::parse_complete() + server::bind_complete() + server::complete("INSERT 0 1"))
      .upstream_closes();
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionExtendedTest, AnErrorLeavesTheStatementsOfTheNextSegmentAsTheyAre) {
  SessionScript script;
  script.starts()
      .client_is_relayed(client::parse("a", "SELECT 1") + client::parse("a", "SELECT 1") + client::sync() +
                         client::parse("s", kInsert) + client::sync())
      .upstream_is_relayed(server::parse_complete() + server::error("42P05", "already exists") + server::ready('I') +
                           server::parse_complete() + server::ready('I'))
      .client_sends(client::bind("", "s", {"1"}) + client::execute("") + client::flush());
  script.asks_facts(Table());
  const std::string twin = script.next_own_name();
  script.expect_upstream(client::parse(twin, kInsert + suffix()) + client::bind("", twin, {"1"}) + client::execute("") +
                         client::flush());
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionExtendedTest, AnErrorLeavesThePortalsOfTheNextSegmentAsTheyAre) {
  SessionScript script;
  script.starts().client_sends(client::parse("", kInsert) + client::sync());
  script.asks_facts(Table());
  script.expect_upstream(client::parse("", kInsert + suffix()) + client::sync())
      .upstream_is_relayed(server::parse_complete() + server::ready('I'))
      .client_is_relayed(client::bind("", "", {"x"}) + client::sync() + client::bind("", "", {"1"}) + client::flush())
      .upstream_is_relayed(server::error("22P02", "invalid input") + server::ready('I') + server::bind_complete())
      .client_sends(client::execute("") + client::sync())
      .expect_upstream(client::execute("") + client::flush())
      .upstream_sends(one_written())
      .expect_client(server::complete("INSERT 0 1"));
  commits(script);
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionExtendedTest, APipelineThatGoesOnBehindItsSync) {
  SessionScript script;
  const std::string once = client::bind("", "", {"1"}) + client::execute("");
  script.starts().client_sends(client::parse("", kInsert) + once + client::sync() + once + client::sync());
  script.asks_facts(Table());
  script.expect_upstream(client::parse("", kInsert + suffix()) + once + client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() + one_written())
      .expect_client(server::parse_complete() + server::bind_complete() + server::complete("INSERT 0 1"))
      .gate({kPrepared})
      .journal_has_it()
      .expect_upstream(client::sync() + once + client::flush())
      .expect_stalled()
      .upstream_is_relayed(server::ready('I'))
      .gate({"outcome 1 committed"})
      .upstream_sends(server::bind_complete() + server::row(written(R"({"id":2})", "0/20", "801")) +
                      server::complete("INSERT 0 1"))
      .expect_client(server::bind_complete() + server::complete("INSERT 0 1"))
      .gate({R"(prepare 2 xid 801 lsn 0/20-0/20 | c public.t 1.1 0/20 key {"id":2} after {"id":2})"})
      .journal_has_it()
      .expect_upstream(client::sync())
      .upstream_is_relayed(server::ready('I'))
      .gate({"outcome 2 committed"});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionExtendedTest, APlainTransactionIsAnnouncedBeforeItsFirstWriteAndUntilItEnds) {
  const std::string write = client::bind("", "") + client::execute("");
  SessionScript script;
  const auto open = [&script](std::size_t count) {
    script.on("announced", [count](Stand& stand) { EXPECT_EQ(stand.gate.open_transactions(), count); });
  };
  script.starts().client_sends(client::parse("", kInsert)).asks_facts(Table());
  open(0);
  script.expect_upstream(client::parse("", kInsert + suffix()))
      .upstream_is_relayed(server::parse_complete())
      .client_is_relayed(client::sync() + write + client::flush());
  open(1);
  script.upstream_is_relayed(server::ready('I'));
  open(1);
  script.upstream_sends(server::bind_complete() + server::row(written(kRow, "0/10")) + server::complete("INSERT 0 1"))
      .expect_client(server::bind_complete() + server::complete("INSERT 0 1"));
  open(1);
  EXPECT_EQ(script.replay(), "");
}

}  // namespace
}  // namespace weir::testing
