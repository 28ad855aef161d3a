#include "capture/journal/tail.h"

#include <algorithm>
#include <utility>

namespace weir::capture {

class TailReader final : public StreamReader {
 public:
  TailReader(Tail& tail, std::uint64_t number, std::unique_ptr<JournalReader> journal)
      : tail_(tail), number_(number), journal_(std::move(journal)) {}
  ~TailReader() override { tail_.end(number_); }

  Result<std::shared_ptr<const event::Transaction>> next(event::Position after) override {
    auto found = tail_.find_after(after, number_);
    current_ = std::move(found.released);
    if (found.where == Tail::Where::nowhere) return std::shared_ptr<const event::Transaction>();
    if (found.where == Tail::Where::here)
      return std::shared_ptr<const event::Transaction>(current_, &current_->transaction);
    auto read = journal_->next(after);
    if (!read) return read.error();
    if (!*read) return std::shared_ptr<const event::Transaction>();
    return std::make_shared<const event::Transaction>(std::move(**read));
  }

  Result<LentEvents> events(std::int64_t id, std::uint32_t after_ordinal, std::size_t limit) override {
    if (!current_ || current_->transaction.id != id) return read_events(id, after_ordinal, limit);
    const std::span<const event::ChangeEvent> all(*current_->events);
    const auto begin =
        std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.ordinal > after_ordinal; });
    const auto rest = all.last(static_cast<std::size_t>(all.end() - begin));
    return LentEvents{current_->events, rest.first(std::min(rest.size(), limit)), rest.size() <= limit};
  }

 private:
  Result<LentEvents> read_events(std::int64_t id, std::uint32_t after_ordinal, std::size_t limit) {
    auto read = journal_->events(id, after_ordinal, limit);
    if (!read) return read.error();
    const bool last = JournalReader::are_last(*read, limit);
    const auto owner = std::make_shared<const std::vector<event::ChangeEvent>>(std::move(*read));
    return LentEvents{owner, *owner, last};
  }

  Tail& tail_;
  const std::uint64_t number_;
  std::unique_ptr<JournalReader> journal_;
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

std::unique_ptr<StreamReader> Tail::make_reader(std::unique_ptr<JournalReader> journal) {
  const std::lock_guard lock(mutex_);
  readers_[++last_reader_] = 0;
  return std::make_unique<TailReader>(*this, last_reader_, std::move(journal));
}

/// Nothing is kept for it any more.
void Tail::end(std::uint64_t reader) {
  const std::lock_guard lock(mutex_);
  readers_.erase(reader);
  drop();
}

std::size_t Tail::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

Tail::Found Tail::find_after(event::Position after, std::uint64_t reader) {
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
  auto passed = newest_;
  for (const auto& [number, after] : readers_) passed = std::min(passed, after);
  while (!entries_.empty()) {
    const auto& oldest = *entries_.front();
    if (oldest.transaction.position > passed && bytes_ <= max_bytes_) return;
    bytes_ -= oldest.bytes;
    entries_.pop_front();
  }
}

}  // namespace weir::capture
