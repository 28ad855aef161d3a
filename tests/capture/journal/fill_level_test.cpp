// When it is said that the journal fills up.
#include "capture/journal/fill_level.h"

#include <gtest/gtest.h>

namespace weir::capture {
namespace {

TEST(FillLevel, HalfAndFourFifthsAreToldOnce) {
  FillLevel level;
  EXPECT_EQ(level.note(49, 100), std::nullopt);
  EXPECT_EQ(level.note(50, 100), 50u);
  EXPECT_EQ(level.note(79, 100), std::nullopt);
  EXPECT_EQ(level.note(80, 100), 80u);
  EXPECT_EQ(level.note(100, 100), std::nullopt);
}

TEST(FillLevel, BothAtOnceIsTheHigher) {
  FillLevel level;
  EXPECT_EQ(level.note(95, 100), 80u);
  EXPECT_EQ(level.note(60, 100), std::nullopt);
}

TEST(FillLevel, AgainOnlyAfterItWasClearlyBelow) {
  FillLevel level;
  level.note(80, 100);
  EXPECT_EQ(level.note(75, 100), std::nullopt);
  EXPECT_EQ(level.note(81, 100), std::nullopt);
  level.note(60, 100);
  EXPECT_EQ(level.note(81, 100), 80u);
  level.note(45, 100);
  EXPECT_EQ(level.note(50, 100), std::nullopt);
  level.note(10, 100);
  EXPECT_EQ(level.note(50, 100), 50u);
}

TEST(FillLevel, WithoutALimitThereIsNoLevel) {
  FillLevel level;
  EXPECT_EQ(level.note(1'000'000, 0), std::nullopt);
}

}  // namespace
}  // namespace weir::capture
