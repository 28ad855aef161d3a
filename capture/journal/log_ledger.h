// What the log knows of its records without reading them: which transactions have no outcome yet, what each segment is
// still needed for, and which spills belong to what was released. Recovery fills it from the records, then the log
// does.
//
// Plain memory: no files, no lock of its own (the log's is held).
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "capture/journal/event_log.h"
#include "capture/journal/log_format.h"

namespace weir::capture {

class LogLedger {
 public:
  struct Entry {
    Place place = 0;  ///< of the record that holds; 0: there is none, it was taken back
    std::int64_t committed_us = 0;
    event::Lsn last_lsn = 0;
    SpillFacts spill;
    int not_noted = 0;  ///< so often it was reopened, and the stream has not told yet
  };
  /// A spill that is not needed once a position is delivered, and the record at `end` cannot be forgotten any more.
  struct DoneSpill {
    event::Position position = 0;  ///< 0: its transaction was aborted
    Place end = 0;
    std::int64_t id = 0;
    std::uint64_t bytes = 0;
    event::Lsn last_lsn = 0;
  };

  void begin_segment(Place first) { uses_.push_back({first}); }
  /// The oldest one. What is gone with it.
  Erased drop_segment();

  void write(Place place, const TransactionFacts& facts);
  /// What is to be written of these outcomes: without those that say nothing new. Nothing but the id of a transaction
  /// that is not here, where one is released.
  std::optional<std::int64_t> complete(std::span<const LogOutcome> outcomes, std::vector<StoredOutcome>& out) const;
  /// Outcomes that were written, in a record at `place` that ends at `end`.
  void note(std::span<const StoredOutcome> outcomes, Place place, Place end);
  /// What was told, also of that which was not written.
  void heard(std::span<const LogOutcome> outcomes);
  void take_back(std::int64_t id);
  /// The same by a call of reopen, of which the stream will tell later.
  void reopen(std::int64_t id);
  /// After recovery: those that were taken back were so by a run that is over.
  void forget_taken_back();
  void add_done_spill(const DoneSpill& spill) { done_.push_back(spill); }
  /// It is at another place now.
  void move(std::int64_t id, Place place);

  const Entry* find(std::int64_t id) const;
  const std::unordered_map<std::int64_t, Entry>& entries() const { return entries_; }

  /// All that was released up to here is safe where the log is durable up to there.
  event::Position released_by(Place durable);
  event::Position last_position() const { return last_position_; }
  event::Lsn last_lsn() const { return last_lsn_; }
  void start_at(event::Position last_position, event::Lsn last_lsn);

  /// Of the oldest segment.
  bool oldest_is_done(event::Position safe) const { return uses_.front().unfinished == 0 && oldest_is_read(safe); }
  bool oldest_is_read(event::Position safe) const { return uses_.front().highest <= safe; }
  /// Transactions without an outcome whose record is in the oldest segment.
  std::vector<std::pair<std::int64_t, Place>> unfinished_in_oldest() const;
  /// Takes out the spills that nobody needs.
  std::vector<DoneSpill> take_done_spills(event::Position safe, Place durable);
  const std::deque<DoneSpill>& done_spills() const { return done_; }
  /// After recovery: those whose file is not there. They are not kept here.
  std::vector<DoneSpill> take_missing_spills(const std::function<bool(std::int64_t id)>& is_there);

 private:
  struct Use {
    Place first = 0;
    std::size_t unfinished = 0;
    event::Position highest = 0;  // that this segment is needed for
    event::Lsn highest_lsn = 0;
  };
  Use* use_of(Place place);
  void finish(const StoredOutcome& outcome, Place end);

  std::unordered_map<std::int64_t, Entry> entries_;
  std::deque<Use> uses_;
  std::deque<DoneSpill> done_;
  std::deque<std::pair<Place, event::Position>> releases_;  // the end of a record, and the last position in it
  event::Position released_ = 0;
  event::Position last_position_ = 0;
  event::Lsn last_lsn_ = 0;
};

}  // namespace weir::capture
