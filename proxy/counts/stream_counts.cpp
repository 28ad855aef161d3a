#include "proxy/counts/stream_counts.h"

#include <algorithm>

#include "capture/event/gap_cause.h"

namespace weir::proxy {

namespace {

constexpr const char* kOther = "other";
/// Names of tables come from the database; one that is longer is cut.
constexpr std::size_t kLongestName = 200;

using event::Fidelity;
using event::Op;

std::uint64_t positive(std::int64_t rows) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(rows, 0));
}

/// Not within a character.
void cut(std::string& name) {
  if (name.size() <= kLongestName) return;
  std::size_t end = kLongestName;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0) == 0x80) --end;
  name.resize(end);
}

void add_counted(TableCounts& table, const event::Counts& rows) {
  const auto note = [&](Op op, std::int64_t count) {
    if (count > 0) table.rows[{op, Fidelity::statement}] += positive(count);
  };
  note(Op::create, rows.inserted);
  note(Op::update, rows.updated);
  note(Op::remove, rows.deleted);
}

}  // namespace

std::string label_of_cause(const std::string& cause) {
  const auto known = event::gap_cause_of(cause);
  return known ? to_text(*known) : kOther;
}

std::uint64_t TableCounts::captured() const {
  std::uint64_t sum = 0;
  for (const auto& [kind, count] : rows) {
    if (kind.second != Fidelity::statement && kind.first != Op::truncate) sum += count;
  }
  return sum;
}

std::uint64_t TableCounts::counted() const {
  std::uint64_t sum = 0;
  for (const auto& [kind, count] : rows) {
    if (kind.second == Fidelity::statement && kind.first != Op::truncate) sum += count;
  }
  return sum;
}

void StreamCounts::add(std::span<const capture::Released> released) {
  const std::lock_guard lock(mutex_);
  for (const auto& one : released) add(one);
}

void StreamCounts::add(const capture::Released& released) {
  const auto& transaction = released.transaction;
  ++sums_.transactions;
  sums_.events += transaction.event_count;
  sums_.position = transaction.position;
  sums_.released_us = transaction.committed_us;
  const auto tally = tallies_.empty() ? tallies_.end() : tallies_.find(transaction.id);
  if (tally != tallies_.end()) {
    add(transaction, tally->second);
    tallies_.erase(tally);
    return;
  }
  if (!released.events) {
    // An earlier run of Weir wrote it.
    table_of(transaction.database, kOther, "").rows[{Op::create, Fidelity::statement}] += transaction.event_count;
    return;
  }
  for (const auto& change : *released.events) {
    auto& table = table_of(transaction.database, change.schema, change.table);
    table.last_us = transaction.committed_us;
    if (change.op == Op::gap) {
      count_gap(transaction, table, event::qualified_table(change), change.cause, 1, change.counts);
    } else {
      count(table, change);
    }
    if (watched_until_ != 0) see(transaction, change);
  }
}

void StreamCounts::count(TableCounts& table, const event::ChangeEvent& change) {
  if (change.fidelity == Fidelity::statement && change.op != Op::truncate) return add_counted(table, change.counts);
  ++table.rows[{change.op, change.fidelity}];
}

void StreamCounts::add(const event::Transaction& transaction, const RowTally& tally) {
  for (const auto& sum : tally.sums()) {
    auto& table = table_of(transaction.database, sum.kind.schema, sum.kind.table);
    table.last_us = transaction.committed_us;
    const bool of_statement = sum.kind.fidelity == Fidelity::statement && sum.kind.op != Op::truncate;
    if (sum.kind.op == Op::gap) {
      const auto name = sum.kind.schema.empty() ? sum.kind.table : sum.kind.schema + "." + sum.kind.table;
      count_gap(transaction, table, name, sum.kind.cause, sum.events, sum.rows);
    } else if (of_statement) {
      add_counted(table, sum.rows);
    } else {
      table.rows[{sum.kind.op, sum.kind.fidelity}] += sum.events;
    }
  }
  if (tally.unknown() > 0)
    table_of(transaction.database, kOther, "").rows[{Op::create, Fidelity::statement}] += tally.unknown();
}

void StreamCounts::count_gap(const event::Transaction& transaction, TableCounts& table, const std::string& name,
                             const std::string& cause, std::uint64_t gaps, const event::Counts& missed) {
  table.gaps += gaps;
  proxy::add(table.missed, missed);
  auto label = label_of_cause(cause);
  const bool known = sums_.gaps_by_cause.contains(label);
  if (!known && sums_.gaps_by_cause.size() >= kCauses) label = kOther;
  sums_.gaps_by_cause[label] += gaps;
  GapCounts entry{cause, transaction.database, name, 0, {}, 0};
  const auto found = std::find_if(gaps_.begin(), gaps_.end(), [&](const GapCounts& one) {
    return one.cause == cause && one.table == name && one.database == transaction.database;
  });
  if (found != gaps_.end()) {
    entry = std::move(*found);
    gaps_.erase(found);
  }
  entry.gaps += gaps;
  proxy::add(entry.missed, missed);
  entry.last_us = transaction.committed_us;
  gaps_.push_front(std::move(entry));
  if (gaps_.size() > kGaps) gaps_.pop_back();
}

void StreamCounts::keep(Seen seen) {
  if (keeps_.exchange(seen) == seen) return;
  const std::lock_guard lock(mutex_);
  seen_.clear();
  if (seen == Seen::nothing) watched_until_ = 0;
}

void StreamCounts::see(const event::Transaction& transaction, const event::ChangeEvent& change) {
  if (transaction.committed_us > watched_until_) {
    watched_until_ = 0;
    seen_.clear();
    return;
  }
  SeenEvent event{transaction.committed_us,
                  transaction.position,
                  transaction.database,
                  event::qualified_table(change),
                  change.op,
                  change.fidelity,
                  change.counts,
                  change.cause,
                  {},
                  {}};
  if (keeps_ == Seen::values) {
    event.key = change.key.value_or("");
    event.row = change.after.value_or(change.before.value_or(""));
  }
  seen_.push_front(std::move(event));
  if (seen_.size() > kSeen) seen_.pop_back();
}

TableCounts& StreamCounts::entry(const std::string& database, const std::string& name) {
  const auto key = database + '\0' + name;
  if (const auto found = by_name_.find(key); found != by_name_.end()) return *found->second;
  const bool full = tables_.size() >= kTables && !(database.empty() && name == kOther);
  if (full) return entry("", kOther);
  tables_.push_back({database, name, {}, {}, 0, 0});
  by_name_.emplace(key, &tables_.back());
  return tables_.back();
}

TableCounts& StreamCounts::table_of(const std::string& database, const std::string& schema, const std::string& table) {
  if (last_ != nullptr && last_table_ == table && last_schema_ == schema && last_->database == database) return *last_;
  auto name = (schema.empty() ? "" : schema) + (table.empty() ? "" : "." + table);
  cut(name);
  if (name.empty()) name = "unknown";
  last_ = &entry(database, name);
  last_schema_ = schema;
  last_table_ = table;
  return *last_;
}

void StreamCounts::tally(std::int64_t id, RowTally tally) {
  const std::lock_guard lock(mutex_);
  tallies_.insert_or_assign(id, std::move(tally));
}

void StreamCounts::forget(std::int64_t id) {
  const std::lock_guard lock(mutex_);
  tallies_.erase(id);
}

void StreamCounts::watch(std::int64_t now_us) {
  if (keeps_ == Seen::nothing) return;
  const std::lock_guard lock(mutex_);
  watched_until_ = now_us + kWatchedFor;
}

StreamCounts::Value StreamCounts::value() const {
  const std::lock_guard lock(mutex_);
  Value value = sums_;
  value.tables.assign(tables_.begin(), tables_.end());
  value.gaps.assign(gaps_.begin(), gaps_.end());
  value.seen.assign(seen_.begin(), seen_.end());
  return value;
}

}  // namespace weir::proxy
