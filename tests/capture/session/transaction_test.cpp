#include "capture/session/transaction.h"

#include <gtest/gtest.h>

namespace weir::capture {
namespace {

event::ChangeEvent row(std::string table, event::Lsn lsn = 0x10) {
  event::ChangeEvent change;
  change.schema = "public";
  change.table = std::move(table);
  change.lsn = lsn;
  change.after = "{}";
  return change;
}

event::ChangeEvent statement_event(std::string table) {
  event::ChangeEvent change = row(std::move(table), 0);
  change.fidelity = event::Fidelity::statement;
  change.after.reset();
  return change;
}

/// "table ordinal.statement" of each event that is kept.
std::string kept(const OpenTransaction& transaction) {
  std::string out;
  for (const auto& change : transaction.events())
    out += change.table + std::to_string(change.ordinal) + "." + std::to_string(change.statement_order) + " ";
  return out;
}

void write(OpenTransaction& transaction, const std::string& table) {
  transaction.add(row(table));
  transaction.next_statement();
}

TEST(OpenTransactionTest, EventsAreNumberedByRowAndByStatement) {
  OpenTransaction transaction;
  EXPECT_TRUE(transaction.empty());
  transaction.add(row("a"));
  transaction.add(row("b"));
  transaction.next_statement();
  transaction.next_statement();  // one that wrote nothing has no number
  transaction.add(row("c"));
  EXPECT_EQ(kept(transaction), "a1.1 b2.1 c3.2 ");
  EXPECT_EQ(transaction.event_count(), 3u);
  EXPECT_FALSE(transaction.empty());
}

TEST(OpenTransactionTest, RowsThatAreReadLateKeepTheirStatementsPlace) {
  OpenTransaction transaction;
  write(transaction, "a");
  const std::uint32_t first = transaction.statement();
  transaction.savepoint("s");
  transaction.add(row("b"), first);
  EXPECT_EQ(kept(transaction), "a1.1 b2.1 ");
  write(transaction, "c");
  write(transaction, "d");
  transaction.add(row("e"), first);
  EXPECT_EQ(kept(transaction), "a1.1 b2.1 e3.1 c4.2 d5.3 ");
  EXPECT_EQ(transaction.rollback_to("s").first_ordinal, 4u) << "they were written before it";
  EXPECT_EQ(kept(transaction), "a1.1 b2.1 e3.1 ");
}

TEST(OpenTransactionTest, ARollbackToASavepointTakesBackWhatCameAfterIt) {
  OpenTransaction transaction;
  write(transaction, "a");
  transaction.savepoint("s");
  write(transaction, "b");
  write(transaction, "c");
  EXPECT_EQ(transaction.rollback_to("s").first_ordinal, 2u);
  EXPECT_EQ(kept(transaction), "a1.1 ");
  write(transaction, "d");
  EXPECT_EQ(kept(transaction), "a1.1 d2.2 ") << "numbers have no gaps";
}

TEST(OpenTransactionTest, WhatAStatementGaveTooEarlyIsTakenBack) {
  OpenTransaction transaction;
  write(transaction, "a");
  transaction.add(row("b"));
  transaction.add(statement_event("b"));
  transaction.take_back(2);
  EXPECT_EQ(kept(transaction), "a1.1 ");
  EXPECT_EQ(transaction.event_count(), 1u);
  EXPECT_FALSE(transaction.empty());
  transaction.add(row("c"));
  EXPECT_EQ(kept(transaction), "a1.1 c2.2 ") << "the statement goes on";
  transaction.take_events();
  transaction.take_back(1);
  EXPECT_TRUE(transaction.empty());
}

TEST(OpenTransactionTest, TheSavepointStaysAndCanBeRolledBackToTwice) {
  OpenTransaction transaction;
  transaction.savepoint("s");
  write(transaction, "a");
  EXPECT_EQ(transaction.rollback_to("s").first_ordinal, 1u);
  write(transaction, "b");
  EXPECT_EQ(transaction.rollback_to("s").first_ordinal, 1u);
  EXPECT_TRUE(transaction.empty());
  EXPECT_EQ(kept(transaction), "");
}

TEST(OpenTransactionTest, OuterAndInnerSavepoints) {
  OpenTransaction transaction;
  transaction.savepoint("outer");
  write(transaction, "a");
  transaction.savepoint("inner");
  write(transaction, "b");
  transaction.rollback_to("outer");
  EXPECT_EQ(kept(transaction), "");
  write(transaction, "c");
  EXPECT_EQ(transaction.rollback_to("inner").first_ordinal, 2u) << "it went with the outer one: nothing is taken back";
  EXPECT_EQ(kept(transaction), "c1.1 ");
}

TEST(OpenTransactionTest, OfTheSameNameTheLastOneCounts) {
  OpenTransaction transaction;
  transaction.savepoint("s");
  write(transaction, "a");
  transaction.savepoint("s");
  write(transaction, "b");
  transaction.rollback_to("s");
  EXPECT_EQ(kept(transaction), "a1.1 ");
  transaction.release("s");
  transaction.rollback_to("s");
  EXPECT_EQ(kept(transaction), "") << "the first one is back in sight";
}

TEST(OpenTransactionTest, SavepointsAreNumbered) {
  OpenTransaction transaction;
  EXPECT_EQ(transaction.rollback_to("nobody").savepoint, 1u) << "none of those so far";
  transaction.savepoint("outer");
  transaction.savepoint("inner");
  transaction.release("inner");
  transaction.savepoint("inner");
  EXPECT_EQ(transaction.savepoint_count(), 3u);
  EXPECT_EQ(transaction.rollback_to("inner").savepoint, 3u);
  EXPECT_EQ(transaction.rollback_to("outer").savepoint, 1u);
  EXPECT_EQ(transaction.savepoint_count(), 3u) << "a number is given once";
}

TEST(OpenTransactionTest, ReleaseKeepsWhatWasWritten) {
  OpenTransaction transaction;
  transaction.savepoint("outer");
  write(transaction, "a");
  transaction.savepoint("inner");
  write(transaction, "b");
  transaction.release("inner");
  EXPECT_EQ(kept(transaction), "a1.1 b2.2 ");
  transaction.rollback_to("outer");
  EXPECT_EQ(kept(transaction), "") << "also what was released inside it";
  transaction.release("nobody");
  EXPECT_EQ(transaction.rollback_to("nobody").first_ordinal, 1u);
}

TEST(OpenTransactionTest, ReleaseOfTheOuterReleasesTheInner) {
  OpenTransaction transaction;
  transaction.savepoint("outer");
  transaction.savepoint("inner");
  write(transaction, "a");
  transaction.release("outer");
  EXPECT_EQ(transaction.rollback_to("inner").first_ordinal, 2u);
  EXPECT_EQ(kept(transaction), "a1.1 ");
}

TEST(OpenTransactionTest, LowestAndHighestVersion) {
  OpenTransaction transaction;
  transaction.saw(800, 0x20);
  transaction.saw(800, 0x10);
  transaction.saw(800, 0x30);
  EXPECT_EQ(transaction.xid(), 800u);
  EXPECT_EQ(transaction.first_lsn(), 0x10u);
  EXPECT_EQ(transaction.last_lsn(), 0x30u);
  transaction.saw(0, 0);
  EXPECT_EQ(transaction.xid(), 800u);
  EXPECT_EQ(transaction.first_lsn(), 0x10u);
}

TEST(OpenTransactionTest, WhatHasNoVersionIsCompletedAtTheEnd) {
  OpenTransaction transaction;
  EXPECT_FALSE(transaction.incomplete()) << "nothing to be completed";
  transaction.add(statement_event("a"));
  EXPECT_TRUE(transaction.incomplete());
  transaction.saw(800, 0x10);
  EXPECT_TRUE(transaction.incomplete());
  transaction.complete(800, 0x20);
  EXPECT_FALSE(transaction.incomplete());
  EXPECT_EQ(transaction.events()[0].lsn, 0x20u);
  EXPECT_EQ(transaction.last_lsn(), 0x20u);
}

TEST(OpenTransactionTest, ARowBehindItCompletesWhatHasNoVersion) {
  OpenTransaction transaction;
  const std::uint32_t late = transaction.begin_statement();
  transaction.next_statement();
  transaction.add(statement_event("a"));
  transaction.next_statement();
  transaction.saw(800, 0x30);
  // One that belongs to a statement before it may have been written earlier.
  transaction.add(row("b", 0x10), late);
  EXPECT_TRUE(transaction.incomplete());
  transaction.add(row("c", 0x30));
  EXPECT_FALSE(transaction.incomplete());
  EXPECT_EQ(kept(transaction), "b1.1 a2.2 c3.3 ");
  EXPECT_EQ(transaction.events()[1].lsn, 0x30u);
}

TEST(OpenTransactionTest, WhatWasTakenBackNeedsNoVersion) {
  OpenTransaction transaction;
  transaction.saw(800, 0x10);
  write(transaction, "a");
  transaction.savepoint("s");
  transaction.add(statement_event("b"));
  EXPECT_TRUE(transaction.incomplete());
  transaction.rollback_to("s");
  EXPECT_FALSE(transaction.incomplete());
}

TEST(OpenTransactionTest, StreamingHandsEventsOutAndOrdinalsGoOn) {
  OpenTransaction transaction;
  transaction.saw(800, 0x10);
  write(transaction, "a");
  EXPECT_GT(transaction.bytes(), sizeof(event::ChangeEvent));
  EXPECT_EQ(transaction.take_events().size(), 1u);
  EXPECT_EQ(transaction.bytes(), 0u);
  EXPECT_FALSE(transaction.empty()) << "it wrote, even if nothing is kept here";
  transaction.savepoint("s");
  write(transaction, "b");
  write(transaction, "c");
  transaction.take_events();
  write(transaction, "d");
  EXPECT_EQ(transaction.rollback_to("s").first_ordinal, 2u) << "streamed ones from here on are to be forgotten";
  EXPECT_EQ(kept(transaction), "");
  write(transaction, "e");
  EXPECT_EQ(kept(transaction), "e2.2 ");
}

TEST(OpenTransactionTest, MemoryIsThatOfWhatIsKept) {
  OpenTransaction transaction;
  transaction.savepoint("s");
  event::ChangeEvent large = row("a");
  large.after = std::string(10'000, 'x');
  transaction.add(large);
  EXPECT_GE(transaction.bytes(), 10'000u);
  transaction.rollback_to("s");
  EXPECT_EQ(transaction.bytes(), 0u);
}

event::ChangeEvent unnamed_row(std::uint32_t oid) {
  event::ChangeEvent change = row(unnamed(oid).table);
  change.schema = unnamed(oid).schema;
  return change;
}

TEST(OpenTransactionTest, EventsWaitForTheNamesOfTheirTables) {
  OpenTransaction transaction;
  transaction.saw(800, 0x10);
  transaction.add(row("a"));
  transaction.add(unnamed_row(8));
  transaction.savepoint("s");
  transaction.add(unnamed_row(9));
  transaction.add(unnamed_row(8));
  transaction.add(row("b"));
  EXPECT_FALSE(transaction.incomplete());
  transaction.saw_unnamed(8, nullptr);
  transaction.saw_unnamed(9, nullptr);
  EXPECT_TRUE(transaction.incomplete());
  EXPECT_FALSE(transaction.lacks_versions());
  transaction.name(8, [](event::ChangeEvent) { return std::nullopt; });
  EXPECT_TRUE(transaction.incomplete());
  transaction.name(9, [](event::ChangeEvent change) {
    change.table = "named";
    return std::optional(change);
  });
  EXPECT_FALSE(transaction.incomplete());
  EXPECT_EQ(kept(transaction), "a1.1 named2.1 b3.1 ");
  EXPECT_EQ(transaction.event_count(), 3u);
  EXPECT_EQ(transaction.bytes(), event::memory_of(transaction.events()));
  transaction.rollback_to("s");
  EXPECT_EQ(kept(transaction), "a1.1 ");
}

TEST(OpenTransactionTest, WithoutNamesOnlyTheRowsAreCounted) {
  OpenTransaction transaction;
  transaction.saw(800, 0x10);
  transaction.add(row("a"));
  transaction.add(unnamed_row(8));
  transaction.saw_unnamed(8, nullptr);
  transaction.give_up_names();
  EXPECT_FALSE(transaction.incomplete());
  ASSERT_EQ(transaction.events().size(), 2u);
  EXPECT_EQ(transaction.events()[0].op, event::Op::create);
  EXPECT_EQ(transaction.events()[1].op, event::Op::gap);
  EXPECT_EQ(transaction.events()[1].counts.inserted, 1);
  EXPECT_EQ(transaction.events()[1].schema + transaction.events()[1].table, "");
}

TEST(OpenTransactionTest, WhatIsRolledBackNeedsNoName) {
  OpenTransaction transaction;
  transaction.savepoint("s");
  transaction.add(unnamed_row(8));
  transaction.saw_unnamed(8, nullptr);
  transaction.rollback_to("s");
  EXPECT_FALSE(transaction.incomplete());
}

}  // namespace
}  // namespace weir::capture
