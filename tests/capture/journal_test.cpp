#include "capture/journal.h"

#include <gtest/gtest.h>

#include "tests/capture/journal_fixture.h"

namespace weir::capture {
namespace {

TEST_F(JournalTest, KeepsEveryFieldOfATransactionAndItsEvents) {
  open();
  ChangeEvent full = row(1, R"({"id":2,"note":"ü\n"})");
  full.op = event::Op::update;
  full.fidelity = event::Fidelity::input;
  full.statement_order = 3;
  full.old_key = R"({"id":1})";
  full.before = R"({"id":1})";
  full.statement = "UPDATE orders SET id = 2";
  full.tags = R"({"route":"/pay"})";
  ChangeEvent gap;
  gap.op = event::Op::gap;
  gap.fidelity = event::Fidelity::statement;
  gap.ordinal = 7;
  gap.counts = {1, 2, 3};
  gap.cause = "trigger";
  const std::int64_t id = *journal_->begin();
  const std::vector<ChangeEvent> events = {full, gap};
  ASSERT_TRUE(journal_->append(id, events));
  Transaction stored = transaction(id, 80795, 0x123456789A, 2);
  ASSERT_TRUE(journal_->prepare(stored));
  ASSERT_TRUE(journal_->release(id, 1, 1990, 1'795'247'618'000'001));
  ASSERT_TRUE(journal_->sync());

  auto opened = journal_->reader();
  ASSERT_TRUE(opened);
  const auto& reader = *opened;
  const Transaction read = **reader->next(0);
  EXPECT_EQ(read.id, id);
  EXPECT_EQ(read.xid, 80795u);
  EXPECT_EQ(read.database, "shop");
  EXPECT_EQ(read.first_lsn, stored.first_lsn);
  EXPECT_EQ(read.last_lsn, stored.last_lsn);
  EXPECT_EQ(read.resolved, 1990u);
  EXPECT_EQ(read.prepared_us, stored.prepared_us);
  EXPECT_EQ(read.committed_us, 1'795'247'618'000'001);
  EXPECT_EQ(read.position, 1);
  EXPECT_EQ(read.event_count, 2u);
  EXPECT_EQ(read.context.user, "anne");
  EXPECT_EQ(read.context.application_name, "psql");
  EXPECT_EQ(read.context.client, "10.0.0.7:51234");
  EXPECT_EQ(read.context.session, "17");
  const std::vector<ChangeEvent> got = *reader->events(id, 0, 10);
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[0].op, event::Op::update);
  EXPECT_EQ(got[0].fidelity, event::Fidelity::input);
  EXPECT_EQ(got[0].schema, "public");
  EXPECT_EQ(got[0].table, "orders");
  EXPECT_EQ(got[0].lsn, 1001u);
  EXPECT_EQ(got[0].statement_order, 3u);
  EXPECT_EQ(got[0].key, full.key);
  EXPECT_EQ(got[0].old_key, full.old_key);
  EXPECT_EQ(got[0].before, full.before);
  EXPECT_EQ(got[0].after, full.after);
  EXPECT_EQ(got[0].statement, full.statement);
  EXPECT_EQ(got[0].tags, full.tags);
  EXPECT_EQ(got[1].op, event::Op::gap);
  EXPECT_EQ(got[1].ordinal, 7u);
  EXPECT_EQ(got[1].fidelity, event::Fidelity::statement);
  EXPECT_EQ(got[1].key, std::nullopt);
  EXPECT_EQ(got[1].after, std::nullopt);
  EXPECT_EQ(got[1].counts.inserted, 1);
  EXPECT_EQ(got[1].counts.updated, 2);
  EXPECT_EQ(got[1].counts.deleted, 3);
  EXPECT_EQ(got[1].cause, "trigger");
}

TEST_F(JournalTest, ReadsInOrderOfPositionAndInSlices) {
  open();
  const std::int64_t first = prepare(1, 2000, 5);
  const std::int64_t second = prepare(2);
  ASSERT_TRUE(journal_->release(second, 1, 0, 0));
  ASSERT_TRUE(journal_->release(first, 2, 0, 0));
  ASSERT_TRUE(journal_->flush());
  EXPECT_EQ(stream(), (Xids{2, 1}));
  auto opened = journal_->reader();
  ASSERT_TRUE(opened);
  const auto& reader = *opened;
  const auto slice = *reader->events(first, 2, 2);
  ASSERT_EQ(slice.size(), 2u);
  EXPECT_EQ(slice[0].ordinal, 3u);
  EXPECT_EQ(slice[1].ordinal, 4u);
}

TEST_F(JournalTest, AReadEndsBehindTheRowThatMakesItLarge) {
  open();
  const std::string half = "\"" + std::string(JournalReader::kMostBytes / 2, 'x') + "\"";
  const std::vector<ChangeEvent> events = {row(1, half), row(2, half), row(3, half)};
  const std::int64_t id = *journal_->begin();
  ASSERT_TRUE(journal_->append(id, events));
  ASSERT_TRUE(journal_->prepare(transaction(id, 1, 2000, 3)));
  ASSERT_TRUE(journal_->release(id, 1, 0, 0));
  ASSERT_TRUE(journal_->flush());
  const auto reader = std::move(*journal_->reader());
  const auto first = *reader->events(id, 0, 10);
  ASSERT_EQ(first.size(), 2u);
  EXPECT_FALSE(JournalReader::are_last(first, 10));
  const auto rest = *reader->events(id, 2, 10);
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(rest[0].ordinal, 3u);
  EXPECT_TRUE(JournalReader::are_last(rest, 10));
}

TEST_F(JournalTest, ReadersSeeAReleaseAfterFlushAndNotBefore) {
  open();
  const std::int64_t id = prepare(1);
  ASSERT_TRUE(journal_->sync());
  EXPECT_EQ(stream(), Xids{});
  ASSERT_TRUE(journal_->release(id, 1, 0, 0));
  EXPECT_EQ(stream(), Xids{});
  ASSERT_TRUE(journal_->flush());
  EXPECT_EQ(stream(), Xids{1});
}

TEST_F(JournalTest, FindsPreparedTransactionsInDoubtAndForgetsOpenOnes) {
  open();
  const std::int64_t later = prepare(1, 3000);
  prepare(2, 2000);
  const std::int64_t released = prepare(3);
  ASSERT_TRUE(journal_->release(released, 1, 0, 0));
  const std::int64_t never_prepared = *journal_->begin();
  const ChangeEvent event = row(1);
  ASSERT_TRUE(journal_->append(never_prepared, {&event, 1}));
  ASSERT_TRUE(journal_->sync());
  EXPECT_EQ(query("SELECT state FROM transactions WHERE id = " + std::to_string(never_prepared)), "open|");
  open();
  EXPECT_EQ(in_doubt(), (Xids{2, 1}));
  EXPECT_EQ(event_count(never_prepared), 0u);
  EXPECT_EQ(query("SELECT count(*) FROM events"), "3|");
  prepare(4);
  EXPECT_EQ(in_doubt(), (Xids{2, 1})) << "what this run prepared is not in doubt";
  ASSERT_TRUE(journal_->release(later, 2, 0, 0));
  ASSERT_TRUE(journal_->flush());
  EXPECT_EQ(in_doubt(), Xids{2});
}

/// Where its place in the stream is not known yet, that it committed is.
TEST_F(JournalTest, WhatIsAcknowledgedStaysSoUntilItIsReleased) {
  open();
  const std::int64_t id = prepare(1);
  prepare(2);
  ASSERT_TRUE(journal_->acknowledge(id, 1234));
  EXPECT_FALSE(journal_->acknowledge(id, 5)) << "once";
  EXPECT_FALSE(journal_->reopen(id));
  ASSERT_TRUE(journal_->sync());
  EXPECT_EQ(stream(), Xids{});
  open();
  const auto found = journal_->in_doubt();
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 2u);
  for (const Transaction& each : *found) EXPECT_EQ(each.committed_us, each.xid == 1 ? 1234 : 0);
  ASSERT_TRUE(journal_->release(id, 1, 0, 1234));
  ASSERT_TRUE(journal_->flush());
  EXPECT_EQ(stream(), Xids{1});
  EXPECT_EQ(in_doubt(), Xids{2});
}

TEST_F(JournalTest, RunsOfTheServerAreKeptInTheirOrder) {
  open();
  EXPECT_TRUE(journal_->server_runs()->empty());
  for (const char* run : {"b", "a", "b"}) ASSERT_TRUE(journal_->note_server_run(run));
  const std::int64_t id = *journal_->begin();
  Transaction written = transaction(id, 1, 2000, 0);
  written.server_run = "a unlogged";
  ASSERT_TRUE(journal_->prepare(written));
  ASSERT_TRUE(journal_->sync());
  open();
  EXPECT_EQ(*journal_->server_runs(), (std::vector<std::string>{"b", "a"}));
  EXPECT_EQ(journal_->in_doubt()->at(0).server_run, "a unlogged");
}

TEST_F(JournalTest, NeverGivesOutANumberTwice) {
  open();
  const std::int64_t first = prepare(1);
  ASSERT_TRUE(journal_->sync());
  ASSERT_TRUE(journal_->erase(first));
  ASSERT_TRUE(journal_->sync());
  open();
  EXPECT_GT(*journal_->begin(), first);
}

TEST_F(JournalTest, TruncateTakesBackTheTailOfAnOpenTransaction) {
  open();
  const std::int64_t id = *journal_->begin();
  for (std::uint32_t ordinal = 1; ordinal <= 5; ++ordinal) {
    const ChangeEvent event = row(ordinal);
    ASSERT_TRUE(journal_->append(id, {&event, 1}));
  }
  ASSERT_TRUE(journal_->flush());
  ASSERT_TRUE(journal_->truncate(id, 3));
  ASSERT_TRUE(journal_->flush());
  EXPECT_EQ(event_count(id), 2u);
}

TEST_F(JournalTest, ATransactionThatIsOpenAgainCanBeTakenBackAndPreparedOnce) {
  open();
  const std::int64_t id = prepare(1, 2000, 5);
  const std::int64_t given_up = prepare(2, 2000, 2);
  ASSERT_TRUE(journal_->sync());
  ASSERT_TRUE(journal_->reopen(id));
  ASSERT_TRUE(journal_->reopen(given_up));
  ASSERT_TRUE(journal_->truncate(id, 3));
  const ChangeEvent event = row(3);
  ASSERT_TRUE(journal_->append(id, {&event, 1}));
  ASSERT_TRUE(journal_->flush());
  EXPECT_EQ(query("SELECT state FROM transactions"), "open|open|");
  ASSERT_TRUE(journal_->prepare(transaction(id, 1, 2000, 3)));
  ASSERT_TRUE(journal_->sync());
  EXPECT_EQ(event_count(id), 3u);
  open();
  EXPECT_EQ(in_doubt(), Xids{1}) << "the other one never committed";
  EXPECT_EQ(query("SELECT event_count FROM transactions"), "3|");
  EXPECT_EQ(query("SELECT count(*) FROM events"), "3|");
}

TEST_F(JournalTest, OnlyWhatIsPreparedIsOpenedAgain) {
  open();
  const std::int64_t released = prepare(1);
  ASSERT_TRUE(journal_->release(released, 1, 0, 0));
  EXPECT_FALSE(journal_->reopen(released));
  EXPECT_FALSE(journal_->reopen(77));
  ASSERT_TRUE(journal_->sync());
  EXPECT_EQ(stream(), Xids{1});
}

TEST_F(JournalTest, EraseTakesATransactionInAnyStateButCommitted) {
  open();
  const std::int64_t open_one = *journal_->begin();
  const ChangeEvent event = row(1);
  ASSERT_TRUE(journal_->append(open_one, {&event, 1}));
  const std::int64_t prepared = prepare(1);
  const std::int64_t released = prepare(2);
  ASSERT_TRUE(journal_->release(released, 1, 0, 0));
  ASSERT_TRUE(journal_->sync());
  EXPECT_TRUE(journal_->erase(open_one));
  EXPECT_TRUE(journal_->erase(prepared));
  EXPECT_FALSE(journal_->erase(released));
  ASSERT_TRUE(journal_->sync());
  EXPECT_EQ(query("SELECT id FROM transactions"), std::to_string(released) + "|");
  EXPECT_EQ(query("SELECT count(*) FROM events"), "1|");
}

TEST_F(JournalTest, RefusesWhatIsOutOfTurnWithoutHarmToTheGroup) {
  open();
  const std::int64_t good = prepare(1);
  const ChangeEvent event = row(1);
  EXPECT_FALSE(journal_->append(good, {&event, 1})) << "it is prepared";
  EXPECT_FALSE(journal_->prepare(transaction(good, 1)));
  EXPECT_FALSE(journal_->append(999, {&event, 1}));
  EXPECT_FALSE(journal_->release(999, 1, 0, 0));
  ASSERT_TRUE(journal_->release(good, 1, 0, 0));
  EXPECT_FALSE(journal_->release(good, 2, 0, 0)) << "it is released";
  ASSERT_TRUE(journal_->sync());
  EXPECT_EQ(stream(), Xids{1});
}

TEST_F(JournalTest, TrimErasesWholeTransactionsWithinItsLimit) {
  open();
  for (event::Xid xid = 1; xid <= 10; ++xid) {
    const std::int64_t id = prepare(xid, 2000 + xid, 3);
    ASSERT_TRUE(journal_->release(id, static_cast<event::Position>(xid), 0, 0));
  }
  ASSERT_TRUE(journal_->sync());
  EXPECT_TRUE(*journal_->trim(8, 10)) << "three of them fit into 10 events";
  ASSERT_TRUE(journal_->flush());
  EXPECT_EQ(stream(), (Xids{4, 5, 6, 7, 8, 9, 10}));
  EXPECT_FALSE(*journal_->trim(8, 100));
  EXPECT_FALSE(*journal_->trim(8, 100));
  ASSERT_TRUE(journal_->flush());
  EXPECT_EQ(stream(), (Xids{9, 10}));
  EXPECT_EQ(query("SELECT count(*) FROM events"), "6|");
}

TEST_F(JournalTest, TrimTakesATransactionThatIsTooLargeInParts) {
  open();
  const std::int64_t large = prepare(1, 2000, 25);
  const std::int64_t small = prepare(2, 2001, 1);
  ASSERT_TRUE(journal_->release(large, 1, 0, 0));
  ASSERT_TRUE(journal_->release(small, 2, 0, 0));
  std::vector<std::string> left;
  for (bool more = true; more;) {
    const auto trimmed = journal_->trim(2, 10);
    ASSERT_TRUE(trimmed);
    more = *trimmed;
    ASSERT_TRUE(journal_->flush());
    left.push_back(query("SELECT count(*) FROM events"));
    ASSERT_LT(left.size(), 10u);
  }
  EXPECT_EQ(left, (std::vector<std::string>{"16|", "6|", "1|", "0|"}));
  EXPECT_EQ(query("SELECT count(*) FROM transactions"), "0|");
}

TEST_F(JournalTest, RemembersPositionAndLsnOfWhatWasTrimmed) {
  open();
  EXPECT_EQ(*journal_->last_position(), 0);
  EXPECT_EQ(*journal_->last_lsn(), 0u);
  ASSERT_TRUE(journal_->release(prepare(1, 5000), 1, 0, 0));
  ASSERT_TRUE(journal_->release(prepare(2, 4000), 2, 0, 0));
  prepare(3, 9000);
  ASSERT_TRUE(journal_->sync());
  EXPECT_EQ(*journal_->last_position(), 2);
  EXPECT_EQ(*journal_->last_lsn(), 5000u) << "the highest released, not the last one";
  ASSERT_FALSE(*journal_->trim(2, 100));
  ASSERT_TRUE(journal_->sync());
  open();
  EXPECT_EQ(*journal_->last_position(), 2);
  EXPECT_EQ(*journal_->last_lsn(), 5000u);
}

TEST_F(JournalTest, KeepsCheckpointsPerEmitter) {
  open();
  ASSERT_TRUE(journal_->set_checkpoint("stdout", 3));
  ASSERT_TRUE(journal_->set_checkpoint("kafka://a/b", 7));
  ASSERT_TRUE(journal_->set_checkpoint("stdout", 4));
  ASSERT_TRUE(journal_->sync());
  open();
  const auto checkpoints = *journal_->checkpoints();
  ASSERT_EQ(checkpoints.size(), 2u);
  EXPECT_EQ(checkpoints[0].emitter, "kafka://a/b");
  EXPECT_EQ(checkpoints[0].position, 7);
  EXPECT_EQ(checkpoints[1].emitter, "stdout");
  EXPECT_EQ(checkpoints[1].position, 4);
  EXPECT_EQ(*journal_->last_position(), 7) << "a position that was delivered is never given out again";
}

TEST_F(JournalTest, ADestinationThatIsForgottenIsRememberedWhereItStood) {
  open();
  ASSERT_TRUE(journal_->set_checkpoint("stdout", 4));
  ASSERT_TRUE(journal_->set_checkpoint("kafka://a/b", 7));
  ASSERT_TRUE(journal_->forget("stdout"));
  ASSERT_TRUE(journal_->sync());
  open();
  ASSERT_EQ(journal_->checkpoints()->size(), 1u);
  ASSERT_EQ(journal_->forgotten()->size(), 1u);
  EXPECT_EQ(journal_->forgotten()->at(0).emitter, "stdout");
  EXPECT_EQ(journal_->forgotten()->at(0).position, 4);
}

TEST_F(JournalTest, ADestinationThatIsRenamedGoesOnWhereItStood) {
  open();
  ASSERT_TRUE(journal_->set_checkpoint("kafka://a/b", 7));
  ASSERT_TRUE(journal_->rename("kafka://a/b", "kafka://a,c/b"));
  ASSERT_TRUE(journal_->sync());
  open();
  ASSERT_EQ(journal_->checkpoints()->size(), 1u);
  EXPECT_EQ(journal_->checkpoints()->at(0).emitter, "kafka://a,c/b");
  EXPECT_EQ(journal_->checkpoints()->at(0).position, 7);
}

TEST_F(JournalTest, WhatIsErasedInPartCountsAsErased) {
  open();
  EXPECT_EQ(journal_->erased()->through, 0);
  ASSERT_TRUE(journal_->release(prepare(1, 2000, 2), 1, 0, 0));
  ASSERT_TRUE(journal_->release(prepare(2, 3000, 25), 2, 0, 0));
  ASSERT_TRUE(*journal_->trim(2, 10));
  ASSERT_TRUE(journal_->sync());
  open();
  EXPECT_EQ(journal_->erased()->through, 1);
  EXPECT_EQ(journal_->erased()->lsn, 2000u);
  ASSERT_TRUE(*journal_->trim(2, 10));
  ASSERT_TRUE(journal_->sync());
  open();
  EXPECT_EQ(journal_->erased()->through, 2) << "nobody may begin with its second half";
}

TEST_F(JournalTest, IsReadableForAnOperator) {
  open();
  ASSERT_TRUE(journal_->release(prepare(80795, 37677488), 1, 0, 1'795'247'618'000'000));
  ASSERT_TRUE(journal_->dead_letter("kafka://a/b", 1, "shop.public.orders", R"({"id":1})", "{}", "too large"));
  ASSERT_TRUE(journal_->flush());
  EXPECT_EQ(query("SELECT state, xid, lsn, committed_at FROM readable_transactions"),
            "committed|80795|0/23EE9B0|2026-11-21T07:53:38.000Z|");
  EXPECT_EQ(query("SELECT table_name, op, fidelity, lsn, state FROM readable_events"),
            "public.orders|c|row|0/3E9|committed|");
  EXPECT_EQ(query("SELECT emitter, position, topic, key, value, reason FROM dead_letters"),
            R"(kafka://a/b|1|shop.public.orders|{"id":1}|{}|too large|)");
  EXPECT_EQ(query("SELECT value FROM meta WHERE name = 'instance'"), journal_->instance() + "|");
}

TEST_F(JournalTest, KeepsItsInstanceOverRestarts) {
  open();
  const std::string instance = journal_->instance();
  EXPECT_EQ(instance.size(), 32u);
  open();
  EXPECT_EQ(journal_->instance(), instance);
}

TEST_F(JournalTest, BytesGrowWithEventsAndShrinkWithTrim) {
  open();
  const std::int64_t id = *journal_->begin();
  const ChangeEvent large = row(1, std::string(5 << 20, 'x'));
  ASSERT_TRUE(journal_->append(id, {&large, 1}));
  ASSERT_TRUE(journal_->prepare(transaction(id, 1)));
  ASSERT_TRUE(journal_->release(id, 1, 0, 0));
  ASSERT_TRUE(journal_->sync());
  ASSERT_TRUE(journal_->set_checkpoint("stdout", 1));
  ASSERT_TRUE(journal_->flush());
  EXPECT_GT(journal_->bytes(), 5u << 20);
  ASSERT_TRUE(journal_->trim(1, 100));
  ASSERT_TRUE(journal_->flush());
  ASSERT_TRUE(journal_->set_checkpoint("stdout", 2));
  ASSERT_TRUE(journal_->flush());
  EXPECT_LT(journal_->bytes(), 1u << 20);
}

TEST_F(JournalTest, CompactedItTakesNoMoreThanWhatItHolds) {
  open();
  const std::uint64_t empty = journal_->bytes();
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(journal_->set_checkpoint("stdout", i));
    ASSERT_TRUE(journal_->flush());
  }
  EXPECT_GT(journal_->bytes(), 1u << 20) << "each is a page in the WAL";
  journal_->compact();
  EXPECT_LE(journal_->bytes(), std::max<std::uint64_t>(empty, 100'000));
  EXPECT_EQ(journal_->checkpoints()->at(0).position, 499);
}

TEST_F(JournalTest, ReadersDoNotKeepTheWalFromStartingAnew) {
  open();
  auto opened = journal_->reader();
  ASSERT_TRUE(opened);
  const auto& reader = *opened;
  for (event::Position position = 1; position <= 3000; ++position) {
    const std::int64_t id = prepare(static_cast<event::Xid>(position));
    ASSERT_TRUE(journal_->release(id, position, 0, 0));
    ASSERT_TRUE(journal_->flush());
    ASSERT_TRUE(*reader->next(position - 1));
    ASSERT_EQ(reader->events(id, 0, 1)->size(), 1u) << "the limit leaves the statement before its end";
  }
  EXPECT_LT(fs::file_size(path_.string() + "-wal"), 16u << 20);
}

}  // namespace
}  // namespace weir::capture
