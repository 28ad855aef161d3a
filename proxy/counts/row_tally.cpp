#include "proxy/counts/row_tally.h"

#include <algorithm>

namespace weir::proxy {

namespace {

bool has_counts(const RowKind& kind) {
  return kind.op == event::Op::gap || kind.fidelity == event::Fidelity::statement;
}

}  // namespace

void add(event::Counts& sum, const event::Counts& more) {
  sum.inserted += more.inserted;
  sum.updated += more.updated;
  sum.deleted += more.deleted;
}

bool RowKind::matches(const event::ChangeEvent& change) const {
  return op == change.op && fidelity == change.fidelity && table == change.table && schema == change.schema &&
         (op != event::Op::gap || cause == change.cause);
}

std::size_t RowTally::kind_of(const event::ChangeEvent& change) {
  if (!runs_.empty() && kinds_[runs_.back().kind].matches(change)) return runs_.back().kind;
  const auto hash = std::hash<std::string>()(change.table) * 31 + static_cast<std::size_t>(change.op);
  const auto [begin, end] = by_hash_.equal_range(hash);
  const auto found = std::find_if(begin, end, [&](const auto& one) { return kinds_[one.second].matches(change); });
  if (found != end) return found->second;
  by_hash_.emplace(hash, kinds_.size());
  kinds_.push_back({change.schema, change.table, change.op, change.fidelity,
                    change.op == event::Op::gap ? change.cause : std::string()});
  return kinds_.size() - 1;
}

void RowTally::add(std::span<const event::ChangeEvent> events) {
  for (const auto& change : events) {
    const auto kind = kind_of(change);
    const bool goes_on = !runs_.empty() && runs_.back().kind == kind && !has_counts(kinds_[kind]);
    if (goes_on) {
      runs_.back().last = change.ordinal;
      continue;
    }
    if (runs_.size() >= kMostRuns) sum_up();
    runs_.push_back({kind, change.ordinal, change.ordinal, change.counts});
  }
}

/// The older half.
void RowTally::sum_up() {
  const auto half = runs_.begin() + kMostRuns / 2;
  settled_.resize(kinds_.size());
  for (auto run = runs_.begin(); run != half; ++run) {
    auto& sum = settled_[run->kind];
    sum.kind = kinds_[run->kind];
    sum.events += run->last - run->first + 1;
    if (has_counts(sum.kind)) proxy::add(sum.rows, run->rows);
    settled_through_ = run->last;
  }
  runs_.erase(runs_.begin(), half);
}

void RowTally::truncate(std::uint32_t ordinal) {
  while (!runs_.empty() && runs_.back().first >= ordinal) runs_.pop_back();
  if (!runs_.empty()) {
    runs_.back().last = std::min(runs_.back().last, ordinal - 1);
  } else if (settled_through_ >= ordinal) {
    settled_.clear();
    settled_through_ = ordinal - 1;
    unknown_ = ordinal - 1;
  }
}

std::vector<Tallied> RowTally::sums() const {
  auto sums = settled_;
  sums.resize(kinds_.size());
  for (const auto& run : runs_) {
    auto& sum = sums[run.kind];
    sum.kind = kinds_[run.kind];
    sum.events += run.last - run.first + 1;
    if (has_counts(sum.kind)) proxy::add(sum.rows, run.rows);
  }
  std::erase_if(sums, [](const Tallied& sum) { return sum.events == 0; });
  return sums;
}

}  // namespace weir::proxy
