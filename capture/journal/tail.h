// The newest end of the stream in memory: what was just released reaches the destinations without being read back from
// the journal.
//
// The journal's thread adds every released transaction, in the order of positions, once the journal has it; each
// destination reads through a reader of its own, which takes from here what is here and from the journal what is not.
// What is here is lent, not copied: each destination formats the one transaction that all share.
// An entry is dropped when every reader is past it, or when the tail has grown beyond its bound. Entries without events
// stand for transactions that are too large to be kept, or from before a restart: they are read from the journal.
//
// Any thread. Readers come and go at any time; the tail outlives them. One that is made later finds what is here still,
// and in the journal what is not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "capture/event/change_event.h"
#include "capture/journal/reader.h"

namespace weir::capture {

/// Events of a transaction are handed on from memory where they take no more than this.
constexpr std::size_t kLargestShared = 256u << 10;

/// A transaction in its place of the stream; `transaction.id` is the journal's.
struct Released {
  event::Transaction transaction;
  std::shared_ptr<const std::vector<event::ChangeEvent>> events;  ///< null: only the journal has them
  std::size_t bytes = 0;                                          ///< of the events, about
};

/// Some of a transaction's events, in order.
struct LentEvents {
  std::shared_ptr<const std::vector<event::ChangeEvent>> owner;  ///< keeps them
  std::span<const event::ChangeEvent> events;
  bool last = false;  ///< nothing follows them
};

/// What JournalReader reads, lent to those who do not change it. For one thread.
class StreamReader {
 public:
  virtual ~StreamReader() = default;
  /// The first released transaction with a position > after; null where there is none.
  virtual Result<std::shared_ptr<const event::Transaction>> next(event::Position after) = 0;
  /// At most `limit` events of it with ordinal > after_ordinal.
  virtual Result<LentEvents> events(std::int64_t id, std::uint32_t after_ordinal, std::size_t limit) = 0;
};

class Tail {
 public:
  static constexpr std::size_t kUsualBytes = 16u << 20;

  explicit Tail(std::size_t max_bytes = kUsualBytes) : max_bytes_(max_bytes) {}

  void add(std::vector<Released> released);
  /// Reads from here and from `journal`, for one thread.
  std::unique_ptr<StreamReader> make_reader(std::unique_ptr<JournalReader> journal);

  std::size_t bytes() const;

 private:
  friend class TailReader;
  enum class Where { nowhere, here, journal };
  struct Found {
    Where where = Where::nowhere;
    std::shared_ptr<const Released> released = {};
  };

  Found find_after(event::Position after, std::uint64_t reader);
  void end(std::uint64_t reader);
  void drop();

  const std::size_t max_bytes_;
  mutable std::mutex mutex_;
  std::deque<std::shared_ptr<const Released>> entries_;  // positions without gaps
  std::size_t bytes_ = 0;
  event::Position newest_ = 0;                        // 0: nothing was added yet
  std::map<std::uint64_t, event::Position> readers_;  // each one's last `after`
  std::uint64_t last_reader_ = 0;
};

}  // namespace weir::capture
