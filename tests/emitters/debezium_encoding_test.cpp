// The envelope debezium in another encoding than JSON: a dummy that writes the versions of schemas and no names.
#include <gtest/gtest.h>

#include "emitters/debezium.h"

namespace weir::emitters {
namespace {

class Short final : public DebeziumEncoding {
 public:
  void database(const std::string& name, std::string_view) override { database_ = name; }
  void begin(DebeziumTransaction transaction) override { name_ = std::move(transaction.name); }
  std::string table(const event::ChangeEvent& change) override { return database_ + "/" + change.table; }
  std::optional<std::string> key(const std::optional<std::string>& json) override {
    return json ? std::optional("k" + *json) : std::nullopt;
  }
  std::size_t change(const DebeziumChange& change, std::string& value) override {
    value = name_ + " " + change.op + " " + std::string(change.table) + " v" +
            std::to_string(change.change.shape ? change.change.shape->fingerprint : 0) + " " +
            std::to_string(change.total_order) + "." + std::to_string(change.collection_order);
    const std::size_t mark = value.size();
    value += " " + change.after.value_or("-");
    return mark;
  }
  void mark_last(std::string& value, std::size_t at, std::int64_t count) override {
    value.insert(at, "/" + std::to_string(count));
  }
  void gap(const event::ChangeEvent& change, std::string_view, std::string& value) override { value = change.cause; }
  std::string boundary_key() override { return name_; }
  void begin_boundary(std::string& value) override { value = "BEGIN"; }
  void end_boundary(std::int64_t events, const std::vector<const DebeziumCollection*>& collections,
                    std::string& value) override {
    value = "END " + std::to_string(events);
    for (const DebeziumCollection* one : collections) value += " " + one->name + "=" + std::to_string(one->events);
  }

 private:
  std::string database_;
  std::string name_;
};

event::ChangeEvent change(event::Op op, std::uint32_t ordinal, event::ShapePtr shape = nullptr) {
  event::ChangeEvent made;
  made.op = op;
  made.schema = "public";
  made.table = "t";
  made.ordinal = ordinal;
  made.shape = std::move(shape);
  if (op == event::Op::gap) return made;
  made.key = "1";
  (op == event::Op::remove ? made.before : made.after) = "{}";
  return made;
}

std::string told(const std::vector<Record>& records) {
  std::string text;
  for (const Record& record : records)
    text += record.topic + " " + record.key.value_or("-") + " " + record.value.value_or("-") + "\n";
  return text;
}

TEST(DebeziumEncodingTest, TheEnvelopeIsTheSameInAnother) {
  FormatOptions options;
  options.transaction_topic = true;
  const auto format = make_debezium(options, std::make_unique<Short>());
  event::TableShape shape;
  shape.fingerprint = 7;
  const auto shaped = std::make_shared<const event::TableShape>(shape);
  event::Transaction transaction;
  transaction.xid = 80795;
  transaction.database = "shop";
  std::vector<Record> records;
  format->begin(transaction, records);
  event::ChangeEvent gap = change(event::Op::gap, 2);
  gap.cause = "trigger";
  format->change(change(event::Op::create, 1, shaped), 0, records);
  format->change(gap, 0, records);
  format->change(change(event::Op::remove, 3), 0, records);
  format->end(records);
  EXPECT_EQ(told(records),
            "weir.transaction 80795 BEGIN\n"
            "weir.public.t k1 80795 c shop/t v7 1.1 {}\n"
            "weir.gap - trigger\n"
            "weir.public.t k1 80795 d shop/t v0 2.2/2 -\n"
            "weir.public.t k1 -\n"
            "weir.transaction 80795 END 2 public.t=2\n");
}

}  // namespace
}  // namespace weir::emitters
