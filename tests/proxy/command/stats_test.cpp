// The page of `weir stats`, from readings: rates, what stands out, and that it fits.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "proxy/admin/snapshot_json.h"
#include "proxy/command/stats_page.h"
#include "tests/proxy/admin/admin_snapshot.h"

namespace weir::proxy {
namespace {

StatsReading reading_of(const Snapshot& snapshot) {
  auto reading = read_stats(snapshot_json(snapshot));
  EXPECT_TRUE(reading);
  return *reading;
}

/// Ten seconds later, and more of everything.
Snapshot later() {
  auto now = full_snapshot();
  now.now_us += 10'000'000;
  now.process.cpu_seconds += 2.5;
  now.connections.opened += 30;
  now.connections.client_bytes += 20'480;
  now.commits.committed += 12'345;
  now.stream.events += 50;
  now.destinations[0].transactions += 20;
  now.destinations[0].bytes += 10'240;
  now.stream.tables[0].rows[{event::Op::create, event::Fidelity::row}] += 70;
  return now;
}

std::vector<std::string> lines_of(const std::string& page) {
  std::vector<std::string> lines;
  std::istringstream rest(page);
  for (std::string line; std::getline(rest, line);) lines.push_back(line);
  return lines;
}

std::string line_with(const std::string& page, const std::string& word) {
  for (const auto& line : lines_of(page))
    if (line.find(word) != line.npos) return line;
  ADD_FAILURE() << "no line has \"" << word << "\" in\n" << page;
  return "";
}

std::size_t characters(const std::string& line) {
  return static_cast<std::size_t>(
      std::count_if(line.begin(), line.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

TEST(StatsPage, RatesAreOfTheTimeBetweenTwoReadings) {
  const auto page = stats_page(reading_of(full_snapshot()), reading_of(later()), {0, 0, false});
  EXPECT_NE(line_with(page, "sessions").find("2 now   3 new/s   40 opened, 2 refused"), std::string::npos) << page;
  EXPECT_NE(line_with(page, "traffic").find("2.0 kB/s from clients   0 B/s from the database"), std::string::npos);
  EXPECT_NE(line_with(page, "transactions").find("1234/s   12350 committed"), std::string::npos) << page;
  EXPECT_NE(line_with(page, "events").find("5/s   59 in all   1 gap, 2 rows missed"), std::string::npos) << page;
  EXPECT_NE(line_with(page, "weir 1.2.3").find("cpu 25 %"), std::string::npos) << page;
  const auto destination = line_with(page, "kafka://127.0.0.1:9092/shop");
  EXPECT_EQ(destination.substr(0, 33), "failing        2   1.0 kB      2 ") << destination;
  EXPECT_NE(line_with(page, "shop.public.orders").find("      7         78        0        2     1  shop."),
            std::string::npos)
      << page;
}

TEST(StatsPage, WithoutAnEarlierReadingOfTheSameRunThereAreNoRates) {
  auto other_run = full_snapshot();
  other_run.process.started_at -= 100;
  const auto alone = stats_page(std::nullopt, reading_of(later()), {0, 0, false});
  EXPECT_EQ(stats_page(reading_of(other_run), reading_of(later()), {0, 0, false}), alone);
  EXPECT_NE(line_with(alone, "transactions").find(" -/s   12350 committed"), std::string::npos) << alone;
  EXPECT_EQ(alone.find("nan"), std::string::npos) << alone;
}

TEST(StatsPage, SaysWhatIsWrong) {
  auto now = later();
  now.connections.listening = false;
  now.upstream.trouble = "connection refused";
  now.journal.trouble = "no space left on device";
  now.destinations[0].dead_letters = 3;
  const auto page = stats_page(std::nullopt, reading_of(now), {0, 0, false}, "127.0.0.1:6433: Connection refused");
  for (const auto* word :
       {"takes no new clients", "127.0.0.1:6433: Connection refused", "connection refused", "no space left on device",
        "  no broker", "3 dead letters", "cannot log in", "copy in shop."})
    EXPECT_NE(page.find(word), std::string::npos) << word << " in\n" << page;
}

TEST(StatsPage, FitsIntoItsColumnsAndRows) {
  auto now = later();
  for (int i = 0; i < 60; ++i) {
    now.stream.tables.push_back(now.stream.tables[0]);
    now.stream.tables.back().table = "public.\xC3\xA4" + std::to_string(i) + std::string(100, 'x');
  }
  const auto reading = reading_of(now);
  for (const std::size_t columns : {20, 40, 80, 132}) {
    for (const std::size_t rows : {10, 24, 50}) {
      const auto lines = lines_of(stats_page(reading_of(full_snapshot()), reading, {columns, rows, false}));
      EXPECT_LE(lines.size(), rows);
      for (const auto& line : lines) EXPECT_LE(characters(line), columns) << line;
    }
  }
  const auto page = stats_page(std::nullopt, reading, {80, 24, false});
  EXPECT_NE(page.find(" more tables"), std::string::npos) << page;
  EXPECT_NE(page.find("  copy in shop."), std::string::npos) << "gaps have their room: " << page;
  EXPECT_EQ(lines_of(stats_page(std::nullopt, reading, {0, 0, false})).size(), 78u) << "and elsewhere all are there";
}

TEST(StatsPage, HasNoSequencesWhereItIsPlainAndNothingForATerminalToObey) {
  auto now = later();
  now.stream.tables[0].table = "public.\x1b[2Jevil";
  const auto plain = stats_page(std::nullopt, reading_of(now), {80, 0, false});
  EXPECT_EQ(plain.find('\x1b'), std::string::npos) << plain;
  const auto coloured = stats_page(std::nullopt, reading_of(now), {80, 0, true});
  EXPECT_NE(coloured.find("\x1b[1;31m"), std::string::npos);
  EXPECT_EQ(coloured.find("\x1b[2J"), std::string::npos) << coloured;
}

TEST(StatsPage, SaysThatNothingIsCaptured) {
  auto now = full_snapshot();
  now.capturing = false;
  const auto page = stats_page(std::nullopt, reading_of(now), {80, 0, false});
  EXPECT_NE(page.find("nothing is captured"), std::string::npos) << page;
  EXPECT_EQ(page.find("TABLE"), std::string::npos) << page;
}

TEST(StatsReading, WhatIsNoWeirsIsRefusedAndWhatIsNotThereIsNothing) {
  EXPECT_FALSE(read_stats("<html>"));
  EXPECT_FALSE(read_stats("[]"));
  const auto empty = read_stats("{\"destinations\":7,\"tables\":[1],\"journal\":{\"bytes\":-1},\"committed\":\"x\"}");
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->journal_bytes, 0u);
  EXPECT_EQ(empty->tables.size(), 1u);
  EXPECT_FALSE(stats_page(std::nullopt, *empty, {80, 24, false}).empty());
}

}  // namespace
}  // namespace weir::proxy
