// What a client sends behind a question about old facts is kept until it is answered, and comes again where it must.
#include "capture/session/retained.h"

#include <gtest/gtest.h>

namespace weir::capture {
namespace {

TEST(RetainedTest, NothingIsKeptWhereNoQuestionIsUnderWay) {
  Retained retained;
  retained.keep("a");
  retained.take_again();
  EXPECT_FALSE(retained.checks());
  EXPECT_FALSE(retained.has_again());
}

TEST(RetainedTest, WhatWasKeptComesOnceMoreInItsOrder) {
  Retained retained;
  retained.check_began();
  retained.keep("first,");
  retained.keep("second");
  retained.take_again();
  retained.check_ended();
  std::string fed;
  EXPECT_TRUE(retained.has_again());
  EXPECT_TRUE(retained.feed_again([&](std::string_view again) {
    EXPECT_TRUE(retained.feeds_again());
    fed = again;
    return again.size();
  }));
  EXPECT_EQ(fed, "first,second");
  EXPECT_FALSE(retained.feeds_again());
  EXPECT_FALSE(retained.has_again());
}

TEST(RetainedTest, OfSeveralQuestionsTheLastEndsTheKeeping) {
  Retained retained;
  retained.check_began();
  retained.keep("a");
  retained.check_began();
  retained.check_ended();
  retained.keep("b");
  EXPECT_TRUE(retained.checks());
  retained.take_again();
  retained.check_ended();
  retained.check_began();
  retained.keep("c");
  retained.take_again();
  retained.check_ended();
  std::string fed;
  // What comes again now is in front of what was to come again before: it was sent by it.
  retained.feed_again([&](std::string_view again) {
    fed = again;
    return again.size();
  });
  EXPECT_EQ(fed, "cab");
}

TEST(RetainedTest, WhatIsNotTakenStaysAndIsBehindWhatIsKeptMeanwhile) {
  Retained retained;
  retained.check_began();
  retained.keep("abcd");
  retained.take_again();
  retained.check_ended();
  EXPECT_TRUE(retained.feed_again([&](std::string_view) {
    // Taking it has asked anew, and the answer sends that part once more.
    retained.check_began();
    retained.keep("ab");
    retained.take_again();
    retained.check_ended();
    return std::size_t{2};
  }));
  std::string fed;
  retained.feed_again([&](std::string_view again) {
    fed = again;
    return again.size();
  });
  EXPECT_EQ(fed, "cdab");
}

TEST(RetainedTest, WhereNothingIsTakenItSaysSo) {
  Retained retained;
  retained.check_began();
  retained.keep("abcd");
  retained.take_again();
  EXPECT_FALSE(retained.feed_again([](std::string_view) { return std::size_t{0}; }));
  EXPECT_TRUE(retained.has_again());
}

TEST(RetainedTest, IsFullBehindAMegabyteAndEmptyWhenTheQuestionIsAnswered) {
  Retained retained;
  retained.check_began();
  retained.keep(std::string(Retained::kMost, 'x'));
  EXPECT_FALSE(retained.is_full());
  retained.keep("x");
  EXPECT_TRUE(retained.is_full());
  retained.check_ended();
  EXPECT_FALSE(retained.is_full());
}

}  // namespace
}  // namespace weir::capture
