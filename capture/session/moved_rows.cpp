#include "capture/session/moved_rows.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>

#include "capture/event/json_members.h"

namespace weir::capture {
namespace {

using event::ChangeEvent;
using event::Op;

/// As it is, and as the delete that it may become.
std::size_t memory_of(const LockedRow& row) {
  return sizeof row + sizeof(ChangeEvent) + 2 * row.image.size() + row.table.schema.size() + row.table.table.size();
}

/// The rows that have a value: how many, and one of them.
struct Place {
  std::size_t row = 0;
  std::size_t count = 0;
};
using Places = std::unordered_map<std::string, Place>;

void note(Places& places, std::string value, std::size_t row) {
  Place& place = places[std::move(value)];
  place.row = row;
  ++place.count;
}

std::string place_of(const RelationName& table, const std::string& key) {
  return table.schema + '\0' + table.table + '\0' + key;
}

}  // namespace

MovedRows::MovedRows(std::shared_ptr<const Plan> plan, const Scope& scope, bool may_give_out)
    : plan_(std::move(plan)), scope_(&scope), may_give_out_(may_give_out) {}

void MovedRows::give(ChangeEvent change, Events& out) const {
  if (change.op == Op::gap || captures(*scope_, *plan_->relation, {change.schema, change.table}))
    out.push_back(std::move(change));
}

ChangeEvent MovedRows::removal(const LockedRow& row, const ChangeEvent& like) const {
  ChangeEvent change = like;
  change.op = Op::remove;
  change.schema = row.table.schema;
  change.table = row.table.table;
  change.lsn = row.lsn;
  change.before = row.image;
  change.shape = row.shape;
  change.after.reset();
  change.old_key.reset();
  change.key = key_of(*plan_->relation, change.before);
  return change;
}

ChangeEvent MovedRows::creation(ChangeEvent change) const {
  change.op = Op::create;
  change.before.reset();
  change.old_key.reset();
  change.key = key_of(*plan_->relation, change.after);
  return change;
}

void MovedRows::locked(LockedRow row, Events& out) {
  ++locked_count_;
  if (mode_ == Mode::gave_up) return;
  if (mode_ == Mode::gives_out) return give(removal(row, {}), out);
  const std::size_t bytes = memory_of(row);
  locked_.push_back(std::move(row));
  keep(bytes, out);
}

void MovedRows::written(Events of_row, Events& out) {
  ++written_count_;
  for (const ChangeEvent& change : of_row) last_lsn_ = std::max(last_lsn_, change.lsn);
  if (!locks()) return written_with_old(std::move(of_row), out);
  for (ChangeEvent& change : of_row) {
    // Of another table than the facts know, or without its image: nothing can be said of the rest either.
    if (change.op == Op::gap || change.fidelity == event::Fidelity::statement) {
      mode_ = Mode::gave_up;
      if (change.op == Op::gap) give(std::move(change), out);
    } else if (mode_ == Mode::gives_out) {
      give(creation(std::move(change)), out);
    } else if (mode_ == Mode::keeps) {
      const std::size_t bytes = event::memory_of(change);
      written_.push_back(std::move(change));
      keep(bytes, out);
    }
  }
}

void MovedRows::keep(std::size_t bytes, Events& out) {
  bytes_ += bytes;
  if (bytes_ > scope_->moved_bytes) over_limit(out);
}

/// Without the counts, and with a trigger that leaves rows out even with them, deletes and creates prove nothing.
void MovedRows::over_limit(Events& out) {
  mode_ = may_give_out_ && !plan_->moves.may_skip ? Mode::gives_out : Mode::gave_up;
  if (mode_ == Mode::gives_out) {
    for (const LockedRow& row : locked_) give(removal(row, {}), out);
    for (ChangeEvent& change : written_) give(creation(std::move(change)), out);
  }
  locked_ = {};
  written_ = {};
  bytes_ = 0;
}

/// Deletes are given out as they come, creates when all are in.
void MovedRows::written_with_old(Events of_row, Events& out) {
  if (mode_ == Mode::gave_up) return;
  for (ChangeEvent& change : of_row) {
    const bool moved = change.op == Op::update && change.old_key;
    if (mode_ == Mode::gives_out || (!moved && change.op != Op::create)) {
      give(std::move(change), out);
    } else if (change.op == Op::create) {
      hold(std::move(change));
    } else if (!first_moved_ && written_.empty()) {
      first_moved_ = std::move(change);
    } else {
      if (first_moved_) {
        ChangeEvent first = *std::exchange(first_moved_, std::nullopt);
        hold(creation(first));
        give(removal({first.before.value_or(""), {first.schema, first.table}, 0, first.lsn, first.shape}, first), out);
      }
      hold(creation(change));
      give(removal({change.before.value_or(""), {change.schema, change.table}, 0, change.lsn, change.shape}, change),
           out);
    }
  }
  if (bytes_ <= scope_->moved_bytes) return;
  // A unique key was free at the instant it was taken, so from here on the rows' own order is right.
  if (plan_->moves.key_is_unique || plan_->relation->key.empty()) {
    give_held(out);
    mode_ = Mode::gives_out;
  } else if (may_give_out_) {
    mode_ = Mode::gave_up;
    written_ = {};
  }
}

void MovedRows::hold(ChangeEvent change) {
  bytes_ += event::memory_of(change);
  written_.push_back(std::move(change));
}

/// Behind the deletes, so as versions too.
void MovedRows::give_held(Events& out) {
  if (first_moved_) written_.insert(written_.begin(), *std::exchange(first_moved_, std::nullopt));
  for (ChangeEvent& change : std::exchange(written_, {})) {
    change.lsn = std::max(change.lsn, last_lsn_);
    give(std::move(change), out);
  }
  bytes_ = 0;
}

MovedRows::Verdict MovedRows::finish(Events& out) {
  Verdict verdict = Verdict::proven;
  if (written_count_ == 0) {
    verdict = Verdict::nothing;
  } else if (mode_ == Mode::gave_up || (locks() && locked_count_ != written_count_)) {
    verdict = Verdict::unknown;
  } else if (!locks()) {
    give_held(out);
  } else if (mode_ == Mode::keeps && !match(out)) {
    verdict = Verdict::unknown;
  }
  reset();
  return verdict;
}

void MovedRows::reset() {
  mode_ = Mode::keeps;
  bytes_ = 0;
  locked_count_ = written_count_ = 0;
  locked_ = {};
  written_ = {};
  partner_ = {};
  paired_ = {};
  first_moved_.reset();
  last_lsn_ = 0;
}

/// As many were written as locked. False where which are the same rows is not known and neither are the rest.
bool MovedRows::match(Events& out) {
  partner_.assign(written_.size(), std::nullopt);
  paired_.assign(locked_.size(), false);
  if (!plan_->moves.may_skip) {
    if (!plan_->moves.steady.empty() && !pair_by_steady_columns()) return false;
    if (written_.size() == 1) pair(0, 0);
  }
  pair_by_keys();
  const bool all = std::find(paired_.begin(), paired_.end(), false) == paired_.end();
  if (!all && plan_->moves.may_skip) return false;
  give_matched(out);
  return true;
}

void MovedRows::pair(std::size_t locked, std::size_t written) {
  partner_[written] = locked;
  paired_[locked] = true;
}

/// Rows whose steady columns nobody else of the statement has, before it and after it. False where these are not the
/// same before and after: then something is not as the catalog said.
bool MovedRows::pair_by_steady_columns() {
  const auto& steady = plan_->moves.steady;
  Places before, after;
  for (std::size_t i = 0; i < locked_.size(); ++i)
    note(before, event::select_members(locked_[i].image, steady).value_or(""), i);
  for (std::size_t i = 0; i < written_.size(); ++i)
    note(after, event::select_members(written_[i].after.value_or(""), steady).value_or(""), i);
  for (const auto& [value, place] : after) {
    const auto found = before.find(value);
    if (value.empty() || found == before.end() || found->second.count != place.count) return false;
    if (place.count == 1) pair(found->second.row, place.row);
  }
  return true;
}

/// Where the rows that are left have the same keys before and after: of those that took another's place one would have
/// been the first, and it would have found that place taken.
void MovedRows::pair_by_keys() {
  if (!plan_->moves.key_is_unique) return;
  Places before;
  std::size_t left = 0;
  for (std::size_t i = 0; i < locked_.size(); ++i) {
    if (paired_[i]) continue;
    ++left;
    const auto key = key_of(*plan_->relation, locked_[i].image);
    if (key) note(before, place_of(locked_[i].table, *key), i);
  }
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  for (std::size_t i = 0; i < written_.size(); ++i) {
    if (partner_[i]) continue;
    const auto key = key_of(*plan_->relation, written_[i].after);
    const auto found = key ? before.find(place_of({written_[i].schema, written_[i].table}, *key)) : before.end();
    if (found == before.end() || found->second.count > 1) return;
    pairs.emplace_back(found->second.row, i);
    before.erase(found);
  }
  if (pairs.size() != left) return;
  for (const auto& [locked, written] : pairs) pair(locked, written);
}

/// A row that alone has moved is one event; of several the deletes come first.
void MovedRows::give_matched(Events& out) {
  const auto moves = [this](std::size_t i) {
    const ChangeEvent& change = written_[i];
    if (!partner_[i]) return true;
    const LockedRow& old = locked_[*partner_[i]];
    return old.table.schema != change.schema || old.table.table != change.table ||
           key_of(*plan_->relation, old.image) != key_of(*plan_->relation, change.after);
  };
  std::size_t movers = 0;
  for (std::size_t i = 0; i < written_.size(); ++i) movers += moves(i) ? 1 : 0;
  Events creates;
  Events updates;
  for (std::size_t i = 0; i < written_.size(); ++i) {
    ChangeEvent& change = written_[i];
    const bool whole = partner_[i] && (movers == 1 || !moves(i));
    const bool same_table = whole && locked_[*partner_[i]].table.schema == change.schema &&
                            locked_[*partner_[i]].table.table == change.table;
    if (same_table) {
      change.op = Op::update;
      change.before = std::move(locked_[*partner_[i]].image);
      set_keys(*plan_->relation, change);
      updates.push_back(std::move(change));
    } else {
      if (partner_[i]) give(removal(locked_[*partner_[i]], change), out);
      creates.push_back(creation(std::move(change)));
    }
  }
  for (std::size_t i = 0; i < locked_.size(); ++i)
    if (!paired_[i]) give(removal(locked_[i], {}), out);
  for (ChangeEvent& change : updates) give(std::move(change), out);
  for (ChangeEvent& change : creates) give(std::move(change), out);
}

}  // namespace weir::capture
