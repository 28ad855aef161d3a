// Which sessions ask, and what the question's patterns are. That the server understands them: main_pgtest.
#include "proxy/check/pattern_check.h"

#include <gtest/gtest.h>

namespace weir::proxy {
namespace {

capture::Scope scope() {
  capture::Scope scope;
  scope.exclude_columns = {"public.users.password"};
  return scope;
}

TEST(PatternCheck, OneSessionOfEachDatabaseAsks) {
  PatternCheck check(scope());
  EXPECT_TRUE(check.take("shop"));
  EXPECT_FALSE(check.take("shop"));
  EXPECT_TRUE(check.take("other"));
  check.give_back("shop");
  EXPECT_TRUE(check.take("shop")) << "the first one ended before it could ask";
}

TEST(PatternCheck, WhatWasAnsweredIsNotAskedAgain) {
  PatternCheck check(scope());
  auto question = check.take("shop");
  question->answered(std::vector<capture::Question::Row>());
  check.give_back("shop");
  EXPECT_FALSE(check.take("shop"));
}

TEST(PatternCheck, WhatMatchesNothingIsToldForEachDatabaseAndWhereItDidMatch) {
  std::vector<std::string> told;
  PatternCheck check(scope(), [&](const Notice& notice) { told.push_back(notice.text); });
  const std::string hex = "7075626c69632e75736572732e70617373776f7264";
  check.take("shop")->answered(std::vector<capture::Question::Row>());
  check.take("stock")->answered(std::vector<capture::Question::Row>{{"c", hex}});
  EXPECT_EQ(told, (std::vector<std::string>{"capture.exclude_columns \"public.users.password\" matches no column of "
                                            "database stock (but of database shop)"}));
}

TEST(PatternCheck, ASessionThatEndedLeavesItToTheNext) {
  std::vector<std::string> told;
  PatternCheck check(scope(), [&](const Notice& notice) { told.push_back(notice.text); });
  auto question = check.take("shop");
  question->answered(Error{"the session ended", ""});
  question = check.take("shop");
  ASSERT_TRUE(question);
  EXPECT_TRUE(told.empty());
  question->answered(Error{"canceling statement due to statement timeout", "57014"});
  EXPECT_EQ(told, (std::vector<std::string>{"whether the patterns of capture match anything in database shop is not "
                                            "known: canceling statement due to statement timeout"}));
  EXPECT_FALSE(check.take("shop")) << "the next one would fail as well";
}

TEST(PatternCheck, WithoutPatternsNobodyAsks) {
  PatternCheck check({});
  EXPECT_FALSE(check.take("shop"));
}

TEST(PatternCheck, EveryListHasItsParameterInHex) {
  capture::Scope scope;
  scope.databases = {"d"};
  scope.include = {"a.b", "c.*"};
  scope.exclude = {"e.f"};
  scope.exclude_columns = {"g.h.\xC3\xA9"};
  PatternCheck check(scope);
  const auto question = check.take("d");
  EXPECT_EQ(question->parameters, (std::vector<std::string>{"612e62,632e25,652e66", "672e682ec3a9", "64"}));
}

TEST(PatternCheck, WhatMeansSomethingToLikeIsTakenFromIt) {
  EXPECT_EQ(like_pattern("public.tmp_*"), "public.tmp\\_%");
  EXPECT_EQ(like_pattern("a?.100%\\"), "a_.100\\%\\\\");
}

}  // namespace
}  // namespace weir::proxy
