#include "capture/journal/tail.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/capture/journal/known_reader.h"

namespace weir::capture {
namespace {

Released released(event::Position position, std::size_t count, std::size_t bytes = 10) {
  Released one;
  one.transaction.id = 100 + position;
  one.transaction.position = position;
  if (count > 0) one.events = std::make_shared<const std::vector<event::ChangeEvent>>(numbered_events(count));
  one.bytes = bytes;
  return one;
}

std::vector<Released> list(Released one) {
  std::vector<Released> all;
  all.push_back(std::move(one));
  return all;
}

class TailTest : public testing::Test {
 protected:
  std::unique_ptr<StreamReader> make_reader() {
    auto made = std::make_unique<KnownReader>(stored);
    journal = made.get();
    return tail.make_reader(std::move(made));
  }
  /// Position of what comes next, 0 for nothing.
  static event::Position next(StreamReader& reader, event::Position after) {
    const auto found = *reader.next(after);
    return found ? found->position : 0;
  }

  KnownTransactions stored;
  Tail tail{100};
  KnownReader* journal = nullptr;
};

TEST_F(TailTest, WhatAnEarlierRunLeftComesFromTheJournal) {
  stored = {{3, numbered_events(1)}, {4, numbered_events(2)}};
  auto reader = make_reader();
  EXPECT_EQ(next(*reader, 2), 3);
  tail.add(list(released(5, 1)));
  EXPECT_EQ(next(*reader, 3), 4);
  EXPECT_EQ(reader->events(104, 0, 10)->events.size(), 2u);
  EXPECT_EQ(next(*reader, 4), 5);
  EXPECT_EQ(reader->events(105, 0, 10)->events.size(), 1u);
  EXPECT_EQ(journal->asked, 3);
  EXPECT_EQ(next(*reader, 5), 0);
  EXPECT_EQ(journal->asked, 3) << "the end is known without asking";
}

TEST_F(TailTest, EventsComeInParts) {
  auto reader = make_reader();
  tail.add(list(released(1, 5)));
  ASSERT_EQ(next(*reader, 0), 1);
  EXPECT_EQ(reader->events(101, 0, 2)->events.back().ordinal, 2u);
  EXPECT_EQ(reader->events(101, 2, 2)->events.front().ordinal, 3u);
  EXPECT_EQ(reader->events(101, 4, 2)->events.size(), 1u);
  EXPECT_EQ(reader->events(101, 5, 2)->events.size(), 0u);
  EXPECT_EQ(journal->asked, 0);
}

TEST_F(TailTest, EveryReaderIsLentTheSameAndKeepsIt) {
  auto one = make_reader();
  auto two = make_reader();
  tail.add(list(released(1, 3)));
  const auto transaction = *one->next(0);
  const auto events = *one->events(101, 1, 10);
  EXPECT_EQ(*two->next(0), transaction);
  EXPECT_EQ(two->events(101, 1, 10)->events.data(), events.events.data());
  EXPECT_TRUE(events.last);
  EXPECT_FALSE(one->events(101, 0, 2)->last);
  EXPECT_TRUE(one->events(101, 0, 3)->last);
  EXPECT_EQ(next(*one, 1), 0);
  EXPECT_EQ(next(*two, 1), 0);
  EXPECT_EQ(tail.bytes(), 0u);
  EXPECT_EQ(transaction->position, 1);
  EXPECT_EQ(events.events.back().ordinal, 3u) << "it lives as long as it is held";
}

TEST_F(TailTest, AnEntryGoesWhenEveryReaderIsPastIt) {
  auto one = make_reader();
  auto two = make_reader();
  tail.add(list(released(1, 1)));
  tail.add(list(released(2, 1)));
  EXPECT_EQ(next(*one, 2), 0);
  EXPECT_EQ(tail.bytes(), 20u);
  EXPECT_EQ(next(*two, 1), 2);
  EXPECT_EQ(tail.bytes(), 10u);
  EXPECT_EQ(two->events(102, 0, 10)->events.size(), 1u);
}

TEST_F(TailTest, OneThatComesLaterFindsWhatIsHereAndTheRestInTheJournal) {
  auto one = make_reader();
  stored = {{1, numbered_events(1)}, {2, numbered_events(1)}, {3, numbered_events(1)}};
  for (event::Position position : {1, 2, 3}) tail.add(list(released(position, 1)));
  EXPECT_EQ(next(*one, 1), 2);
  auto late = make_reader();
  EXPECT_EQ(next(*late, 0), 1);
  EXPECT_EQ(journal->asked, 1);
  EXPECT_EQ(next(*late, 1), 2);
  EXPECT_EQ(next(*late, 2), 3);
  EXPECT_EQ(journal->asked, 1);
}

TEST_F(TailTest, OneThatHasGoneIsNotWaitedFor) {
  auto one = make_reader();
  auto two = make_reader();
  tail.add(list(released(1, 1)));
  EXPECT_EQ(next(*one, 1), 0);
  EXPECT_EQ(tail.bytes(), 10u);
  two.reset();
  EXPECT_EQ(tail.bytes(), 0u);
  one.reset();
  tail.add(list(released(2, 1)));
  EXPECT_EQ(tail.bytes(), 0u) << "nobody reads";
}

TEST_F(TailTest, AboveItsBoundTheOldestAreLeftToTheJournal) {
  auto reader = make_reader();
  for (event::Position position = 1; position <= 4; ++position) {
    stored[position] = numbered_events(1);
    tail.add(list(released(position, 1, 40)));
  }
  EXPECT_EQ(tail.bytes(), 80u);
  EXPECT_EQ(next(*reader, 0), 1);
  EXPECT_EQ(next(*reader, 1), 2);
  EXPECT_EQ(journal->asked, 2);
  EXPECT_EQ(next(*reader, 2), 3);
  EXPECT_EQ(journal->asked, 2);
}

TEST_F(TailTest, WhatIsNotInMemoryComesFromTheJournal) {
  auto reader = make_reader();
  stored = {{1, numbered_events(7)}, {2, numbered_events(1)}};
  tail.add(list(released(1, 0)));
  tail.add(list(released(2, 1)));
  EXPECT_EQ(next(*reader, 0), 1);
  EXPECT_EQ(reader->events(101, 0, 10)->events.size(), 7u);
  EXPECT_EQ(journal->asked, 2);
  EXPECT_EQ(next(*reader, 1), 2);
  EXPECT_EQ(reader->events(102, 0, 10)->events.size(), 1u);
  EXPECT_EQ(journal->asked, 2);
}

TEST_F(TailTest, ReadersOfAllSpeedsSeeEverythingInOrder) {
  constexpr event::Position kLast = 20'000;
  for (event::Position position = 1; position <= kLast; ++position) stored[position] = numbered_events(1);
  auto one = make_reader();
  auto two = make_reader();
  const auto follow = [&](StreamReader& reader, int pause_every) {
    for (event::Position at = 0; at < kLast;) {
      const auto found = next(reader, at);
      if (found == 0) std::this_thread::yield();
      if (found == 0) continue;
      EXPECT_EQ(found, at + 1);
      EXPECT_EQ(reader.events(100 + found, 0, 10)->events.size(), 1u);
      at = found;
      if (at % pause_every == 0) std::this_thread::yield();
    }
  };
  std::thread fast([&] { follow(*one, 1000); });
  std::thread slow([&] { follow(*two, 3); });
  for (event::Position position = 1; position <= kLast; ++position) tail.add(list(released(position, 1)));
  fast.join();
  slow.join();
  EXPECT_EQ(next(*one, kLast), 0);
  EXPECT_EQ(next(*two, kLast), 0);
  EXPECT_EQ(tail.bytes(), 0u);
}

}  // namespace
}  // namespace weir::capture
