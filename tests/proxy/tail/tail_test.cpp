// Lines of the stream for a reader who has no say: what he asks for, what he gets, and what he gets where he was slow.
#include <gtest/gtest.h>

#include <map>

#include "capture/event/gap_cause.h"
#include "proxy/admin/query.h"
#include "proxy/tail/tail_lines.h"

namespace weir::proxy {
namespace {

using event::ChangeEvent;
using event::Op;
using event::Position;
using Then = LineStream::Next::Then;

ChangeEvent change(Op op, const std::string& table, int id, std::uint32_t ordinal) {
  ChangeEvent made;
  made.op = op;
  made.schema = "public";
  made.table = table;
  made.ordinal = ordinal;
  made.statement_order = ordinal;
  made.key = "{\"id\":" + std::to_string(id) + "}";
  made.after = "{\"id\":" + std::to_string(id) + ",\"v\":\"new\",\"secret\":\"planted\"}";
  if (op == Op::update) made.before = "{\"id\":" + std::to_string(id) + ",\"v\":\"old\",\"secret\":\"earlier\"}";
  return made;
}

/// A stream that a test fills, and erases from: what is erased is a gap, as with_gap_for_erased makes it.
struct FakeStream {
  struct One {
    event::Transaction transaction;
    std::vector<ChangeEvent> events;
  };
  std::map<Position, One> transactions;
  Position erased = 0;
  int readers = 0;
  std::optional<Error> failure;

  void add(std::vector<ChangeEvent> events) {
    const Position position = transactions.empty() ? erased + 1 : transactions.rbegin()->first + 1;
    One one;
    one.transaction.id = 100 + position;
    one.transaction.xid = static_cast<event::Xid>(700 + position);
    one.transaction.position = position;
    one.transaction.last_lsn = static_cast<event::Lsn>(0x1000 + position);
    one.transaction.committed_us = 1'795'247'617'702'980;
    one.transaction.database = "shop";
    one.transaction.context = {"anne", "psql", "10.0.0.7:5", "9"};
    one.transaction.event_count = static_cast<std::uint32_t>(events.size());
    one.events = std::move(events);
    transactions[position] = std::move(one);
  }
  void erase(Position through) {
    erased = through;
    transactions.erase(transactions.begin(), transactions.upper_bound(through));
  }
};

class FakeReader final : public capture::StreamReader {
 public:
  explicit FakeReader(FakeStream& stream) : stream_(stream) { ++stream_.readers; }
  ~FakeReader() override { --stream_.readers; }

  Result<std::shared_ptr<const event::Transaction>> next(Position after) override {
    if (stream_.failure) return *stream_.failure;
    if (after < stream_.erased) {
      event::Transaction gap;
      gap.id = -stream_.erased;
      gap.position = stream_.erased;
      gap.committed_us = 1'795'247'618'000'000;
      gap.event_count = 1;
      first_ = after + 1;
      return std::make_shared<const event::Transaction>(gap);
    }
    const auto found = stream_.transactions.upper_bound(after);
    if (found == stream_.transactions.end()) return std::shared_ptr<const event::Transaction>();
    return std::make_shared<const event::Transaction>(found->second.transaction);
  }

  Result<capture::LentEvents> events(std::int64_t id, std::uint32_t after_ordinal, std::size_t limit) override {
    std::vector<ChangeEvent> all;
    if (id < 0) {
      all.emplace_back();
      all.back().op = Op::gap;
      all.back().ordinal = 1;
      all.back().cause = std::string(to_text(event::GapCause::erased)) + ": transactions " + std::to_string(first_) +
                         " to " + std::to_string(-id);
    } else if (const auto found = stream_.transactions.find(id - 100); found != stream_.transactions.end()) {
      all = found->second.events;
    } else {
      return Error{"journal: transaction " + std::to_string(id) + " is not in the log", "58030"};
    }
    std::erase_if(all, [&](const ChangeEvent& one) { return one.ordinal <= after_ordinal; });
    const bool last = all.size() <= limit;
    all.resize(std::min(all.size(), limit));
    const auto owner = std::make_shared<const std::vector<ChangeEvent>>(std::move(all));
    return capture::LentEvents{owner, *owner, last};
  }

 private:
  FakeStream& stream_;
  Position first_ = 0;
};

class TailLinesTest : public testing::Test {
 protected:
  TailSource source() {
    TailSource made;
    made.subscribe = [this]() -> Result<std::unique_ptr<capture::StreamReader>> {
      return std::unique_ptr<capture::StreamReader>(std::make_unique<FakeReader>(stream));
    };
    made.newest = [this] { return stream.transactions.empty() ? stream.erased : stream.transactions.rbegin()->first; };
    made.erased = [this] { return stream.erased; };
    made.scope = [this]() -> const capture::Scope& { return scope; };
    made.now_us = [] { return std::int64_t{1'795'247'618'189'391}; };
    made.format.instance = "c0ffee5eed1dea00";
    made.format.statements = emitters::Statements::table;
    return made;
  }
  void open(const std::string& query) {
    const auto request = read_tail_request(query);
    ASSERT_TRUE(request) << request.error().message;
    auto made = TailLines::open(*request, source());
    ASSERT_TRUE(made) << made.error().message;
    lines = std::move(*made);
  }
  /// All that there is now.
  std::string read() {
    std::string text;
    for (auto next = lines->next();; next = lines->next()) {
      text += next.text;
      if (next.then == Then::end) text += "END " + next.why;
      if (next.then != Then::again) return text;
    }
  }

  FakeStream stream;
  capture::Scope scope;
  std::unique_ptr<TailLines> lines;
};

TEST_F(TailLinesTest, APersonSeesEachTransactionWithItsChanges) {
  stream.add({change(Op::create, "orders", 1, 1)});
  open("");
  EXPECT_EQ(read(), "") << "from now on";
  auto gap = change(Op::gap, "audit", 0, 3);
  gap.key = gap.after = std::nullopt;
  gap.counts.inserted = 3;
  gap.cause = "trigger";
  stream.add({change(Op::update, "orders", 1, 1), change(Op::remove, "lines", 2, 2), gap});
  stream.transactions[2].events[1].before = "{\"id\":2,\"v\":\"gone\"}";
  stream.transactions[2].events[1].after.reset();
  EXPECT_EQ(read(),
            "#2 2026-11-21 07:53:37.702Z transaction 702 lsn 0/1002, 3 events of shop by anne (psql) from 10.0.0.7:5\n"
            "  UPDATE public.orders id=1 v: old → new secret: earlier → planted\n"
            "  DELETE public.lines id=2 v=gone\n"
            "  GAP    public.audit 3 rows written that no event shows: 3 inserted, 0 updated, 0 deleted (trigger)\n");
  EXPECT_EQ(read(), "");
}

TEST_F(TailLinesTest, ColoursComeOnlyWhereTheyAreAskedFor) {
  stream.add({change(Op::create, "orders", 1, 1)});
  open("from=beginning");
  EXPECT_EQ(read().find('\x1b'), std::string::npos);
  open("from=beginning&colour=true");
  EXPECT_TRUE(read().starts_with("\x1b[1m#1\x1b[0m\x1b[2m 2026-")) << read();
}

TEST_F(TailLinesTest, BeginsWhereItIsAskedToAndSaysWhatIsGone) {
  for (int i = 1; i <= 5; ++i) stream.add({change(Op::create, "orders", i, 1)});
  stream.erase(2);
  open("from=beginning&format=readable");
  EXPECT_TRUE(read().starts_with("07:53:37.702 703 INSERT public.orders id=3"));
  open("from=5");
  EXPECT_TRUE(read().starts_with("#5 "));
  open("from=1");
  const auto text = read();
  EXPECT_TRUE(text.starts_with("#2 2026-11-21 07:53:38.000Z lsn 0/0, 1 event\n  GAP ")) << text;
  EXPECT_NE(text.find("transactions 1 to 2)\n#3 "), std::string::npos) << text;
  open("from=6");
  EXPECT_EQ(read(), "") << "the next one";
  const auto beyond = TailLines::open(*read_tail_request("from=7"), source());
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().message, "position 7 is not there yet: the stream ends at 5");
}

TEST_F(TailLinesTest, TablesAreChosenByPatternAndATransactionOfNoneLeavesNoTrace) {
  stream.add({change(Op::create, "orders", 1, 1), change(Op::create, "lines", 2, 2)});
  stream.add({change(Op::create, "lines", 3, 1)});
  auto unknown = change(Op::gap, "", 0, 1);
  unknown.schema.clear();
  unknown.cause = "function";
  stream.add({unknown});
  open("from=beginning&table=public.ord%2A&table=other.%3F");
  const auto text = read();
  EXPECT_NE(text.find("#1 "), std::string::npos) << text;
  EXPECT_EQ(text.find("lines"), std::string::npos) << text;
  EXPECT_EQ(text.find("#2 "), std::string::npos) << text;
  EXPECT_NE(text.find("#3 "), std::string::npos) << "it may be about those: " << text;
}

TEST_F(TailLinesTest, EndsBehindSoManyEventsInEveryFormat) {
  for (int i = 1; i <= 3; ++i)
    stream.add({change(Op::create, "orders", i, 1), change(Op::create, "orders", i, 2), change(Op::gap, "a", i, 3)});
  for (const std::string format : {"pretty", "debezium", "flat", "readable"}) {
    for (const int count : {1, 2, 3, 4, 6, 7, 9}) {
      open("from=beginning&format=" + format + "&count=" + std::to_string(count));
      auto text = read();
      EXPECT_TRUE(text.ends_with("END count")) << text;
      const int headings = format == "pretty" ? (count + 2) / 3 : 0;
      EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), count + headings) << format << " " << count << "\n" << text;
    }
    open("from=beginning&count=10&format=" + format);
    EXPECT_FALSE(read().ends_with("END count"));
  }
}

TEST_F(TailLinesTest, WhatIsNotToBeCapturedAnyMoreIsNotShown) {
  stream.add({change(Op::update, "orders", 1, 1), change(Op::update, "lines", 1, 2)});
  scope.exclude_columns = {"public.orders.secret"};
  open("from=beginning&format=flat");
  const auto text = read();
  EXPECT_NE(text.find("\"row\":{\"id\":1,\"v\":\"new\"},\"before\":{\"id\":1,\"v\":\"old\"}"), std::string::npos)
      << text;
  EXPECT_NE(text.find("\"row\":{\"id\":1,\"v\":\"new\",\"secret\":\"planted\"}"), std::string::npos) << text;
  scope.exclude_columns = {"*.*.*"};
  open("from=beginning&format=flat");
  EXPECT_EQ(read().find("planted"), std::string::npos);
}

TEST_F(TailLinesTest, OneThatRestsHoldsNothingAndGoesOnWhereItWas) {
  for (int i = 1; i <= 400; ++i) stream.add({change(Op::create, "orders", i, 1), change(Op::create, "lines", i, 2)});
  open("from=beginning&format=flat");
  std::string whole = read();
  open("from=beginning&format=flat");
  std::string text = lines->next().text;
  ASSERT_LT(text.size(), whole.size());
  EXPECT_GE(text.size(), TailLines::kMostBytes / 2) << "and not line by line";
  EXPECT_EQ(stream.readers, 1);
  lines->rest();
  lines->rest();
  EXPECT_EQ(stream.readers, 0);
  text += read();
  EXPECT_EQ(text, whole);
  EXPECT_EQ(stream.readers, 1);
}

TEST_F(TailLinesTest, OneThatRestsInTheMiddleOfATransactionGoesOnThere) {
  std::vector<ChangeEvent> many;
  for (std::uint32_t i = 1; i <= 3000; ++i) many.push_back(change(Op::create, "orders", int(i), i));
  stream.add(many);
  for (const std::string format : {"pretty", "debezium"}) {
    open("from=beginning&format=" + format);
    const auto whole = read();
    open("from=beginning&format=" + format);
    std::string text;
    for (auto next = lines->next();; next = lines->next()) {
      text += next.text;
      lines->rest();
      if (next.then != Then::again) break;
    }
    EXPECT_EQ(text, whole) << format;
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), format == "pretty" ? 3001 : 3000);
  }
}

TEST_F(TailLinesTest, WhatIsErasedMeanwhileIsAGapAlsoInTheMiddleOfATransaction) {
  std::vector<ChangeEvent> many;
  for (std::uint32_t i = 1; i <= 3000; ++i) many.push_back(change(Op::create, "orders", int(i), i));
  for (const bool rests : {true, false}) {
    stream = FakeStream();
    stream.add(many);
    open("from=beginning&format=debezium");
    EXPECT_NE(lines->next().text.find("{\"id\":1,"), std::string::npos);
    for (int i = 0; i < 3; ++i) stream.add({change(Op::create, "orders", 5000 + i, 1)});
    if (rests) lines->rest();
    stream.erase(3);
    const auto text = read();
    EXPECT_NE(text.find("transactions 1 to 3\""), std::string::npos) << text;
    EXPECT_NE(text.find("{\"id\":5002,"), std::string::npos) << text;
    EXPECT_EQ(text.find("{\"id\":5001,"), std::string::npos) << text;
    EXPECT_EQ(text.find("END"), std::string::npos) << text;
  }
}

TEST_F(TailLinesTest, AJournalThatCannotBeReadEndsIt) {
  stream.add({change(Op::create, "orders", 1, 1)});
  open("from=beginning");
  EXPECT_NE(read(), "");
  stream.failure = Error{"journal x: damaged\nat place 7", "58030"};
  EXPECT_EQ(read(), "END error: journal x: damaged?at place 7");
  EXPECT_EQ(lines->farewell(), "shutdown; from=2 goes on");
}

TEST(TailRequest, IsReadFromAQuery) {
  const auto empty = read_tail_request("");
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->format, "pretty");
  EXPECT_EQ(empty->from, TailRequest::From::now);
  const auto full = read_tail_request("table=a.b&table=%C3%A4.%2A&format=flat&from=17&count=3&colour=true&");
  ASSERT_TRUE(full) << full.error().message;
  EXPECT_EQ(full->tables, (std::vector<std::string>{"a.b", "\xC3\xA4.*"}));
  EXPECT_EQ(full->position, 17);
  EXPECT_EQ(full->count, 3u);
  EXPECT_TRUE(full->colour);
  const std::pair<const char*, const char*> wrong[] = {
      {"table=orders", "table takes a pattern schema.table"},
      {"format=xml", "format takes pretty|debezium|flat|readable"},
      {"format=", "format takes pretty|debezium|flat|readable"},
      {"from=0", "from takes now, beginning, or a position in the stream"},
      {"from=yesterday", "from takes now, beginning, or a position in the stream"},
      {"count=0", "count takes a number from 1 on"},
      {"colour=red", "colour takes true|false"},
      {"tables=a.b", "there are table, format, from, count and colour, not \"tables\""},
      {"table=%4", "a % that begins no escape"}};
  for (const auto& [query, complaint] : wrong) {
    const auto read = read_tail_request(query);
    ASSERT_FALSE(read) << query;
    EXPECT_EQ(read.error().message, complaint);
  }
}

TEST(TailRequest, AQueryIsWrittenAndReadAgain) {
  const Query query = {{"table", "a b.*&=%+\xC3\xA4"}, {"from", "1"}, {"from", ""}};
  EXPECT_EQ(query_text(query), "table=a%20b.%2A%26%3D%25%2B%C3%A4&from=1&from=");
  EXPECT_EQ(*read_query(query_text(query)), query);
  EXPECT_EQ(*read_query("a&&b=+"), (Query{{"a", ""}, {"b", " "}}));
}

}  // namespace
}  // namespace weir::proxy
