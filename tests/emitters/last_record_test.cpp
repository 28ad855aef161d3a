// The last event of a transaction that counts says so, and how many there were: in every format that has events.
#include "emitters/last_record.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "emitters/format.h"
#include "emitters/json_text.h"

namespace weir::emitters {
namespace {

using event::ChangeEvent;
using event::Op;

using Strings = std::vector<std::string>;

ChangeEvent change(Op op, std::uint32_t ordinal) {
  ChangeEvent made;
  made.op = op;
  made.schema = "public";
  made.table = "t";
  made.ordinal = made.statement_order = ordinal;
  if (op == Op::gap || op == Op::truncate) return made;
  made.key = R"({"id":1})";
  if (op != Op::remove) made.after = R"({"id":1})";
  return made;
}

ChangeEvent change_of_key(std::uint32_t ordinal) {
  ChangeEvent made = change(Op::update, ordinal);
  made.old_key = R"({"id":0})";
  return made;
}

/// "c", "d!2": the op of each record, and what the last one says; "-" for a tombstone, "gap" for a gap.
std::string shown(const Record& record) {
  if (!record.value) return "-";
  if (record.kind == Record::Kind::transaction)
    return record.value->find("BEGIN") == std::string::npos ? "END" : "BEGIN";
  if (record.kind == Record::Kind::gap) return "gap";
  const auto op = record.value->find("\"op\":\"");
  std::string text = record.value->substr(op + 6, 1);
  const std::string mark = ",\"last\":true,\"event_count\":";
  const auto found = record.value->find(mark);
  if (found == std::string::npos) return text;
  const auto number = found + mark.size();
  return text + "!" + record.value->substr(number, record.value->find_first_not_of("0123456789", number) - number);
}

class Last : public testing::TestWithParam<const char*> {
 protected:
  static Strings told(const std::vector<ChangeEvent>& changes, FormatOptions options = {}) {
    const auto format = make_format(GetParam(), options);
    std::vector<Record> records;
    (*format)->begin(event::Transaction(), records);
    for (const auto& one : changes) (*format)->change(one, 0, records);
    (*format)->end(records);
    Strings all;
    for (const auto& record : records) all.push_back(shown(record));
    return all;
  }
  static bool is_flat() { return std::string(GetParam()) == "flat"; }
};

TEST_P(Last, IsTheOnlyOne) {
  EXPECT_EQ(told({change(Op::create, 1)}), Strings{is_flat() ? "i!1" : "c!1"});
}

TEST_P(Last, IsNoOtherThanTheLast) {
  const auto all = told({change(Op::create, 1), change(Op::update, 2), change(Op::remove, 3), change(Op::update, 4)});
  EXPECT_EQ(all, (Strings{is_flat() ? "i" : "c", "u", "d", "-", "u!4"}));
}

TEST_P(Last, ADeleteKeepsItsTombstone) {
  EXPECT_EQ(told({change(Op::update, 1), change(Op::remove, 2)}), (Strings{"u", "d!2", "-"}));
}

TEST_P(Last, AnUpdateOfTheKeyEndsWithItsLastRecord) {
  const auto all = told({change(Op::update, 1), change_of_key(2)});
  EXPECT_EQ(all, is_flat() ? (Strings{"u", "-", "u!2"}) : (Strings{"u", "d", "-", "c!3"}));
}

TEST_P(Last, GapsDoNotCountAndKeepTheirPlace) {
  EXPECT_EQ(told({change(Op::gap, 1), change(Op::update, 2), change(Op::gap, 3), change(Op::gap, 4)}),
            (Strings{"gap", "u!1", "gap", "gap"}));
  EXPECT_EQ(told({change(Op::gap, 1)}), Strings{"gap"});
}

TEST_P(Last, WhatIsSkippedOrOnTheGapTopicDoesNotCount) {
  FormatOptions options;
  const std::vector<ChangeEvent> all{change(Op::update, 1), change(Op::update, 2), change(Op::truncate, 3)};
  options.statements = Statements::skip;
  EXPECT_EQ(told(all, options), (Strings{"u", "u!2"}));
  options.statements = Statements::gap;
  EXPECT_EQ(told(all, options), (Strings{"u", "u!2", "gap"}));
  options.statements = Statements::table;
  EXPECT_EQ(told(all, options), (Strings{"u", "u", "t!3"}));
}

TEST_P(Last, IsToldBehindAnyNumberOfGaps) {
  std::vector<ChangeEvent> changes{change(Op::update, 1), change(Op::remove, 2)};
  for (std::uint32_t i = 0; i < 10'000; ++i) changes.push_back(change(Op::gap, 3 + i));
  const auto all = told(changes);
  EXPECT_EQ(all.size(), 10'003u);
  const auto last = std::find(all.begin(), all.end(), "d!2");
  ASSERT_NE(last, all.end());
  EXPECT_EQ(last[1], "-");
  EXPECT_EQ(std::count(all.begin(), all.end(), "gap"), 10'000);
}

TEST_P(Last, ATransactionThatIsBegunAnewLeavesNothing) {
  const auto format = make_format(GetParam(), {});
  std::vector<Record> records;
  (*format)->begin(event::Transaction(), records);
  (*format)->change(change(Op::update, 1), 0, records);
  (*format)->begin(event::Transaction(), records);
  (*format)->change(change(Op::update, 1), 0, records);
  (*format)->end(records);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(shown(records[0]), "u!1");
}

INSTANTIATE_TEST_SUITE_P(Formats, Last, testing::Values("debezium", "flat"));

TEST(LastRecord, TheTransactionTopicComesOnlyWhereItIsAskedFor) {
  for (const bool topic : {false, true}) {
    FormatOptions options;
    if (topic) options.transaction_topic = true;
    const auto format = make_format("debezium", options);
    std::vector<Record> records;
    (*format)->begin(event::Transaction(), records);
    (*format)->change(change(Op::create, 1), 0, records);
    (*format)->end(records);
    Strings all;
    for (const auto& record : records) all.push_back(shown(record));
    EXPECT_EQ(all, topic ? (Strings{"BEGIN", "c!1", "END"}) : Strings{"c!1"});
  }
}

Record numbered(Record::Kind kind, int number) {
  Record made;
  made.kind = kind;
  made.value = std::to_string(number);
  return made;
}

TEST(LastRecord, KeepsABoundedNumberAndTheirOrder) {
  LastRecord last;
  std::vector<Record> out;
  last.begin();
  last.add(numbered(Record::Kind::change, -1), 2, out);
  last.follow(numbered(Record::Kind::tombstone, -2), out);
  for (int i = 0; i < 3'000; ++i) {
    last.follow(numbered(Record::Kind::gap, i), out);
    EXPECT_LE(static_cast<std::size_t>(i) + 3 - out.size(), LastRecord::most_followers);
  }
  ASSERT_NE(last.held(), nullptr);
  mark_last(*last.held()->value, last.at(), last.count());
  last.end(out);
  EXPECT_EQ(last.held(), nullptr);
  std::vector<int> gaps;
  for (const auto& one : out)
    if (one.kind == Record::Kind::gap) gaps.push_back(std::stoi(*one.value));
  EXPECT_EQ(gaps.size(), 3'000u);
  EXPECT_TRUE(std::is_sorted(gaps.begin(), gaps.end()));
  const auto change =
      std::find_if(out.begin(), out.end(), [](const auto& one) { return one.kind == Record::Kind::change; });
  EXPECT_EQ(*change[0].value, "-1,\"last\":true,\"event_count\":1");
  EXPECT_EQ(*change[1].value, "-2");
}

}  // namespace
}  // namespace weir::emitters
