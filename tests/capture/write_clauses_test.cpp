// What INSERT, UPDATE and DELETE say about themselves: RETURNING, ON CONFLICT, a WHERE that can be asked again, VALUES.
#include <gtest/gtest.h>

#include "capture/sql/statement.h"

namespace weir::capture {
namespace {

constexpr LexerSettings kOldStrings{.standard_conforming_strings = false, .hides_backslashes = false};

using Names = std::vector<std::string>;

/// The clauses of the text's only statement; they live as long as the object.
class Clauses {
 public:
  explicit Clauses(std::string_view text) : parsed_(parse(text, {})) {}
  const WriteClauses* operator->() const {
    static const WriteClauses kNone;
    const Statement* single = parsed_.single();
    EXPECT_TRUE(single && single->write) << parsed_.text;
    return single && single->write ? single->write.get() : &kNone;
  }

 private:
  ParsedText parsed_;
};

TEST(WriteClausesTest, Returning) {
  EXPECT_FALSE(Clauses("DELETE FROM t")->has_returning);
  EXPECT_TRUE(Clauses("DELETE FROM t RETURNING *")->has_returning);
  EXPECT_TRUE(Clauses("INSERT INTO t VALUES (1) RETURNING 1")->has_returning);
  EXPECT_FALSE(Clauses("INSERT INTO t SELECT 'RETURNING'")->has_returning);
  EXPECT_FALSE(Clauses("WITH x AS (DELETE FROM a RETURNING *) INSERT INTO t SELECT * FROM x")->has_returning);
}

TEST(WriteClausesTest, ReturningWithNamesForOldAndNew) {
  const Clauses plain("UPDATE t SET a = 1 RETURNING old.a");
  EXPECT_FALSE(plain->returning_options);
  const Clauses both("UPDATE t SET a = 1 RETURNING WITH (OLD AS \"O\", NEW AS n) \"O\".a");
  EXPECT_TRUE(both->returning_options);
  EXPECT_EQ(both->old_alias, "O");
  EXPECT_EQ(both->new_alias, "n");
  const Clauses one("UPDATE t SET a = 1 RETURNING WITH (OLD AS o) o.a");
  EXPECT_EQ(one->old_alias, "o");
  EXPECT_EQ(one->new_alias, "");
}

TEST(WriteClausesTest, TablesCalledOldOrNewHideTheRows) {
  EXPECT_TRUE(Clauses("UPDATE old SET a = 1")->hides_old_new);
  EXPECT_TRUE(Clauses("UPDATE t AS new SET a = 1")->hides_old_new);
  EXPECT_TRUE(Clauses("UPDATE t SET a = 1 FROM s AS old")->hides_old_new);
  EXPECT_TRUE(Clauses("DELETE FROM t USING (SELECT 1) AS new")->hides_old_new);
  EXPECT_FALSE(Clauses("UPDATE t SET old = 1 WHERE new = 2")->hides_old_new);
}

TEST(WriteClausesTest, OnConflict) {
  EXPECT_FALSE(Clauses("INSERT INTO t VALUES (1)")->on_conflict);
  const Clauses nothing("INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING");
  EXPECT_TRUE(nothing->on_conflict);
  EXPECT_FALSE(nothing->on_conflict_update);
  const Clauses update("INSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET v = 'x', w = DEFAULT");
  EXPECT_TRUE(update->on_conflict && update->on_conflict_update);
  EXPECT_EQ(update->assigned, (Names{"v", "w"}));
}

TEST(WriteClausesTest, AssignedColumns) {
  EXPECT_EQ(Clauses("UPDATE t SET a = 1, \"B\" = 2")->assigned, (Names{"a", "B"}));
  EXPECT_EQ(Clauses("UPDATE t SET (a, b) = (SELECT 1, 2)")->assigned, (Names{"a", "b"}));
  EXPECT_EQ(Clauses("UPDATE t SET a[1] = 1, c.d = 2")->assigned, (Names{"a", "c"}));
}

/// The slice, or "-".
std::string where(std::string_view text) {
  const Clauses clauses(text);
  if (!clauses->plain_where) return clauses->where_absent ? "none" : "-";
  const auto [begin, end] = *clauses->plain_where;
  return std::string(text.substr(begin, end - begin));
}

TEST(WriteClausesTest, AWhereThatCanBeAskedAgain) {
  EXPECT_EQ(where("UPDATE t SET a = 1"), "none");
  EXPECT_EQ(where("UPDATE t SET a = 1 WHERE id = 1"), " id = 1");
  EXPECT_EQ(where("UPDATE t SET a = 1 where(id = 1)"), "(id = 1)");
  EXPECT_EQ(where("UPDATE t SET a = 1 WHERE ((id = 1) OR NOT b);"), " ((id = 1) OR NOT b)");
  EXPECT_EQ(where("UPDATE t SET a = 1 WHERE id = 1 RETURNING a"), " id = 1 ");
  EXPECT_EQ(where("UPDATE t SET a = 1 WHERE v = 'returning' RETURNING 'returning', a"), " v = 'returning' ");
  EXPECT_EQ(where("UPDATE t SET a = 'where x' WHERE nowhere = 1"), " nowhere = 1");
  EXPECT_EQ(where("UPDATE t SET a = 1 WHERE id = ANY($2) AND b > $1"), " id = ANY($2) AND b > $1");
}

TEST(WriteClausesTest, AWhereThatCannot) {
  EXPECT_EQ(where("UPDATE t SET a = 1 WHERE id = f()"), "-");
  EXPECT_EQ(where("UPDATE t SET a = 1 WHERE random() < 0.5"), "-");
  EXPECT_EQ(where("UPDATE t SET a = 1 WHERE id IN (SELECT 1)"), "-");
  EXPECT_EQ(where("UPDATE t SET a = 1 FROM s WHERE s.id = t.id"), "-");
  EXPECT_EQ(where("UPDATE t SET a = 1 WHERE CURRENT OF c"), "-");
  EXPECT_EQ(where("WITH x AS (SELECT 1) UPDATE t SET a = 1 WHERE id = 1"), "-");
}

TEST(WriteClausesTest, ACommentThatHoldsTheKeywordNeverMakesAnotherCondition) {
  for (const char* text :
       {"UPDATE t SET a = 1 WHERE -- where not\n id = 1", "UPDATE t SET a = 1 WHERE /* where */ id = 1",
        "UPDATE t SET a = 1 WHERE /* where */ -- where not\n (id = 1)"}) {
    const std::string slice = where(text);
    const bool same = slice == std::string(text).substr(std::string(text).find("WHERE") + 5);
    EXPECT_TRUE(slice == "-" || same) << slice;
  }
  EXPECT_EQ(where("UPDATE t SET a = 1 /* where */ WHERE id = 1"), " id = 1");
}

TEST(WriteClausesTest, ParametersOfTheWhereAlone) {
  EXPECT_EQ(Clauses("UPDATE t SET a = $1 WHERE id = $3 AND b = $2")->where_parameters, (std::vector<int>{3, 2}));
  EXPECT_TRUE(Clauses("UPDATE t SET a = $1 WHERE id = 1")->where_parameters.empty());
}

std::string shown(const InputValue& value) {
  switch (value.kind) {
    case InputValue::Kind::null:
      return "null ";
    case InputValue::Kind::number:
    case InputValue::Kind::boolean:
      return value.text + " ";
    case InputValue::Kind::text:
      return "'" + value.text + "' ";
    case InputValue::Kind::parameter:
      return "$" + std::to_string(value.parameter) + " ";
    case InputValue::Kind::unknown:
      break;
  }
  return "? ";
}

/// The values row by row; ? where only the server knows.
std::string values(std::string_view text, std::size_t index = 0, LexerSettings settings = {}) {
  std::string out;
  for (const auto& row : insert_values(text, index, settings)) {
    for (const InputValue& value : row) out += shown(value);
    out += "| ";
  }
  return out;
}

TEST(InsertValuesTest, ConstantsAndParameters) {
  EXPECT_EQ(values("INSERT INTO t VALUES (1, 'a', NULL, true, $2)"), "1 'a' null true $2 | ");
  EXPECT_EQ(values("INSERT INTO t VALUES (1), (2)"), "1 | 2 | ");
  EXPECT_EQ(values("INSERT INTO t VALUES (9223372036854775808, 1.50, 1e3)"), "9223372036854775808 1.50 1e3 | ");
  EXPECT_EQ(values("INSERT INTO t VALUES (E'a\\n', U&'\\00e9', $q$x$q$, 'it''s')"), "'a\n' '\xC3\xA9' 'x' 'it's' | ");
}

TEST(InsertValuesTest, WhatOnlyTheServerKnows) {
  EXPECT_EQ(values("INSERT INTO t VALUES (DEFAULT, now(), 1 + 1, '1'::int, B'1', current_date)"), "? ? ? ? ? ? | ");
  EXPECT_EQ(values("INSERT INTO t SELECT 1"), "");
  EXPECT_EQ(values("INSERT INTO t DEFAULT VALUES"), "");
  EXPECT_EQ(values("not SQL"), "");
  EXPECT_EQ(values("SELECT 1"), "");
}

TEST(InsertValuesTest, TheStatementIsFoundByItsPlace) {
  const char* text = "INSERT INTO t VALUES (1); SELECT 1; INSERT INTO t VALUES (3)";
  EXPECT_EQ(values(text, 0), "1 | ");
  EXPECT_EQ(values(text, 1), "");
  EXPECT_EQ(values(text, 2), "3 | ");
  EXPECT_EQ(values(text, 3), "");
}

TEST(InsertValuesTest, NegativeNumbersAreNumbers) {
  EXPECT_EQ(values("INSERT INTO t VALUES (-1, -1.5)"), "-1 -1.5 | ");
}

TEST(InsertValuesTest, StringsByTheSessionsSyntax) {
  EXPECT_EQ(values("INSERT INTO t VALUES ('a\\tb')", 0, {}), "'a\\tb' | ");
  EXPECT_EQ(values("INSERT INTO t VALUES ('a\\tb')", 0, kOldStrings), "'a\tb' | ");
}

TEST(WriteClausesTest, ValuesInTheGrammar) {
  EXPECT_TRUE(Clauses("INSERT INTO t VALUES (1)")->has_values);
  EXPECT_TRUE(Clauses("INSERT INTO t (b, a) VALUES (1, 2)")->has_values);
  EXPECT_EQ(Clauses("INSERT INTO t (b, a) VALUES (1, 2)")->columns, (Names{"b", "a"}));
  EXPECT_FALSE(Clauses("INSERT INTO t SELECT 1")->has_values);
  EXPECT_FALSE(Clauses("INSERT INTO t DEFAULT VALUES")->has_values);
}

}  // namespace
}  // namespace weir::capture
