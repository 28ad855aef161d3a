#include "proxy/tail.h"

#include <algorithm>
#include <utility>

namespace weir::proxy {

class TailReader final : public capture::JournalReader {
 public:
  TailReader(Tail& tail, std::size_t number, std::unique_ptr<capture::JournalReader> journal)
      : tail_(tail), number_(number), journal_(std::move(journal)) {}

  Result<std::optional<event::Transaction>> next(event::Position after) override {
    auto found = tail_.find_after(after, number_);
    current_ = std::move(found.released);
    if (found.where == Tail::Where::journal) return journal_->next(after);
    if (found.where == Tail::Where::nowhere) return std::optional<event::Transaction>();
    return std::optional(current_->transaction);
  }

  Result<std::vector<event::ChangeEvent>> events(std::int64_t id, std::uint32_t after_ordinal,
                                                 std::size_t limit) override {
    if (!current_ || current_->transaction.id != id) return journal_->events(id, after_ordinal, limit);
    const auto& all = *current_->events;
    const auto begin =
        std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.ordinal > after_ordinal; });
    const auto count = std::min(static_cast<std::size_t>(all.end() - begin), limit);
    return std::vector<event::ChangeEvent>(begin, begin + static_cast<std::ptrdiff_t>(count));
  }

 private:
  Tail& tail_;
  const std::size_t number_;
  std::unique_ptr<capture::JournalReader> journal_;
  std::shared_ptr<const Released> current_;  // null: what was read last is in the journal
};

void Tail::add(std::vector<Released> released) {
  const std::lock_guard lock(mutex_);
  for (auto& one : released) {
    newest_ = one.transaction.position;
    bytes_ += one.bytes;
    entries_.push_back(std::make_shared<const Released>(std::move(one)));
  }
  drop();
}

std::unique_ptr<capture::JournalReader> Tail::make_reader(std::unique_ptr<capture::JournalReader> journal) {
  const std::lock_guard lock(mutex_);
  readers_.push_back(0);
  return std::make_unique<TailReader>(*this, readers_.size() - 1, std::move(journal));
}

std::size_t Tail::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

Tail::Found Tail::find_after(event::Position after, std::size_t reader) {
  const std::lock_guard lock(mutex_);
  readers_[reader] = after;
  drop();
  // Before the first release there may be some of an earlier run.
  if (newest_ == 0) return {Where::journal};
  if (after >= newest_) return {Where::nowhere};
  if (entries_.empty() || after + 1 < entries_.front()->transaction.position) return {Where::journal};
  const auto& entry = entries_[static_cast<std::size_t>(after + 1 - entries_.front()->transaction.position)];
  if (entry->events) return {Where::here, entry};
  return {Where::journal};
}

void Tail::drop() {
  const auto passed = readers_.empty() ? newest_ : *std::min_element(readers_.begin(), readers_.end());
  while (!entries_.empty()) {
    const auto& oldest = *entries_.front();
    if (oldest.transaction.position > passed && bytes_ <= max_bytes_) return;
    bytes_ -= oldest.bytes;
    entries_.pop_front();
  }
}

}  // namespace weir::proxy
