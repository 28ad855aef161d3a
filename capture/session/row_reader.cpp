#include "capture/session/row_reader.h"

#include <algorithm>
#include <charconv>

#include "capture/encoding.h"
#include "capture/event/gap_cause.h"
#include "capture/event/json_members.h"

namespace weir::capture {
namespace {

using Names = std::vector<std::string>;

std::uint64_t read_number(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// The added columns of a row by their place in the plan.
class AddedView {
 public:
  AddedView(const wire::RowView& row, const AddedColumns& added)
      : row_(row), added_(added), first_(row.size() - std::size_t(added.count)) {}

  std::optional<std::string_view> text(int column) const {
    return column < 0 ? std::nullopt : row_[first_ + std::size_t(column)];
  }
  std::uint64_t number(int column) const {
    const auto value = text(column);
    return value ? read_number(*value) : 0;
  }
  std::optional<std::string> image(int column) {
    const auto value = text(column);
    if (!value) return std::nullopt;
    if (added_.hex.empty()) {
      // Since the last ReadyForQuery a function may have changed the client's encoding.
      has_no_meaning_ |= !event::is_utf8(*value);
      return has_no_meaning_ ? std::nullopt : std::optional<std::string>(*value);
    }
    const auto bytes = decode_hex(*value);
    auto image = bytes ? to_utf8(*bytes, added_.hex) : std::nullopt;
    has_no_meaning_ |= bytes && !image;
    return image;
  }
  /// An image had bytes that its encoding does not define.
  bool has_no_meaning() const { return has_no_meaning_; }

 private:
  const wire::RowView& row_;
  const AddedColumns& added_;
  std::size_t first_;
  bool has_no_meaning_ = false;
};

RelationName leaf_name(const RelationFacts& relation, std::uint32_t oid) {
  const auto it = relation.leaves.find(oid);
  return it == relation.leaves.end() ? unnamed(oid) : it->second;
}

/// Without those whose table is not captured.
std::vector<event::ChangeEvent> only_captured(std::vector<event::ChangeEvent> changes, const Scope& scope,
                                              const RelationFacts& relation) {
  std::erase_if(changes, [&](const auto& change) { return !captures(scope, relation, {change.schema, change.table}); });
  return changes;
}

/// A row that went to another partition is gone from one table and new in another.
std::vector<event::ChangeEvent> split_move(event::ChangeEvent change, const RelationName& from,
                                           const RelationFacts& relation) {
  event::ChangeEvent removed = change;
  removed.op = event::Op::remove;
  removed.schema = from.schema;
  removed.table = from.table;
  removed.after.reset();
  removed.old_key.reset();
  removed.key = key_of(relation, removed.before);
  change.op = event::Op::create;
  change.before.reset();
  change.old_key.reset();
  std::vector<event::ChangeEvent> both;
  both.push_back(std::move(removed));
  both.push_back(std::move(change));
  return both;
}

/// Of a row with a value that cannot be told only this is sure: that it was written.
event::ChangeEvent without_images(event::ChangeEvent change) {
  change.before.reset();
  change.after.reset();
  change.shape.reset();
  change.fidelity = event::Fidelity::statement;
  change.cause = to_text(event::GapCause::undefined_value);
  event::count_rows(change.counts, change.op, 1);
  return change;
}

/// The facts name a key column that the row has not: it was renamed.
bool lacks_key(const RelationFacts& relation, const Scope& scope, const event::ChangeEvent& change) {
  const auto& image = change.op == event::Op::remove ? change.before : change.after;
  if (!image || relation.key.empty() || change.key) return false;
  return std::none_of(relation.key.begin(), relation.key.end(),
                      [&](const std::string& column) { return excludes_column(scope, relation, column); });
}

/// What the images are, by one walk over each, where the shape is theirs: it and the keys. False where it is not.
bool set_shape(const RelationFacts& relation, event::ChangeEvent& change) {
  if (!relation.shape) return false;
  std::string key;
  std::string old_key;
  if (change.before && !event::fits(*relation.shape, *change.before, old_key)) return false;
  if (change.after && !event::fits(*relation.shape, *change.after, key)) return false;
  change.shape = relation.shape;
  if (relation.shape->key.empty()) return true;
  const bool is_changed = change.op == event::Op::update && change.before && old_key != key;
  if (is_changed) change.old_key = old_key;
  change.key = change.op == event::Op::remove ? std::move(old_key) : std::move(key);
  return true;
}

}  // namespace

std::optional<std::string> key_of(const RelationFacts& relation, const std::optional<std::string>& image) {
  if (!image || relation.key.empty()) return std::nullopt;
  return event::select_members(*image, relation.key);
}

void set_keys(const RelationFacts& relation, event::ChangeEvent& change) {
  change.key = key_of(relation, change.op == event::Op::remove ? change.before : change.after);
  if (change.op != event::Op::update || !change.before) return;
  const auto old_key = key_of(relation, change.before);
  if (old_key && change.key && *old_key != *change.key) change.old_key = old_key;
}

ReadRow read_row(const wire::RowView& row, const Plan& plan, const Scope& scope) {
  ReadRow read;
  if (row.size() < std::size_t(plan.added.count) || plan.added.count == 0) return read;
  AddedView added(row, plan.added);
  event::ChangeEvent change;
  change.op = plan.op;
  change.before = added.image(plan.added.before);
  change.after = added.image(plan.added.after);
  // Where both are asked for, ON CONFLICT and MERGE tell by them what they did.
  if (plan.added.before >= 0 && plan.added.after >= 0)
    change.op = !added.text(plan.added.before)  ? event::Op::create
                : !added.text(plan.added.after) ? event::Op::remove
                                                : event::Op::update;
  const auto inserted = added.text(plan.added.inserted);
  if (inserted && *inserted == "false") change.op = event::Op::update;
  const auto oid = std::uint32_t(added.number(plan.added.tableoid));
  const RelationName table = leaf_name(*plan.relation, oid);
  read.stale = !plan.relation->leaves.contains(oid);
  change.schema = table.schema;
  change.table = table.table;
  read.xid = added.number(plan.added.xid);
  read.lsn = event::parse_lsn(added.text(plan.added.lsn).value_or("")).value_or(0);
  change.lsn = read.lsn;
  read.valid = read.xid != 0 && read.lsn != 0 && (change.before || change.after || added.has_no_meaning());
  if (!read.valid) return read;
  if (added.has_no_meaning()) {
    read.events.push_back(without_images(std::move(change)));
    if (plan.lock_query.empty()) read.events = only_captured(std::move(read.events), scope, *plan.relation);
    return read;
  }
  if (!set_shape(*plan.relation, change)) {
    read.stale |= plan.relation->shape != nullptr;  // a column has come, gone, or got another name
    set_keys(*plan.relation, change);
    if (lacks_key(*plan.relation, scope, change)) {
      read.stale = true;
      read.events.push_back(event::as_gap(std::move(change), to_text(event::GapCause::other_key)));
      read.events = only_captured(std::move(read.events), scope, *plan.relation);
      return read;
    }
  }
  const auto old_oid = std::uint32_t(added.number(plan.added.old_tableoid));
  if (old_oid != 0 && old_oid != oid) {
    read.events = split_move(std::move(change), leaf_name(*plan.relation, old_oid), *plan.relation);
  } else {
    read.events.push_back(std::move(change));
  }
  // Where the rows are matched with locked ones it is not yet known what moved: MovedRows leaves them out.
  if (plan.lock_query.empty()) read.events = only_captured(std::move(read.events), scope, *plan.relation);
  return read;
}

std::optional<LockedRow> read_locked_row(const wire::RowView& row, const Plan& plan) {
  if (row.size() != 4) return std::nullopt;
  AddedColumns added;
  added.count = 4;
  added.hex = plan.added.hex;
  AddedView view(row, added);
  auto image = view.image(0);
  const auto lsn = event::parse_lsn(view.text(3).value_or(""));
  // Bytes that its encoding does not define make no image; there is a row all the same, which then proves nothing.
  if ((!image && !view.has_no_meaning()) || view.number(2) == 0 || !lsn) return std::nullopt;
  LockedRow locked{std::move(image).value_or(""), leaf_name(*plan.relation, std::uint32_t(view.number(1))),
                   view.number(2), *lsn};
  std::string key;
  const event::ShapePtr& shape = plan.relation->shape;
  if (shape && event::fits(*shape, locked.image, key)) locked.shape = shape;
  return locked;
}

}  // namespace weir::capture
