// COPY FROM STDIN in the extended protocol: the Syncs that it reads, and where it fails those that are still answered.
// Whatever was the case, the session is followed: the write behind it is captured.
#include <gtest/gtest.h>

#include "tests/capture/session/session_script.h"

namespace weir::testing {
namespace {

const std::string kCopy = client::parse("", "COPY t FROM STDIN") + client::bind("", "") + client::execute("");
const std::string kData = frame('d', "1\ta\n") + frame('c');
const std::string kInsert = "INSERT INTO t VALUES (1, 'a')";
const std::string kNotPossible = server::error("55000", "cannot perform COPY FREEZE");
const std::string kMalformed = server::error("22P02", "invalid input syntax");

std::string copy_in_response() {
  return frame('G', std::string(1, '\0') + int16(2) + int16(0) + int16(0));
}

std::string copy_begins() {
  return server::parse_complete() + server::bind_complete() + copy_in_response();
}

/// In a block, the COPY and a Sync have been sent, and the server waits for data or is about to fail.
void copy_in_block(SessionScript& script) {
  script.starts();
  passes(script, "BEGIN", "BEGIN", 'T');
  script.client_sends(kCopy + client::sync())
      .asks_facts(Table(), false)
      .expect_upstream(kCopy + client::sync())
      .upstream_is_relayed(copy_begins());
}

/// The block ends, and the next write is captured as any other.
void goes_on(SessionScript& script) {
  const std::string spliced = client::query(kInsert + suffix());
  passes(script, "ROLLBACK", "ROLLBACK", 'I');
  passes(script, "BEGIN", "BEGIN", 'T');
  script.client_sends(client::query(kInsert))
      .asks_facts(Table(), false)
      .expect_upstream(spliced)
      .upstream_sends(query_answered({written(R"({"id":1,"a":"a"})", "0/10")}, "INSERT 0 1") + server::ready('T'))
      .expect_client(server::complete("INSERT 0 1") + server::ready('T'));
}

// COPY through the extended protocol: the server ignores Sync while in copy-in.
TEST(SessionCopyTest, SyncInsideHasNoAnswer) {
  const std::string data = frame('d', "1\ta\n") + client::sync() + frame('c');
  SessionScript script;
  script.starts().client_sends(kCopy + client::sync()).asks_facts(Table());
  script.expect_upstream(kCopy + client::flush())
      .upstream_is_relayed(copy_begins())
      .expect_upstream(client::sync())
      .client_sends(data + client::sync())
      .expect_upstream(data + client::flush())
      .upstream_is_relayed(server::complete("COPY 1"));
  asks_epilogue(script);
  script
      .gate({"prepare 1 xid 800 lsn 0/30-0/30 | c public.t 1.1 0/30 statement inserted 1 cause only the statement is "
             "known"})
      .journal_has_it()
      .expect_upstream(client::sync())
      .upstream_is_relayed(server::ready('I'))
      .gate({"outcome 1 committed"});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionCopyTest, WhatFailsBeforeItReadsLeavesTheSyncToBeAnswered) {
  SessionScript script;
  copy_in_block(script);
  script.upstream_is_relayed(kNotPossible + server::ready('E'))
      .client_is_relayed(kData + client::sync())
      .upstream_is_relayed(server::ready('E'));
  goes_on(script);
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionCopyTest, TheSyncIsAnsweredAlsoWhereDataWasOnItsWay) {
  SessionScript script;
  copy_in_block(script);
  script.client_is_relayed(kData + client::sync())
      .upstream_is_relayed(kNotPossible + server::ready('E') + server::ready('E'));
  goes_on(script);
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionCopyTest, TheSecondAnswerMayComeWhenTheClientHasGoneOn) {
  SessionScript script;
  copy_in_block(script);
  script.client_is_relayed(kData + client::sync())
      .upstream_is_relayed(kNotPossible + server::ready('E'))
      .client_is_relayed(client::query("SELECT 1"))
      .upstream_is_relayed(server::ready('E') + server::error("25P02", "aborted") + server::ready('E'));
  goes_on(script);
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionCopyTest, DataThatCannotBeReadHasReadTheSync) {
  SessionScript script;
  copy_in_block(script);
  script.client_is_relayed(kData + client::sync())
      .upstream_is_relayed(kMalformed + server::ready('E'))
      .client_is_relayed(client::query("SELECT 1"))
      .upstream_is_relayed(server::error("25P02", "aborted") + server::ready('E'));
  goes_on(script);
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionCopyTest, DataMayBeSentAheadOfEverything) {
  const std::string select = client::parse("", "SELECT 1") + client::bind("", "") + client::execute("");
  SessionScript script;
  copy_in_block(script);
  script.client_is_relayed(kData + client::sync())
      .upstream_is_relayed(server::complete("COPY 1") + server::ready('T'))
      .client_is_relayed(select + kCopy + client::sync() + kData + client::sync())
      .upstream_is_relayed(server::parse_complete() + server::bind_complete() + server::complete("SELECT 1"))
      .upstream_is_relayed(copy_begins() + kMalformed + server::ready('E'))
      .client_is_relayed(client::query("SELECT 1"))
      .upstream_is_relayed(server::error("25P02", "aborted") + server::ready('E'));
  goes_on(script);
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionCopyTest, ACancelMayComeBeforeOrBehindTheSync) {
  const std::string canceled = server::error("57014", "canceling statement due to user request");
  for (const bool read : {false, true}) {
    SessionScript script;
    copy_in_block(script);
    script.upstream_is_relayed(canceled + (read ? "" : server::ready('E')))
        .client_is_relayed(kData + client::sync())
        .upstream_is_relayed(server::ready('E'));
    goes_on(script);
    EXPECT_EQ(script.replay(), "") << (read ? "read" : "not read");
  }
}

const std::string kParseInside = client::parse("", "INSERT INTO other VALUES (1)");
const std::string kRunInside = client::bind("", "") + client::execute("");

/// The server's error names the client's message, so none of Weir's comes before it.
TEST(SessionCopyTest, AnotherMessageInsideEndsItAndTheSyncBehindThatIsAnswered) {
  SessionScript script;
  copy_in_block(script);
  script.client_sends(kParseInside + kRunInside + client::sync())
      .expect_upstream(kParseInside + client::flush())
      .upstream_is_relayed(server::error("08P01", "unexpected message type 0x50 during COPY from stdin"))
      .expect_upstream(kRunInside + client::sync())
      .upstream_is_relayed(server::ready('E'));
  goes_on(script);
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionCopyTest, WhereTheCopyHadFailedSuchAMessageHasItsOwnAnswer) {
  SessionScript script;
  copy_in_block(script);
  script.client_sends(kParseInside + kRunInside + client::sync())
      .expect_upstream(kParseInside + client::flush())
      .upstream_is_relayed(kNotPossible + server::ready('E') + server::error("25P02", "aborted"))
      .expect_upstream(kRunInside + client::sync())
      .upstream_is_relayed(server::ready('E'));
  goes_on(script);
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionCopyTest, AWriteBehindOneThatHadFailedRunsAndIsAGap) {
  SessionScript script;
  script.starts()
      .client_sends(kCopy + client::sync())
      .asks_facts(Table())
      .expect_upstream(kCopy + client::flush())
      .upstream_is_relayed(copy_begins())
      .expect_upstream(client::sync())
      .client_sends(kParseInside + kRunInside + client::sync())
      .expect_upstream(kParseInside + client::flush())
      .upstream_is_relayed(kNotPossible + server::ready('I') + server::parse_complete())
      .expect_upstream(kRunInside + client::sync())
      .upstream_is_relayed(server::bind_complete() + server::complete("INSERT 0 1") + server::ready('I'))
      .gate({"report xid 0 | g .other 1.1 0/0 statement inserted 1 cause statement was not planned"});
  passes(script, "BEGIN", "BEGIN", 'T');
  goes_on(script);
  EXPECT_EQ(script.replay(), "");
}

}  // namespace
}  // namespace weir::testing
