#include "capture/journal/sequencer.h"

#include <cassert>

namespace weir::capture {

void Sequencer::in_flight(std::int64_t id, event::Lsn first_lsn, event::Lsn last_lsn) {
  assert(first_lsn <= last_lsn);
  const bool is_new = entries_.emplace(id, Entry{first_lsn, last_lsn, false}).second;
  assert(is_new);
  if (!is_new) return;
  in_flight_first_lsns_.insert(first_lsn);
  pending_first_lsns_.insert(first_lsn);
}

void Sequencer::committed(std::int64_t id, std::int64_t committed_us) {
  const auto found = entries_.find(id);
  if (found == entries_.end() || found->second.committed) return;
  found->second.committed = true;
  in_flight_first_lsns_.erase(in_flight_first_lsns_.find(found->second.first_lsn));
  ready_.emplace(found->second.last_lsn, Ready{id, committed_us});
}

void Sequencer::aborted(std::int64_t id) {
  const auto found = entries_.find(id);
  if (found == entries_.end() || found->second.committed) return;  // what is committed cannot be taken back
  in_flight_first_lsns_.erase(in_flight_first_lsns_.find(found->second.first_lsn));
  forget(found);
}

std::vector<Sequencer::Released> Sequencer::take_released() {
  std::vector<Released> released;
  while (!ready_.empty()) {
    const auto next = ready_.begin();
    // Whoever wrote a row before `next` did has a first_lsn below its last_lsn. Equal ones are independent: the
    // second writer of a row reads its lsn after the first one's commit record.
    if (!in_flight_first_lsns_.empty() && *in_flight_first_lsns_.begin() < next->first) break;
    released.push_back({next->second.id, next->second.committed_us, next->first});
    forget(entries_.find(next->second.id));
    ready_.erase(next);
  }
  return released;
}

std::optional<event::Lsn> Sequencer::lowest_pending() const {
  if (pending_first_lsns_.empty()) return std::nullopt;
  return *pending_first_lsns_.begin();
}

std::size_t Sequencer::in_flight_count() const {
  return in_flight_first_lsns_.size();
}

bool Sequencer::is_waiting(std::int64_t id) const {
  const auto found = entries_.find(id);
  return found != entries_.end() && found->second.committed;
}

void Sequencer::forget(Entries::iterator entry) {
  pending_first_lsns_.erase(pending_first_lsns_.find(entry->second.first_lsn));
  entries_.erase(entry);
}

}  // namespace weir::capture
