#include "emitters/flat.h"

#include <utility>

#include "capture/event/json_members.h"
#include "emitters/json_text.h"
#include "emitters/last_record.h"

namespace weir::emitters {

namespace {

using event::ChangeEvent;

const std::optional<std::string> nothing;

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

  void begin(const event::Transaction& transaction, std::vector<Record>&) override {
    transaction_ = transaction;
    prefix_ = prefix_of(options_.prefix, transaction);
    commit_time_ = utc_time(transaction.committed_us);
    last_.begin();
  }
  void change(const ChangeEvent& change, std::int64_t now_us, std::vector<Record>& out) override;
  void end(std::vector<Record>& out) override { last_.end(out); }

 private:
  /// Returns where the transaction's part of it ends.
  std::size_t append_origin(std::string& value, const ChangeEvent& change, const std::string& id) const;
  void append_row(const ChangeEvent& change, const std::string& id, std::vector<Record>& out);
  void append_gap(const ChangeEvent& change, const std::string& id, std::vector<Record>& out);
  std::string opening(const ChangeEvent& change) const;

  const FormatOptions options_;
  event::Transaction transaction_;
  std::string prefix_;
  std::string commit_time_;
  LastRecord last_;
};

void Flat::change(const ChangeEvent& change, std::int64_t, std::vector<Record>& out) {
  if (!has_row(change) && change.op != event::Op::gap && options_.statements == Statements::skip) return;
  const std::string id = event_id(transaction_, change, options_.instance);
  if (change.op == event::Op::gap) {
    append_gap(change, id, out);
  } else {
    append_row(change, id, out);
  }
}

std::string Flat::opening(const ChangeEvent& change) const {
  std::string value;
  value.reserve(256 + (change.after ? change.after->size() : 0) + (change.before ? change.before->size() : 0));
  append_text(value, "{\"op\":", op_word(change.op));
  append_text(value, ",\"db\":", transaction_.database);
  append_text(value, ",\"schema\":", change.schema);
  append_text(value, ",\"table\":", change.table);
  return value;
}

std::size_t Flat::append_origin(std::string& value, const ChangeEvent& change, const std::string& id) const {
  append_text(value, ",\"user\":", transaction_.context.user);
  value += ",\"txid\":";
  if (transaction_.xid == 0) {
    value += "null";
  } else {
    append_number(value, transaction_.xid);
  }
  value += ",\"lsn\":";
  append_number(value, change.lsn);
  append_integer(value, ",\"order\":", change.ordinal);
  const std::size_t end = value.size();
  append_text(value, ",\"commit_ts\":", commit_time_);
  append_text(value, ",\"id\":", id);
  return end;
}

void Flat::append_row(const ChangeEvent& change, const std::string& id, std::vector<Record>& out) {
  const bool by_row = has_row(change);
  const std::optional<std::string>& key = by_row ? change.key : nothing;
  const bool key_changed = key && change.old_key;
  std::string value = opening(change);
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
  const std::string topic = prefix_ + "." + (as_gap ? "gap" : event::qualified_table(change));
  const auto headers = record_headers(transaction_, change, id);
  // In a compacted topic the row must not live on under its old key.
  if (key_changed && options_.tombstones) {
    last_.release(out);
    out.push_back({Record::Kind::tombstone, topic, change.old_key, std::nullopt, headers});
  }
  if (as_gap) return last_.follow({Record::Kind::gap, topic, key, std::move(value), headers}, out);
  last_.add({Record::Kind::change, topic, key, std::move(value), headers}, mark, out);
  if (change.op == event::Op::remove && key && options_.tombstones) {
    last_.follow({Record::Kind::tombstone, topic, key, std::nullopt, headers}, out);
  }
}

void Flat::append_gap(const ChangeEvent& change, const std::string& id, std::vector<Record>& out) {
  std::string value = opening(change);
  append_counts(value, change);
  append_text(value, ",\"cause\":", change.cause);
  append_origin(value, change, id);
  value += '}';
  last_.follow(
      {Record::Kind::gap, prefix_ + ".gap", std::nullopt, std::move(value), record_headers(transaction_, change, id)},
      out);
}

}  // namespace

std::unique_ptr<Format> make_flat(const FormatOptions& options) {
  return std::make_unique<Flat>(options);
}

}  // namespace weir::emitters
