// Every shape of every format against the files in golden/. To write them anew after a wanted change:
// WEIR_UPDATE_GOLDEN=1 emitters_test, then read the difference.
#include "emitters/format.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/values.h"

namespace weir::emitters {
namespace {

using event::ChangeEvent;
using event::Fidelity;
using event::Op;
using event::Transaction;

constexpr std::int64_t sent_us = 1'795'247'618'189'391;

Transaction transaction() {
  Transaction made;
  made.id = 17;
  made.xid = 80795;
  made.database = "shop";
  made.first_lsn = 37677000;
  made.last_lsn = 37677488;
  made.resolved = 37676999;
  made.prepared_us = 1'795'247'617'600'000;
  made.committed_us = 1'795'247'617'702'980;
  made.position = 5;
  made.context = {"anne", "psql \"15\"", "10.0.0.7:51234", "9"};
  return made;
}

ChangeEvent change(Op op, std::uint32_t ordinal = 1) {
  ChangeEvent made;
  made.op = op;
  made.schema = "public";
  made.table = "orders";
  made.lsn = 37677487 + ordinal;
  made.ordinal = ordinal;
  made.statement_order = 1;
  return made;
}

const std::string row = R"({"id":1,"customer":"Anne","total":12.500000000000000000001,"note":null})";
const std::string newer = R"({"id":1,"customer":"Anne","total":13.75,"note":"now with a note"})";
const std::string key = R"({"id":1})";

ChangeEvent insert(std::uint32_t ordinal = 1) {
  ChangeEvent made = change(Op::create, ordinal);
  made.key = key;
  made.after = row;
  return made;
}

ChangeEvent update() {
  ChangeEvent made = change(Op::update);
  made.key = key;
  made.before = row;
  made.after = newer;
  return made;
}

ChangeEvent update_without_before() {
  ChangeEvent made = update();
  made.before.reset();
  return made;
}

ChangeEvent update_of_key() {
  ChangeEvent made = change(Op::update);
  made.old_key = key;
  made.key = R"({"id":1001})";
  made.before = row;
  made.after = R"({"id":1001,"customer":"Anne","total":13.75,"note":null})";
  return made;
}

ChangeEvent remove() {
  ChangeEvent made = change(Op::remove);
  made.key = key;
  made.before = row;
  return made;
}

ChangeEvent remove_without_key() {
  ChangeEvent made = remove();
  made.key.reset();
  return made;
}

ChangeEvent by_statement() {
  ChangeEvent made = change(Op::update);
  made.fidelity = Fidelity::statement;
  made.counts.updated = 7;
  made.statement = "UPDATE orders SET note = 'x\ty' WHERE total > 1";
  return made;
}

ChangeEvent as_sent() {
  ChangeEvent made = change(Op::create);
  made.fidelity = Fidelity::input;
  made.key = R"({"id":2})";
  made.after = R"({"id":2,"customer":"Bob"})";
  return made;
}

ChangeEvent tagged() {
  ChangeEvent made = insert();
  made.tags =
      R"({"route":"/pay","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","tracestate":"a=\"1\""})";
  return made;
}

ChangeEvent gap(std::uint32_t ordinal = 1) {
  ChangeEvent made = change(Op::gap, ordinal);
  made.table = "audit";
  made.fidelity = Fidelity::statement;
  made.counts = {3, 0, 1};
  made.cause = "trigger";
  return made;
}

ChangeEvent gap_of_unknown_size() {
  ChangeEvent made = gap();
  made.schema = made.table = "";
  made.counts = {};
  made.cause = "function";
  return made;
}

std::vector<ChangeEvent> two_tables() {
  std::vector<ChangeEvent> changes = {insert(1), insert(2), insert(3), gap(4)};
  changes[1].table = changes[2].table = "order \"lines\"";
  changes[1].statement_order = changes[2].statement_order = 2;
  changes[2].key = R"({"order_id":1,"line":2})";
  return changes;
}

const char* to_text(Record::Kind kind) {
  switch (kind) {
    case Record::Kind::change:
      return "change";
    case Record::Kind::tombstone:
      return "tombstone";
    case Record::Kind::transaction:
      return "transaction";
    case Record::Kind::gap:
      break;
  }
  return "gap";
}

/// One line per part, so that a difference is easy to read.
std::string render(const std::vector<Record>& records) {
  std::ostringstream out;
  for (const Record& record : records) {
    out << to_text(record.kind) << " " << record.topic << "\n";
    for (const auto& [name, value] : record.headers) out << "  header " << name << ": " << value << "\n";
    out << "  key " << record.key.value_or("(null)") << "\n";
    out << "  value " << record.value.value_or("(null)") << "\n";
  }
  std::string text = out.str();
  const std::string version = "\"version\":\"" WEIR_VERSION "\"";
  for (auto at = text.find(version); at != std::string::npos; at = text.find(version, at)) {
    text.replace(at, version.size(), "\"version\":\"VERSION\"");
  }
  return text;
}

std::vector<Record> records(Format& format, const Transaction& of, const std::vector<ChangeEvent>& changes) {
  std::vector<Record> out;
  format.begin(of, out);
  for (const ChangeEvent& each : changes) format.change(each, sent_us, out);
  format.end(out);
  return out;
}

std::unique_ptr<Format> make(const std::string& name, FormatOptions options = {"shop", true, true},
                             bool colour = false) {
  options.colour = colour;
  auto made = make_format(name, options);
  EXPECT_TRUE(made);
  return std::move(*made);
}

struct Shape {
  const char* name;
  std::vector<ChangeEvent> changes;
};

std::vector<Shape> shapes() {
  return {{"insert", {insert()}},
          {"insert_tagged", {tagged()}},
          {"insert_as_sent", {as_sent()}},
          {"update", {update()}},
          {"update_without_before", {update_without_before()}},
          {"update_of_key", {update_of_key()}},
          {"update_by_statement", {by_statement()}},
          {"delete", {remove()}},
          {"delete_without_key", {remove_without_key()}},
          {"truncate", {change(Op::truncate)}},
          {"gap", {gap()}},
          {"gap_of_unknown_size", {gap_of_unknown_size()}},
          {"two_tables", two_tables()}};
}

void compare_with_golden(const std::string& name, const std::string& text) {
  const std::string path = std::string(WEIR_GOLDEN) + "/" + name + ".txt";
  if (std::getenv("WEIR_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << text;
  std::ifstream file(path);
  ASSERT_TRUE(file) << path << " is missing";
  std::ostringstream golden;
  golden << file.rdbuf();
  EXPECT_EQ(text, golden.str()) << path;
}

class GoldenTest : public testing::TestWithParam<const char*> {};

TEST_P(GoldenTest, EveryShape) {
  const auto format = make(GetParam());
  std::string text;
  for (const Shape& shape : shapes()) {
    text += "== " + std::string(shape.name) + "\n" + render(records(*format, transaction(), shape.changes)) + "\n";
  }
  compare_with_golden(GetParam(), text);
}

TEST_P(GoldenTest, AGapWithoutTransaction) {
  Transaction unknown = transaction();
  unknown.xid = 0;
  compare_with_golden(std::string(GetParam()) + "_gap_without_transaction",
                      render(records(*make(GetParam()), unknown, {gap()})));
}

/// What a crash of the database can bring about. The records' headers are the first to differ.
TEST_P(GoldenTest, ATransactionIdThatComesTwiceMakesNoIdTwice) {
  Transaction again = transaction();
  ++again.id;
  const auto format = make(GetParam());
  const auto id_of = [&](const Transaction& one) {
    for (const auto& record : records(*format, one, {insert()})) {
      for (const auto& [name, value] : record.headers)
        if (name == "weir-id") return value;
      const auto begin = record.value->find("\"id\":\"journal-");
      if (begin != std::string::npos) return record.value->substr(begin, record.value->find('"', begin + 6));
    }
    return std::string();
  };
  EXPECT_NE(id_of(transaction()), "");
  EXPECT_EQ(id_of(transaction()), id_of(transaction())) << "the same on every redelivery";
  EXPECT_NE(id_of(transaction()), id_of(again));
}

FormatOptions with(Statements statements) {
  FormatOptions options{"shop", true, true};
  options.statements = statements;
  return options;
}

TEST_P(GoldenTest, WhatHasNoRowOnTheTablesOwnTopic) {
  compare_with_golden(std::string(GetParam()) + "_statements_table",
                      render(records(*make(GetParam(), with(Statements::table)), transaction(),
                                     {by_statement(), change(Op::truncate, 2), gap(3)})));
}

/// Neither a row nor a gap is ever skipped, and what is skipped leaves no trace in the counts.
TEST_P(GoldenTest, WhatHasNoRowCanBeSkipped) {
  const auto all = {by_statement(), insert(2), change(Op::truncate, 3), gap(4)};
  EXPECT_EQ(render(records(*make(GetParam(), with(Statements::skip)), transaction(), all)),
            render(records(*make(GetParam()), transaction(), {insert(2), gap(4)})));
}

/// Whatever its fidelity, a record without a key is not on the topic of a table that has keys.
TEST_P(GoldenTest, WhatHasNoRowIsOnTheGapTopic) {
  if (std::string(GetParam()) == "readable") return;  // lines, whatever their topic
  for (const auto& each : {by_statement(), change(Op::truncate), gap()}) {
    const auto made = records(*make(GetParam()), transaction(), {each});
    ASSERT_EQ(made.size(), 1u);
    EXPECT_EQ(made[0].topic, "shop.gap");
    EXPECT_FALSE(made[0].key);
    EXPECT_NE(made[0].value->find("journal-17:1"), std::string::npos) << *made[0].value;
  }
}

TEST_P(GoldenTest, ThePrefixMayNameTheDatabase) {
  FormatOptions options{"a-{db}.b", true, true};
  const auto format = make(GetParam(), options);
  Transaction other = transaction();
  for (const std::string database : {"shop", "", "test_{db}"}) {
    other.database = database;
    const auto made = records(*format, other, {insert(1), gap(2)});
    const std::string prefix = "a-" + (database.empty() ? "unknown" : database) + ".b.";
    for (const Record& record : made) EXPECT_EQ(record.topic.substr(0, prefix.size()), prefix);
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, GoldenTest, testing::Values("debezium", "flat", "readable"));

TEST(ReadableTest, ColoursAreEscapeSequencesAndNothingElse) {
  const auto format = make("readable", {"shop", true, true}, true);
  std::string text;
  for (const Shape& shape : shapes()) text += render(records(*format, transaction(), shape.changes));
  compare_with_golden("readable_coloured", text);
}

TEST(ReadableTest, ALineIsShortWhateverIsInTheRow) {
  ChangeEvent wide = insert();
  wide.table = std::string(50, 't');
  wide.after = R"({"id":1,"a":")" + std::string(100'000, 'x') + R"(","b":")";
  for (int i = 0; i < 100; ++i) *wide.after += "\xC3\xA9";
  *wide.after += R"(","c":[1,2,3],"d":"last"})";
  const std::string line = *records(*make("readable"), transaction(), {wide}).at(0).value;
  std::size_t characters = 0;
  for (const char byte : line) characters += (static_cast<unsigned char>(byte) & 0xC0) == 0x80 ? 0 : 1;
  EXPECT_LE(characters, 160u);
  EXPECT_NE(line.find("x… b="), std::string::npos) << line;
  EXPECT_NE(line.find("é…"), std::string::npos) << line;
}

TEST(ReadableTest, NothingInARowCommandsTheTerminal) {
  ChangeEvent hostile = insert();
  hostile.schema = "a\x1b[2J";
  hostile.after =
      "{\"id\":1,\"x\":\"\x7F \xC2\x9B"
      "31m \xC3\x9B\"}";
  const std::string line = *records(*make("readable"), transaction(), {hostile}).at(0).value;
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
  EXPECT_EQ(line.find('\x7F'), std::string::npos);
  EXPECT_EQ(line.find("\xC2\x9B"), std::string::npos);
  EXPECT_NE(line.find("\xC3\x9B"), std::string::npos) << "a letter stays: " << line;
}

TEST(DebeziumTest, TombstonesAndTransactionTopicCanBeSwitchedOff) {
  const auto format = make("debezium", {"shop", false, false});
  const auto made = records(*format, transaction(), {remove(), update_of_key(), insert(3)});
  ASSERT_EQ(made.size(), 4u);
  for (const Record& record : made) EXPECT_EQ(record.kind, Record::Kind::change);
}

TEST(DebeziumTest, CountsBeginAnewWithEveryTransaction) {
  const auto format = make("debezium");
  const auto first = records(*format, transaction(), two_tables());
  EXPECT_EQ(render(records(*format, transaction(), two_tables())), render(first));
}

/// Two tables whose names read alike are one collection, as they are one topic.
TEST(DebeziumTest, NamesThatReadAlikeAreCountedTogether) {
  ChangeEvent one = insert(1);
  one.schema = "a";
  one.table = "b.c";
  ChangeEvent other = insert(2);
  other.schema = "a.b";
  other.table = "c";
  const auto made = records(*make("debezium"), transaction(), {one, other});
  ASSERT_EQ(made.size(), 4u);
  EXPECT_EQ(made[1].topic, made[2].topic);
  EXPECT_NE(made[1].value->find("\"schema\":\"a\",\"table\":\"b.c\""), std::string::npos);
  EXPECT_NE(made[2].value->find("\"schema\":\"a.b\",\"table\":\"c\""), std::string::npos);
  EXPECT_NE(made[2].value->find("\"data_collection_order\":2"), std::string::npos);
  EXPECT_NE(made[3].value->find("[{\"data_collection\":\"a.b.c\",\"event_count\":2}]"), std::string::npos);
}

/// What is made once for each table, database and prefix must not be taken for another's, nor grow for ever.
TEST(FormatTest, TablesAndDatabasesInAnyOrderGiveWhatANewFormatGives) {
  for (const std::string name : {"debezium", "flat"}) {
    FormatOptions options{"a-{db}", true, true};
    const auto format = make(name, options);
    for (int i = 0; i < 25'000; ++i) {
      Transaction of = transaction();
      of.database = i % 3 == 0 ? "one" : i % 3 == 1 ? "two" : "";
      ChangeEvent first = insert(1);
      first.table = "t" + std::to_string(i % 12'000);
      ChangeEvent second = insert(2);
      second.table = "t" + std::to_string(i / 2);
      const auto made = records(*format, of, {first, second, first});
      if (i % 97 == 0 || i < 10) {
        ASSERT_EQ(render(made), render(records(*make(name, options), of, {first, second, first}))) << name << i;
      }
    }
  }
}

TEST(FormatTest, TimesAreThoseOfTheCalendar) {
  for (const auto& [us, text] :
       std::vector<std::pair<std::int64_t, std::string>>{{0, "1970-01-01T00:00:00.000000Z"},
                                                         {1'795'247'617'702'980, "2026-11-21T07:53:37.702980Z"},
                                                         {1'709'251'199'999'999, "2024-02-29T23:59:59.999999Z"},
                                                         {4'107'542'400'000'001, "2100-03-01T00:00:00.000001Z"}}) {
    Transaction of = transaction();
    of.committed_us = us;
    const auto flat = records(*make("flat"), of, {insert()});
    EXPECT_NE(flat.at(0).value->find("\"commit_ts\":\"" + text + "\""), std::string::npos) << *flat[0].value;
    const auto debezium = records(*make("debezium"), of, {insert()});
    const std::string times = "\"ts_ms\":" + std::to_string(us / 1000) + ",\"ts_us\":" + std::to_string(us) +
                              ",\"ts_ns\":" + std::to_string(us * 1000) + ",";
    EXPECT_NE(debezium.at(1).value->find(times), std::string::npos) << *debezium[1].value;
  }
}

TEST(DebeziumTest, SlicesMakeNoDifference) {
  const auto whole = records(*make("debezium"), transaction(), two_tables());
  const auto format = make("debezium");
  std::vector<Record> all;
  std::vector<Record> slice;
  const auto keep = [&] {
    for (Record& record : slice) all.push_back(std::move(record));
    slice.clear();
  };
  format->begin(transaction(), slice);
  keep();
  for (const ChangeEvent& each : two_tables()) {
    format->change(each, sent_us, slice);
    keep();
  }
  format->end(slice);
  keep();
  EXPECT_EQ(render(all), render(whole));
}

TEST(FormatTest, AnUnknownOneIsRefusedWithTheListOfThem) {
  const auto made = make_format("avro", {});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message, "there is no format \"avro\"; the formats are " + listed(format_names(), "and"));
}

}  // namespace
}  // namespace weir::emitters
