#include "emitters/flat.h"

#include <utility>

#include "capture/event/json_members.h"
#include "emitters/json_text.h"

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
  }
  void change(const ChangeEvent& change, std::int64_t now_us, std::vector<Record>& out) override;
  void end(std::vector<Record>&) override {}

 private:
  void append_origin(std::string& value, const ChangeEvent& change, const std::string& id) const;
  void append_row(const ChangeEvent& change, const std::string& id, std::vector<Record>& out) const;
  void append_gap(const ChangeEvent& change, const std::string& id, std::vector<Record>& out) const;
  std::string opening(const ChangeEvent& change) const;

  const FormatOptions options_;
  event::Transaction transaction_;
  std::string prefix_;
  std::string commit_time_;
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

void Flat::append_origin(std::string& value, const ChangeEvent& change, const std::string& id) const {
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
  append_text(value, ",\"commit_ts\":", commit_time_);
  append_text(value, ",\"id\":", id);
}

void Flat::append_row(const ChangeEvent& change, const std::string& id, std::vector<Record>& out) const {
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
  append_origin(value, change, id);
  append_text(value, ",\"fidelity\":", event::to_text(change.fidelity));
  value += '}';

  const bool as_gap = !by_row && options_.statements == Statements::gap;
  const std::string topic = prefix_ + "." + (as_gap ? "gap" : event::qualified_table(change));
  const auto headers = record_headers(transaction_, change, id);
  // In a compacted topic the row must not live on under its old key.
  if (key_changed && options_.tombstones) {
    out.push_back({Record::Kind::tombstone, topic, change.old_key, std::nullopt, headers});
  }
  out.push_back({as_gap ? Record::Kind::gap : Record::Kind::change, topic, key, std::move(value), headers});
  if (change.op == event::Op::remove && key && options_.tombstones) {
    out.push_back({Record::Kind::tombstone, topic, key, std::nullopt, headers});
  }
}

void Flat::append_gap(const ChangeEvent& change, const std::string& id, std::vector<Record>& out) const {
  std::string value = opening(change);
  append_counts(value, change);
  append_text(value, ",\"cause\":", change.cause);
  append_origin(value, change, id);
  value += '}';
  out.push_back(
      {Record::Kind::gap, prefix_ + ".gap", std::nullopt, std::move(value), record_headers(transaction_, change, id)});
}

}  // namespace

std::unique_ptr<Format> make_flat(const FormatOptions& options) {
  return std::make_unique<Flat>(options);
}

}  // namespace weir::emitters
