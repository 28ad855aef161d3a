// The "flat" format: one object per row, nothing nested but the row itself. For warehouses and files.
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

const std::optional<std::string> nothing;

constexpr std::size_t most_tables = 10'000;

const char* op_word(event::Op op) {
  switch (op) {
    case event::Op::create:
      return "insert";
    case event::Op::update:
      return "update";
    case event::Op::remove:
      return "delete";
    case event::Op::truncate:
      return "truncate";
    case event::Op::gap:
      break;
  }
  return "gap";
}

class Flat final : public Format {
 public:
  explicit Flat(const FormatOptions& options) : options_(options) {}

  void begin(const event::Transaction& transaction, std::vector<Record>& out) override;
  void change(const ChangeEvent& change, std::int64_t now_us, std::vector<Record>& out) override;
  void end(std::vector<Record>& out) override {
    if (Record* last = last_.held()) mark_last(*last->value, last_.at(), last_.count());
    last_.end(out);
  }

 private:
  struct Table {
    std::string names;  // its members of each value
    std::string topic;
  };

  /// Returns where the transaction's part of it ends.
  std::size_t append_origin(std::string& value, const ChangeEvent& change, const std::string& id) const;
  void append_row(const ChangeEvent& change, const std::string& id, std::vector<Record>& out);
  void append_gap(const ChangeEvent& change, const std::string& id, std::vector<Record>& out);
  std::string opening(const Table& table, const ChangeEvent& change) const;
  const Table& table_of(const ChangeEvent& change);

  const FormatOptions options_;
  TableTemplates<Table> tables_;

  // Of the transaction.
  std::string database_;
  std::string prefix_;
  std::string xid_;  // empty where it is not known
  std::string id_prefix_;
  std::string user_;         // who wrote, and the transaction's id
  std::string commit_time_;  // with the name of the id behind it
  LastRecord last_;
};

void Flat::begin(const event::Transaction& transaction, std::vector<Record>&) {
  if (prefix_.empty() || database_ != transaction.database) prefix_ = prefix_of(options_.prefix, transaction.database);
  database_ = transaction.database;
  xid_.clear();
  if (transaction.xid != 0) append_number(xid_, transaction.xid);
  id_prefix_ = event_id_prefix(transaction, options_.instance);
  user_.clear();
  append_text(user_, ",\"user\":", transaction.context.user);
  user_ += ",\"txid\":";
  user_ += xid_.empty() ? "null" : xid_;
  user_ += ",\"lsn\":";
  commit_time_.clear();
  append_text(commit_time_, ",\"commit_ts\":", utc_time(transaction.committed_us));
  commit_time_ += ",\"id\":";
  last_.begin();
  tables_.limit(most_tables);
}

const Flat::Table& Flat::table_of(const ChangeEvent& change) {
  return tables_.of(database_, change, [&](Table& table) {
    append_text(table.names, ",\"db\":", database_);
    append_text(table.names, ",\"schema\":", change.schema);
    append_text(table.names, ",\"table\":", change.table);
    table.topic = prefix_ + "." + event::qualified_table(change);
  });
}

void Flat::change(const ChangeEvent& change, std::int64_t, std::vector<Record>& out) {
  if (!has_row(change) && change.op != event::Op::gap && options_.statements == Statements::skip) return;
  const std::string id = event_id(id_prefix_, change);
  if (change.op == event::Op::gap) {
    append_gap(change, id, out);
  } else {
    append_row(change, id, out);
  }
}

std::string Flat::opening(const Table& table, const ChangeEvent& change) const {
  std::string value;
  value.reserve(table.names.size() + user_.size() + commit_time_.size() + 256 +
                (change.after ? change.after->size() : 0) + (change.before ? change.before->size() : 0));
  value += "{\"op\":\"";
  value += op_word(change.op);
  value += '"';
  value += table.names;
  return value;
}

std::size_t Flat::append_origin(std::string& value, const ChangeEvent& change, const std::string& id) const {
  value += user_;
  append_number(value, change.lsn);
  append_integer(value, ",\"order\":", change.ordinal);
  const std::size_t end = value.size();
  value += commit_time_;
  event::append_json_string(value, id);
  return end;
}

void Flat::append_row(const ChangeEvent& change, const std::string& id, std::vector<Record>& out) {
  const bool by_row = has_row(change);
  const std::optional<std::string>& key = by_row ? change.key : nothing;
  const bool key_changed = key && change.old_key;
  const Table& table = table_of(change);
  std::string value = opening(table, change);
  value += ",\"key\":";
  append_or_null(value, key);
  if (key_changed) value += ",\"old_key\":" + *change.old_key;
  value += ",\"row\":";
  append_or_null(value, by_row && change.op != event::Op::remove ? change.after : nothing);
  value += ",\"before\":";
  append_or_null(value, by_row ? change.before : nothing);
  if (change.fidelity == event::Fidelity::statement) {
    append_rows(value, change);
  }
  const std::size_t mark = append_origin(value, change, id);
  append_text(value, ",\"fidelity\":", event::to_text(change.fidelity));
  value += '}';

  const bool as_gap = !by_row && options_.statements == Statements::gap;
  const std::string topic = as_gap ? prefix_ + ".gap" : table.topic;
  auto headers = record_headers(xid_, change, id);
  // In a compacted topic the row must not live on under its old key.
  if (key_changed && options_.tombstones) {
    last_.release(out);
    out.push_back({Record::Kind::tombstone, topic, change.old_key, std::nullopt, headers});
  }
  if (as_gap) return last_.follow({Record::Kind::gap, topic, key, std::move(value), std::move(headers)}, out);
  const bool tombstone = change.op == event::Op::remove && key && options_.tombstones;
  Record stone;
  if (tombstone) stone = {Record::Kind::tombstone, topic, key, std::nullopt, headers};
  last_.add({Record::Kind::change, topic, key, std::move(value), std::move(headers)}, mark, out);
  if (tombstone) last_.follow(std::move(stone), out);
}

void Flat::append_gap(const ChangeEvent& change, const std::string& id, std::vector<Record>& out) {
  const Table& table = table_of(change);
  std::string value = opening(table, change);
  append_counts(value, change);
  append_text(value, ",\"cause\":", change.cause);
  append_origin(value, change, id);
  value += '}';
  last_.follow({Record::Kind::gap, prefix_ + ".gap", std::nullopt, std::move(value), record_headers(xid_, change, id)},
               out);
}

}  // namespace

const FormatKind& flat_format() {
  static const FormatKind kind = {"flat", "json", [](const FormatOptions& options) -> std::unique_ptr<Format> {
                                    return std::make_unique<Flat>(options);
                                  }};
  return kind;
}

}  // namespace weir::emitters
