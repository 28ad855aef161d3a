#include "capture/facts.h"

#include <gtest/gtest.h>

#include <boost/algorithm/hex.hpp>
#include <iterator>

namespace weir::capture {
namespace {

std::string in_hex(std::string_view text) {
  std::string out;
  boost::algorithm::hex_lower(text.begin(), text.end(), std::back_inserter(out));
  return out;
}

/// The answer about shop.orders, its names in the bytes of the database.
struct Answer {
  std::vector<std::optional<std::string>> columns = {
      "16400",
      in_hex("shop"),
      in_hex("orders"),
      "p",
      "p",
      "false",
      "true",
      "false",
      "true",
      in_hex(R"(["id","li\"ne"])"),
      in_hex(R"([["id","N",""],["note","S","t"],["sum","N","v"],["price","N","ns"],["of","N","o"]])"),
      in_hex(R"([["16400","shop","orders"],["16401","shop","orders_2026"]])"),
      in_hex(R"(["region"])"),
      "true",
      "true",
      "77 00000001 100.5 0/0 100.4 4242",
      in_hex(R"({"deferrable":true,"columns":[["id","numeric","b",true,-1]],"triggers":null,"casts":false})"),
      "true",
      in_hex("later"),
      "true",
      in_hex(
          R"([["id","1700","393222","1","pg_catalog","numeric","bn","0"],)"
          R"(["note","16500","-1","3","\"of \"\"shops\"","mood","e","0"],)"
          R"(["sum","23","-1","4","pg_catalog","int4","b","0"],)"
          R"(["price","16501","-1","5","shop","euro","d","1700"],["of","2205","-1","6","pg_catalog","regclass","b","0"]])"),
      "true",
      "-77",
      "1"};

  wire::RowView row() const { return {columns.begin(), columns.end()}; }
};

TEST(FactsTest, EveryColumnOfTheAnswer) {
  const Answer answer;
  const auto facts = read_facts(answer.row(), "UTF8");
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
  ASSERT_EQ(facts->columns.size(), 5u);
  EXPECT_EQ(facts->columns[1].name, "note");
  EXPECT_EQ(facts->columns[1].category, 'S');
  EXPECT_FALSE(facts->columns[1].computed);
  EXPECT_TRUE(facts->columns[2].computed);
  EXPECT_FALSE(facts->columns[2].generated);
  EXPECT_TRUE(facts->columns[3].generated);
  EXPECT_FALSE(facts->columns[3].computed);
  EXPECT_FALSE(facts->may_have_casts);
  using Form = Column::Form;
  const Form forms[] = {Form::plain, Form::text, Form::plain, Form::numeric, Form::oid};
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(facts->columns[i].form, forms[i]) << i;
  EXPECT_EQ(facts->columns[0].type, 1700u);
  EXPECT_EQ(facts->columns[0].modifier, 393222);
  EXPECT_EQ(facts->columns[1].type, 0u) << "somebody's own";
  ASSERT_EQ(facts->types.size(), 5u);
  const event::ShapeColumn note{"note", 3, 16500, "of \"shops", "mood", -1, 'e', 0, false};
  EXPECT_EQ(facts->types[1], note);
  EXPECT_TRUE(facts->types[0].not_null);
  EXPECT_EQ(facts->types[0].modifier, 393222);
  EXPECT_EQ(facts->types[3].base, 1700u);
  EXPECT_EQ(facts->shape, nullptr) << "of a session's scope, so not the answer's";
  ASSERT_EQ(facts->leaves.size(), 2u);
  EXPECT_EQ(facts->leaves.at(16401).table, "orders_2026");
  EXPECT_EQ(facts->routing, std::vector<std::string>{"region"});
  EXPECT_TRUE(facts->routes_by_expression);
  EXPECT_TRUE(facts->logged);
  EXPECT_EQ(read_run(answer.row()), "77 00000001 100.5 0/0 100.4 4242");
  EXPECT_TRUE(facts->updates.key_deferrable);
  EXPECT_TRUE(facts->updates.triggers.known);
  EXPECT_TRUE(facts->has_foreign);
  EXPECT_TRUE(facts->has_update_triggers);
  EXPECT_TRUE(facts->is_first_in_path);
  EXPECT_EQ(facts->digest, "-77");
  EXPECT_EQ(read_creation_schema(answer.row(), "UTF8"), "later");
}

TEST(FactsTest, WhatWasNotAskedIsNotKnown) {
  Answer answer;
  answer.columns[10] = in_hex(R"([["id","N",""],["note","U","i"]])");
  answer.columns[16] = std::nullopt;
  const auto facts = read_facts(answer.row(), "UTF8");
  ASSERT_TRUE(facts);
  EXPECT_TRUE(facts->may_have_casts);
  EXPECT_EQ(facts->columns.at(1).form, Column::Form::plain);
  EXPECT_FALSE(facts->updates.triggers.known);
  EXPECT_TRUE(facts->updates.casts);
}

TEST(FactsTest, WithoutTheTableTheRowSaysWhereOneWouldBeMade) {
  wire::RowView row(Answer().columns.size());
  EXPECT_FALSE(read_facts(row, "UTF8"));
  EXPECT_EQ(read_creation_schema(row, "UTF8"), "");
  row[18] = "6c61746572";
  EXPECT_FALSE(read_facts(row, "UTF8"));
  EXPECT_EQ(read_creation_schema(row, "UTF8"), "later");
  EXPECT_EQ(read_creation_schema({}, "UTF8"), "");
}

TEST(FactsTest, TablesWithoutKeyOrColumns) {
  const Answer answer;
  wire::RowView row = answer.row();
  row[9] = row[10] = row[12] = std::nullopt;
  const auto facts = read_facts(row, "UTF8");
  ASSERT_TRUE(facts);
  EXPECT_TRUE(facts->key.empty());
  EXPECT_TRUE(facts->columns.empty());
  EXPECT_TRUE(facts->routing.empty());
}

TEST(FactsTest, AnAnswerOfAnotherFormIsNone) {
  EXPECT_FALSE(read_facts({}, "UTF8"));
  const Answer answer;
  wire::RowView row = answer.row();
  row.pop_back();
  EXPECT_FALSE(read_facts(row, "UTF8"));
  for (const std::size_t i : {0u, 1u, 2u, 3u, 4u, 5u, 6u, 7u, 8u, 13u, 14u, 17u, 19u, 21u, 22u}) {
    row = answer.row();
    row[i] = std::nullopt;
    EXPECT_FALSE(read_facts(row, "UTF8")) << i;
    row[i] = "";
    EXPECT_FALSE(read_facts(row, "UTF8")) << i;
    row[i] = "0";
    const bool any = i == 3 || i == 4 || i == 22;
    EXPECT_EQ(read_facts(row, "UTF8").has_value(), any) << i;
  }
}

// What is not understood excludes nothing and names nothing: so it is not to be acted on.
TEST(FactsTest, AListThatCannotBeReadSpoilsTheWholeAnswer) {
  for (const char* text : {"", "{", "[", "[1,2]", "{\"a\":1}", "\"x\"", "[[\"id\"]]", "[[1,2,3]]", "[\"\xe9\"]"}) {
    for (const std::size_t i : {9u, 10u, 11u, 12u, 20u}) {
      Answer answer;
      answer.columns[i] = in_hex(text);
      EXPECT_FALSE(read_facts(answer.row(), "UTF8")) << i << " " << text;
    }
  }
  Answer answer;
  answer.columns[9] = R"(["id"])";
  EXPECT_FALSE(read_facts(answer.row(), "UTF8")) << "not in hex";
}

TEST(FactsTest, NamesAreInTheEncodingOfTheDatabase) {
  Answer answer;
  answer.columns[2] = in_hex("caf\xe9");
  answer.columns[9] = in_hex("[\"cl\xe9\"]");
  answer.columns[10] = in_hex("[[\"cl\xe9\",\"N\",\"\"]]");
  const auto facts = read_facts(answer.row(), "LATIN1");
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->name.table, "café");
  EXPECT_EQ(facts->key, std::vector<std::string>{"clé"});
  EXPECT_EQ(facts->columns.at(0).name, "clé");
  for (const char* encoding : {"UTF8", "SQL_ASCII", "MULE_INTERNAL", ""})
    EXPECT_FALSE(read_facts(answer.row(), encoding)) << encoding;
}

TEST(FactsTest, NamesAsSqlQuotesThem) {
  EXPECT_EQ(quoted("t"), "\"t\"");
  EXPECT_EQ(quoted("a\"b"), "\"a\"\"b\"");
  TableName table;
  table.name = "t";
  EXPECT_EQ(quoted_name(table), "\"t\"");
  table.schema = "S.x";
  EXPECT_EQ(quoted_name(table), "\"S.x\".\"t\"");
  EXPECT_EQ(quoted_name(RelationName{"S.x", "t\"é"}), "\"S.x\".U&\"t\"\"\\+0000E9\"");
}

void is_one_qualified_statement(std::string_view query) {
  const ParsedText parsed = parse(query, {});
  ASSERT_NE(parsed.single(), nullptr);
  EXPECT_EQ(parsed.single()->kind, StatementKind::read);
  EXPECT_TRUE(parsed.single()->has_parameters);
  EXPECT_EQ(query.find("$3"), std::string_view::npos);
  EXPECT_EQ(query.find("HEX("), std::string_view::npos);
  for (const char* name :
       {"to_regclass", "json_agg", "unnest", "pg_class ", "pg_namespace ", "pg_attribute ", "json_build_object",
        "json_build_array", "pg_type ", "pg_depend ", "pg_operator ", "pg_cast ", "pg_index ", "left(", "encode("}) {
    for (std::size_t at = query.find(name); at != std::string_view::npos; at = query.find(name, at + 1))
      EXPECT_TRUE(query.substr(0, at).ends_with("pg_catalog.")) << name;
  }
}

TEST(FactsTest, TheQuestionIsOneStatementWithoutUnqualifiedNames) {
  for (const FactsText text : {FactsText::plain, FactsText::updates, FactsText::whole}) {
    SCOPED_TRACE(int(text));
    is_one_qualified_statement(facts_query(text));
    for (const char* mark : {"SERVER_RUN", "UPDATE_FACTS", "INSIDE_"})
      EXPECT_EQ(facts_query(text).find(mark), std::string_view::npos) << mark;
  }
}

}  // namespace
}  // namespace weir::capture
