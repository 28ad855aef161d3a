// When it is said that a destination is behind, and what.
#include "proxy/delivery/lag_reminder.h"

#include <gtest/gtest.h>

namespace weir::proxy {
namespace {

TEST(LagReminder, SpeaksOnceAMinuteWhileADestinationIsBehind) {
  constexpr std::int64_t kSecond = 1'000'000;
  LagReminder reminder;
  DestinationCounts::Value destination;
  destination.name = "fake:";
  destination.oldest_us = 1'000 * kSecond;
  EXPECT_FALSE(reminder.look(destination, 1'050 * kSecond));
  const auto text = reminder.look(destination, 1'061 * kSecond);
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, "fake:: behind: the oldest transaction that it does not have committed 61 s ago");
  EXPECT_FALSE(reminder.look(destination, 1'120 * kSecond));
  destination.trouble = "no broker";
  destination.paused = true;
  EXPECT_EQ(reminder.look(destination, 1'122 * kSecond),
            "fake:: paused: the oldest transaction that it does not have committed 122 s ago (no broker)");
  destination.oldest_us = 0;
  EXPECT_FALSE(reminder.look(destination, 9'999 * kSecond));
}

}  // namespace
}  // namespace weir::proxy
