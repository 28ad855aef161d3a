// Counters by name and labels, and notices: what is counted, under which labels, from how many threads.
#include "proxy/process/counters.h"

#include <gtest/gtest.h>

#include <optional>
#include <thread>

#include "proxy/process/notices.h"

namespace weir::proxy {
namespace {

using Labels = Counters::Labels;

std::optional<Counters::Family> family(const Counters& counters, const std::string& name) {
  for (auto& one : counters.read())
    if (one.name == name) return one;
  return std::nullopt;
}

/// The series of these labels; nothing where there is none.
std::optional<Counters::Series> series(const Counters& counters, const std::string& name, const Labels& labels) {
  const auto found = family(counters, name);
  if (!found) return std::nullopt;
  for (const auto& one : found->series)
    if (one.labels == labels) return one;
  return std::nullopt;
}

std::optional<std::uint64_t> value(const Counters& counters, const std::string& name, const Labels& labels = {}) {
  const auto found = series(counters, name, labels);
  return found ? std::optional(found->value) : std::nullopt;
}

TEST(Counters, TheSameNameAndLabelsAreTheSameNumber) {
  Counters counters;
  auto& rows = counters.counter("rows_total", "Rows.", {{"op", "c"}});
  rows.add();
  counters.counter("rows_total", "Another help.", {{"op", "c"}}).add(2);
  counters.counter("rows_total", "", {{"op", "d"}}).add(7);
  EXPECT_EQ(rows.value(), 3u);
  EXPECT_EQ(value(counters, "rows_total", {{"op", "c"}}), 3);
  EXPECT_EQ(value(counters, "rows_total", {{"op", "d"}}), 7);
  EXPECT_EQ(family(counters, "rows_total")->help, "Rows.");
  EXPECT_EQ(counters.read().size(), 1u);
}

TEST(Counters, BeyondTheMostSeriesTheRestIsOther) {
  Counters counters;
  for (std::size_t i = 0; i < Counters::kMostSeries + 5; ++i)
    counters.counter("rows_total", "", {{"table", "t" + std::to_string(i)}, {"op", "c"}}).add();
  counters.counter("rows_total", "", {{"table", "t0"}, {"op", "c"}}).add();
  EXPECT_EQ(value(counters, "rows_total", {{"table", "other"}, {"op", "other"}}), 5);
  EXPECT_EQ(value(counters, "rows_total", {{"table", "t0"}, {"op", "c"}}), 2);
  EXPECT_EQ(family(counters, "rows_total")->series.size(), Counters::kMostSeries + 1);
}

TEST(Counters, NothingIsLostBetweenThreads) {
  Counters counters;
  constexpr int kThreads = 4;
  constexpr int kTimes = 5'000;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&counters, thread] {
      auto& own = counters.counter("own_total", "", {{"thread", std::to_string(thread)}});
      for (int i = 0; i < kTimes; ++i) {
        own.add();
        counters.counter("shared_total", "").add();
        if (i % 1'000 == 0) (void)counters.read();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(value(counters, "shared_total"), std::uint64_t{kThreads} * kTimes);
  EXPECT_EQ(value(counters, "own_total", {{"thread", "3"}}), kTimes);
}

TEST(Notices, EachIsCountedByLevelAndKindAlsoWhereTheLogLeavesItOut) {
  Counters counters;
  Notices notices(counters);
  const auto tell = notices.teller();
  for (int i = 0; i < 20; ++i) tell({Notice::Level::error, "refused", "dead letters"});
  tell({Notice::Level::warning, "full"});
  const auto count = [&](const std::string& level, const std::string& kind) {
    return value(counters, "weir_notices_total", {{"level", level}, {"kind", kind}});
  };
  EXPECT_EQ(count("error", "dead letters"), 20);
  EXPECT_EQ(count("warning", "other"), 1);
  EXPECT_EQ(count("info", "other"), std::nullopt);
}

}  // namespace
}  // namespace weir::proxy
