// The "debezium" format: what Debezium's PostgreSQL connector sends without schemas, with the server's own JSON for
// values and a `weir` object beside them. The exact shape: README.md, and the golden files.
#include <string_view>
#include <unordered_map>
#include <utility>

#include "capture/event/json_members.h"
#include "emitters/envelope.h"
#include "emitters/format.h"
#include "emitters/json_text.h"
#include "emitters/last_record.h"
#include "emitters/table_templates.h"

namespace weir::emitters {

namespace {

using event::ChangeEvent;

/// What differs between the one record of a change and the two that a change of the key becomes.
struct Part {
  char op;
  const std::optional<std::string>& key;
  const std::optional<std::string>& before;
  const std::optional<std::string>& after;
  std::string id;
  std::string_view key_header;  ///< empty for none
  const std::optional<std::string>& other_key;
};

const std::optional<std::string> nothing;

constexpr std::size_t most_tables = 10'000;

class Debezium final : public Format {
 public:
  explicit Debezium(const FormatOptions& options) : options_(options) {}

  void begin(const event::Transaction& transaction, std::vector<Record>& out) override;
  void change(const ChangeEvent& change, std::int64_t now_us, std::vector<Record>& out) override;
  void end(std::vector<Record>& out) override;

 private:
  struct Collection {
    std::string name;
    std::int64_t events = 0;  // of the transaction `counted_in`
    std::uint64_t counted_in = 0;
  };
  /// What all events of a table have in common, made at its first one.
  struct Table {
    std::string topic;
    std::string source;  // its part of the source block
    Collection* collection = nullptr;
  };

  void look_at_database(const std::string& database);
  void announce(std::vector<Record>& out);
  void append_gap(const ChangeEvent& change, std::vector<Record>& out);
  void append_context(std::string& value, const ChangeEvent& change) const;
  void append_part(const ChangeEvent& change, const Part& part, std::int64_t now_us, std::vector<Record>& out);
  std::string value(const Table& table, const ChangeEvent& change, const Part& part, std::int64_t now_us);
  void append_source(std::string& value, const Table& table, const ChangeEvent& change) const;
  void append_transaction(std::string& value, Collection& collection);
  void append_weir(std::string& value, const ChangeEvent& change, const Part& part) const;
  Table& table_of(const ChangeEvent& change);
  void make_table(const ChangeEvent& change, Table& table);
  void count(Collection& collection);
  std::string boundary(std::string_view status) const;

  const FormatOptions options_;

  // Of the database of the transaction, made where it is another one than before.
  std::optional<std::string> database_;
  std::string prefix_;
  std::string source_head_;  // up to the times
  std::string source_tail_;  // from there up to the lsn that all is resolved to

  // Of the transaction.
  std::int64_t committed_us_ = 0;
  std::string xid_;  // empty where it is not known
  std::string name_;
  std::string id_prefix_;
  std::string source_;   // up to the lsn within `sequence`
  std::string row_;      // what is between table and lsn
  std::string context_;  // up to the tags
  bool announced_ = false;
  LastRecord last_;
  std::size_t last_mark_ = 0;         // in the value that was just made, the end of its transaction block
  std::uint64_t number_ = 0;          // of the transactions so far
  std::vector<Collection*> counted_;  // in order of first appearance

  TableTemplates<Table> tables_;
  std::unordered_map<std::string, Collection> collections_;  // by name
};

/// The prefix may name the database.
void Debezium::look_at_database(const std::string& database) {
  if (database_ == database) return;
  database_ = database;
  prefix_ = prefix_of(options_.prefix, database);
  source_head_.clear();
  append_text(source_head_, "\"source\":{\"version\":", WEIR_VERSION);
  append_text(source_head_, ",\"connector\":\"postgresql\",\"name\":", prefix_);
  source_head_ += ',';
  source_tail_.clear();
  append_text(source_tail_, ",\"snapshot\":\"false\",\"db\":", database);
  source_tail_ += ",\"sequence\":\"[\\\"";
}

void Debezium::begin(const event::Transaction& transaction, std::vector<Record>&) {
  look_at_database(transaction.database);
  committed_us_ = transaction.committed_us;
  xid_.clear();
  if (transaction.xid != 0) append_number(xid_, transaction.xid);
  name_ = transaction_name(transaction, options_.instance);
  id_prefix_ = event_id_prefix(transaction, options_.instance);
  announced_ = false;
  last_.begin();
  counted_.clear();
  ++number_;
  if (tables_.limit(most_tables)) collections_.clear();

  source_ = source_head_;
  append_times(source_, transaction.committed_us);
  source_ += source_tail_;
  append_number(source_, transaction.resolved);
  source_ += "\\\",\\\"";

  row_ = ",\"txId\":";
  row_ += xid_.empty() ? "null" : xid_;
  row_ += ",\"lsn\":";

  const event::Context& context = transaction.context;
  context_.clear();
  append_text(context_, ",\"context\":{\"user\":", context.user);
  append_text(context_, ",\"application_name\":", context.application_name);
  append_text(context_, ",\"client\":", context.client);
  append_text(context_, ",\"session\":", context.session);
  context_ += ",\"tags\":";
}

void Debezium::change(const ChangeEvent& change, std::int64_t now_us, std::vector<Record>& out) {
  const bool by_row = has_row(change);
  if (change.op == event::Op::gap) return append_gap(change, out);
  if (!by_row && options_.statements == Statements::skip) return;
  if (!by_row && options_.statements == Statements::gap) return append_gap(change, out);
  announce(out);
  const std::string id = event_id(id_prefix_, change);
  if (change.op == event::Op::update && change.old_key && change.key) {
    append_part(change, {'d', change.old_key, change.before, nothing, id + ":d", "__debezium.newkey", change.key},
                now_us, out);
    append_part(change, {'c', change.key, nothing, change.after, id + ":c", "__debezium.oldkey", change.old_key},
                now_us, out);
    return;
  }
  append_part(change,
              {static_cast<char>(change.op), by_row ? change.key : nothing, by_row ? change.before : nothing,
               by_row && change.op != event::Op::remove ? change.after : nothing, id, "", nothing},
              now_us, out);
}

void Debezium::end(std::vector<Record>& out) {
  last_.end(out);
  if (!announced_ || !options_.transaction_topic) return;
  std::string value = boundary("END");
  append_integer(value, ",\"event_count\":", last_.count());
  value += ",\"data_collections\":[";
  for (const Collection* collection : counted_) {
    if (value.back() != '[') value += ',';
    append_text(value, "{\"data_collection\":", collection->name);
    append_integer(value, ",\"event_count\":", collection->events);
    value += '}';
  }
  value += "]}";
  out.push_back(
      {Record::Kind::transaction, prefix_ + ".transaction", "{\"id\":\"" + name_ + "\"}", std::move(value), {}});
}

/// BEGIN goes out before the first row, so that a transaction of gaps alone has none.
void Debezium::announce(std::vector<Record>& out) {
  if (announced_) return;
  announced_ = true;
  if (!options_.transaction_topic) return;
  out.push_back({Record::Kind::transaction,
                 prefix_ + ".transaction",
                 "{\"id\":\"" + name_ + "\"}",
                 boundary("BEGIN") + ",\"event_count\":null,\"data_collections\":null}",
                 {}});
}

std::string Debezium::boundary(std::string_view status) const {
  std::string value;
  append_text(value, "{\"status\":", status);
  append_text(value, ",\"id\":", name_);
  append_integer(value, ",\"ts_ms\":", committed_us_ / 1000);
  return value;
}

void Debezium::append_gap(const ChangeEvent& change, std::vector<Record>& out) {
  const std::string id = event_id(id_prefix_, change);
  std::string value;
  append_text(value, "{\"id\":", id);
  value += ",\"transaction\":";
  if (xid_.empty()) {
    value += "null";
  } else {
    event::append_json_string(value, name_);
  }
  value += ",\"db\":";
  if (database_->empty()) {
    value += "null";
  } else {
    event::append_json_string(value, *database_);
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
  last_.follow({Record::Kind::gap, prefix_ + ".gap", std::nullopt, std::move(value), record_headers(xid_, change, id)},
               out);
}

void Debezium::append_part(const ChangeEvent& change, const Part& part, std::int64_t now_us, std::vector<Record>& out) {
  const Table& table = table_of(change);
  Record record{Record::Kind::change, table.topic, part.key, value(table, change, part, now_us),
                record_headers(xid_, change, part.id)};
  if (!part.key_header.empty()) record.headers.emplace_back(part.key_header, *part.other_key);
  const bool tombstone = part.op == 'd' && part.key && options_.tombstones;
  Record stone;
  if (tombstone) stone = {Record::Kind::tombstone, record.topic, record.key, std::nullopt, record.headers};
  last_.add(std::move(record), last_mark_, out);
  if (tombstone) last_.follow(std::move(stone), out);
}

std::string Debezium::value(const Table& table, const ChangeEvent& change, const Part& part, std::int64_t now_us) {
  std::string value;
  value.reserve(source_.size() + context_.size() + 512 + (part.before ? part.before->size() : 0) +
                (part.after ? part.after->size() : 0) + change.statement.size());
  value += "{\"before\":";
  append_or_null(value, part.before);
  value += ",\"after\":";
  append_or_null(value, part.after);
  value += ',';
  append_source(value, table, change);
  value += ",\"op\":\"";
  value += part.op;
  value += "\",";
  append_times(value, now_us);
  append_transaction(value, *table.collection);
  append_weir(value, change, part);
  value += '}';
  return value;
}

void Debezium::append_transaction(std::string& value, Collection& collection) {
  count(collection);
  append_text(value, ",\"transaction\":{\"id\":", name_);
  append_integer(value, ",\"total_order\":", last_.count() + 1);
  append_integer(value, ",\"data_collection_order\":", collection.events);
  last_mark_ = value.size();
  value += "},";
}

void Debezium::append_source(std::string& value, const Table& table, const ChangeEvent& change) const {
  value += source_;
  const std::size_t begin = value.size();
  append_number(value, change.lsn);
  const std::size_t end = value.size();
  value += table.source;
  value += row_;
  value.append(value, begin, end - begin);
  value += ",\"xmin\":null}";
}

void Debezium::append_weir(std::string& value, const ChangeEvent& change, const Part& part) const {
  append_text(value, "\"weir\":{\"id\":", part.id);
  append_text(value, ",\"fidelity\":", event::to_text(change.fidelity));
  append_integer(value, ",\"statement_order\":", change.statement_order);
  if (change.fidelity == event::Fidelity::statement) {
    append_rows(value, change);
  }
  append_context(value, change);
  value += '}';
}

void Debezium::append_context(std::string& value, const ChangeEvent& change) const {
  value += context_;
  value += change.tags.empty() ? "{}" : change.tags;
  if (!change.statement.empty()) append_text(value, ",\"statement\":", change.statement);
  value += '}';
}

Debezium::Table& Debezium::table_of(const ChangeEvent& change) {
  return tables_.of(*database_, change, [&](Table& table) { make_table(change, table); });
}

void Debezium::make_table(const ChangeEvent& change, Table& table) {
  const std::string name = event::qualified_table(change);
  table.topic = prefix_ + "." + name;
  table.source = "\\\"]\"";
  append_text(table.source, ",\"schema\":", change.schema);
  append_text(table.source, ",\"table\":", change.table);
  table.collection = &collections_[name];
  table.collection->name = name;
}

void Debezium::count(Collection& collection) {
  if (collection.counted_in != number_) {
    collection.counted_in = number_;
    collection.events = 0;
    counted_.push_back(&collection);
  }
  ++collection.events;
}

}  // namespace

const FormatKind& debezium_format() {
  static const FormatKind kind = {"debezium", "json", [](const FormatOptions& options) -> std::unique_ptr<Format> {
                                    return std::make_unique<Debezium>(options);
                                  }};
  return kind;
}

}  // namespace weir::emitters
