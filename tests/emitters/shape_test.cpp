// What a format does that needs a schema: it is made once for each version of a table's shape, from what the event
// refers to. A dummy, for no format does so yet.
#include <gtest/gtest.h>

#include <set>

#include "emitters/format.h"

namespace weir::emitters {
namespace {

/// A schema in front of the first row of a version, and each row with the version's fingerprint in front.
class SchemaOnce : public Format {
 public:
  void begin(const event::Transaction& /*transaction*/, std::vector<Record>& /*out*/) override {}
  void change(const event::ChangeEvent& change, std::int64_t /*now_us*/, std::vector<Record>& out) override {
    if (!change.shape) return add(out, "unknown " + change.after.value_or("null"));
    const std::string version = event::fingerprint_text(change.shape->fingerprint);
    if (said_.insert(change.shape->fingerprint).second) add(out, version + " = " + event::describe(*change.shape));
    add(out, version + " " + change.after.value_or("null"));
  }
  void end(std::vector<Record>& /*out*/) override {}

 private:
  void add(std::vector<Record>& out, std::string value) { out.emplace_back().value = std::move(value); }

  std::set<std::uint64_t> said_;
};

event::ShapePtr shape(std::uint64_t fingerprint, const std::vector<std::string>& names) {
  event::TableShape made{"public", "orders", {}, {"id"}, fingerprint};
  for (const std::string& name : names) made.columns.push_back({name, 1, 23, "pg_catalog", "int4", -1, 'b', 0, false});
  return std::make_shared<const event::TableShape>(std::move(made));
}

event::ChangeEvent row(std::string after, event::ShapePtr shape) {
  event::ChangeEvent made;
  made.after = std::move(after);
  made.shape = std::move(shape);
  return made;
}

TEST(ShapeInFormatTest, ASchemaIsWrittenOnceForEachVersion) {
  SchemaOnce format;
  std::vector<Record> out;
  const auto first = shape(1, {"id"});
  const auto second = shape(2, {"id", "n"});
  for (int transaction = 0; transaction < 2; ++transaction) {
    format.begin({}, out);
    format.change(row(R"({"id":1})", first), 0, out);
    format.change(row(R"({"id":1,"n":2})", second), 0, out);
    format.change(row(R"({"id":3})", shape(1, {"id"})), 0, out);  // redelivered: another object of the same version
    format.change(row(R"({"x":1})", nullptr), 0, out);
    format.end(out);
  }
  std::string all;
  for (const Record& record : out) all += *record.value + "\n";
  const std::string rows =
      "0000000000000001 {\"id\":3}\n"
      "unknown {\"x\":1}\n";
  EXPECT_EQ(all,
            "0000000000000001 = public.orders: id int4; key id\n"
            "0000000000000001 {\"id\":1}\n"
            "0000000000000002 = public.orders: id int4, n int4; key id\n"
            "0000000000000002 {\"id\":1,\"n\":2}\n" +
                rows +
                "0000000000000001 {\"id\":1}\n"
                "0000000000000002 {\"id\":1,\"n\":2}\n" +
                rows);
}

}  // namespace
}  // namespace weir::emitters
