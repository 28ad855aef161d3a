// Which Syncs are answered around a COPY FROM STDIN.
#include "capture/session/copy_in.h"

#include <gtest/gtest.h>

#include "capture/session/sqlstates.h"
#include "capture/sql/statement_cache.h"

namespace weir::capture {
namespace {

class CopyInTest : public ::testing::Test {
 protected:
  CopyInTest() {
    const auto text = texts.find_or_parse("COPY t FROM STDIN", {});
    copy.begins();
    queue.push({.expect = Expect::execute,
                .execution = std::make_shared<Execution>(Execution{.text = text, .statement = text->single()})});
  }
  ~CopyInTest() override { EXPECT_EQ(rules.broken(), ""); }
  void send_syncs(int count) {
    for (int i = 0; i < count; ++i) queue.push({.expect = Expect::sync});
  }

  StatementCache texts;
  Rules rules;
  CommandQueue queue{rules};
  CopyIn copy{queue};
};

TEST_F(CopyInTest, SyncsSentWithItHaveNoAnswer) {
  send_syncs(2);
  EXPECT_FALSE(copy.reads_sync());
  copy.answered();
  EXPECT_EQ(queue.size(), 1u);
  EXPECT_TRUE(copy.takes_data());
  EXPECT_TRUE(copy.reads_sync());
  copy.sync_was_read();
  copy.client_sent('d');
  EXPECT_TRUE(copy.takes_data());
  EXPECT_FALSE(copy.ended());
  copy.client_sent('c');
  EXPECT_FALSE(copy.takes_data());
  EXPECT_TRUE(copy.ended());
  copy.succeeded();
  queue.answered(0);
  EXPECT_FALSE(copy.ends_unread_sync());
}

TEST_F(CopyInTest, DataThatCameBeforeTheAnswerEndsIt) {
  copy.client_sent('d');
  copy.client_sent('c');
  queue.push({.expect = Expect::sync, .behind_copy_end = copy.ended()});
  copy.answered();
  EXPECT_FALSE(copy.takes_data());
  EXPECT_EQ(queue.size(), 2u) << "the Sync behind CopyDone is answered";
}

TEST_F(CopyInTest, OthersWaitUntilItIsKnownWhatComesOfIt) {
  for (const char type : {'S', 'H', 'd', 'c', 'f', 'X'}) EXPECT_FALSE(copy.waits_for(type)) << type;
  for (const char type : {'Q', 'P', 'B', 'E', 'D', 'C', 'F'}) EXPECT_TRUE(copy.waits_for(type)) << type;
  copy.answered();
  EXPECT_FALSE(copy.waits_for('Q')) << "the first goes alone, since the server's error names it";
  copy.succeeded();
  queue.answered(0);
  EXPECT_FALSE(copy.waits_for('Q'));
}

/// It failed before it took data (FREEZE): what was sent behind it is in the queue as ever.
TEST_F(CopyInTest, WhereItFailedBeforeItsAnswerNothingIsAdded) {
  send_syncs(1);
  copy.failed("55000");
  EXPECT_EQ(queue.size(), 2u);
  EXPECT_FALSE(copy.has_unread_syncs());
}

TEST_F(CopyInTest, SyncsThatItDidNotReadAreAnsweredAfterAll) {
  send_syncs(2);
  copy.answered();
  copy.failed("23505");
  EXPECT_EQ(queue.size(), 3u);
  EXPECT_EQ(queue.under_way().syncs, 2);
  EXPECT_FALSE(copy.has_unread_syncs());
}

TEST_F(CopyInTest, AnUnexpectedMessageHasReadThem) {
  send_syncs(1);
  copy.answered();
  copy.failed(kProtocolViolation);
  EXPECT_EQ(queue.size(), 1u);
  EXPECT_FALSE(copy.has_unread_syncs());
}

TEST_F(CopyInTest, ACancelLeavesItOpenWhetherTheyWereRead) {
  send_syncs(2);
  copy.answered();
  copy.failed(kQueryCanceled);
  EXPECT_EQ(queue.size(), 1u);
  ASSERT_TRUE(copy.has_unread_syncs());
  queue.answered(0);
  EXPECT_TRUE(copy.ends_unread_sync());
  send_syncs(1);
  EXPECT_FALSE(copy.ends_unread_sync()) << "the front's own answer";
  copy.forget_unread_syncs();
  queue.answered(0);
  EXPECT_FALSE(copy.ends_unread_sync()) << "something else was answered, so they had been read";
}

TEST_F(CopyInTest, SoDoesAnErrorBehindData) {
  send_syncs(1);
  copy.answered();
  copy.client_sent('d');
  copy.failed("22P02");
  EXPECT_TRUE(copy.has_unread_syncs());
}

TEST_F(CopyInTest, HoldsOneCommandComplete) {
  copy.hold_complete("COPY 1");
  EXPECT_EQ(copy.take_complete(), "COPY 1");
  EXPECT_EQ(copy.take_complete(), "");
}

}  // namespace
}  // namespace weir::capture
