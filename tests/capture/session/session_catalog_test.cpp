// What a session knows of the database: what must be asked, how long it holds, what makes it doubtful.
#include "capture/session/session_catalog.h"

#include <gtest/gtest.h>

#include "capture/sql/statement_cache.h"
#include "tests/capture/session/catalog_table.h"

namespace weir::capture {
namespace {

using std::chrono::milliseconds;
using testing::Table;
using testing::Values;

class SessionCatalogTest : public ::testing::Test {
 protected:
  using Text = std::shared_ptr<const ParsedText>;

  Text text(const char* sql) { return texts.find_or_parse(sql, {}, true); }
  SessionCatalog::Planned plan(const Text& of) { return catalog.plan(of, *of->single()); }
  void answer(const Values& row, bool was_check = false) {
    wire::RowView view;
    for (const auto& column : row) view.push_back(column ? std::optional<std::string_view>(*column) : std::nullopt);
    catalog.answered(view);
    catalog.answer_ended(was_check);
  }
  /// Asked and answered, as a session does.
  SessionCatalog::PlanPtr learn(const Text& of, const Table& table = {}) {
    for (const WantedFacts& wanted : plan(of).missing) {
      catalog.asked(wanted);
      answer(table.without_updates().facts());
    }
    const auto planned = plan(of);
    if (planned.plan) catalog.keep(of, *of->single(), planned.plan);
    return planned.plan;
  }

  StatementCache texts;
  CaptureSettings settings{.scope = {}, .facts_max_age = milliseconds(100)};
  std::atomic<std::uint64_t> epoch{0};
  milliseconds now{1};
  SessionCatalog catalog{settings, epoch, [this] { return now; }};
  Text insert = text("INSERT INTO t VALUES (1)");
};

TEST_F(SessionCatalogTest, AsksForATableOnceAndKeepsThePlan) {
  const auto first = plan(insert);
  EXPECT_EQ(first.plan, nullptr);
  ASSERT_EQ(first.missing.size(), 1u);
  EXPECT_EQ(first.missing[0].name, "\"t\"");
  EXPECT_EQ(first.missing[0].text, FactsText::plain);
  const auto made = learn(insert);
  ASSERT_NE(made, nullptr);
  EXPECT_EQ(made->how, Plan::How::returning);
  const auto again = plan(insert);
  EXPECT_TRUE(again.is_kept);
  EXPECT_EQ(again.plan, made);
}

TEST_F(SessionCatalogTest, AnotherStatementOfTheTableNeedsNoQuestion) {
  learn(insert);
  const auto other = plan(text("DELETE FROM t WHERE id = 1"));
  EXPECT_TRUE(other.missing.empty());
  EXPECT_NE(other.plan, nullptr);
}

TEST_F(SessionCatalogTest, ATableThatIsNotThereIsAskedForWithEachMessage) {
  catalog.asked({"\"t\"", FactsText::plain});
  answer(Table::no_facts());
  EXPECT_TRUE(plan(insert).missing.empty()) << "of this message it is known";
  catalog.keep(insert, *insert->single(), plan(insert).plan);
  catalog.next_message();
  EXPECT_EQ(plan(insert).missing.size(), 1u);
}

TEST_F(SessionCatalogTest, WhatNeedsMoreIsAskedForMoreAndTheNextTimeAtOnce) {
  const Text moves = text("UPDATE t SET id = 2 WHERE id = 1");
  catalog.asked(plan(moves).missing.at(0));
  answer(Table().without_updates().facts());
  const auto more = plan(moves);
  ASSERT_EQ(more.missing.size(), 1u);
  EXPECT_EQ(more.missing[0].text, FactsText::updates);
  catalog.asked(more.missing[0]);
  answer(Table().facts());
  EXPECT_NE(plan(moves).plan, nullptr);
  catalog.forget();
  EXPECT_EQ(plan(moves).missing.at(0).text, FactsText::updates);
}

TEST_F(SessionCatalogTest, FactsAgeAndAreCheckedOncePerMessage) {
  learn(insert);
  catalog.next_message();
  now += milliseconds(101);
  const auto old = plan(insert);
  EXPECT_FALSE(old.is_kept);
  ASSERT_EQ(old.aged.size(), 1u);
  EXPECT_NE(old.plan, nullptr);
  const auto check = catalog.check("\"t\"");
  EXPECT_EQ(check.digest, Table().without_updates().digest);
  EXPECT_TRUE(plan(insert).aged.empty()) << "it is asked for";
  answer(Table().without_updates().facts(), true);
  catalog.keep(insert, *insert->single(), old.plan);
  EXPECT_TRUE(plan(insert).is_kept);
}

TEST_F(SessionCatalogTest, TheAgeIsThatOfTheQuestionNotOfTheAnswer) {
  catalog.asked(plan(insert).missing.at(0));
  now += milliseconds(101);
  answer(Table().without_updates().facts());
  catalog.keep(insert, *insert->single(), plan(insert).plan);
  catalog.next_message();
  EXPECT_EQ(plan(insert).aged.size(), 1u);
}

TEST_F(SessionCatalogTest, WithoutAClockNothingAges) {
  settings.facts_max_age = milliseconds(0);
  SessionCatalog ageless(settings, epoch, nullptr);
  EXPECT_FALSE(ageless.is_aged(milliseconds(0)));
  EXPECT_FALSE(ageless.is_aged(ageless.now()));
}

TEST_F(SessionCatalogTest, AnAnswerThatDiffersDropsThePlans) {
  const auto before = learn(insert);
  Table changed;
  changed.digest = "2";
  catalog.asked({"\"t\"", FactsText::plain});
  answer(changed.without_updates().facts());
  const auto after = plan(insert);
  EXPECT_FALSE(after.is_kept);
  EXPECT_NE(after.plan, before);
}

TEST_F(SessionCatalogTest, AnAnswerThatIsTheSameKeepsThem) {
  const auto before = learn(insert);
  catalog.asked({"\"t\"", FactsText::plain});
  answer(Table().without_updates().facts());
  EXPECT_EQ(plan(insert).plan, before);
}

TEST_F(SessionCatalogTest, WhatWasSkippedIsAskedForAgain) {
  catalog.asked({"\"gone\"", FactsText::plain});
  catalog.asked({"\"t\"", FactsText::plain});
  catalog.answer_skipped();
  answer(Table().without_updates().facts());
  EXPECT_TRUE(plan(insert).missing.empty()) << "the second answer is the second question's";
  catalog.answer_skipped();
}

TEST_F(SessionCatalogTest, WhereItCouldNotBeAskedOneStatementIsAGap) {
  catalog.set_failed(true);
  const auto failed = plan(insert);
  ASSERT_NE(failed.plan, nullptr);
  EXPECT_EQ(failed.plan->how, Plan::How::gap);
  EXPECT_EQ(failed.plan->cause, "catalog could not be asked");
  EXPECT_EQ(plan(insert).missing.size(), 1u) << "the next one asks anew";
}

TEST_F(SessionCatalogTest, DdlOfAnySessionIsHeardOf) {
  learn(insert);
  ++epoch;
  EXPECT_EQ(plan(insert).missing.size(), 1u);
}

TEST_F(SessionCatalogTest, DdlOfThisOneIsSaidWhenItHasCommitted) {
  catalog.changed();
  EXPECT_TRUE(catalog.is_touched());
  catalog.transaction_ended(true);
  EXPECT_EQ(epoch, 0u);
  EXPECT_FALSE(catalog.is_touched());
  catalog.changed();
  catalog.transaction_ended(false);
  EXPECT_EQ(epoch, 1u);
  catalog.transaction_ended(false);
  EXPECT_EQ(epoch, 1u);
}

TEST_F(SessionCatalogTest, ARollbackUndoesWhatTheFactsWereReadUnder) {
  catalog.touched();
  learn(insert);
  catalog.transaction_ended(true);
  EXPECT_EQ(plan(insert).missing.size(), 1u);
  EXPECT_EQ(epoch, 0u);
}

TEST_F(SessionCatalogTest, SettingsAreWhatWasReported) {
  catalog.reported("server_version", "18.1");
  catalog.reported("server_encoding", "LATIN1");
  catalog.reported("standard_conforming_strings", "off");
  catalog.reported("client_encoding", "SJIS");
  EXPECT_EQ(catalog.server().version, 18);
  EXPECT_EQ(catalog.server().server_encoding, "LATIN1");
  EXPECT_FALSE(catalog.lexer().standard_conforming_strings);
  EXPECT_TRUE(catalog.lexer().hides_backslashes);
  EXPECT_EQ(catalog.server().client_encoding, "SJIS");
}

TEST_F(SessionCatalogTest, AnotherEncodingMakesOtherPlans) {
  learn(insert);
  catalog.reported("client_encoding", "UTF8");
  EXPECT_TRUE(plan(insert).is_kept) << "the same one";
  catalog.reported("client_encoding", "LATIN1");
  EXPECT_EQ(plan(insert).missing.size(), 1u);
}

TEST_F(SessionCatalogTest, AnEncodingInDoubtIsNoneUntilTheServerIsReady) {
  learn(insert);
  catalog.doubt_encoding();
  EXPECT_EQ(catalog.server().client_encoding, "");
  EXPECT_EQ(plan(insert).missing.size(), 1u);
  learn(insert);
  catalog.trust_encoding();
  EXPECT_EQ(catalog.server().client_encoding, "UTF8");
  EXPECT_EQ(plan(insert).missing.size(), 1u) << "a plan without an encoding is no longer the best";
  learn(insert);
  catalog.trust_encoding();
  EXPECT_TRUE(plan(insert).is_kept);
}

/// What is reported may be of what came before.
TEST_F(SessionCatalogTest, AReportDoesNotEndTheDoubt) {
  catalog.doubt_encoding();
  catalog.reported("client_encoding", "LATIN1");
  EXPECT_EQ(catalog.server().client_encoding, "");
  EXPECT_TRUE(catalog.doubts_encoding());
  catalog.trust_encoding();
  EXPECT_EQ(catalog.server().client_encoding, "LATIN1");
}

TEST_F(SessionCatalogTest, ShapesGoWithTheFacts) {
  catalog.shapes().find("INSERT", "");
  catalog.shapes().find("INSERT", "")->own = {"w1", true};
  catalog.forget();
  EXPECT_EQ(catalog.shapes().take_dropped(), std::vector<std::string>{"w1"});
}

TEST_F(SessionCatalogTest, OtherSettingsAreTakenAllTogetherWhenATransactionBegins) {
  SettingsInForce in_force{CaptureSettings()};
  SessionCatalog following{in_force.now(), epoch, [this] { return now; }, &in_force};
  EXPECT_EQ(following.settings().epoch, 1u);
  const auto learn = [&](const Text& of) {
    for (const WantedFacts& wanted : following.plan(of, *of->single()).missing) {
      following.asked(wanted);
      const Values row = Table().without_updates().facts();
      wire::RowView view;
      for (const auto& column : row) view.push_back(column ? std::optional<std::string_view>(*column) : std::nullopt);
      following.answered(view);
      following.answer_ended(false);
    }
    return following.plan(of, *of->single()).plan;
  };
  EXPECT_EQ(learn(insert)->how, Plan::How::returning);
  CaptureSettings other{.scope = {}, .facts_max_age = milliseconds(5), .prepare_by_shape = true, .max_row_bytes = 7};
  other.scope.exclude = {"public.t"};
  in_force.change(other);
  EXPECT_EQ(learn(insert)->how, Plan::How::returning) << "in the transaction that runs";
  EXPECT_EQ(following.settings().epoch, 1u);
  EXPECT_FALSE(following.settings().prepare_by_shape);
  EXPECT_FALSE(following.is_aged(now - milliseconds(50)));
  following.shapes().find("INSERT", "");
  following.shapes().find("INSERT", "")->own = {"w1", true};
  following.transaction_ended(false);
  EXPECT_EQ(following.settings().epoch, 1u) << "until something asks";
  EXPECT_EQ(learn(insert)->how, Plan::How::none);
  EXPECT_EQ(&following.settings(), &in_force.now());
  EXPECT_EQ(following.settings().epoch, 2u);
  EXPECT_TRUE(following.settings().prepare_by_shape);
  EXPECT_EQ(following.settings().max_row_bytes, 7u);
  EXPECT_TRUE(following.is_aged(now - milliseconds(50)));
  EXPECT_EQ(following.shapes().take_dropped(), std::vector<std::string>{"w1"}) << "prepared by what held before";
  in_force.change(CaptureSettings());
  following.transaction_ended(true);
  EXPECT_EQ(learn(insert)->how, Plan::How::returning);
}

}  // namespace
}  // namespace weir::capture
