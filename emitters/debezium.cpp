#include "emitters/debezium.h"

#include <unordered_map>
#include <utility>

#include "emitters/envelope.h"
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
  Debezium(const FormatOptions& options, std::unique_ptr<DebeziumEncoding> encoding)
      : options_(options), encoding_(std::move(encoding)) {}

  void begin(const event::Transaction& transaction, std::vector<Record>& out) override;
  void change(const ChangeEvent& change, std::int64_t now_us, std::vector<Record>& out) override;
  void end(std::vector<Record>& out) override;

 private:
  struct Collection : DebeziumCollection {  // `events` of the transaction `counted_in`
    std::uint64_t counted_in = 0;
  };
  /// What all events of a table have in common, made at its first one.
  struct Table {
    std::string topic;
    std::string encoded;
    Collection* collection = nullptr;
  };

  void announce(std::vector<Record>& out);
  void append_boundary(std::string value, std::vector<Record>& out);
  void append_gap(const ChangeEvent& change, std::vector<Record>& out);
  void append_part(const ChangeEvent& change, const Part& part, std::int64_t now_us, std::vector<Record>& out);
  Table& table_of(const ChangeEvent& change);
  void make_table(const ChangeEvent& change, Table& table);
  void count(Collection& collection);

  const FormatOptions options_;
  const std::unique_ptr<DebeziumEncoding> encoding_;

  // Of the database of the transaction, made where it is another one than before.
  std::optional<std::string> database_;
  std::string prefix_;

  // Of the transaction.
  std::string xid_;  // empty where it is not known
  std::string id_prefix_;
  bool announced_ = false;
  LastRecord last_;
  std::uint64_t number_ = 0;                        // of the transactions so far
  std::vector<const DebeziumCollection*> counted_;  // in order of first appearance

  TableTemplates<Table> tables_;
  std::unordered_map<std::string, Collection> collections_;  // by name
};

void Debezium::begin(const event::Transaction& transaction, std::vector<Record>&) {
  if (database_ != transaction.database) {
    database_ = transaction.database;
    prefix_ = prefix_of(options_.prefix, transaction.database);
    encoding_->database(transaction.database, prefix_);
  }
  xid_.clear();
  if (transaction.xid != 0) append_number(xid_, transaction.xid);
  id_prefix_ = event_id_prefix(transaction, options_.instance);
  announced_ = false;
  last_.begin();
  counted_.clear();
  ++number_;
  if (tables_.limit(most_tables)) collections_.clear();
  encoding_->begin({transaction, xid_, transaction_name(transaction, options_.instance)});
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
  if (Record* last = last_.held()) encoding_->mark_last(*last->value, last_.at(), last_.count());
  last_.end(out);
  if (!announced_ || !options_.transaction_topic) return;
  std::string value;
  encoding_->end_boundary(last_.count(), counted_, value);
  append_boundary(std::move(value), out);
}

/// BEGIN goes out before the first row, so that a transaction of gaps alone has none.
void Debezium::announce(std::vector<Record>& out) {
  if (announced_) return;
  announced_ = true;
  if (!options_.transaction_topic) return;
  std::string value;
  encoding_->begin_boundary(value);
  append_boundary(std::move(value), out);
}

void Debezium::append_boundary(std::string value, std::vector<Record>& out) {
  out.push_back({Record::Kind::transaction, prefix_ + ".transaction", encoding_->boundary_key(), std::move(value), {}});
}

void Debezium::append_gap(const ChangeEvent& change, std::vector<Record>& out) {
  const std::string id = event_id(id_prefix_, change);
  std::string value;
  encoding_->gap(change, id, value);
  last_.follow({Record::Kind::gap, prefix_ + ".gap", std::nullopt, std::move(value), record_headers(xid_, change, id)},
               out);
}

void Debezium::append_part(const ChangeEvent& change, const Part& part, std::int64_t now_us, std::vector<Record>& out) {
  const Table& table = table_of(change);
  count(*table.collection);
  std::string value;
  const std::size_t mark = encoding_->change({change, table.encoded, part.op, part.before, part.after, part.id, now_us,
                                              last_.count() + 1, table.collection->events},
                                             value);
  Record record{Record::Kind::change, table.topic, encoding_->key(part.key), std::move(value),
                record_headers(xid_, change, part.id)};
  if (!part.key_header.empty()) record.headers.emplace_back(part.key_header, *part.other_key);
  const bool tombstone = part.op == 'd' && part.key && options_.tombstones;
  Record stone;
  if (tombstone) stone = {Record::Kind::tombstone, record.topic, record.key, std::nullopt, record.headers};
  last_.add(std::move(record), mark, out);
  if (tombstone) last_.follow(std::move(stone), out);
}

Debezium::Table& Debezium::table_of(const ChangeEvent& change) {
  return tables_.of(*database_, change, [&](Table& table) { make_table(change, table); });
}

void Debezium::make_table(const ChangeEvent& change, Table& table) {
  const std::string name = event::qualified_table(change);
  table.topic = prefix_ + "." + name;
  table.encoded = encoding_->table(change);
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

std::unique_ptr<Format> make_debezium(const FormatOptions& options, std::unique_ptr<DebeziumEncoding> encoding) {
  return std::make_unique<Debezium>(options, std::move(encoding));
}

const FormatKind& debezium_format() {
  static const FormatKind kind = {
      "debezium", "json", [](const FormatOptions& options) { return make_debezium(options, make_debezium_json()); }};
  return kind;
}

}  // namespace weir::emitters
