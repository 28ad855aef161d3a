// Numbers about the running program, and notices: what is counted, under which labels, from how many threads.
#include "proxy/process/metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <thread>

#include "proxy/process/notices.h"

namespace weir::proxy {
namespace {

using Labels = Metrics::Labels;

std::optional<Metrics::Family> family(const Metrics& metrics, const std::string& name) {
  for (auto& one : metrics.read())
    if (one.name == name) return one;
  return std::nullopt;
}

/// The series of these labels; nothing where there is none.
std::optional<Metrics::Series> series(const Metrics& metrics, const std::string& name, const Labels& labels) {
  const auto found = family(metrics, name);
  if (!found) return std::nullopt;
  for (const auto& one : found->series)
    if (one.labels == labels) return one;
  return std::nullopt;
}

std::optional<double> value(const Metrics& metrics, const std::string& name, const Labels& labels = {}) {
  const auto found = series(metrics, name, labels);
  return found ? std::optional(found->value) : std::nullopt;
}

TEST(Metrics, TheSameNameAndLabelsAreTheSameNumber) {
  Metrics metrics;
  auto& rows = metrics.counter("rows_total", "Rows.", {{"op", "c"}});
  rows.add();
  metrics.counter("rows_total", "Another help.", {{"op", "c"}}).add(2);
  metrics.counter("rows_total", "", {{"op", "d"}}).add(7);
  EXPECT_EQ(rows.value(), 3u);
  EXPECT_EQ(value(metrics, "rows_total", {{"op", "c"}}), 3);
  EXPECT_EQ(value(metrics, "rows_total", {{"op", "d"}}), 7);
  EXPECT_EQ(family(metrics, "rows_total")->help, "Rows.");
  EXPECT_EQ(metrics.read().size(), 1u);
}

TEST(Metrics, AGaugeGoesDownToo) {
  Metrics metrics;
  auto& sessions = metrics.gauge("sessions", "Sessions.");
  sessions.add(3);
  sessions.add(-1);
  EXPECT_EQ(value(metrics, "sessions"), 2);
  sessions.set(-9);
  EXPECT_EQ(value(metrics, "sessions"), -9);
}

TEST(Metrics, AHistogramCountsUpToEachBound) {
  Metrics metrics;
  auto& times = metrics.histogram("sync_seconds", "Syncs.");
  for (const int us : {1, 50, 51, 60'000'001}) times.observe(std::chrono::microseconds(us));
  const auto read = series(metrics, "sync_seconds", {});
  ASSERT_TRUE(read);
  ASSERT_EQ(read->buckets.size(), Metrics::Histogram::kBoundsUs.size() + 1);
  EXPECT_EQ(read->buckets[0], 2u) << "a time at the bound is not longer than it";
  EXPECT_EQ(read->buckets[1], 3u);
  EXPECT_EQ(*(read->buckets.end() - 2), 3u);
  EXPECT_EQ(read->buckets.back(), 4u) << "all";
  EXPECT_DOUBLE_EQ(read->value, 60.000103);
}

TEST(Metrics, BeyondTheMostSeriesTheRestIsOther) {
  Metrics metrics;
  for (std::size_t i = 0; i < Metrics::kMostSeries + 5; ++i)
    metrics.counter("rows_total", "", {{"table", "t" + std::to_string(i)}, {"op", "c"}}).add();
  metrics.counter("rows_total", "", {{"table", "t0"}, {"op", "c"}}).add();
  EXPECT_EQ(value(metrics, "rows_total", {{"table", "other"}, {"op", "other"}}), 5);
  EXPECT_EQ(value(metrics, "rows_total", {{"table", "t0"}, {"op", "c"}}), 2);
  EXPECT_EQ(family(metrics, "rows_total")->series.size(), Metrics::kMostSeries + 1);
}

TEST(Metrics, WhatIsWatchedIsAskedForAtEachReadingUntilItsOwnerIsGone) {
  Metrics metrics;
  double lag = 4;
  {
    auto watch = metrics.watch(Metrics::Kind::gauge, "lag", "Lag.", {{"destination", "a"}}, [&] { return lag; });
    EXPECT_EQ(value(metrics, "lag", {{"destination", "a"}}), 4);
    lag = 5;
    const auto moved = std::move(watch);
    EXPECT_EQ(value(metrics, "lag", {{"destination", "a"}}), 5);
  }
  EXPECT_TRUE(family(metrics, "lag")->series.empty());
}

TEST(Metrics, NothingIsLostBetweenThreads) {
  Metrics metrics;
  constexpr int kThreads = 4;
  constexpr int kTimes = 5'000;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&metrics, thread] {
      auto& own = metrics.counter("own_total", "", {{"thread", std::to_string(thread)}});
      for (int i = 0; i < kTimes; ++i) {
        own.add();
        metrics.counter("shared_total", "").add();
        metrics.histogram("times_seconds", "").observe(std::chrono::microseconds(i));
        if (i % 1'000 == 0) (void)metrics.read();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(value(metrics, "shared_total"), kThreads * kTimes);
  EXPECT_EQ(value(metrics, "own_total", {{"thread", "3"}}), kTimes);
  EXPECT_EQ(series(metrics, "times_seconds", {})->buckets.back(), std::uint64_t{kThreads} * kTimes);
}

TEST(Notices, EachIsCountedByLevelAndKindAlsoWhereTheLogLeavesItOut) {
  Metrics metrics;
  Notices notices(metrics);
  const auto tell = notices.teller();
  for (int i = 0; i < 20; ++i) tell({Notice::Level::error, "refused", "dead letters"});
  tell({Notice::Level::warning, "full"});
  const auto count = [&](const std::string& level, const std::string& kind) {
    return value(metrics, "weir_notices_total", {{"level", level}, {"kind", kind}});
  };
  EXPECT_EQ(count("error", "dead letters"), 20);
  EXPECT_EQ(count("warning", "other"), 1);
  EXPECT_EQ(count("info", "other"), std::nullopt);
}

}  // namespace
}  // namespace weir::proxy
