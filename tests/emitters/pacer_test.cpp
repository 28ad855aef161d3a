// The pacer, sentence by sentence, with a clock that is told what time it is.
#include "emitters/pacer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace weir::emitters {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Time = Pacer::Clock::time_point;

constexpr std::size_t kFull = 100;
const Time start = Time() + std::chrono::hours(1);

/// What a destination sees of writes at these times: one sending for all that came until it was due.
struct Sent {
  std::vector<Time> at;
  std::vector<Pacer::Clock::duration> waited;  ///< of each write
};

Sent send(Pacer pacer, const std::vector<Time>& writes) {
  Sent sent;
  for (std::size_t next = 0; next < writes.size();) {
    Time now = writes[next];
    std::size_t waiting = 1;
    for (auto rest = pacer.rest(now, waiting); rest > rest.zero(); rest = pacer.rest(now, waiting)) {
      const bool comes = next + waiting < writes.size() && writes[next + waiting] <= now + rest;
      now = comes ? writes[next + waiting] : now + rest;
      waiting += comes ? 1 : 0;
    }
    pacer.sent(now);
    sent.at.push_back(now);
    for (std::size_t i = 0; i < waiting; ++i) sent.waited.push_back(now - writes[next + i]);
    next += waiting;
  }
  return sent;
}

std::vector<Time> writes_at(int per_second, seconds for_so_long, microseconds jitter) {
  std::minstd_rand random(7);
  std::uniform_int_distribution<std::int64_t> late(0, jitter.count());
  std::vector<Time> writes;
  for (std::int64_t i = 0; i < per_second * for_so_long.count(); ++i) {
    writes.push_back(start + microseconds(i * 1'000'000 / per_second + late(random)));
  }
  std::sort(writes.begin(), writes.end());
  return writes;
}

/// One that may not be early any more.
Pacer that_sent_early(Time now) {
  Pacer pacer(milliseconds(5), kFull);
  for (int i = 0; i <= Pacer::most_early; ++i) {
    EXPECT_EQ(pacer.rest(now, 1), Pacer::Clock::duration::zero());
    pacer.sent(now);
  }
  return pacer;
}

TEST(Pacer, TheFirstGoesAtOnce) {
  EXPECT_EQ(Pacer(milliseconds(5), kFull).rest(start, 1), Pacer::Clock::duration::zero());
  EXPECT_EQ(Pacer(milliseconds(5), kFull).rest(Time::min(), 1), Pacer::Clock::duration::zero());
}

TEST(Pacer, NothingWaitsIfNothingWasSentForOnePace) {
  Pacer pacer(milliseconds(5), kFull);
  for (int burst = 0; burst < 100; ++burst) {
    // However much was sent before, and however close together.
    for (int i = 0; i < 50; ++i) pacer.sent(start + burst * milliseconds(5));
    EXPECT_EQ(pacer.rest(start + (burst + 1) * milliseconds(5), 1), Pacer::Clock::duration::zero());
  }
}

TEST(Pacer, WhatComesInBetweenWaitsUntilThePaceIsOver) {
  Pacer pacer = that_sent_early(start);
  EXPECT_EQ(pacer.rest(start + microseconds(1'700), 1), microseconds(3'300));
  EXPECT_EQ(pacer.rest(start + microseconds(4'999), 1), microseconds(1));
  EXPECT_EQ(pacer.rest(start + milliseconds(5), 1), Pacer::Clock::duration::zero());
}

TEST(Pacer, AFullBatchNeverWaits) {
  Pacer pacer = that_sent_early(start);
  EXPECT_GT(pacer.rest(start, kFull - 1), Pacer::Clock::duration::zero());
  EXPECT_EQ(pacer.room(kFull - 1), 1u);
  EXPECT_EQ(pacer.rest(start, kFull), Pacer::Clock::duration::zero());
  EXPECT_EQ(pacer.room(kFull), 0u);
  EXPECT_EQ(pacer.room(kFull + 1), 0u);
}

TEST(Pacer, APaceOfZeroNeverWaits) {
  Pacer pacer(milliseconds(0), kFull);
  for (int i = 0; i < 10; ++i) {
    pacer.sent(start);
    EXPECT_EQ(pacer.rest(start, 1), Pacer::Clock::duration::zero());
  }
}

TEST(Pacer, At200WritesPerSecondNoneWaitsAlsoWhereTheyDoNotComeLikeAClock) {
  for (const microseconds jitter : {microseconds(0), microseconds(500), microseconds(4'900), microseconds(20'000)}) {
    const auto sent = send({milliseconds(5), kFull}, writes_at(200, seconds(60), jitter));
    EXPECT_EQ(*std::max_element(sent.waited.begin(), sent.waited.end()), Pacer::Clock::duration::zero())
        << jitter.count() << " us";
  }
}

TEST(Pacer, AnyRateMakesAtMost200SendingsPerSecondAndNoWaitLongerThanThePace) {
  for (const int rate : {201, 400, 1'000, 10'000, 15'000}) {
    const auto sent = send({milliseconds(5), kFull}, writes_at(rate, seconds(10), microseconds(5'000)));
    EXPECT_LE(sent.at.size(), 2'002u + Pacer::most_early) << rate;
    EXPECT_EQ(sent.waited.size(), static_cast<std::size_t>(rate) * 10);
    EXPECT_LE(*std::max_element(sent.waited.begin(), sent.waited.end()), milliseconds(5)) << rate;
  }
}

TEST(Pacer, MoreThanAFullBatchForEachPaceIsSentAsItFills) {
  const auto sent = send({milliseconds(5), kFull}, writes_at(100'000, seconds(1), microseconds(100)));
  EXPECT_GE(sent.at.size(), 1'000u);
  EXPECT_LE(sent.at.size(), 1'001u + Pacer::most_early);
}

}  // namespace
}  // namespace weir::emitters
