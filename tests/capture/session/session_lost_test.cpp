// Whatever makes the session lose track, what Weir added never reaches the client: its columns are cut, or the session
// ends.
#include <gtest/gtest.h>

#include "tests/capture/session/session_script.h"

namespace weir::testing {
namespace {

const std::string kInsert = "INSERT INTO t VALUES (1)";
const std::string kReturning = "INSERT INTO t VALUES (1) RETURNING id";
const std::string kRow = R"({"id":1,"v":null})";
const std::string kCreated = R"(c public.t 1.1 0/10 key {"id":1} after {"id":1,"v":null})";
const std::string kMisfit = server::report('E', "FATAL", "08P01", "the database's answers do not fit what was sent");
const std::string kLost = "report xid 0 | g . 1.1 0/0 cause lost track of the session: ";
const std::string kNothingAsked = kLost + "an answer to nothing that was sent";

std::string write(std::string_view sql) {
  return client::parse("", sql) + client::bind("", "") + client::execute("");
}

/// In a block a write is under way.
void writes_in_block(SessionScript& script, const std::string& behind) {
  script.starts();
  passes(script, "BEGIN", "BEGIN", 'T');
  script.client_sends(write(kReturning) + client::sync() + behind).asks_facts(Table(), false);
}

TEST(SessionLostTest, ALengthThatCannotBeEndsTheSessionWhereTheServerEndsIt) {
  for (const std::string& wrong : {"Q" + int32(3), "S" + int32(0), "P" + int32(-1), "E" + int32(10'001)}) {
    SessionScript script;
    script.starts()
        .client_sends(client::query("SELECT 1") + wrong + "behind it")
        .expect_upstream(client::query("SELECT 1") + wrong)
        .upstream_is_relayed(server::complete("SELECT 1") + server::ready('I'))
        .client_sends(client::query("SELECT 2"))
        .weir_asks()
        .weir_heard({"not asked"})
        .upstream_closes();
    EXPECT_EQ(script.replay(), "");
  }
}

TEST(SessionLostTest, RowsAreCutBehindALengthThatCannotBe) {
  const std::string wrong = "Q" + int32(0);
  SessionScript script;
  writes_in_block(script, wrong);
  script.expect_upstream(write(kReturning + suffix_of_list()) + client::sync() + wrong)
      .upstream_sends(part_answered({Values{"1"} + written(kRow, "0/10")}, "INSERT 0 1") + server::ready('T'))
      .expect_client(part_answered({{"1"}}, "INSERT 0 1") + server::ready('T'))
      .upstream_closes();
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionLostTest, WhatWasHeldCommitsBeforeALengthThatCannotBe) {
  const std::string wrong = "X" + int32(1);
  SessionScript script;
  script.starts().client_sends(write(kInsert) + client::sync() + wrong).asks_facts(Table());
  script.expect_upstream(write(kInsert + suffix()) + client::flush())
      .upstream_sends(part_answered({written(kRow, "0/10")}, "INSERT 0 1"))
      .expect_client(part_answered({}, "INSERT 0 1"))
      .gate({"prepare 1 xid 800 lsn 0/10-0/10 | " + kCreated})
      .journal_has_it()
      .expect_upstream(client::sync() + wrong)
      .upstream_is_relayed(server::ready('I'))
      .gate({"outcome 1 committed"})
      .upstream_closes();
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionLostTest, AnswersThatMakeNoSenseEndTheQueryNotTheData) {
  SessionScript script;
  script.starts().client_sends(client::query(kInsert)).asks_facts(Table());
  script.expect_upstream(sent_in_part(kInsert + suffix()) + client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() + server::row({"{}", "1", "no id", "0/1"}))
      .expect_client(kMisfit)
      .expect_close()
      .gate({kLost + "a DataRow without the added columns"});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionLostTest, NothingOfAWriteIsShownOnceTrackIsLost) {
  SessionScript script;
  writes_in_block(script, "");
  script.expect_upstream(write(kReturning + suffix_of_list()) + client::sync())
      .upstream_sends(server::parse_complete() + server::bind_complete() + server::bind_complete() +
                      server::row(Values{"1"} + written(kRow, "0/10")))
      .expect_client(server::parse_complete() + server::bind_complete() + kMisfit)
      .expect_close()
      .gate({kNothingAsked});
  EXPECT_EQ(script.replay(), "");
}

// Also where nothing is under way any more: what comes then is nobody's.
TEST(SessionLostTest, ARowBehindTheEndOfAWriteIsNotShown) {
  SessionScript script;
  script.starts().client_sends(write(kInsert) + client::flush()).asks_facts(Table());
  script.expect_upstream(write(kInsert + suffix()) + client::flush())
      .upstream_sends(part_answered({written(kRow, "0/10")}, "INSERT 0 1") + server::row(written(kRow, "0/18")))
      .expect_client(part_answered({}, "INSERT 0 1") + kMisfit)
      .expect_close()
      .gate({"report xid 800 lsn 0/10 | g . 2.2 0/0 cause lost track of the session: an answer to nothing that was "
             "sent"});
  EXPECT_EQ(script.replay(), "");
}

/// A spliced unnamed statement stands there.
void has_spliced_statement(SessionScript& script) {
  script.starts().client_sends(client::parse("", kInsert) + client::sync()).asks_facts(Table());
  script.expect_upstream(client::parse("", kInsert + suffix()) + client::sync())
      .upstream_is_relayed(server::parse_complete() + server::ready('I'));
}

TEST(SessionLostTest, AStatementThatStandsThereEndsTheSessionToo) {
  SessionScript script;
  has_spliced_statement(script);
  script.client_is_relayed(client::parse("s", "SELECT 1"))
      .upstream_sends(server::bind_complete())
      .expect_client(kMisfit)
      .expect_close()
      .gate({kNothingAsked});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionLostTest, WithoutAnythingOfWeirsTheSessionGoesOnRelayed) {
  SessionScript script;
  script.starts()
      .client_is_relayed(client::parse("", "SELECT 1"))
      .upstream_is_relayed(server::bind_complete())
      .gate({kNothingAsked})
      .client_is_relayed(client::query(kInsert))
      .upstream_is_relayed(server::complete("INSERT 0 1") + server::ready('I'));
  EXPECT_EQ(script.replay(), "");
}

// It would be taken for a statement of the Query that has run, and the unnamed one for gone.
TEST(SessionLostTest, NoPortalOfAQueryIsSuspended) {
  SessionScript script;
  has_spliced_statement(script);
  script.client_is_relayed(frame('Q', "no end"))
      .upstream_sends(server::portal_suspended())
      .expect_client(kMisfit)
      .expect_close()
      .gate({kNothingAsked});
  EXPECT_EQ(script.replay(), "");
}

// All that is under way would be taken for the answer to what comes behind it.
TEST(SessionLostTest, AQueryDoesNotEndBeforeItIsAnswered) {
  for (const std::string& query : {client::query("SELECT 1"), client::query("COMMIT"), frame('F', "")}) {
    SessionScript script;
    has_spliced_statement(script);
    script.client_is_relayed(query)
        .upstream_sends(server::ready('I'))
        .expect_client(kMisfit)
        .expect_close()
        .gate({kNothingAsked});
    EXPECT_EQ(script.replay(), "");
  }
}

TEST(SessionLostTest, NothingEndsWhereNothingIsUnderWay) {
  SessionScript script;
  has_spliced_statement(script);
  script.upstream_sends(server::ready('I')).expect_client(kMisfit).expect_close().gate({kNothingAsked});
  EXPECT_EQ(script.replay(), "");
}

// What fails in the server while it waits for the client ends with ReadyForQuery too.
TEST(SessionLostTest, AnErrorThatComesByItselfIsRelayed) {
  SessionScript script;
  has_spliced_statement(script);
  script.upstream_is_relayed(server::error("53200", "out of memory") + server::ready('I'));
  passes(script, "SELECT 1", "SELECT 1", 'I');
  EXPECT_EQ(script.replay(), "");
}

// An error out of place is taken for the one that Weir brings about, which then comes for nothing, or for a Sync.
TEST(SessionLostTest, ThePortalThatNobodyMadeIsNotShown) {
  const std::string none = server::error("34000", "portal \"weir:none\" does not exist");
  for (const std::string& sync : {std::string(), client::sync()}) {
    SessionScript script;
    script.starts();
    passes(script, "BEGIN", "BEGIN", 'T');
    script.client_sends(write(kInsert) + client::flush()).asks_facts(Table(), false);
    script.expect_upstream(write(kInsert + suffix()) + client::flush())
        .upstream_is_relayed(part_answered({}, "INSERT 0 0"))
        .client_sends(client::execute("") + sync)
        .expect_upstream(client::execute("weir:none") + sync)
        .upstream_sends(server::error("XX000", "out of place") + none)
        .expect_client(server::error("55000", "portal \"\" cannot be run") + kMisfit)
        .expect_close()
        .gate({kNothingAsked});
    EXPECT_EQ(script.replay(), "");
  }
}

// The server refuses a Query that is no string, or not in the client's encoding, before it ends the unnamed statement.
TEST(SessionLostTest, AQueryThatCannotBeReadLeavesTheUnnamedStatement) {
  const std::pair<std::string, std::string> refused[] = {{frame('Q', "no end"), "08P01"},
                                                         {client::query("SELECT '\xff'"), "22021"},
                                                         {client::query("DEALLOCATE \xff"), "22021"},
                                                         {client::query("SELECT '\xe2\x82\xac'"), "22P05"}};
  for (const auto& [query, sqlstate] : refused) {
    SessionScript script;
    has_spliced_statement(script);
    script.client_is_relayed(query)
        .upstream_is_relayed(server::error(sqlstate, "cannot be read") + server::ready('I'))
        .client_sends(client::bind("", "") + client::execute("") + client::sync())
        .expect_upstream(client::bind("", "") + client::execute("") + client::flush())
        .upstream_sends(server::bind_complete() + server::row(written(kRow, "0/10")) + server::complete("INSERT 0 1"))
        .expect_client(server::bind_complete() + server::complete("INSERT 0 1"))
        .gate({"prepare 1 xid 800 lsn 0/10-0/10 | " + kCreated});
    EXPECT_EQ(script.replay(), "");
  }
}

TEST(SessionLostTest, AFlushWithABodyIsAnsweredByAnError) {
  const std::string flush = frame('H', "x");
  SessionScript script;
  script.starts()
      .client_is_relayed(flush + client::parse("", "SELECT 1"))
      .upstream_is_relayed(server::error("08P01", "invalid message format"))
      .client_is_relayed(client::bind("", "") + client::sync())
      .upstream_is_relayed(server::ready('I'));
  passes(script, "SELECT 1", "SELECT 1", 'I');
  EXPECT_EQ(script.replay(), "");
}

// Of a name the server knows 63 bytes.
TEST(SessionLostTest, APortalIsFoundByTheFrontOfItsName) {
  const std::string front(63, 'p');
  SessionScript script;
  script.starts();
  passes(script, "BEGIN", "BEGIN", 'T');
  script.client_sends(client::parse("", kReturning) + client::bind(front + "more", "") + client::sync());
  script.asks_facts(Table(), false);
  script
      .expect_upstream(client::parse("", kReturning + suffix_of_list()) + client::bind(front + "more", "") +
                       client::sync())
      .upstream_is_relayed(server::parse_complete() + server::bind_complete() + server::ready('T'))
      .client_is_relayed(client::execute(front) + client::sync())
      .upstream_sends(server::row(Values{"1"} + written(kRow, "0/10")) + server::complete("INSERT 0 1") +
                      server::ready('T'))
      .expect_client(server::row({"1"}) + server::complete("INSERT 0 1") + server::ready('T'));
  EXPECT_EQ(script.replay_whole(), "");
}

}  // namespace
}  // namespace weir::testing
