// A question of Weir's own: whoever asks is told once, of rows or of the error.
#include "capture/session/own_exchange.h"

#include <gtest/gtest.h>

namespace weir::capture {
namespace {

using Rows = std::vector<Question::Row>;

struct OneQuestion final : QuestionSource {
  bool has_question() const override { return next.has_value(); }
  std::optional<Question> take_question() override { return std::exchange(next, std::nullopt); }
  std::optional<Question> next;
};

class OwnExchangeTest : public ::testing::Test {
 protected:
  Question question() {
    return {"SELECT 1", {}, [this](Result<Rows> answer) { told.push_back(std::move(answer)); }};
  }

  std::vector<Result<Rows>> told;
  OneQuestion source;
  OwnExchange exchange{&source};
};

TEST_F(OwnExchangeTest, TakesWhatWaits) {
  EXPECT_FALSE(OwnExchange(nullptr).one_waits());
  EXPECT_FALSE(exchange.one_waits());
  source.next = question();
  EXPECT_TRUE(exchange.one_waits());
  EXPECT_EQ(exchange.take_one()->sql, "SELECT 1");
  EXPECT_FALSE(exchange.take_one());
}

TEST_F(OwnExchangeTest, TellsTheRowsWithTheirNulls) {
  EXPECT_EQ(exchange.begin(question()).sql, "SELECT 1");
  exchange.add({"a", std::nullopt});
  exchange.add({"", "b"});
  EXPECT_TRUE(told.empty());
  exchange.ended();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(*told[0], (Rows{{"a", std::nullopt}, {"", "b"}}));
  exchange.ended();
  EXPECT_EQ(told.size(), 1u);
}

TEST_F(OwnExchangeTest, AnErrorTakesTheRowsPlace) {
  exchange.begin(question());
  exchange.add({"a"});
  exchange.failed({"canceled", "57014"});
  exchange.add({"b"});
  exchange.ended();
  ASSERT_EQ(told.size(), 1u);
  ASSERT_FALSE(told[0]);
  EXPECT_EQ(told[0].error().sqlstate, "57014");
}

TEST_F(OwnExchangeTest, WhatIsAskedFromTheAnswerIsAQuestionOfItsOwn) {
  Question first = question();
  first.answered = [this](Result<Rows> answer) {
    told.push_back(std::move(answer));
    exchange.begin(question());
    exchange.add({"second"});
  };
  exchange.begin(std::move(first));
  exchange.ended();
  ASSERT_EQ(told.size(), 1u);
  exchange.ended();
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(*told[1], (Rows{{"second"}}));
}

TEST_F(OwnExchangeTest, AnAnswerToNothingIsNobodys) {
  exchange.add({"a"});
  exchange.failed({"canceled", "57014"});
  exchange.ended();
  EXPECT_TRUE(told.empty());
}

}  // namespace
}  // namespace weir::capture
