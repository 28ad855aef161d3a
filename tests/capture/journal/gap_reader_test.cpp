// What is erased is one gap to whoever comes too late.
#include "capture/journal/gap_reader.h"

#include <gtest/gtest.h>

namespace weir::capture {
namespace {

class ThreeTransactions final : public JournalReader {
 public:
  Result<std::optional<event::Transaction>> next(event::Position after) override {
    if (after >= 10) return std::optional<event::Transaction>();
    event::Transaction transaction;
    transaction.id = transaction.position = std::max<event::Position>(after + 1, 8);
    return std::optional(transaction);
  }
  Result<std::vector<event::ChangeEvent>> events(std::int64_t id, std::uint32_t, std::size_t) override {
    event::ChangeEvent change;
    change.table = "t" + std::to_string(id);
    return std::vector<event::ChangeEvent>{change};
  }
};

TEST(Erased, BeginsWithOneGapThatSaysFromWhereToWhere) {
  const auto reader = with_gap_for_erased(
      std::make_unique<ThreeTransactions>(),
      [] {
        return Erased{7, 0x16B3748};
      },
      1'000);
  const auto first = **reader->next(3);
  EXPECT_EQ(first.position, 7);
  EXPECT_EQ(first.xid, 0u);
  EXPECT_EQ(first.committed_us, 1'000);
  const auto events = *reader->events(first.id, 0, 100);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].op, event::Op::gap);
  EXPECT_EQ(events[0].lsn, event::Lsn{0x16B3748});
  EXPECT_EQ(events[0].cause,
            "not in the journal any more when this destination began: transactions 4 to 7 of the stream, up to lsn "
            "0/16B3748");
  EXPECT_TRUE(reader->events(first.id, 1, 100)->empty());
  const auto second = **reader->next(first.position);
  EXPECT_EQ(second.position, 8);
  EXPECT_EQ(reader->events(second.id, 0, 100)->at(0).table, "t8");
}

TEST(Erased, WhoHasItAllSeesNoGap) {
  Erased erased{7, 1};
  const auto reader = with_gap_for_erased(
      std::make_unique<ThreeTransactions>(), [&] { return erased; }, 1'000);
  EXPECT_EQ((*reader->next(7))->position, 8);
  erased = {0, 0};
  EXPECT_EQ((*reader->next(0))->position, 8);
}

TEST(Erased, WhatIsErasedWhileItReadsIsAGapToo) {
  Erased erased{0, 0};
  const auto reader = with_gap_for_erased(
      std::make_unique<ThreeTransactions>(), [&] { return erased; }, 1'000);
  EXPECT_EQ((*reader->next(7))->position, 8);
  erased = {9, 1};
  EXPECT_EQ((*reader->next(8))->id, -9);
}

}  // namespace
}  // namespace weir::capture
