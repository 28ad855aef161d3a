#include "capture/session/transaction.h"

#include <algorithm>
#include <utility>

#include "capture/event/gap_cause.h"

namespace weir::capture {
void OpenTransaction::make_gaps(std::string_view cause) {
  bytes_ = 0;
  for (event::ChangeEvent& change : events_) {
    change = event::as_gap(std::move(change), cause);
    bytes_ += memory_of(change);
  }
}

std::uint32_t OpenTransaction::begin_statement() {
  if (std::exchange(statement_ended_, false)) ++statement_;
  return statement_;
}

void OpenTransaction::add(event::ChangeEvent change, std::uint32_t statement) {
  change.statement_order = statement == 0 ? begin_statement() : statement;
  change.ordinal = ++last_ordinal_;
  // What has no version of its own was written before a row that has one; so a large transaction can be streamed.
  if (change.lsn != 0 && unversioned_ > 0 && change.statement_order == statement_) complete(xid_, change.lsn);
  if (change.lsn == 0) ++unversioned_;
  bytes_ += memory_of(change);
  if (statement == 0) return events_.push_back(std::move(change));
  auto place = events_.end();
  while (place != events_.begin() && std::prev(place)->statement_order > statement)
    change.ordinal = (--place)->ordinal++;
  for (Savepoint& savepoint : savepoints_)
    if (savepoint.statement >= statement && savepoint.last_ordinal + 1 >= change.ordinal) ++savepoint.last_ordinal;
  events_.insert(place, std::move(change));
}

std::vector<OpenTransaction::Savepoint>::iterator OpenTransaction::find(std::string_view name) {
  const auto it =
      std::find_if(savepoints_.rbegin(), savepoints_.rend(), [name](const auto& s) { return s.name == name; });
  return it == savepoints_.rend() ? savepoints_.end() : std::prev(it.base());
}

void OpenTransaction::savepoint(std::string_view name) {
  savepoints_.push_back({std::string(name), last_ordinal_, statement_, ++savepoint_count_});
}

void OpenTransaction::release(std::string_view name) {
  const auto it = find(name);
  if (it != savepoints_.end()) savepoints_.erase(it, savepoints_.end());
}

OpenTransaction::RolledBack OpenTransaction::rollback_to(std::string_view name) {
  const auto it = find(name);
  if (it == savepoints_.end()) return {last_ordinal_ + 1, savepoint_count_ + 1, false};
  // The savepoint itself stays: it can be rolled back to again.
  savepoints_.erase(std::next(it), savepoints_.end());
  last_ordinal_ = savepoints_.back().last_ordinal;
  statement_ = savepoints_.back().statement;
  statement_ended_ = true;
  drop_from(last_ordinal_ + 1);
  return {last_ordinal_ + 1, savepoints_.back().number};
}

void OpenTransaction::drop_from(std::uint32_t first_ordinal) {
  const auto gone = [=](const event::ChangeEvent& change) { return change.ordinal >= first_ordinal; };
  for (const auto& change : events_) {
    if (!gone(change)) continue;
    bytes_ -= memory_of(change);
    if (change.lsn == 0) --unversioned_;
  }
  std::erase_if(events_, gone);
}

void OpenTransaction::take_back(std::uint32_t first_ordinal) {
  drop_from(first_ordinal);
  last_ordinal_ = first_ordinal - 1;
}

void OpenTransaction::saw(event::Xid xid, event::Lsn lsn) {
  if (xid != 0) xid_ = xid;
  if (lsn == 0) return;
  if (first_lsn_ == 0 || lsn < first_lsn_) first_lsn_ = lsn;
  last_lsn_ = std::max(last_lsn_, lsn);
}

void OpenTransaction::complete(event::Xid xid, event::Lsn lsn) {
  saw(xid, lsn);
  for (auto& change : events_)
    if (change.lsn == 0) change.lsn = lsn;
  unversioned_ = 0;
}

void OpenTransaction::name(std::uint32_t oid,
                           const std::function<std::optional<event::ChangeEvent>(event::ChangeEvent)>& tell) {
  std::vector<event::ChangeEvent> told;
  std::uint32_t dropped = 0;
  std::vector<std::uint32_t> dropped_before(savepoints_.size());
  bytes_ = 0;
  for (event::ChangeEvent& change : events_) {
    const std::uint32_t ordinal = change.ordinal;
    const bool is_named = unnamed_oid(change) != oid;
    std::optional<event::ChangeEvent> now = is_named ? std::move(change) : tell(std::move(change));
    if (now) {
      now->ordinal = ordinal - dropped;
      bytes_ += memory_of(*now);
      told.push_back(std::move(*now));
      continue;
    }
    ++dropped;
    for (std::size_t i = 0; i < savepoints_.size(); ++i)
      if (savepoints_[i].last_ordinal >= ordinal) ++dropped_before[i];
  }
  for (std::size_t i = 0; i < savepoints_.size(); ++i) savepoints_[i].last_ordinal -= dropped_before[i];
  events_ = std::move(told);
  last_ordinal_ -= dropped;
  unnamed_.erase(oid);
}

void OpenTransaction::give_up_names() {
  while (!unnamed_.empty()) {
    name(unnamed_.begin()->first, [](event::ChangeEvent change) {
      change.schema.clear();
      change.table.clear();
      return std::optional(event::as_gap(std::move(change), to_text(event::GapCause::other_table)));
    });
  }
}

void OpenTransaction::forget_events() {
  events_.clear();
  unnamed_.clear();
  last_ordinal_ = statement_ = 0;
  unversioned_ = bytes_ = 0;
  statement_ended_ = true;
  for (Savepoint& savepoint : savepoints_) savepoint.last_ordinal = savepoint.statement = 0;
}

std::vector<event::ChangeEvent> OpenTransaction::take_events() {
  bytes_ = 0;
  return std::exchange(events_, {});
}

}  // namespace weir::capture
