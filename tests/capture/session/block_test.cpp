// Between BEGIN and its end, by the answers seen.
#include "capture/session/block.h"

#include <gtest/gtest.h>

namespace weir::capture {
namespace {

constexpr Weight kNothing{};

TEST(BlockTest, OpensFailsReturnsAndEnds) {
  Block block;
  EXPECT_FALSE(block.is_open());
  block.failed();
  EXPECT_FALSE(block.is_failed()) << "outside of a block an error leaves nothing behind";
  block.begun();
  EXPECT_TRUE(block.is_open());
  EXPECT_FALSE(block.is_failed());
  block.failed();
  EXPECT_TRUE(block.is_open());
  EXPECT_TRUE(block.is_failed());
  block.returned();
  EXPECT_TRUE(block.is_open());
  EXPECT_FALSE(block.is_failed());
  block.ended(true);
  EXPECT_TRUE(block.is_open()) << "AND CHAIN";
  block.failed();
  block.ended(false);
  EXPECT_FALSE(block.is_open());
  EXPECT_FALSE(block.is_failed());
}

TEST(BlockTest, BeginInsideChangesNothing) {
  Block block;
  block.begun();
  block.failed();
  block.begun();
  EXPECT_TRUE(block.is_failed());
}

TEST(BlockTest, ReturningOutsideOfAFailedBlockChangesNothing) {
  Block block;
  block.returned();
  EXPECT_FALSE(block.is_open());
}

TEST(BlockTest, ReadyForQueryIsTheTruth) {
  Block block;
  block.ready('T');
  EXPECT_TRUE(block.is_open());
  block.ready('E');
  EXPECT_TRUE(block.is_failed());
  EXPECT_TRUE(block.ready('I').was_failed);
  EXPECT_FALSE(block.is_open());
  EXPECT_FALSE(block.ready('I').was_failed);
}

TEST(BlockTest, AHiddenRollbackIsToldOnce) {
  Block block;
  block.hid_rollback();
  EXPECT_TRUE(block.ready('T').hid_rollback);
  EXPECT_FALSE(block.ready('T').hid_rollback);
}

TEST(BlockTest, WhatIsUnderWayMayEndAFailedBlock) {
  Block block;
  EXPECT_FALSE(block.may_recover({.control = 1}));
  block.ready('E');
  EXPECT_FALSE(block.may_recover(kNothing));
  EXPECT_TRUE(block.refuses(kNothing));
  for (const Weight& under_way : {Weight{.control = 1}, Weight{.syncs = 1}}) {
    EXPECT_TRUE(block.may_recover(under_way));
    EXPECT_FALSE(block.refuses(under_way));
  }
  EXPECT_TRUE(block.refuses({.catalog = 1}));
}

TEST(BlockTest, SkipsUntilToldNotTo) {
  Block block;
  block.skip(false);
  EXPECT_TRUE(block.skips());
  EXPECT_FALSE(block.skips_for_own());
  block.skip(true);
  EXPECT_TRUE(block.skips_for_own());
  block.own_error_placed();
  EXPECT_TRUE(block.skips());
  EXPECT_FALSE(block.skips_for_own());
  block.skip(true);
  block.stop_skipping();
  EXPECT_FALSE(block.skips());
  EXPECT_FALSE(block.skips_for_own());
}

}  // namespace
}  // namespace weir::capture
