// Counting: what goes into the stream by table, what spilled transactions come to, where destinations stand, and the
// text that Prometheus reads.
#include <gtest/gtest.h>

#include "proxy/counts/commit_counts.h"
#include "proxy/counts/destination_counts.h"
#include "proxy/counts/metrics_text.h"
#include "proxy/counts/row_tally.h"
#include "proxy/counts/stream_counts.h"

namespace weir::proxy {

namespace {

using event::ChangeEvent;
using event::Fidelity;
using event::Op;

ChangeEvent row(std::uint32_t ordinal, const std::string& table = "orders", Op op = Op::create) {
  ChangeEvent change;
  change.op = op;
  change.schema = "public";
  change.table = table;
  change.ordinal = ordinal;
  change.key = R"({"id":1})";
  change.after = R"({"id":1,"secret":"planted"})";
  return change;
}

ChangeEvent gap(std::uint32_t ordinal, const std::string& cause, event::Counts counts) {
  auto change = row(ordinal, "orders", Op::gap);
  change.fidelity = Fidelity::statement;
  change.cause = cause;
  change.counts = counts;
  return change;
}

capture::Released released(std::vector<ChangeEvent> events, event::Position position = 1) {
  capture::Released one;
  one.transaction.id = position;
  one.transaction.position = position;
  one.transaction.database = "shop";
  one.transaction.committed_us = 1'000'000 * position;
  one.transaction.event_count = static_cast<std::uint32_t>(events.size());
  one.events = std::make_shared<const std::vector<ChangeEvent>>(std::move(events));
  return one;
}

capture::Released without_events(std::uint32_t count, event::Position position = 1) {
  auto one = released({}, position);
  one.transaction.event_count = count;
  one.events = nullptr;
  return one;
}

const TableCounts& table(const StreamCounts::Value& value, const std::string& name) {
  for (const auto& one : value.tables)
    if (one.table == name) return one;
  static const TableCounts none;
  ADD_FAILURE() << "no table " << name;
  return none;
}

void add(StreamCounts& counts, capture::Released one) {
  counts.add({&one, 1});
}

}  // namespace

TEST(Histogram, PutsATimeIntoTheFirstBucketThatHasRoomForIt) {
  Histogram histogram;
  histogram.observe_us(10);
  histogram.observe_us(11);
  histogram.observe_us(-5);
  histogram.observe_us(std::int64_t{3'600} * 1'000'000);
  const auto value = histogram.value();
  EXPECT_EQ(value.buckets[0], 2u);
  EXPECT_EQ(value.buckets[1], 1u);
  EXPECT_EQ(value.buckets[Histogram::kBounds], 1u);
  EXPECT_EQ(value.count(), 4u);
  EXPECT_EQ(value.sum_us, 10u + 11u + 3'600'000'000u);
}

TEST(Histogram, QuantilesAreTheBoundOfTheirBucket) {
  Histogram histogram;
  EXPECT_EQ(histogram.value().quantile_us(0.5), 0u);
  for (int i = 0; i < 99; ++i) histogram.observe_us(80);
  histogram.observe_us(9'000);
  EXPECT_EQ(histogram.value().quantile_us(0.5), 100u);
  EXPECT_EQ(histogram.value().quantile_us(0.99), 100u);
  EXPECT_EQ(histogram.value().quantile_us(1), 10'000u);
}

TEST(CommitCounts, SumsItsShards) {
  CommitCounts counts;
  counts.shard(0).committed.add();
  counts.shard(1).committed.add(2);
  counts.shard(65).aborted.add();
  counts.shard(1).gate.observe_us(30);
  const auto value = counts.value();
  EXPECT_EQ(value.committed, 3u);
  EXPECT_EQ(value.aborted, 1u);
  EXPECT_EQ(value.gate.count(), 1u);
}

TEST(StreamCounts, CountsRowsByTableKindAndFidelity) {
  StreamCounts counts;
  auto input = row(3);
  input.fidelity = Fidelity::input;
  add(counts, released({row(1), row(2, "orders", Op::update), input, row(4, "lines")}, 7));
  const auto value = counts.value();
  EXPECT_EQ(value.transactions, 1u);
  EXPECT_EQ(value.events, 4u);
  EXPECT_EQ(value.position, 7);
  const auto& orders = table(value, "public.orders");
  EXPECT_EQ(orders.database, "shop");
  EXPECT_EQ((orders.rows.at({Op::create, Fidelity::row})), 1u);
  EXPECT_EQ((orders.rows.at({Op::update, Fidelity::row})), 1u);
  EXPECT_EQ((orders.rows.at({Op::create, Fidelity::input})), 1u);
  EXPECT_EQ(orders.captured(), 3u);
  EXPECT_EQ(orders.last_us, 7'000'000);
  EXPECT_EQ(table(value, "public.lines").captured(), 1u);
}

TEST(StreamCounts, AnEventOfAStatementCountsItsRowsAndATruncateItself) {
  StreamCounts counts;
  auto statement = row(1, "orders", Op::update);
  statement.fidelity = Fidelity::statement;
  statement.counts.updated = 17;
  auto truncate = row(2, "orders", Op::truncate);
  truncate.fidelity = Fidelity::statement;
  add(counts, released({statement, truncate}));
  const auto value = counts.value();
  EXPECT_EQ(table(value, "public.orders").counted(), 17u);
  EXPECT_EQ(table(value, "public.orders").captured(), 0u);
  EXPECT_EQ((table(value, "public.orders").rows.at({Op::truncate, Fidelity::statement})), 1u);
}

TEST(StreamCounts, GapsAreCountedByCauseAndTheLastOnesAreNamed) {
  StreamCounts counts;
  add(counts, released({gap(1, "copy", {1, 2, 0})}, 1));
  add(counts, released({gap(1, "copy", {4, 0, 0})}, 2));
  add(counts, released({gap(1, "the machine crashed: commits between 1 and 2", {})}, 3));
  const auto value = counts.value();
  EXPECT_EQ(value.gaps_by_cause, (std::map<std::string, std::uint64_t>{{"the machine crashed", 1}, {"copy", 2}}));
  ASSERT_EQ(value.gaps.size(), 2u);
  EXPECT_EQ(value.gaps[0].cause, "the machine crashed: commits between 1 and 2");
  EXPECT_EQ(value.gaps[1].gaps, 2u);
  EXPECT_EQ(value.gaps[1].missed.inserted, 5);
  EXPECT_EQ(value.gaps[1].last_us, 2'000'000);
  EXPECT_EQ(table(value, "public.orders").missed.updated, 2);
}

TEST(StreamCounts, WhatDataChoosesHasBounds) {
  StreamCounts counts;
  for (int i = 0; i < 500; ++i) {
    auto change = row(1, "t" + std::to_string(i));
    auto missed =
        gap(2, "cause " + std::string(1, static_cast<char>('a' + i % 26)) + std::string(i / 26, 'x'), {1, 0, 0});
    add(counts, released({change, missed}, i + 1));
  }
  const auto value = counts.value();
  EXPECT_LE(value.tables.size(), StreamCounts::kTables + 1);
  EXPECT_LE(value.gaps_by_cause.size(), StreamCounts::kCauses + 1);
  EXPECT_EQ(value.gaps.size(), StreamCounts::kGaps);
  std::uint64_t rows = 0;
  std::uint64_t gaps = 0;
  for (const auto& one : value.tables) rows += one.captured();
  for (const auto& [cause, count] : value.gaps_by_cause) gaps += count;
  EXPECT_EQ(rows, 500u);
  EXPECT_EQ(gaps, 500u);
  EXPECT_GT(table(value, "other").captured(), 0u);
}

TEST(StreamCounts, LabelsLeaveOutWhatIsOfOneCase) {
  EXPECT_EQ(label_of_cause("merge of 1234 rows"), "merge");
  EXPECT_EQ(label_of_cause("lost track of the session: a frame"), "lost track of the session");
}

TEST(StreamCounts, ASpilledTransactionIsCountedByItsTally) {
  StreamCounts counts;
  RowTally tally;
  std::vector<ChangeEvent> events;
  for (std::uint32_t i = 1; i <= 1000; ++i) events.push_back(row(i));
  events.push_back(gap(1001, "copy", {0, 3, 0}));
  tally.add(events);
  counts.tally(1, tally);
  add(counts, without_events(1001));
  auto value = counts.value();
  EXPECT_EQ(table(value, "public.orders").captured(), 1000u);
  EXPECT_EQ(value.gaps_by_cause.at("copy"), 1u);
  // It is counted once.
  add(counts, without_events(1001));
  value = counts.value();
  EXPECT_EQ(table(value, "public.orders").captured(), 1000u);
  EXPECT_EQ(table(value, "other").counted(), 1001u);
}

TEST(StreamCounts, EventsAreKeptOnlyWhileSomebodyLooksAndWithoutValues) {
  StreamCounts counts;
  add(counts, released({row(1)}, 1));
  EXPECT_TRUE(counts.value().seen.empty());
  counts.watch(1'500'000);
  add(counts, released({row(1), row(2, "lines", Op::remove)}, 2));
  const auto seen = counts.value().seen;
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0].table, "public.lines");
  EXPECT_EQ(seen[0].op, Op::remove);
  EXPECT_TRUE(seen[0].key.empty());
  EXPECT_TRUE(seen[0].row.empty());
  // Thirty seconds later nobody looks any more.
  add(counts, released({row(1)}, 60));
  EXPECT_TRUE(counts.value().seen.empty());
}

TEST(StreamCounts, ValuesAreKeptWhereTheyWereAskedForAndNothingWhereNotEvenNamesWere) {
  StreamCounts values(StreamCounts::Seen::values);
  StreamCounts nothing(StreamCounts::Seen::nothing);
  for (auto* counts : {&values, &nothing}) {
    counts->watch(0);
    add(*counts, released({row(1)}, 1));
  }
  EXPECT_EQ(values.value().seen.at(0).row, R"({"id":1,"secret":"planted"})");
  EXPECT_TRUE(nothing.value().seen.empty());
}

TEST(StreamCounts, KeepsTheNewestEvents) {
  StreamCounts counts;
  counts.watch(0);
  for (int i = 1; i <= 80; ++i) {
    auto one = released({row(1, "t" + std::to_string(i))}, 1);
    add(counts, one);
  }
  const auto seen = counts.value().seen;
  ASSERT_EQ(seen.size(), StreamCounts::kSeen);
  EXPECT_EQ(seen.front().table, "public.t80");
}

TEST(RowTally, TakesBackWhatARollbackTookBack) {
  RowTally tally;
  std::vector<ChangeEvent> events = {row(1), row(2), row(3, "lines"), row(4, "lines"), row(5)};
  tally.add(events);
  tally.truncate(4);
  std::vector<ChangeEvent> more = {row(4)};
  tally.add(more);
  const auto sums = tally.sums();
  ASSERT_EQ(sums.size(), 2u);
  EXPECT_EQ(sums[0].kind.table, "orders");
  EXPECT_EQ(sums[0].events, 3u);
  EXPECT_EQ(sums[1].events, 1u);
  tally.truncate(1);
  EXPECT_TRUE(tally.sums().empty());
}

TEST(RowTally, KeepsFewRunsOfManyAndStillHasAllRows) {
  RowTally tally;
  std::vector<ChangeEvent> events;
  for (std::uint32_t i = 1; i <= 20'000; ++i) events.push_back(row(i, i % 2 == 0 ? "orders" : "lines"));
  tally.add(events);
  std::uint64_t all = 0;
  for (const auto& sum : tally.sums()) all += sum.events;
  EXPECT_EQ(all, 20'000u);
  // A rollback into what was summed up leaves the number only.
  tally.truncate(101);
  EXPECT_TRUE(tally.sums().empty());
  EXPECT_EQ(tally.unknown(), 100u);
}

TEST(DestinationCounts, TellsHowFarAndHowLongBehindItIs) {
  std::int64_t now = 5'000'000;
  DestinationCounts counts("stdout", [&] { return now; });
  counts.start(4);
  event::Transaction transaction;
  transaction.position = 5;
  transaction.committed_us = 1'000'000;
  counts.begun(transaction);
  transaction.position = 6;
  transaction.committed_us = 4'500'000;
  counts.begun(transaction);
  auto value = counts.value();
  EXPECT_EQ(value.durable, 4);
  EXPECT_EQ(value.lag_us(now), 4'000'000);
  EXPECT_STREQ(value.state(now), "behind");
  counts.durable(5);
  value = counts.value();
  EXPECT_EQ(value.oldest_us, 4'500'000);
  EXPECT_EQ(value.transactions, 1u);
  EXPECT_EQ(value.delivered.count(), 1u);
  EXPECT_EQ(value.delivered.sum_us, 4'000'000u);
  counts.durable(6);
  EXPECT_EQ(counts.value().lag_us(now), 0);
  EXPECT_STREQ(counts.value().state(now), "streaming");
}

TEST(DestinationCounts, IsBehindByWhatWaitsTooWhereNothingIsRead) {
  DestinationCounts counts("stdout", [] { return std::int64_t{9'000'000}; });
  counts.start(4);
  EXPECT_FALSE(counts.knows_oldest());
  event::Transaction transaction;
  transaction.position = 5;
  transaction.committed_us = 1'000'000;
  counts.waits(transaction);
  EXPECT_TRUE(counts.knows_oldest());
  EXPECT_EQ(counts.value().lag_us(9'000'000), 8'000'000);
  counts.begun(transaction);
  EXPECT_EQ(counts.value().lag_us(9'000'000), 8'000'000);
  counts.durable(5);
  EXPECT_EQ(counts.value().lag_us(9'000'000), 0);
  EXPECT_FALSE(counts.knows_oldest());
}

TEST(DestinationCounts, NamesItsTroubleUntilItGoesOn) {
  DestinationCounts counts("kafka://b", [] { return std::int64_t{9}; });
  counts.failed("no broker");
  counts.retried();
  counts.failed("no broker at all");
  auto value = counts.value();
  EXPECT_STREQ(value.state(9), "failing");
  EXPECT_EQ(value.trouble, "no broker at all");
  EXPECT_EQ(value.errors, 2u);
  EXPECT_EQ(value.retries, 1u);
  counts.goes_on();
  EXPECT_STREQ(counts.value().state(9), "streaming");
  counts.paused(true);
  EXPECT_STREQ(counts.value().state(9), "paused");
}

TEST(MetricsText, WritesWhatPrometheusReads) {
  const MetricFamily family{"weir_rows_total", MetricFamily::Type::counter, "", "rows \\ of\ntables"};
  MetricsText text(MetricsText::Format::prometheus);
  text.begin(family);
  text.sample({{"table", "a\"b\\c\nd"}}, 3);
  text.sample(1e9);
  EXPECT_EQ(text.finish(),
            "# TYPE weir_rows_total counter\n# HELP weir_rows_total rows \\\\ of\\ntables\n"
            "weir_rows_total{table=\"a\\\"b\\\\c\\nd\"} 3\nweir_rows_total 1e+09\n");
}

TEST(MetricsText, WritesOpenMetricsWhereItIsAskedFor) {
  const MetricFamily counter{"weir_sent_bytes_total", MetricFamily::Type::counter, "bytes", "sent"};
  const MetricFamily info{"weir_build_info", MetricFamily::Type::info, "", "which"};
  MetricsText text(MetricsText::Format::openmetrics);
  text.begin(counter);
  text.sample(1);
  text.begin(info);
  text.sample({{"version", "1"}}, 1);
  EXPECT_EQ(text.finish(),
            "# TYPE weir_sent_bytes counter\n# UNIT weir_sent_bytes bytes\n# HELP weir_sent_bytes sent\n"
            "weir_sent_bytes_total 1\n# TYPE weir_build info\n# HELP weir_build which\n"
            "weir_build_info{version=\"1\"} 1\n# EOF\n");
  EXPECT_EQ(accepted_format("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"),
            MetricsText::Format::openmetrics);
  EXPECT_EQ(accepted_format("*/*"), MetricsText::Format::prometheus);
}

TEST(MetricsText, WritesWhatOthersCount) {
  Counters counters;
  counters.counter("weir_told_total", "Told.", {{"kind", "a\"b"}}).add(2);
  MetricsText text(MetricsText::Format::prometheus);
  for (const auto& family : counters.read()) text.all_of(family);
  const auto page = text.finish();
  EXPECT_NE(page.find("# TYPE weir_told_total counter\n"), std::string::npos) << page;
  EXPECT_NE(page.find("weir_told_total{kind=\"a\\\"b\"} 2\n"), std::string::npos) << page;
}

TEST(MetricsText, BucketsOfAHistogramAreSummedUp) {
  const MetricFamily family{"weir_x_seconds", MetricFamily::Type::histogram, "seconds", "x"};
  Histogram histogram;
  histogram.observe_us(5);
  histogram.observe_us(20);
  histogram.observe_us(std::int64_t{700} * 1'000'000);
  MetricsText text(MetricsText::Format::prometheus);
  text.begin(family);
  text.histogram({{"d", "k"}}, histogram.value());
  const auto page = text.finish();
  EXPECT_NE(page.find("weir_x_seconds_bucket{d=\"k\",le=\"1e-05\"} 1\n"), std::string::npos) << page;
  EXPECT_NE(page.find("weir_x_seconds_bucket{d=\"k\",le=\"600.0\"} 2\n"), std::string::npos) << page;
  EXPECT_NE(page.find("weir_x_seconds_bucket{d=\"k\",le=\"+Inf\"} 3\n"), std::string::npos) << page;
  EXPECT_NE(page.find("weir_x_seconds_sum{d=\"k\"} 700.000025\n"), std::string::npos) << page;
  EXPECT_NE(page.find("weir_x_seconds_count{d=\"k\"} 3\n"), std::string::npos) << page;
}

}  // namespace weir::proxy
