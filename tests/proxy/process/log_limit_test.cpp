// How often the log says the same, and how it names a session.
#include "proxy/process/log_limit.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "proxy/io/session_title.h"

namespace weir::proxy {
namespace {

using std::chrono::seconds;

TEST(LogLimit, AfterAFewLinesOfAKindTheRestIsCounted) {
  LogLimit limit;
  LogLimit::Clock::time_point now{};
  for (unsigned i = 0; i < LogLimit::kBurst; ++i) EXPECT_TRUE(limit.note("a", now).write);
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(limit.note("a", now).write);
  EXPECT_TRUE(limit.note("b", now).write) << "another kind";
  now += LogLimit::kInterval - seconds(1);
  EXPECT_FALSE(limit.note("a", now).write);
  now += seconds(1);
  const auto verdict = limit.note("a", now);
  EXPECT_TRUE(verdict.write);
  EXPECT_EQ(verdict.left_out, 101u);
  EXPECT_EQ(limit.note("a", now).left_out, 0u);
}

TEST(LogLimit, WhatWasLeftOutIsToldAtTheEnd) {
  LogLimit limit;
  for (unsigned i = 0; i < LogLimit::kBurst + 3; ++i) limit.note("a", {});
  limit.note("b", {});
  const std::vector<std::pair<std::string, std::uint64_t>> expected = {{"a", 3}};
  EXPECT_EQ(limit.take_untold(), expected);
  EXPECT_TRUE(limit.take_untold().empty());
}

TEST(Log, OneIsNoPlural) {
  EXPECT_EQ(counted(0, "transaction"), "0 transactions");
  EXPECT_EQ(counted(1, "transaction"), "1 transaction");
  EXPECT_EQ(counted(2, "transaction"), "2 transactions");
}

TEST(SessionTitle, NamesDatabaseAndApplicationOnOneLine) {
  SessionInfo info;
  info.id = 7;
  info.client = "10.0.0.7:51234";
  EXPECT_EQ(title_of(info), "session 7 (10.0.0.7:51234)");
  info.user = "ann";
  info.database = "shop";
  info.application_name = "psql";
  EXPECT_EQ(title_of(info), "session 7 (10.0.0.7:51234, ann@shop, psql)");
  info.application_name = "x\n2026-11-30T00:00:00Z error: made up" + std::string(1000, 'y');
  const std::string title = title_of(info);
  EXPECT_EQ(title.find('\n'), std::string::npos);
  EXPECT_LT(title.size(), 150u);
}

}  // namespace
}  // namespace weir::proxy
