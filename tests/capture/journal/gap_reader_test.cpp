// What is erased is one gap to whoever comes too late.
#include "capture/journal/gap_reader.h"

#include <gtest/gtest.h>

#include "tests/capture/journal/known_reader.h"

namespace weir::capture {
namespace {

std::vector<event::ChangeEvent> one_of(const char* table) {
  auto events = numbered_events(1);
  events[0].table = table;
  return events;
}

const KnownTransactions kThree = {{8, one_of("t8")}, {9, one_of("t9")}, {10, one_of("t10")}};

TEST(Erased, BeginsWithOneGapThatSaysFromWhereToWhere) {
  const auto reader = with_gap_for_erased(
      std::make_unique<KnownReader>(kThree),
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
      std::make_unique<KnownReader>(kThree), [&] { return erased; }, 1'000);
  EXPECT_EQ((*reader->next(7))->position, 8);
  erased = {0, 0};
  EXPECT_EQ((*reader->next(0))->position, 8);
}

TEST(Erased, WhatIsErasedWhileItReadsIsAGapToo) {
  Erased erased{0, 0};
  const auto reader = with_gap_for_erased(
      std::make_unique<KnownReader>(kThree), [&] { return erased; }, 1'000);
  EXPECT_EQ((*reader->next(7))->position, 8);
  erased = {9, 1};
  EXPECT_EQ((*reader->next(8))->id, -9);
}

}  // namespace
}  // namespace weir::capture
