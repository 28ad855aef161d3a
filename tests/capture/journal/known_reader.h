// A reader of transactions that the test states, for what stands between the journal and a destination. Counts how
// often it is asked. What it knows may change meanwhile.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "capture/journal/reader.h"

namespace weir::capture {

/// Events by the transaction's position; its id is `first_id` + position.
using KnownTransactions = std::map<event::Position, std::vector<event::ChangeEvent>>;

class KnownReader final : public JournalReader {
 public:
  /// `known` outlives it.
  explicit KnownReader(const KnownTransactions& known, std::int64_t first_id = 100)
      : known_(&known), first_id_(first_id) {}

  Result<std::optional<event::Transaction>> next(event::Position after) override {
    ++asked;
    const auto found = known_->upper_bound(after);
    if (found == known_->end()) return std::optional<event::Transaction>();
    event::Transaction transaction;
    transaction.id = first_id_ + found->first;
    transaction.position = found->first;
    return std::optional(transaction);
  }
  Result<std::vector<event::ChangeEvent>> events(std::int64_t id, std::uint32_t after, std::size_t limit) override {
    ++asked;
    std::vector<event::ChangeEvent> behind;
    for (const event::ChangeEvent& event : known_->at(id - first_id_))
      if (event.ordinal > after && behind.size() < limit) behind.push_back(event);
    return behind;
  }

  int asked = 0;

 private:
  const KnownTransactions* known_;
  std::int64_t first_id_;
};

/// So many events, numbered as a transaction's are.
inline std::vector<event::ChangeEvent> numbered_events(std::size_t count) {
  std::vector<event::ChangeEvent> events(count);
  for (std::size_t i = 0; i < count; ++i) events[i].ordinal = static_cast<std::uint32_t>(i + 1);
  return events;
}

}  // namespace weir::capture
