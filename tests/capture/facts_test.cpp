#include "capture/facts.h"

#include <gtest/gtest.h>

namespace weir::capture {
namespace {

wire::RowView complete_row() {
  return {"16400",
          "shop",
          "orders",
          "p",
          "p",
          "false",
          "true",
          "false",
          "true",
          R"(["id","li\"ne"])",
          R"([["id","N",""],["note","S",""],["sum","N","v"]])",
          R"([["16400","shop","orders"],["16401","shop","orders_2026"]])",
          R"(["region"])",
          "true",
          "true",
          "77 00000001 100.5 0/0 100.4 4242",
          R"({"deferrable":true,"columns":[["id","numeric","b",true,-1]],"triggers":null,"casts":false})",
          "later"};
}

TEST(FactsTest, EveryColumnOfTheAnswer) {
  const auto facts = read_facts(complete_row());
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->oid, 16400u);
  EXPECT_EQ(facts->name.schema, "shop");
  EXPECT_EQ(facts->name.table, "orders");
  EXPECT_EQ(facts->kind, 'p');
  EXPECT_EQ(facts->persistence, 'p');
  EXPECT_FALSE(facts->has_rules);
  EXPECT_TRUE(facts->row_security);
  EXPECT_FALSE(facts->selectable);
  EXPECT_TRUE(facts->shows_text);
  EXPECT_EQ(facts->key, (std::vector<std::string>{"id", "li\"ne"}));
  ASSERT_EQ(facts->columns.size(), 3u);
  EXPECT_EQ(facts->columns[1].name, "note");
  EXPECT_EQ(facts->columns[1].category, 'S');
  EXPECT_FALSE(facts->columns[1].computed);
  EXPECT_TRUE(facts->columns[2].computed);
  ASSERT_EQ(facts->leaves.size(), 2u);
  EXPECT_EQ(facts->leaves.at(16401).table, "orders_2026");
  EXPECT_EQ(facts->routing, std::vector<std::string>{"region"});
  EXPECT_TRUE(facts->routes_by_expression);
  EXPECT_TRUE(facts->logged);
  EXPECT_EQ(read_run(complete_row()), "77 00000001 100.5 0/0 100.4 4242");
  EXPECT_TRUE(facts->updates.key_deferrable);
  EXPECT_TRUE(facts->updates.triggers.known);
  EXPECT_EQ(read_creation_schema(complete_row()), "later");
}

TEST(FactsTest, WithoutTheTableTheRowSaysWhereOneWouldBeMade) {
  wire::RowView row(complete_row().size());
  EXPECT_FALSE(read_facts(row));
  EXPECT_EQ(read_creation_schema(row), "");
  row.back() = "later";
  EXPECT_FALSE(read_facts(row));
  EXPECT_EQ(read_creation_schema(row), "later");
  EXPECT_EQ(read_creation_schema({}), "");
}

TEST(FactsTest, TablesWithoutKeyOrColumns) {
  wire::RowView row = complete_row();
  row[9] = row[10] = row[12] = std::nullopt;
  const auto facts = read_facts(row);
  ASSERT_TRUE(facts);
  EXPECT_TRUE(facts->key.empty());
  EXPECT_TRUE(facts->columns.empty());
  EXPECT_TRUE(facts->routing.empty());
}

TEST(FactsTest, AnAnswerOfAnotherFormIsNone) {
  EXPECT_FALSE(read_facts({}));
  wire::RowView row = complete_row();
  row.pop_back();
  EXPECT_FALSE(read_facts(row));
  for (std::size_t i = 0; i < 9; ++i) {
    row = complete_row();
    row[i] = std::nullopt;
    EXPECT_FALSE(read_facts(row)) << i;
    row[i] = "";
    EXPECT_FALSE(read_facts(row)) << i;
  }
}

TEST(FactsTest, DamagedJsonGivesNoNames) {
  for (const char* text : {"", "{", "[", "[1,2]", "{\"a\":1}", "\"x\"", "[[\"id\"]]", "[[1,2,3]]"}) {
    wire::RowView row = complete_row();
    row[10] = text;
    row[11] = text;
    const auto facts = read_facts(row);
    ASSERT_TRUE(facts) << text;
    for (const Column& column : facts->columns) EXPECT_EQ(column.name, "") << text;
  }
}

TEST(FactsTest, NamesAsSqlQuotesThem) {
  EXPECT_EQ(quoted("t"), "\"t\"");
  EXPECT_EQ(quoted("a\"b"), "\"a\"\"b\"");
  TableName table;
  table.name = "t";
  EXPECT_EQ(quoted_name(table), "\"t\"");
  table.schema = "S.x";
  EXPECT_EQ(quoted_name(table), "\"S.x\".\"t\"");
}

TEST(FactsTest, TheQuestionIsOneStatementWithOneParameterAndNoUnqualifiedName) {
  const ParsedText parsed = parse(facts_query(), {});
  ASSERT_NE(parsed.single(), nullptr);
  EXPECT_EQ(parsed.single()->kind, StatementKind::read);
  EXPECT_TRUE(parsed.single()->has_parameters);
  EXPECT_EQ(facts_query().find("$2"), std::string_view::npos);
  const std::string_view query = facts_query();
  for (const char* name :
       {"to_regclass", "json_agg", "unnest", "pg_class ", "pg_namespace ", "pg_attribute ", "json_build_object",
        "json_build_array", "pg_type ", "pg_depend ", "pg_operator ", "pg_cast ", "pg_index ", "left(", "encode("}) {
    for (std::size_t at = query.find(name); at != std::string_view::npos; at = query.find(name, at + 1))
      EXPECT_TRUE(query.substr(0, at).ends_with("pg_catalog.")) << name;
  }
}

}  // namespace
}  // namespace weir::capture
