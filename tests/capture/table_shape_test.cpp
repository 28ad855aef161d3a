// What a table's shape says, what makes two of them different, and which images it fits.
#include "capture/event/table_shape.h"

#include <gtest/gtest.h>

#include <set>

#include "capture/event/change_event.h"

namespace weir::event {
namespace {

TableShape orders() {
  TableShape shape{"public", "orders", {}, {"line", "id"}, 1};
  shape.columns.push_back({"id", 1, 20, "pg_catalog", "int8", -1, 'b', 0, true});
  shape.columns.push_back({"li\"ne", 2, 1700, "pg_catalog", "numeric", 655366, 'b', 0, false});
  shape.columns.push_back({"line", 4, 23, "pg_catalog", "int4", -1, 'b', 0, true});
  return shape;
}

TEST(TableShapeTest, FitsTheImagesThatHaveItsColumnsAndNoOthersInTheirOrder) {
  std::string key;
  EXPECT_TRUE(fits(orders(), R"({"id":1,"li\"ne":2.50,"line":{"id":3}})", key));
  EXPECT_EQ(key, R"({"line":{"id":3},"id":1})") << "in the key's order, values as they are";
  for (const char* image :
       {R"({"id":1,"li\"ne":2.50})", R"({"id":1,"li\"ne":2.50,"line":3,"more":4})", R"({"id":1,"line":3,"li\"ne":2})",
        R"({"id":1,"li\"ne":2.50,"lines":3})", R"({"id":1,"li\"ne":2.50,"line":3)", R"({})", "", "null"})
    EXPECT_FALSE(fits(orders(), image, key)) << image;
}

TEST(TableShapeTest, WithoutAKeyThereIsNone) {
  TableShape shape = orders();
  shape.key.clear();
  std::string key = "left over";
  EXPECT_TRUE(fits(shape, R"({"id":1,"li\"ne":2.50,"line":3})", key));
  EXPECT_EQ(key, "");
  shape.columns.clear();
  EXPECT_TRUE(fits(shape, "{}", key));
  shape.key.assign(33, "id");
  EXPECT_FALSE(fits(shape, "{}", key)) << "more than an index can have";
}

TEST(TableShapeTest, AnythingThatIsDifferentMakesOtherBytes) {
  const auto with = [](const auto& change) {
    TableShape shape = orders();
    change(shape);
    return canonical_bytes(shape);
  };
  std::set<std::string> all = {
      canonical_bytes(orders()),
      with([](TableShape& s) { s.schema = "shop"; }),
      with([](TableShape& s) { s.table = "order"; }),
      with([](TableShape& s) {
        s.key = {"id", "line"};
      }),
      with([](TableShape& s) { s.columns.pop_back(); }),
      with([](TableShape& s) { std::swap(s.columns[0], s.columns[2]); }),
      with([](TableShape& s) { s.columns[0].name = "i"; }),
      with([](TableShape& s) { s.columns[0].number = 7; }),
      with([](TableShape& s) { s.columns[0].type = 21; }),
      with([](TableShape& s) { s.columns[0].type_schema = "pg_catalo"; }),
      with([](TableShape& s) { s.columns[0].type_name = "int2"; }),
      with([](TableShape& s) { s.columns[0].modifier = 5; }),
      with([](TableShape& s) { s.columns[0].kind = 'd'; }),
      with([](TableShape& s) { s.columns[0].base = 20; }),
      with([](TableShape& s) { s.columns[0].not_null = false; }),
      with([](TableShape& s) { s.columns[0].type_schema += "i", s.columns[0].type_name = "nt8"; }),
  };
  EXPECT_EQ(all.size(), 16u);
  EXPECT_EQ(with([](TableShape& s) { s.fingerprint = 9; }), canonical_bytes(orders()));
}

TEST(TableShapeTest, IsDescribedForAPerson) {
  EXPECT_EQ(describe(orders()),
            "public.orders: id int8 not null, li\"ne numeric(10,2), line int4 not null; key line, id");
  EXPECT_EQ(fingerprint_text(0xF00D), "000000000000f00d");
  const auto type = [](std::string schema, std::string name, std::int32_t modifier) {
    return type_text({"c", 1, 1, std::move(schema), std::move(name), modifier, 'b', 0, false});
  };
  EXPECT_EQ(type("pg_catalog", "varchar", 24), "varchar(20)");
  EXPECT_EQ(type("pg_catalog", "_varchar", 24), "varchar(20)[]");
  EXPECT_EQ(type("pg_catalog", "numeric", ((3 << 16) | 2046) + 4), "numeric(3,-2)");
  EXPECT_EQ(type("pg_catalog", "timestamptz", 3), "timestamptz(3)");
  EXPECT_EQ(type("pg_catalog", "interval", 99), "interval");
  EXPECT_EQ(type("shop", "_mood", -1), "shop._mood");
}

TEST(TableShapeTest, AGapHasNone) {
  ChangeEvent change;
  change.after = "{}";
  change.shape = std::make_shared<const TableShape>(orders());
  EXPECT_EQ(as_gap(std::move(change), "trigger").shape, nullptr);
}

}  // namespace
}  // namespace weir::event
