#include "emitters/send_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <set>

#include "tests/emitters/kafka_driver.h"

namespace weir::emitters {
namespace {

constexpr SendQueue::Limits wide{1000, 1'000'000};

std::vector<Record> records(const std::string& values, const std::string& topic = "t") {
  std::vector<Record> made;
  for (const char value : values) made.push_back(record(topic, "k", std::string(1, value)));
  return made;
}

/// Sends all that may be sent now.
std::vector<SendQueue::Entry*> send_all(SendQueue& queue) {
  std::vector<SendQueue::Entry*> sent;
  while (SendQueue::Entry* entry = queue.next()) {
    queue.sent(*entry);
    sent.push_back(entry);
  }
  return sent;
}

std::string values_of(const std::vector<SendQueue::Entry*>& entries) {
  std::string text;
  for (const SendQueue::Entry* entry : entries) text += *entry->record.value;
  return text;
}

TEST(SendQueue, GivesOutInOrderAndOnce) {
  SendQueue queue(wide);
  ASSERT_TRUE(queue.add(records("ab"), 1, true));
  ASSERT_TRUE(queue.add(records("c"), 2, true));
  EXPECT_EQ(values_of(send_all(queue)), "abc");
  EXPECT_EQ(queue.next(), nullptr);
}

TEST(SendQueue, IsDurableOnlyWhenAllBeforeIsSafe) {
  SendQueue queue(wide);
  ASSERT_TRUE(queue.add(records("ab"), 7, true));
  ASSERT_TRUE(queue.add(records("c"), 9, true));
  const auto sent = send_all(queue);
  EXPECT_FALSE(queue.acknowledged(*sent[2]));
  EXPECT_FALSE(queue.acknowledged(*sent[1]));
  EXPECT_EQ(queue.durable_through(), 0);
  EXPECT_TRUE(queue.acknowledged(*sent[0]));
  EXPECT_EQ(queue.durable_through(), 9);
  EXPECT_TRUE(queue.empty());
}

TEST(SendQueue, IsNotDurableBeforeTheTransactionEnds) {
  SendQueue queue(wide);
  ASSERT_TRUE(queue.add(records("ab"), 3, false));
  for (SendQueue::Entry* entry : send_all(queue)) queue.acknowledged(*entry);
  EXPECT_EQ(queue.durable_through(), 0);
  ASSERT_TRUE(queue.add({}, 3, true));
  EXPECT_EQ(queue.durable_through(), 3);
}

TEST(SendQueue, AnEmptyEndWaitsForWhatIsBeforeIt) {
  SendQueue queue(wide);
  ASSERT_TRUE(queue.add(records("a"), 3, false));
  ASSERT_TRUE(queue.add({}, 3, true));
  const auto sent = send_all(queue);
  ASSERT_EQ(values_of(sent), "a");
  EXPECT_EQ(queue.durable_through(), 0);
  queue.acknowledged(*sent[0]);
  EXPECT_EQ(queue.durable_through(), 3);
}

TEST(SendQueue, TakesABatchWholeOrNotAtAll) {
  SendQueue queue({3, 1'000'000});
  ASSERT_TRUE(queue.add(records("ab"), 1, true));
  EXPECT_FALSE(queue.add(records("cd"), 2, true));
  ASSERT_TRUE(queue.add(records("e"), 2, true));
  const auto sent = send_all(queue);
  EXPECT_EQ(values_of(sent), "abe");
  queue.acknowledged(*sent[0]);
  EXPECT_TRUE(queue.add(records("f"), 3, true));
}

TEST(SendQueue, MovesWhatItTakesAndLeavesWhatItDoesNot) {
  SendQueue queue({3, 1'000'000});
  auto taken = records("ab");
  const std::string long_value(1'000, 'x');
  taken[0].value = long_value;
  const char* where = taken[0].value->data();
  ASSERT_TRUE(queue.add(std::move(taken), 1, true));
  EXPECT_EQ(queue.next()->record.value->data(), where) << "the same memory";
  auto left = records("cd");
  EXPECT_FALSE(queue.add(std::move(left), 2, true));
  ASSERT_EQ(left.size(), 2u);
  EXPECT_EQ(left[1].value, "d");
}

TEST(SendQueue, LimitsBytes) {
  SendQueue queue({1000, 10'000});
  ASSERT_TRUE(queue.add({record("t", "k", std::string(6000, 'x'))}, 1, true));
  EXPECT_FALSE(queue.add({record("t", "k", std::string(6000, 'x'))}, 2, true));
  queue.acknowledged(*send_all(queue).at(0));
  EXPECT_TRUE(queue.add({record("t", "k", std::string(6000, 'x'))}, 2, true));
}

TEST(SendQueue, TakesAnyBatchWhenEmpty) {
  SendQueue queue({2, 100});
  EXPECT_TRUE(queue.add(records("abcdef"), 1, true));
}

TEST(SendQueue, StopsAtAFailureAndSendsAgainInOrder) {
  SendQueue queue(wide);
  ASSERT_TRUE(queue.add(records("abcd"), 1, true));
  const auto sent = send_all(queue);
  queue.acknowledged(*sent[0]);
  queue.failed(*sent[1]);
  queue.acknowledged(*sent[2]);
  EXPECT_TRUE(queue.interrupted());
  ASSERT_TRUE(queue.add(records("e"), 2, true));
  EXPECT_EQ(queue.next(), nullptr);
  EXPECT_EQ(queue.on_its_way(), 1u);
  queue.rewind();
  EXPECT_EQ(values_of(send_all(queue)), "bcde");  // c again, or b would be the last that a consumer sees
  EXPECT_EQ(queue.durable_through(), 0);
}

TEST(SendQueue, DoesNotRepeatSafeRecordsOfOtherTopics) {
  SendQueue queue(wide);
  ASSERT_TRUE(queue.add(records("a", "t"), 1, true));
  ASSERT_TRUE(queue.add(records("b", "u"), 2, true));
  const auto sent = send_all(queue);
  queue.failed(*sent[0]);
  queue.acknowledged(*sent[1]);
  queue.rewind();
  const auto again = send_all(queue);
  EXPECT_EQ(values_of(again), "a");
  queue.acknowledged(*again[0]);
  EXPECT_EQ(queue.durable_through(), 2);
}

TEST(SendQueue, RewindTakesWhatIsOnItsWayForFailed) {
  SendQueue queue(wide);
  ASSERT_TRUE(queue.add(records("ab"), 1, true));
  send_all(queue);
  queue.interrupt();
  EXPECT_EQ(queue.next(), nullptr);
  queue.rewind();
  EXPECT_EQ(queue.on_its_way(), 0u);
  EXPECT_EQ(values_of(send_all(queue)), "ab");
}

TEST(SendQueue, ARefusalCondemnsOnlyWhatWasSentAlone) {
  SendQueue queue(wide);
  ASSERT_TRUE(queue.add(records("abc"), 1, true));
  const auto sent = send_all(queue);
  queue.refused(*sent[0], "too large");
  queue.refused(*sent[1], "too large");
  queue.acknowledged(*sent[2]);
  EXPECT_TRUE(queue.take_refused().empty());
  queue.rewind();

  auto alone = send_all(queue);
  ASSERT_EQ(values_of(alone), "a");
  queue.acknowledged(*alone[0]);
  alone = send_all(queue);
  ASSERT_EQ(values_of(alone), "b");
  queue.refused(*alone[0], "too large");
  EXPECT_FALSE(queue.interrupted());
  alone = send_all(queue);
  ASSERT_EQ(values_of(alone), "c");
  queue.acknowledged(*alone[0]);

  EXPECT_TRUE(queue.settled());
  EXPECT_FALSE(queue.empty());
  EXPECT_EQ(queue.durable_through(), 0) << "not before it was handed back";
  const auto taken = queue.take_refused();
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].record.value, "b");
  EXPECT_EQ(taken[0].position, 1);
  EXPECT_EQ(taken[0].reason, "too large");
  EXPECT_EQ(queue.durable_through(), 1);
  EXPECT_TRUE(queue.take_refused().empty());
}

TEST(SendQueue, WaitsForTheOthersBeforeSendingAlone) {
  SendQueue queue(wide);
  ASSERT_TRUE(queue.add(records("ab"), 1, true));
  auto sent = send_all(queue);
  queue.failed(*sent[0]);
  queue.refused(*sent[1], "invalid");
  queue.rewind();
  sent = send_all(queue);
  EXPECT_EQ(values_of(sent), "a");
  queue.acknowledged(*sent[0]);
  EXPECT_EQ(values_of(send_all(queue)), "b");
}

TEST(SendQueue, RejectsBeforeSending) {
  SendQueue queue(wide);
  ASSERT_TRUE(queue.add(records("a"), 4, true));
  queue.reject(*queue.next(), "no such topic can be");
  EXPECT_EQ(queue.next(), nullptr);
  EXPECT_EQ(queue.take_refused().at(0).reason, "no such topic can be");
  EXPECT_EQ(queue.durable_through(), 4);
}

/// A destination that acknowledges, fails and refuses at random, always in order within a topic partition: what a
/// consumer has read when all is durable must end with the last version, and nothing may be missing.
TEST(SendQueue, NeverLosesNorEndsWithAnOldVersion) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    const auto chance = [&](unsigned percent) { return random() % 100 < percent; };
    SendQueue queue({20, 1'000'000});
    std::map<std::string, std::vector<int>> log;  // by topic
    std::deque<SendQueue::Entry*> on_its_way;
    int version = 0;
    event::Position durable = 0;
    while (queue.durable_through() < 100) {
      const std::string topic(1, "xyz"[random() % 3]);
      if (version < 100 && queue.add({record(topic, "k", std::to_string(version + 1))}, version + 1, true)) ++version;
      for (SendQueue::Entry* entry : send_all(queue)) on_its_way.push_back(entry);
      if (!on_its_way.empty()) {
        SendQueue::Entry* entry = on_its_way.front();
        on_its_way.pop_front();
        const bool written = chance(90);
        if (written) log[entry->record.topic].push_back(std::stoi(*entry->record.value));
        if (written && chance(95)) {
          queue.acknowledged(*entry);
        } else {
          queue.failed(*entry);
        }
      }
      if (queue.interrupted() && on_its_way.empty()) queue.rewind();
      ASSERT_GE(queue.durable_through(), durable);
      durable = queue.durable_through();
    }
    std::set<int> seen;
    for (const auto& [topic, versions] : log) {
      EXPECT_EQ(versions.back(), *std::max_element(versions.begin(), versions.end())) << "seed " << seed;
      seen.insert(versions.begin(), versions.end());
    }
    EXPECT_EQ(seen.size(), 100u) << "seed " << seed;
  }
}

}  // namespace
}  // namespace weir::emitters
