// Which literals are taken out of a write, and as what.
#include "capture/session/shape.h"

#include <gtest/gtest.h>

namespace weir::capture {
namespace {

constexpr std::uint32_t kVarchar = 1043, kNumeric = 1700, kInt2 = 21, kDate = 1082;

Column column(std::string name, std::uint32_t type, int modifier = -1) {
  Column made;
  made.name = std::move(name);
  made.type = type;
  made.modifier = modifier;
  return made;
}

RelationFacts relation() {
  RelationFacts facts;
  facts.kind = 'r';
  facts.is_first_in_path = true;
  facts.key = {"id"};
  facts.leaves[1] = {"public", "t"};
  facts.columns = {column("id", 23),
                   column("v", 25),
                   column("n", 23),
                   column("small", kInt2),
                   column("short", kVarchar, 4 + 3),
                   column("price", kNumeric, (5 << 16 | 2) + 4),
                   column("day", kDate),
                   column("own", 0),
                   column("data", 3802),
                   column("big", 20),
                   column("at", 1184, 3)};
  return facts;
}

/// The shape's text, and behind it each parameter's type and value.
std::string shape_of(std::string_view text, const RelationFacts& facts = relation()) {
  const ParsedText parsed = parse(text, {});
  const Statement* statement = parsed.single();
  if (statement == nullptr) return "not parsed";
  const auto shape = make_shape(text, *statement, {}, facts);
  if (!shape) return "none";
  std::string out = shape->text;
  wire::Cursor types(shape->types);
  wire::Cursor values(shape->parameters);
  EXPECT_EQ(values.uint16(), 0) << "all in text format";
  const int count = types.uint16();
  EXPECT_EQ(values.uint16(), count);
  for (int i = 0; i < count; ++i) {
    const int type = types.int32();
    out += " | " + std::to_string(type) + " " + std::string(values.bytes(std::size_t(values.int32())));
  }
  return out;
}

TEST(ShapeTest, NumbersHaveTheTypeOfTheirSize) {
  const auto of = [](const std::string& number) { return shape_of("UPDATE t SET n = n + 1 WHERE id = " + number); };
  const std::string text = "UPDATE t SET n = n +  $1  WHERE id =  $2  | 23 1 | ";
  EXPECT_EQ(of("5"), text + "23 5");
  EXPECT_EQ(of("-5"), text + "23 -5");
  EXPECT_EQ(of("- 5"), text + "23 -5");
  EXPECT_EQ(of("007"), text + "23 007");
  EXPECT_EQ(of("2147483647"), text + "23 2147483647");
  EXPECT_EQ(of("-2147483648"), text + "23 -2147483648");
  EXPECT_EQ(of("2147483648"), text + "20 2147483648");
  EXPECT_EQ(of("-9223372036854775808"), text + "20 -9223372036854775808");
  // The key is compared with something else: another plan may be better for it.
  EXPECT_EQ(of("9223372036854775808"), "none");
  EXPECT_EQ(of("1.5"), "none");
}

TEST(ShapeTest, WhatIsNotPlainStaysInTheText) {
  const auto of = [](const std::string& value) { return shape_of("UPDATE t SET n = n * " + value + " WHERE id = 1"); };
  const std::string behind = " WHERE id =  $1  | 23 1";
  for (const std::string value : {"1e3", "+5", "0x1F", "1_000", "(2 + 3)", "B'1'", "TRUE", "NULL", "$$x$$::int"}) {
    const bool string = value.starts_with("$$");
    EXPECT_EQ(of(value), string ? "none" : "UPDATE t SET n = n * " + value + behind) << value;
  }
  EXPECT_EQ(of("1.5"), "UPDATE t SET n = n *  $1  WHERE id =  $2  | 1700 1.5 | 23 1");
  EXPECT_EQ(of(".5"), "UPDATE t SET n = n *  $1  WHERE id =  $2  | 1700 .5 | 23 1");
}

TEST(ShapeTest, StringsHaveNoType) {
  EXPECT_EQ(shape_of("UPDATE t SET v = 'it''s' WHERE id='1'AND v='x'"),
            "UPDATE t SET v =  $1  WHERE id= $2 AND v= $3  | 0 it's | 0 1 | 0 x");
  EXPECT_EQ(shape_of("UPDATE t SET day = '2026-01-02'::date, v = v || 'x' WHERE t.id = 1"),
            "UPDATE t SET day =  $1 ::date, v = v ||  $2  WHERE t.id =  $3  | 0 2026-01-02 | 0 x | 23 1");
  EXPECT_EQ(shape_of("DELETE FROM t AS x WHERE x.id = 1 AND (v IN ('a', 'b') OR v LIKE 'c%') RETURNING v"),
            "DELETE FROM t AS x WHERE x.id =  $1  AND (v IN ( $2 ,  $3 ) OR v LIKE  $4 ) RETURNING v"
            " | 23 1 | 0 a | 0 b | 0 c%");
}

// Prepared once, it would say for ever what it says today; or nobody has looked whether a parameter is the same.
TEST(ShapeTest, NoStringStays) {
  for (const std::string set : {"v = E'x'",
                                "v = U&'x'",
                                "v = $$x$$",
                                "v = N'x'",
                                "v = 'a'\n'b'",
                                "day = date 'today'",
                                "v = lower('X')",
                                "v = CAST('x' AS text)",
                                "v = 'x'::varchar",
                                "day = '2026-01-02'::text",
                                "v = CASE WHEN true THEN 'x' END",
                                "v = COALESCE(v, 'x')",
                                "v = 'a' || 'b'",
                                "own = 'x'",
                                "data = data || '{}' || '{}'",
                                "v = data ->> 'k'",
                                "data['k'] = '1'",
                                "(v, n) = ('x', 1)",
                                "v = (SELECT 'x')",
                                "n = nextval('s')",
                                "short = 'four'",
                                "price = '1000.00'",
                                "price = 'NaN'",
                                "short = 'x'::varchar(3)",
                                "nope = 'x'",
                                "v = current_query()"}) {
    EXPECT_EQ(shape_of("UPDATE t SET " + set + " WHERE id = 1"), "none") << set;
  }
  EXPECT_EQ(shape_of("UPDATE t SET n = 1 WHERE id = 1 AND 'a' = 'a'"), "none");
  EXPECT_EQ(shape_of("UPDATE t SET n = 1 WHERE id = 1 RETURNING 'x'"), "none");
}

// Where a literal fails when the statement is planned, a generic plan's parameter would fail only if a row is hit.
TEST(ShapeTest, WhatIsAssignedFitsItsColumn) {
  const auto taken = [](const std::string& set) {
    const std::string shape = shape_of("UPDATE t SET " + set + " WHERE id = 1");
    return shape.find("$2") != std::string::npos;
  };
  for (const char* set : {"small = 32767", "small = -32768", "n = 2147483647", "big = 2147483648", "price = 99.99",
                          "price = -99", "short = 'abc'", "price = '99.5'", "at = '2026-01-02'", "v = ''"})
    EXPECT_TRUE(taken(set)) << set;
  for (const char* set : {"small = 32768", "small = -32769", "n = 2147483648", "n = 1.5", "big = 9223372036854775808",
                          "price = 999.99", "price = 1000", "v = 5", "own = 5", "day = 5", "nope = 5", "n = 1 / 0"})
    EXPECT_FALSE(taken(set)) << set;
}

TEST(ShapeTest, InsertsByColumnOrByPlace) {
  EXPECT_EQ(shape_of("INSERT INTO t VALUES (1, 'x', DEFAULT), (2, 'y', NULL)"),
            "INSERT INTO t VALUES ( $1 ,  $2 , DEFAULT), ( $3 ,  $4 , NULL) | 23 1 | 0 x | 23 2 | 0 y");
  EXPECT_EQ(shape_of("INSERT INTO t (v, id) VALUES ('x', 1) ON CONFLICT (id) DO UPDATE SET v = 'y', n = t.n + 1 WHERE "
                     "t.n < 5"),
            "INSERT INTO t (v, id) VALUES ( $1 ,  $2 ) ON CONFLICT (id) DO UPDATE SET v =  $3 , n = t.n +  $4  WHERE "
            "t.n <  $5  | 0 x | 23 1 | 0 y | 23 1 | 23 5");
  EXPECT_EQ(shape_of("INSERT INTO t DEFAULT VALUES"), "INSERT INTO t DEFAULT VALUES");
  EXPECT_EQ(shape_of("INSERT INTO t (id, n) VALUES (1, now())"), "INSERT INTO t (id, n) VALUES ( $1 , now()) | 23 1");
  for (const char* text :
       {"INSERT INTO t SELECT 1, 'x'", "INSERT INTO t VALUES (1) ON CONFLICT (id) WHERE n > 5 DO NOTHING",
        "INSERT INTO t VALUES (1) ON CONFLICT ((n + 1)) DO NOTHING", "WITH x AS (SELECT 1) INSERT INTO t VALUES (1)",
        "INSERT INTO t VALUES ((SELECT 1))", "INSERT INTO t VALUES ($1)", "INSERT INTO t VALUES (1) LIMIT 1"})
    EXPECT_EQ(shape_of(text), "none") << text;
}

TEST(ShapeTest, OnlyByTheWholeKeyOfOneTable) {
  RelationFacts facts = relation();
  EXPECT_EQ(shape_of("UPDATE t SET n = 1 WHERE v = 'x'"), "none");
  EXPECT_EQ(shape_of("UPDATE t SET n = 1 WHERE id = 1 OR n = 2"), "none");
  EXPECT_EQ(shape_of("UPDATE t SET n = 1 WHERE id > 1"), "none");
  EXPECT_EQ(shape_of("UPDATE t SET n = 1 WHERE id = n"), "none");
  EXPECT_EQ(shape_of("UPDATE t SET n = 1"), "none");
  EXPECT_EQ(shape_of("UPDATE t SET n = 1 FROM x WHERE id = 1"), "none");
  EXPECT_EQ(shape_of("DELETE FROM t USING x WHERE t.id = 1"), "none");
  EXPECT_EQ(shape_of("UPDATE t SET n = 1 WHERE 1 = id", facts), "UPDATE t SET n =  $1  WHERE  $2  = id | 23 1 | 23 1");
  facts.is_first_in_path = false;
  EXPECT_EQ(shape_of("UPDATE t SET n = 1 WHERE 1 = id", facts), "none") << "another t may come before it";
  EXPECT_NE(shape_of("UPDATE public.t SET n = 1 WHERE 1 = id", facts), "none");
  facts.is_first_in_path = true;
  facts.key = {"id", "n"};
  EXPECT_EQ(shape_of("DELETE FROM t WHERE id = 1", facts), "none");
  EXPECT_NE(shape_of("DELETE FROM t WHERE id = 1 AND n = 2", facts), "none");
  facts.key.clear();
  EXPECT_EQ(shape_of("DELETE FROM t WHERE id = 1", facts), "none");
  EXPECT_NE(shape_of("INSERT INTO t VALUES (1)", facts), "none");
  facts.leaves[2] = {"public", "below"};
  EXPECT_EQ(shape_of("INSERT INTO t VALUES (1)", facts), "none");
  facts.leaves.erase(2);
  facts.kind = 'p';
  EXPECT_EQ(shape_of("INSERT INTO t VALUES (1)", facts), "none");
}

// The server says each time that it cuts a name off.
TEST(ShapeTest, NamesAreNotCutOff) {
  const std::string name(64, 'n');
  EXPECT_EQ(shape_of("INSERT INTO " + name + " VALUES (1)"), "none");
  EXPECT_EQ(shape_of("INSERT INTO \"" + std::string(30, 'n') + "-" + std::string(33, 'n') + "\" VALUES (1)"), "none");
  EXPECT_NE(shape_of("INSERT INTO " + name.substr(1) + " VALUES (1)"), "none");
  EXPECT_NE(shape_of("INSERT INTO t (v) VALUES ('" + name + "')"), "none");
}

TEST(ShapeTest, OtherLexersAreLeftAlone) {
  const std::string text = "INSERT INTO t VALUES (1)";
  for (const LexerSettings lexer : {LexerSettings{false, false}, LexerSettings{true, true}}) {
    const ParsedText parsed = parse(text, lexer);
    EXPECT_FALSE(make_shape(text, *parsed.single(), lexer, relation()));
  }
}

TEST(ShapesTest, OneIsKeptWhenItComesAgain) {
  Shapes shapes;
  EXPECT_EQ(shapes.find("a", "x"), nullptr);
  const auto first = shapes.find("a", "x");
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(shapes.find("a", "x"), first);
  EXPECT_EQ(shapes.find("a", "y"), nullptr) << "other types";
  first->own = {"weir:1", true};
  shapes.drop_all();
  EXPECT_EQ(shapes.take_dropped(), std::vector<std::string>{"weir:1"});
  EXPECT_TRUE(shapes.take_dropped().empty());
  EXPECT_NE(shapes.find("a", "x"), first);
}

TEST(ShapesTest, TheOneThatWasNotUsedForLongestMakesRoom) {
  Shapes shapes;
  const auto keep = [&shapes](std::size_t i) {
    const std::string text = "shape " + std::to_string(i);
    shapes.find(text, "");
    const auto kept = shapes.find(text, "");
    if (kept && !kept->own.sent) kept->own = {text, true};
  };
  for (std::size_t i = 0; i < Shapes::kMost; ++i) keep(i);
  EXPECT_TRUE(shapes.take_dropped().empty());
  keep(0);
  keep(Shapes::kMost);
  EXPECT_EQ(shapes.take_dropped(), std::vector<std::string>{"shape 1"});
}

}  // namespace
}  // namespace weir::capture
