// Spans on their way: batches, further attempts, and what is dropped.
#include "proxy/tracing/span_queue.h"

#include <gtest/gtest.h>

namespace weir::proxy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class SpanQueueTest : public testing::Test {
 protected:
  void add(std::size_t count) {
    std::vector<Span> spans(count);
    for (auto& one : spans) one.name = std::to_string(++added);
    queue.add(std::move(spans), now);
  }
  std::size_t next(bool last = false) {
    const auto* batch = queue.next(now, last);
    first = batch == nullptr ? "" : batch->front().name;
    return batch == nullptr ? 0 : batch->size();
  }
  void answer(int status, std::optional<seconds> retry_after = {}) {
    queue.answered({status, status == 0 ? "Connection refused" : "", "{}", retry_after}, now);
  }
  std::string told() {
    std::string text;
    for (const auto& one : queue.take_notices()) text += one.text + "\n";
    return text;
  }

  SpanQueue::Clock::time_point now{seconds(1'000)};
  SpanQueue queue{"the collector at c:4318"};
  int added = 0;
  std::string first;
};

TEST_F(SpanQueueTest, SpansWaitASecondForOthers) {
  add(3);
  EXPECT_EQ(next(), 0u);
  EXPECT_EQ(queue.due(), now + SpanQueue::kCollect);
  now += SpanQueue::kCollect;
  EXPECT_EQ(next(), 3u);
  EXPECT_FALSE(queue.due()) << "one is under way";
  answer(200);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.sent(), 3u);
  EXPECT_EQ(told(), "");
}

TEST_F(SpanQueueTest, ManyDoNotWaitAndGoInBatches) {
  add(SpanQueue::kBatch + 5);
  EXPECT_EQ(next(), SpanQueue::kBatch);
  EXPECT_EQ(next(), 0u) << "one at a time";
  answer(200);
  EXPECT_EQ(next(), 0u);
  EXPECT_EQ(next(true), 5u) << "at the end nothing waits";
}

TEST_F(SpanQueueTest, ACollectorThatIsBusyIsAskedAgainLater) {
  add(1);
  now += SpanQueue::kCollect;
  for (const int status : {503, 0, 429}) {
    EXPECT_EQ(next(), 1u);
    EXPECT_EQ(first, "1") << "the same";
    answer(status);
    EXPECT_EQ(next(), 0u) << "not at once";
    now = *queue.due();
  }
  EXPECT_EQ(next(), 1u);
  answer(200);
  EXPECT_EQ(queue.sent(), 1u);
  EXPECT_EQ(queue.dropped(), 0u);
  EXPECT_EQ(told(),
            "tracing: the collector at c:4318 does not take spans: it answers with HTTP status 503; 0 spans dropped so "
            "far\ntracing: the collector at c:4318 takes spans again\n");
}

TEST_F(SpanQueueTest, ItSaysWhen) {
  add(1);
  now += SpanQueue::kCollect;
  next();
  answer(429, seconds(7));
  EXPECT_EQ(queue.due(), now + seconds(7));
  now += seconds(7);
  next();
  answer(429, seconds(86'400));
  EXPECT_EQ(queue.due(), now + SpanQueue::kLongestBackoff) << "but not for a day";
}

TEST_F(SpanQueueTest, WhatItWillNeverTakeIsDropped) {
  add(2);
  now += SpanQueue::kCollect;
  next();
  answer(401);
  EXPECT_EQ(queue.dropped(), 2u);
  EXPECT_TRUE(queue.empty());
  EXPECT_NE(told().find("HTTP status 401"), std::string::npos);
}

TEST_F(SpanQueueTest, NoBatchIsTriedForEver) {
  add(2);
  now += SpanQueue::kCollect;
  for (int attempt = 0; attempt < SpanQueue::kAttempts; ++attempt) {
    ASSERT_EQ(next(), 2u);
    answer(0);
    now += SpanQueue::kLongestBackoff;
  }
  EXPECT_EQ(queue.dropped(), 2u);
  EXPECT_FALSE(queue.due());
}

TEST_F(SpanQueueTest, TheOldestAreDroppedWhereThereIsNoRoom) {
  add(SpanQueue::kMostWaiting);
  EXPECT_EQ(next(), SpanQueue::kBatch);
  for (int i = 0; i < 3; ++i) add(SpanQueue::kMostWaiting);
  EXPECT_EQ(queue.dropped(), 3 * SpanQueue::kMostWaiting - SpanQueue::kBatch);
  answer(200);
  next();
  EXPECT_EQ(first, std::to_string(3 * SpanQueue::kMostWaiting + 1));
}

TEST_F(SpanQueueTest, AnAnswerMayRejectSome) {
  add(5);
  now += SpanQueue::kCollect;
  next();
  queue.answered({200, "", R"({"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old"}})", {}}, now);
  EXPECT_EQ(queue.sent(), 3u);
  EXPECT_EQ(queue.dropped(), 2u);
  EXPECT_NE(told().find("it rejects some: too old; 2 spans dropped so far"), std::string::npos);
}

TEST_F(SpanQueueTest, ATroubleThatLastsIsToldOnceAMinute) {
  std::string all;
  for (int second = 0; second < 150; ++second) {
    add(1);
    now += seconds(1);
    if (next() > 0) answer(404);
    all += told();
  }
  EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 3) << all;
}

}  // namespace
}  // namespace weir::proxy
