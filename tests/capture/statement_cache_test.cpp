#include "capture/sql/statement_cache.h"

#include <gtest/gtest.h>

namespace weir::capture {
namespace {

constexpr LexerSettings kOldStrings{.standard_conforming_strings = false, .hides_backslashes = false};

std::string text_of(int number) {
  return "SELECT " + std::to_string(number);
}

constexpr bool kRepeats = true;

TEST(StatementCacheTest, ATextThatRepeatsIsParsedOnce) {
  StatementCache cache;
  const auto first = cache.find_or_parse("SELECT 1", {}, kRepeats);
  EXPECT_TRUE(first->parsed);
  EXPECT_TRUE(first->kept);
  EXPECT_EQ(cache.find_or_parse("SELECT 1", {}), first);
  EXPECT_NE(cache.find_or_parse("SELECT 2", {}), first);
}

TEST(StatementCacheTest, AnyOtherIsKeptTheSecondTime) {
  StatementCache cache;
  const auto first = cache.find_or_parse("SELECT 1", {});
  EXPECT_TRUE(first->parsed);
  EXPECT_FALSE(first->kept);
  EXPECT_EQ(cache.entries(), 0u);
  const auto second = cache.find_or_parse("SELECT 1", {});
  EXPECT_NE(second, first);
  EXPECT_TRUE(second->kept);
  EXPECT_EQ(cache.find_or_parse("SELECT 1", {}), second);
  EXPECT_EQ(cache.entries(), 1u);
}

TEST(StatementCacheTest, TextsThatComeOncePushNothingOut) {
  StatementCache cache({.cache_bytes = 20'000, .statement_bytes = 1'000});
  const auto kept = cache.find_or_parse("SELECT 'kept'", {}, kRepeats);
  for (int i = 0; i < 1'000; ++i) cache.find_or_parse(text_of(i), {});
  EXPECT_EQ(cache.find_or_parse("SELECT 'kept'", {}), kept);
}

TEST(StatementCacheTest, WhatDoesNotParseIsKeptToo) {
  StatementCache cache;
  const auto first = cache.find_or_parse("SELEC 1", {}, kRepeats);
  EXPECT_FALSE(first->parsed);
  EXPECT_EQ(cache.find_or_parse("SELEC 1", {}, kRepeats), first);
}

TEST(StatementCacheTest, SessionsWithAnotherStringSyntaxHaveTheirOwn) {
  StatementCache cache;
  const char* text = "SELECT 'a\\'; DELETE FROM t --'";
  const auto standard = cache.find_or_parse(text, {}, kRepeats);
  const auto old = cache.find_or_parse(text, kOldStrings, kRepeats);
  EXPECT_EQ(standard->statements.size(), 2u);
  EXPECT_EQ(old->statements.size(), 1u);
  EXPECT_EQ(cache.find_or_parse(text, {}, kRepeats), standard);
}

TEST(StatementCacheTest, ItIsBoundInBytesAndTheLeastRecentlyUsedGoesFirst) {
  StatementCache cache({.cache_bytes = 20'000, .statement_bytes = 1'000});
  const auto first = cache.find_or_parse(text_of(0), {}, kRepeats);
  const auto second = cache.find_or_parse(text_of(1), {}, kRepeats);
  for (int i = 2; i < 200; ++i) {
    cache.find_or_parse(text_of(i), {}, kRepeats);
    EXPECT_EQ(cache.find_or_parse(text_of(0), {}, kRepeats), first) << "used all the time";
    EXPECT_LE(cache.bytes(), 20'000u);
  }
  EXPECT_LT(cache.entries(), 100u);
  EXPECT_GT(cache.entries(), 10u);
  EXPECT_NE(cache.find_or_parse(text_of(1), {}, kRepeats), second);
  EXPECT_EQ(second->text, text_of(1)) << "what was given out lives on";
}

TEST(StatementCacheTest, MemoryOfTheTreeCounts) {
  StatementCache cache;
  cache.find_or_parse("SELECT 1", {}, kRepeats);
  const std::size_t small = cache.bytes();
  std::string many;
  for (int i = 0; i < 100; ++i) many += "SELECT 1;";
  cache.find_or_parse(many, {}, kRepeats);
  EXPECT_GT(cache.bytes(), small + many.size() + 100 * sizeof(Statement));
}

TEST(StatementCacheTest, OneLargeTextPushesNothingOut) {
  StatementCache cache({.cache_bytes = 100'000, .statement_bytes = 1'000'000});
  const auto small = cache.find_or_parse("SELECT 1", {}, kRepeats);
  const auto large = cache.find_or_parse("SELECT '" + std::string(50'000, 'x') + "'", {}, kRepeats);
  EXPECT_TRUE(large->parsed);
  EXPECT_EQ(cache.entries(), 1u);
  EXPECT_EQ(cache.find_or_parse("SELECT 1", {}, kRepeats), small);
}

TEST(StatementCacheTest, AboveTheLimitATextIsNotParsed) {
  StatementCache cache({.cache_bytes = 100'000, .statement_bytes = 100});
  const auto large = cache.find_or_parse("SELECT '" + std::string(100, 'x') + "'", {}, kRepeats);
  EXPECT_FALSE(large->parsed);
  EXPECT_TRUE(large->text.empty());
  EXPECT_EQ(cache.entries(), 0u);
}

}  // namespace
}  // namespace weir::capture
