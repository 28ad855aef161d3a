// debezium in JSON: what Debezium's PostgreSQL connector sends without schemas, with the server's own JSON for values
// and a `weir` object beside them. The exact shape: README.md, and the golden files.
#include <optional>
#include <string_view>
#include <utility>

#include "capture/event/json_members.h"
#include "emitters/debezium.h"
#include "emitters/json_text.h"

namespace weir::emitters {

namespace {

using event::ChangeEvent;

class DebeziumJson final : public DebeziumEncoding {
 public:
  void database(const std::string& name, std::string_view prefix) override;
  void begin(DebeziumTransaction transaction) override;
  std::string table(const ChangeEvent& change) override;
  std::optional<std::string> key(const std::optional<std::string>& json) override { return json; }
  std::size_t change(const DebeziumChange& change, std::string& value) override;
  void mark_last(std::string& value, std::size_t at, std::int64_t count) override {
    emitters::mark_last(value, at, count);
  }
  void gap(const ChangeEvent& change, std::string_view id, std::string& value) override;
  std::string boundary_key() override { return "{\"id\":\"" + name_ + "\"}"; }
  void begin_boundary(std::string& value) override;
  void end_boundary(std::int64_t events, const std::vector<const DebeziumCollection*>& collections,
                    std::string& value) override;

 private:
  void append_boundary(std::string& value, std::string_view status) const;
  void append_source(std::string& value, const DebeziumChange& change) const;
  std::size_t append_transaction(std::string& value, const DebeziumChange& change) const;
  void append_weir(std::string& value, const DebeziumChange& change) const;
  void append_context(std::string& value, const ChangeEvent& change) const;

  // Of the database.
  std::string database_;
  std::string source_head_;  // up to the times
  std::string source_tail_;  // from there up to the lsn that all is resolved to

  // Of the transaction.
  std::int64_t committed_us_ = 0;
  bool has_xid_ = false;
  std::string name_;
  std::string source_;   // up to the lsn within `sequence`
  std::string row_;      // what is between table and lsn
  std::string context_;  // up to the tags
};

void DebeziumJson::database(const std::string& name, std::string_view prefix) {
  database_ = name;
  source_head_.clear();
  append_text(source_head_, "\"source\":{\"version\":", WEIR_VERSION);
  append_text(source_head_, ",\"connector\":\"postgresql\",\"name\":", prefix);
  source_head_ += ',';
  source_tail_.clear();
  append_text(source_tail_, ",\"snapshot\":\"false\",\"db\":", name);
  source_tail_ += ",\"sequence\":\"[\\\"";
}

void DebeziumJson::begin(DebeziumTransaction of) {
  committed_us_ = of.transaction.committed_us;
  has_xid_ = !of.xid.empty();
  name_ = std::move(of.name);

  source_ = source_head_;
  append_times(source_, of.transaction.committed_us);
  source_ += source_tail_;
  append_number(source_, of.transaction.resolved);
  source_ += "\\\",\\\"";

  row_ = ",\"txId\":";
  row_ += has_xid_ ? of.xid : std::string_view("null");
  row_ += ",\"lsn\":";

  const event::Context& context = of.transaction.context;
  context_.clear();
  append_text(context_, ",\"context\":{\"user\":", context.user);
  append_text(context_, ",\"application_name\":", context.application_name);
  append_text(context_, ",\"client\":", context.client);
  append_text(context_, ",\"session\":", context.session);
  context_ += ",\"tags\":";
}

std::string DebeziumJson::table(const ChangeEvent& change) {
  std::string source = "\\\"]\"";
  append_text(source, ",\"schema\":", change.schema);
  append_text(source, ",\"table\":", change.table);
  return source;
}

std::size_t DebeziumJson::change(const DebeziumChange& change, std::string& value) {
  value.reserve(source_.size() + context_.size() + 512 + (change.before ? change.before->size() : 0) +
                (change.after ? change.after->size() : 0) + change.change.statement.size());
  value += "{\"before\":";
  append_or_null(value, change.before);
  value += ",\"after\":";
  append_or_null(value, change.after);
  value += ',';
  append_source(value, change);
  value += ",\"op\":\"";
  value += change.op;
  value += "\",";
  append_times(value, change.sent_us);
  const std::size_t mark = append_transaction(value, change);
  append_weir(value, change);
  value += '}';
  return mark;
}

void DebeziumJson::append_source(std::string& value, const DebeziumChange& change) const {
  value += source_;
  const std::size_t begin = value.size();
  append_number(value, change.change.lsn);
  const std::size_t end = value.size();
  value += change.table;
  value += row_;
  value.append(value, begin, end - begin);
  value += ",\"xmin\":null}";
}

/// Returns the end of the block's members.
std::size_t DebeziumJson::append_transaction(std::string& value, const DebeziumChange& change) const {
  append_text(value, ",\"transaction\":{\"id\":", name_);
  append_integer(value, ",\"total_order\":", change.total_order);
  append_integer(value, ",\"data_collection_order\":", change.collection_order);
  const std::size_t end = value.size();
  value += "},";
  return end;
}

void DebeziumJson::append_weir(std::string& value, const DebeziumChange& change) const {
  append_text(value, "\"weir\":{\"id\":", change.id);
  append_text(value, ",\"fidelity\":", event::to_text(change.change.fidelity));
  append_integer(value, ",\"statement_order\":", change.change.statement_order);
  if (change.change.fidelity == event::Fidelity::statement) append_rows(value, change.change);
  append_context(value, change.change);
  value += '}';
}

void DebeziumJson::append_context(std::string& value, const ChangeEvent& change) const {
  value += context_;
  value += change.tags.empty() ? "{}" : change.tags;
  if (!change.statement.empty()) append_text(value, ",\"statement\":", change.statement);
  value += '}';
}

void DebeziumJson::gap(const ChangeEvent& change, std::string_view id, std::string& value) {
  append_text(value, "{\"id\":", id);
  value += ",\"transaction\":";
  if (has_xid_) {
    event::append_json_string(value, name_);
  } else {
    value += "null";
  }
  value += ",\"db\":";
  if (database_.empty()) {
    value += "null";
  } else {
    event::append_json_string(value, database_);
  }
  append_context(value, change);
  append_integer(value, ",\"ts_ms\":", committed_us_ / 1000);
  value += ",\"lsn\":";
  append_number(value, change.lsn);
  value += ",\"table\":";
  if (change.table.empty()) {
    value += "null";
  } else {
    event::append_json_string(value, event::qualified_table(change));
  }
  append_counts(value, change);
  append_text(value, ",\"cause\":", change.cause.empty() ? "statement" : change.cause);
  if (change.op != event::Op::gap) {
    append_text(value, ",\"op\":", std::string(1, static_cast<char>(change.op)));
    append_text(value, ",\"fidelity\":", event::to_text(change.fidelity));
  }
  value += '}';
}

void DebeziumJson::append_boundary(std::string& value, std::string_view status) const {
  append_text(value, "{\"status\":", status);
  append_text(value, ",\"id\":", name_);
  append_integer(value, ",\"ts_ms\":", committed_us_ / 1000);
}

void DebeziumJson::begin_boundary(std::string& value) {
  append_boundary(value, "BEGIN");
  value += ",\"event_count\":null,\"data_collections\":null}";
}

void DebeziumJson::end_boundary(std::int64_t events, const std::vector<const DebeziumCollection*>& collections,
                                std::string& value) {
  append_boundary(value, "END");
  append_integer(value, ",\"event_count\":", events);
  value += ",\"data_collections\":[";
  for (const DebeziumCollection* collection : collections) {
    if (value.back() != '[') value += ',';
    append_text(value, "{\"data_collection\":", collection->name);
    append_integer(value, ",\"event_count\":", collection->events);
    value += '}';
  }
  value += "]}";
}

}  // namespace

std::unique_ptr<DebeziumEncoding> make_debezium_json() {
  return std::make_unique<DebeziumJson>();
}

}  // namespace weir::emitters
