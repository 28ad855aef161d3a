#include "capture/journal/log_ledger.h"

#include <algorithm>
#include <iterator>

namespace weir::capture {

Erased LogLedger::drop_segment() {
  const Use oldest = uses_.front();
  uses_.pop_front();
  return {oldest.highest, oldest.highest_lsn};
}

LogLedger::Use* LogLedger::use_of(Place place) {
  for (auto use = uses_.rbegin(); use != uses_.rend(); ++use)
    if (use->first <= place) return &*use;
  return nullptr;
}

void LogLedger::write(Place place, const TransactionFacts& facts) {
  Entry& entry = entries_[facts.id];
  if (entry.place != 0)
    if (Use* use = use_of(entry.place)) --use->unfinished;
  entry.place = place;
  entry.committed_us = facts.committed_us;
  entry.last_lsn = facts.last_lsn;
  entry.spill = facts.spill;
  ++use_of(place)->unfinished;
}

std::optional<std::int64_t> LogLedger::complete(std::span<const LogOutcome> outcomes,
                                                std::vector<StoredOutcome>& out) const {
  for (const LogOutcome& outcome : outcomes) {
    const Entry* entry = find(outcome.id);
    const bool here = entry != nullptr && entry->place != 0;
    if (outcome.kind == LogOutcome::Kind::released && !here) return outcome.id;
    if (!here || (outcome.kind == LogOutcome::Kind::reopened && entry->not_noted > 0)) continue;
    out.push_back({outcome, entry->place, entry->last_lsn});
  }
  return std::nullopt;
}

void LogLedger::note(std::span<const StoredOutcome> outcomes, Place place, Place end) {
  event::Position last = 0;
  for (const StoredOutcome& outcome : outcomes) {
    switch (outcome.told.kind) {
      case LogOutcome::Kind::acknowledged:
        if (const auto found = entries_.find(outcome.told.id); found != entries_.end())
          found->second.committed_us = outcome.told.committed_us;
        break;
      case LogOutcome::Kind::released:
        last = std::max(last, outcome.told.position);
        last_lsn_ = std::max(last_lsn_, outcome.last_lsn);
        finish(outcome, end);
        break;
      case LogOutcome::Kind::aborted:
        finish(outcome, end);
        break;
      case LogOutcome::Kind::reopened:
        take_back(outcome.told.id);
        break;
    }
  }
  if (last == 0) return;
  last_position_ = std::max(last_position_, last);
  if (Use* use = use_of(place)) use->highest = std::max(use->highest, last);
  releases_.emplace_back(end, last);
}

void LogLedger::finish(const StoredOutcome& outcome, Place end) {
  const std::int64_t id = outcome.told.id;
  const event::Position position = outcome.told.position;
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  const Entry& entry = found->second;
  if (Use* use = entry.place != 0 ? use_of(entry.place) : nullptr) {
    --use->unfinished;
    use->highest = std::max(use->highest, position);
    if (position != 0) use->highest_lsn = std::max(use->highest_lsn, outcome.last_lsn);
  }
  if (entry.spill.bytes != 0 && entry.place != 0)
    done_.push_back({position, end, id, entry.spill.bytes, entry.last_lsn});
  entries_.erase(found);
}

void LogLedger::heard(std::span<const LogOutcome> outcomes) {
  for (const LogOutcome& outcome : outcomes) {
    const auto found = entries_.find(outcome.id);
    if (found == entries_.end()) continue;
    Entry& entry = found->second;
    if (outcome.kind == LogOutcome::Kind::reopened && entry.not_noted > 0) --entry.not_noted;
    const bool over = outcome.kind == LogOutcome::Kind::aborted || entry.not_noted == 0;
    if (entry.place == 0 && over) entries_.erase(found);
  }
}

void LogLedger::take_back(std::int64_t id) {
  const auto found = entries_.find(id);
  if (found == entries_.end() || found->second.place == 0) return;
  if (Use* use = use_of(found->second.place)) --use->unfinished;
  found->second.place = 0;
  found->second.spill = {};
}

void LogLedger::reopen(std::int64_t id) {
  take_back(id);
  ++entries_.at(id).not_noted;
}

void LogLedger::forget_taken_back() {
  std::erase_if(entries_, [](const auto& each) { return each.second.place == 0; });
}

void LogLedger::move(std::int64_t id, Place place) {
  Entry& entry = entries_.at(id);
  if (Use* use = use_of(entry.place)) --use->unfinished;
  entry.place = place;
  ++use_of(place)->unfinished;
}

const LogLedger::Entry* LogLedger::find(std::int64_t id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second;
}

event::Position LogLedger::released_by(Place durable) {
  for (; !releases_.empty() && releases_.front().first <= durable; releases_.pop_front())
    released_ = std::max(released_, releases_.front().second);
  return released_;
}

void LogLedger::start_at(event::Position last_position, event::Lsn last_lsn) {
  last_position_ = std::max(last_position_, last_position);
  last_lsn_ = std::max(last_lsn_, last_lsn);
  released_ = std::max(released_, last_position);
}

std::vector<std::pair<std::int64_t, Place>> LogLedger::unfinished_in_oldest() const {
  std::vector<std::pair<std::int64_t, Place>> found;
  const Place end = uses_.size() > 1 ? uses_[1].first : ~Place{0};
  for (const auto& [id, entry] : entries_)
    if (entry.place != 0 && entry.place < end) found.emplace_back(id, entry.place);
  std::sort(found.begin(), found.end(), [](const auto& one, const auto& other) { return one.second < other.second; });
  return found;
}

namespace {

template <typename Condition>
std::vector<LogLedger::DoneSpill> take_if(std::deque<LogLedger::DoneSpill>& all, const Condition& goes) {
  std::vector<LogLedger::DoneSpill> gone;
  std::copy_if(all.begin(), all.end(), std::back_inserter(gone), goes);
  std::erase_if(all, goes);
  return gone;
}

}  // namespace

std::vector<LogLedger::DoneSpill> LogLedger::take_done_spills(event::Position safe, Place durable) {
  return take_if(done_, [&](const DoneSpill& each) { return each.position <= safe && each.end <= durable; });
}

std::vector<LogLedger::DoneSpill> LogLedger::take_missing_spills(const std::function<bool(std::int64_t id)>& is_there) {
  return take_if(done_, [&](const DoneSpill& each) { return !is_there(each.id); });
}

}  // namespace weir::capture
