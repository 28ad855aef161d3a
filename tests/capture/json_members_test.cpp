#include "capture/event/json_members.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace weir::event {
namespace {

std::string select(std::string_view object, const std::vector<std::string>& names) {
  return select_members(object, names).value_or("nothing");
}

TEST(SelectMembersTest, TakesValuesAsTheyAre) {
  const std::string_view row =
      R"({"id":1,"total":12.500000000000000000000000000000000000001,"note":null,"tags":["a","]"],"doc":{"id":{"id":2}},"ok":true,"s":"a\"}"})";
  EXPECT_EQ(select(row, {"id"}), R"({"id":1})");
  EXPECT_EQ(select(row, {"total"}), R"({"total":12.500000000000000000000000000000000000001})");
  EXPECT_EQ(select(row, {"note", "id"}), R"({"note":null,"id":1})") << "in the order of the names";
  EXPECT_EQ(select(row, {"tags", "doc"}), R"({"tags":["a","]"],"doc":{"id":{"id":2}}})");
  EXPECT_EQ(select(row, {"ok", "s"}), R"({"ok":true,"s":"a\"}"})");
  EXPECT_EQ(select(row, {}), "{}");
}

TEST(SelectMembersTest, FindsNamesThatAreEscaped) {
  const std::string_view row =
      "{\"a\\\"b\":1,\"c\\\\d\":2,\"tab\\there\":3,\"h\xC3\xA9\":4,\"\\u00e9\":5,\"\\ud83d\\ude00\":6}";
  EXPECT_EQ(select(row, {"a\"b"}), R"({"a\"b":1})");
  EXPECT_EQ(select(row, {"c\\d"}), R"({"c\\d":2})");
  EXPECT_EQ(select(row, {"tab\there"}), R"({"tab\there":3})");
  EXPECT_EQ(select(row, {"h\xC3\xA9"}), "{\"h\xC3\xA9\":4}");
  EXPECT_EQ(select(row, {"\xC3\xA9"}), "{\"\xC3\xA9\":5}");
  EXPECT_EQ(select(row, {"\xF0\x9F\x98\x80"}), "{\"\xF0\x9F\x98\x80\":6}");
}

TEST(SelectMembersTest, TakesNoNameThatOnlyBeginsAlike) {
  EXPECT_EQ(select(R"({"ident":1,"i":2,"Id":3})", {"id"}), "nothing");
  EXPECT_EQ(select(R"({"id":1})", {"id", "line"}), "nothing") << "a key with a column missing is no key";
}

TEST(SelectMembersTest, TakesSpaceAsRowToJsonPrettyPrints) {
  EXPECT_EQ(select("{\"id\": 1,\n \"b\" :\t[ 1, 2 ] } ", {"b", "id"}), R"({"b":[ 1, 2 ],"id":1})");
}

TEST(SelectMembersTest, GivesNothingForWhatIsNoObject) {
  for (const char* text : {"",
                           " ",
                           "null",
                           "1",
                           "[]",
                           "{",
                           "{\"id\"",
                           "{\"id\":",
                           "{\"id\":1",
                           "{\"id\":1,",
                           "{\"id\":1,}",
                           "{,\"id\":1}",
                           "{\"id\" 1}",
                           "{id:1}",
                           "{\"id\":1}x",
                           "{\"id\":1}{}",
                           "{\"id\":1 \"b\":2}",
                           "{\"b\":{,\"id\":1}",
                           "{\"b\":\"x,\"id\":1}",
                           "{\"id\":1,\"b\":[}",
                           "{\"id\":?}",
                           "{\"a\\\":1,\"id\":1}"}) {
    EXPECT_EQ(select(text, {"id"}), "nothing") << text;
  }
}

TEST(SelectMembersTest, SurvivesEveryTruncationAndManyDamages) {
  const std::string row = R"({"id":1,"a\u00e9\"":"x\\","doc":{"k":["]",{"z":"}"}]},"n":-1.5e+10,"t":true})";
  for (std::size_t size = 0; size < row.size(); ++size)
    EXPECT_EQ(select(row.substr(0, size), {"id"}), "nothing") << size;
  std::mt19937 random(1);
  const std::string alphabet = "{}[]\",:\\u0a1e \n\xC3\xA9";
  for (int round = 0; round < 200'000; ++round) {
    std::string damaged = row;
    for (int edits = 1 + static_cast<int>(random() % 4); edits > 0; --edits) {
      damaged[random() % damaged.size()] = alphabet[random() % alphabet.size()];
    }
    const auto selected = select_members(damaged, std::vector<std::string>{"id", "n"});
    if (!selected) continue;
    MemberScanner again(*selected);
    while (again.next()) {
    }
    EXPECT_TRUE(again.well_formed()) << damaged << " gave " << *selected;
  }
}

TEST(SelectMembersTest, NestsDeeplyWithoutRecursion) {
  const std::string deep = "{\"a\":" + std::string(1'000'000, '[') + std::string(1'000'000, ']') + ",\"id\":1}";
  EXPECT_EQ(select(deep, {"id"}), R"({"id":1})");
}

TEST(MemberScannerTest, GivesMembersInTheirOrder) {
  MemberScanner scanner(R"({"b":1,"a":"x"})");
  const auto first = scanner.next();
  const auto second = scanner.next();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->name, "b");
  EXPECT_EQ(second->value, "\"x\"");
  EXPECT_FALSE(scanner.next());
  EXPECT_TRUE(scanner.well_formed());
  MemberScanner empty("{}");
  EXPECT_FALSE(empty.next());
  EXPECT_TRUE(empty.well_formed());
}

TEST(JsonString, WhatIsNoUtf8IsReplaced) {
  const std::string bad = "\xEF\xBF\xBD";
  const auto quoted = [](std::string_view text) {
    std::string out;
    append_json_string(out, text);
    return out;
  };
  for (const std::string good : {"\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x99\x82", "\xED\x9F\xBF", "\xF4\x8F\xBF\xBF"})
    EXPECT_EQ(quoted("a" + good + "b"), "\"a" + good + "b\"");
  EXPECT_EQ(quoted("t\xEBst"), "\"t" + bad + "st\"") << "Latin 1";
  EXPECT_EQ(quoted("\xFF"), "\"" + bad + "\"");
  EXPECT_EQ(quoted("\xC3"), "\"" + bad + "\"") << "cut off";
  EXPECT_EQ(quoted("\xC0\xAF"), "\"" + bad + bad + "\"") << "overlong";
  EXPECT_EQ(quoted("\xED\xA0\x80"), "\"" + bad + bad + bad + "\"") << "a surrogate";
  EXPECT_EQ(quoted("\xF4\x90\x80\x80"), "\"" + bad + bad + bad + bad + "\"") << "beyond the last";
}

TEST(JsonStringTest, EscapesWhatRfc8259AsksFor) {
  std::string out = "x";
  append_json_string(out, std::string("a\"b\\c\b\f\n\r\t\x01\x1F\x0B/\x7F h\xC3\xA9"));
  EXPECT_EQ(out, "x\"a\\\"b\\\\c\\b\\f\\n\\r\\t\\u0001\\u001f\\u000b/\x7F h\xC3\xA9\"");
  out.clear();
  append_json_string(out, std::string_view("\0", 1));
  EXPECT_EQ(out, "\"\\u0000\"");
  out.clear();
  append_json_string(out, "");
  EXPECT_EQ(out, "\"\"");
}

TEST(JsonStringTest, UnescapingUndoesEscaping) {
  std::mt19937 random(2);
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (std::size_t size = random() % 20; size > 0; --size) text += static_cast<char>(random() % 128);
    std::string escaped;
    append_json_string(escaped, text);
    const std::string_view inner = std::string_view(escaped).substr(1, escaped.size() - 2);
    EXPECT_EQ(unescape_json(inner), text);
    EXPECT_TRUE(equals_unescaped(inner, text));
    EXPECT_FALSE(equals_unescaped(inner, text + "x"));
  }
}

TEST(JsonStringTest, KeepsMalformedEscapes) {
  EXPECT_EQ(unescape_json("a\\"), "a\\");
  EXPECT_EQ(unescape_json("\\x"), "\\x");
  EXPECT_EQ(unescape_json("\\u12"), "\\u12");
  EXPECT_EQ(unescape_json("\\ud83d!"), "\\ud83d!");
  EXPECT_EQ(unescape_json("\\ude00"), "\\ude00");
  EXPECT_FALSE(equals_unescaped("\\u12", "\\u12"));
}

TEST(JsonMembers, TellsUtf8) {
  for (const char* good : {"", "plain", "caf\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80x"}) EXPECT_TRUE(is_utf8(good));
  for (const char* bad : {"\xff", "caf\xe9", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "x\x80"})
    EXPECT_FALSE(is_utf8(bad)) << bad;
}

TEST(JsonMembersTest, WithoutSomeTheOthersAreAsTheyWere) {
  const auto without = [](std::string_view object, const std::string& name) {
    return without_members(object, [&](const std::string& member) { return member == name; });
  };
  EXPECT_EQ(without(R"({"id":1,"n\u00e9":{"id":[2,"}"]},"v":null})", "id"),
            "{\"n\xC3\xA9\":{\"id\":[2,\"}\"]},\"v\":null}");
  EXPECT_EQ(without(R"({"id":1,"n\u00e9":2})", "n\xC3\xA9"), R"({"id":1})");
  EXPECT_EQ(without(R"({"id":1})", "v"), R"({"id":1})");
  EXPECT_EQ(without(R"({"id":1})", "id"), "{}");
  EXPECT_EQ(without("{}", "id"), "{}");
  for (const char* malformed : {"", "[]", R"({"id":1)", R"({"id":1}x)", R"({"id" 1})"})
    EXPECT_EQ(without(malformed, "v"), std::nullopt) << malformed;
}

}  // namespace
}  // namespace weir::event
