#include "capture/scope.h"

#include <gtest/gtest.h>

namespace weir::capture {
namespace {

TEST(ScopeTest, Patterns) {
  EXPECT_TRUE(matches("public.t", "public.t"));
  EXPECT_TRUE(matches("public.*", "public.t"));
  EXPECT_TRUE(matches("*.t", "public.t"));
  EXPECT_TRUE(matches("*", ""));
  EXPECT_TRUE(matches("a*b*c", "aXXbYYc"));
  EXPECT_TRUE(matches("a*b*c", "abbc"));
  EXPECT_TRUE(matches("order_?", "order_1"));
  EXPECT_TRUE(matches("**", "x"));
  EXPECT_FALSE(matches("order_?", "order_"));
  EXPECT_FALSE(matches("order_?", "order_12"));
  EXPECT_FALSE(matches("public.t", "public.tt"));
  EXPECT_FALSE(matches("public.t", "Public.t")) << "case is kept";
  EXPECT_FALSE(matches("a*b", "acbd"));
  EXPECT_FALSE(matches("", "x"));
  EXPECT_TRUE(matches("", ""));
}

TEST(ScopeTest, ManyStarsTakeNoTime) {
  EXPECT_FALSE(matches(std::string(50, '*') + "a*a*a*a*a*a*a*a*a*b", std::string(5'000, 'a')));
}

TEST(ScopeTest, AllTablesButTheSystems) {
  const Scope scope;
  EXPECT_TRUE(scope.captures("public", "t"));
  EXPECT_FALSE(scope.captures("pg_catalog", "pg_class"));
  EXPECT_FALSE(scope.captures("information_schema", "tables"));
  EXPECT_FALSE(scope.captures("pg_toast", "x"));
  EXPECT_FALSE(scope.captures("pg_temp_3", "x"));
}

TEST(ScopeTest, IncludeAndExclude) {
  Scope scope;
  scope.include = {"public.*", "shop.orders", "pg_catalog.*"};
  scope.exclude = {"public.log_*"};
  EXPECT_TRUE(scope.captures("public", "t"));
  EXPECT_TRUE(scope.captures("shop", "orders"));
  EXPECT_FALSE(scope.captures("shop", "items"));
  EXPECT_FALSE(scope.captures("public", "log_1"));
  EXPECT_FALSE(scope.captures("pg_catalog", "pg_class")) << "whatever the lists say";
  Scope all_but;
  all_but.exclude = {"*.secret"};
  EXPECT_TRUE(all_but.captures("a", "b"));
  EXPECT_FALSE(all_but.captures("a", "secret"));
}

TEST(ScopeTest, Columns) {
  Scope scope;
  EXPECT_FALSE(scope.excludes_column("public", "t", "password"));
  scope.exclude_columns = {"*.password", "public.t.card_*"};
  EXPECT_TRUE(scope.excludes_column("public", "t", "password"));
  EXPECT_TRUE(scope.excludes_column("public", "t", "card_number"));
  EXPECT_FALSE(scope.excludes_column("public", "u", "card_number"));
  EXPECT_FALSE(scope.excludes_column("public", "t", "id"));
}

TEST(Scope, ADatabasesNameIsOnePartWhateverIsInIt) {
  Scope scope;
  EXPECT_TRUE(scope.captures_database("anything"));
  scope.databases = {"shop", "eu.*"};
  EXPECT_TRUE(scope.captures_database("shop"));
  EXPECT_TRUE(scope.captures_database("eu.west.1"));
  EXPECT_FALSE(scope.captures_database("test_shop"));
  EXPECT_FALSE(scope.captures_database("SHOP"));
}

}  // namespace
}  // namespace weir::capture
