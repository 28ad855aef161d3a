// Which spans a committed transaction has, and what bounds those that wait for a destination.
#include "proxy/tracing/transaction_spans.h"

#include <gtest/gtest.h>

namespace weir::proxy {
namespace {

using event::ChangeEvent;
using event::Transaction;

std::string tags(const std::string& span, const std::string& flags = "01") {
  return R"({"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-)" + span + "-" + flags + R"("})";
}

ChangeEvent change(const std::string& of, const std::string& table = "orders") {
  ChangeEvent made;
  made.schema = "public";
  made.table = table;
  made.tags = of;
  made.after = R"({"secret":"planted"})";
  made.statement = "INSERT INTO orders VALUES ('planted')";
  return made;
}

Transaction transaction(event::Position position, std::uint32_t events = 1) {
  Transaction made;
  made.position = position;
  made.xid = 80795;
  made.database = "shop";
  made.last_lsn = 37677488;
  made.prepared_us = 1'000 * position;
  made.committed_us = 1'000 * position + 20;
  made.event_count = events;
  return made;
}

std::string text_of(const SpanAttribute& one) {
  const auto* number = std::get_if<std::int64_t>(&one.value);
  return one.key + "=" + (number != nullptr ? std::to_string(*number) : std::get<std::string>(one.value));
}

std::string text_of(const Span& span) {
  std::string text = span.name + " " + span.parent_id + ">" + span.id + " " + std::to_string(span.start_us) + "-" +
                     std::to_string(span.end_us);
  for (const auto& one : span.attributes) text += " " + text_of(one);
  for (const auto& link : span.links) text += " link:" + link.span_id;
  return text;
}

class TransactionSpansTest : public testing::Test {
 protected:
  std::string committed(const Transaction& one, const std::vector<ChangeEvent>& events) {
    std::vector<Span> made;
    spans.committed(one, events, made);
    return texts(made);
  }
  std::string delivered(const std::string& destination, event::Position through, std::int64_t at_us) {
    std::vector<Span> made;
    spans.delivered(destination, through, at_us, made);
    return texts(made);
  }
  static std::string texts(const std::vector<Span>& made) {
    std::string text;
    for (const auto& one : made) {
      EXPECT_EQ(one.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
      text += text_of(one) + "\n";
    }
    return text;
  }

  std::uint64_t last = 0;
  TransactionSpans spans{[this] { return last++; }};  // the first is 0, which is no id
};

TEST_F(TransactionSpansTest, ACommitIsAChildOfTheApplicationsSpanAndNamesNoValue) {
  EXPECT_EQ(committed(transaction(7), {change(tags("00f067aa0ba902b7"))}),
            "COMMIT shop 00f067aa0ba902b7>0000000000000001 7000-7020 db.system.name=postgresql db.namespace=shop "
            "db.operation.name=COMMIT db.collection.name=public.orders weir.events=1 weir.position=7 weir.txid=80795 "
            "weir.lsn=0/23EE9B0\n");
}

TEST_F(TransactionSpansTest, ADeliveryIsAChildOfTheCommit) {
  spans.begin_destination("kafka://k:9092", "kafka");
  spans.begin_destination("file:/a", "file");
  committed(transaction(7, 2), {change(tags("00f067aa0ba902b7")), change(tags("00f067aa0ba902b7"))});
  EXPECT_EQ(delivered("kafka://k:9092", 6, 7'500), "");
  EXPECT_EQ(
      delivered("kafka://k:9092", 9, 7'700),
      "send kafka 0000000000000001>0000000000000002 7020-7700 messaging.system=kafka messaging.operation.name=send "
      "messaging.operation.type=send messaging.batch.message_count=2 weir.destination=kafka://k:9092\n");
  EXPECT_EQ(delivered("kafka://k:9092", 9, 7'800), "") << "once";
  EXPECT_NE(delivered("file:/a", 7, 7'900).find("send file 0000000000000001>"), std::string::npos);
  EXPECT_EQ(delivered("stdout", 7, 7'900), "") << "nobody said that it is there";
}

TEST_F(TransactionSpansTest, OnlyWhatIsSampledHasSpans) {
  spans.begin_destination("stdout", "stdout");
  EXPECT_EQ(committed(transaction(1), {change("")}), "");
  EXPECT_EQ(committed(transaction(2), {change(R"({"route":"/pay"})")}), "");
  EXPECT_EQ(committed(transaction(3), {change(tags("00f067aa0ba902b7", "00"))}), "");
  EXPECT_EQ(committed(transaction(4), {}), "");
  EXPECT_EQ(delivered("stdout", 4, 9'000), "");
  EXPECT_NE(committed(transaction(5, 2), {change(""), change(tags("00f067aa0ba902b7"))}), "") << "of any statement";
}

TEST_F(TransactionSpansTest, OtherSpansThatWroteInItAreLinks) {
  std::vector<ChangeEvent> events;
  for (const char* span : {"00000000000000aa", "00000000000000bb", "00000000000000aa", "00000000000000cc"})
    events.push_back(change(tags(span)));
  const auto text = committed(transaction(1, 4), events);
  EXPECT_NE(text.find("COMMIT shop 00000000000000aa>"), std::string::npos) << text;
  EXPECT_NE(text.find(" link:00000000000000bb link:00000000000000cc\n"), std::string::npos) << text;
}

TEST_F(TransactionSpansTest, LinksHaveBounds) {
  std::vector<ChangeEvent> events;
  for (int i = 1; i < 200; ++i) {
    const auto number = std::to_string(i);
    events.push_back(change(tags(std::string(16 - number.size(), '0') + number)));
  }
  std::vector<Span> made;
  spans.committed(transaction(1, 199), events, made);
  ASSERT_EQ(made.size(), 1u);
  EXPECT_EQ(made[0].links.size(), TransactionSpans::kMostLinks);
}

TEST_F(TransactionSpansTest, ATableIsNamedWhereItIsTheOnlyOne) {
  const auto tag = tags("00f067aa0ba902b7");
  EXPECT_EQ(committed(transaction(1, 2), {change(tag), change(tag, "items")}).find("db.collection.name"),
            std::string::npos);
  EXPECT_EQ(committed(transaction(2, 9), {change(tag), change(tag)}).find("db.collection.name"), std::string::npos)
      << "the others are not here";
}

TEST_F(TransactionSpansTest, AClockThatWasSetMakesNoTimeNegative) {
  auto back = transaction(1);
  back.prepared_us = back.committed_us + 5'000;
  spans.begin_destination("stdout", "stdout");
  EXPECT_NE(committed(back, {change(tags("00f067aa0ba902b7"))}).find(" 1020-1020 "), std::string::npos);
  EXPECT_NE(delivered("stdout", 1, 3).find(" 1020-1020 "), std::string::npos);
}

TEST_F(TransactionSpansTest, ADestinationThatIsOpenedAnewIsOverWithItsLastEnd) {
  spans.begin_destination("file:/a", "file");
  committed(transaction(7), {change(tags("00f067aa0ba902b7"))});
  spans.begin_destination("file:/a", "file");
  spans.end_destination("file:/a");
  EXPECT_NE(delivered("file:/a", 7, 7'900), "");
  committed(transaction(8), {change(tags("00f067aa0ba902b7"))});
  spans.end_destination("file:/a");
  EXPECT_EQ(delivered("file:/a", 8, 8'900), "");
  EXPECT_EQ(spans.given_up(), 1u);
}

TEST_F(TransactionSpansTest, WhatWaitsForADestinationHasBounds) {
  spans.begin_destination("stdout", "stdout");
  const auto more = static_cast<event::Position>(TransactionSpans::kMostOpen) + 10;
  for (event::Position i = 1; i <= more; ++i) committed(transaction(i), {change(tags("00f067aa0ba902b7"))});
  EXPECT_EQ(spans.given_up(), 10u);
  EXPECT_EQ(delivered("stdout", 10, 1'000'000), "") << "the oldest were";
  EXPECT_NE(delivered("stdout", 11, 1'000'000), "");
  spans.end_destination("stdout");
  EXPECT_EQ(spans.given_up(), 9u + TransactionSpans::kMostOpen);
  EXPECT_EQ(delivered("stdout", more, 1'000'000), "");
}

}  // namespace
}  // namespace weir::proxy
