// The shape that facts say a table has: what is left out, and what its fingerprint depends on.
#include "capture/facts_shape.h"

#include <gtest/gtest.h>

namespace weir::capture {
namespace {

RelationFacts orders() {
  RelationFacts facts;
  facts.oid = 16400;
  facts.name = {"shop", "orders"};
  facts.key = {"id"};
  facts.columns = {{"id", 'N'}, {"secret", 'S'}, {"sum", 'N', true}, {"note", 'S'}};
  std::int16_t number = 0;
  for (const Column& column : facts.columns)
    facts.types.push_back({column.name, ++number, 25, "pg_catalog", "text", -1, 'b', 0, number == 1});
  facts.leaves = {{16400, {"shop", "orders"}}, {16401, {"shop", "orders_2026"}}};
  return facts;
}

std::string names(const event::TableShape& shape) {
  std::string out;
  for (const auto& column : shape.columns) out += column.name + " ";
  return out;
}

TEST(FactsShapeTest, HasTheColumnsThatImagesHave) {
  const auto shape = shape_of(orders(), {});
  ASSERT_TRUE(shape);
  EXPECT_EQ(shape->schema + "." + shape->table, "shop.orders");
  EXPECT_EQ(names(*shape), "id secret note ") << "not what is computed when it is read";
  EXPECT_EQ(shape->key, std::vector<std::string>{"id"});
  EXPECT_TRUE(shape->columns[0].not_null);
  EXPECT_EQ(shape->columns[2].number, 4);
}

TEST(FactsShapeTest, WhatIsExcludedIsInNone) {
  Scope scope;
  scope.exclude_columns = {"shop.orders_2026.secret"};  // of a partition: nowhere in the tree
  const auto shape = shape_of(orders(), scope);
  ASSERT_TRUE(shape);
  EXPECT_EQ(names(*shape), "id note ");
  EXPECT_NE(shape->fingerprint, shape_of(orders(), {})->fingerprint);
  scope.exclude_columns = {"shop.orders.id"};
  EXPECT_EQ(shape_of(orders(), scope)->key, std::vector<std::string>{}) << "a key that is not all there is none";
}

TEST(FactsShapeTest, TheFingerprintIsTheSameForEver) {
  EXPECT_EQ(event::fingerprint_text(shape_of(orders(), {})->fingerprint), "e12d304909f1c64e");
  RelationFacts other = orders();
  other.types[3].not_null = true;
  EXPECT_NE(shape_of(other, {})->fingerprint, shape_of(orders(), {})->fingerprint);
  other = orders();
  other.oid = 99;  // another table of the same name, after a restore, say
  EXPECT_EQ(shape_of(other, {})->fingerprint, shape_of(orders(), {})->fingerprint);
}

TEST(FactsShapeTest, IsNotKnownWhereTheTypesWereNotSaid) {
  RelationFacts facts = orders();
  facts.types.pop_back();
  EXPECT_EQ(shape_of(facts, {}), nullptr);
  facts.types.clear();
  EXPECT_EQ(shape_of(facts, {}), nullptr);
}

}  // namespace
}  // namespace weir::capture
