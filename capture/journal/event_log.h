// The log: where a transaction's events are before its COMMIT is sent. A folder of segments that are written from their
// beginning to their end and used again when every destination is past them, and a file of its own ("spill") for each
// transaction that is too large for one record.
//
// A place is an offset in the log as a whole: it grows for ever, also across segments and restarts. A record is found
// at its place and nowhere else: its checksum (CRC-32C) covers the place, so what a segment held before it was used
// again is no record. Transactions are named by ids that are unique for ever in one journal. Where two records have the
// same id the later one holds.
//
// A transaction: [open_spill, append, cut]* -> write -> (reopen -> ... -> write)* -> an outcome. A record without an
// outcome is in doubt after a crash, unless its transaction has a committed_us: then it is known to have committed.
//
// Threads: write, open_spill, reopen and what a Spill does are called by any thread (a spill by one at a time); sync by
// one thread (the syncer); note, keep_from and look by one thread (the stream's). Readers may be made by any thread and
// are used by one. Errors are values: 53100 where there is no room, 58030 for all else that a disk can do; the text
// says which file, what the system said, and what to do. After a failed write nothing of that record is in the log.
// After a failed sync nothing is taken any more until a sync has succeeded, which writes what was not durable once more
// first.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "capture/event/change_event.h"
#include "capture/journal/reader.h"

namespace weir::capture {

/// Bytes written to the log before this record, since the journal was made. 0 is no place: the log begins at a header.
using Place = std::uint64_t;

/// What became of a transaction, as the stream's thread tells the log.
struct LogOutcome {
  enum class Kind : char {
    reopened = 'o',      ///< it is not prepared any more, and may be again
    aborted = 'a',       ///< forget it
    acknowledged = 'k',  ///< it committed, and its position is not known yet
    released = 'r'       ///< it committed, and has this position in the stream
  };
  Kind kind = Kind::aborted;
  std::int64_t id = 0;
  event::Position position = 0;
  event::Lsn resolved = 0;
  std::int64_t committed_us = 0;
};

/// Events of one running transaction in a file of their own. Destroyed without having been written with the
/// transaction: the file goes.
class Spill {
 public:
  virtual ~Spill() = default;
  /// In the order of their ordinals.
  virtual Result<void> append(std::span<const event::ChangeEvent> events) = 0;
  /// Forgets events whose ordinal is >= ordinal.
  virtual Result<void> cut(std::uint32_t ordinal) = 0;
};

/// What an earlier run left, read once at the start.
struct Recovered {
  /// Transactions without a position, by place: in doubt, or, where committed_us is not 0, known to have committed.
  std::vector<event::Transaction> pending;
  event::Position last_position = 0;  ///< highest ever given out
  event::Lsn last_lsn = 0;            ///< highest ever released
  bool torn = false;                  ///< the log's end was cut off: something that was written is not there
  std::int64_t last_us = 0;           ///< when the last record was written, microseconds since the epoch; 0: never
  std::string warning;                ///< what was wrong and could be lived with, for the log; empty: nothing
};

/// What was delivered everywhere and is gone: all transactions up to this one.
struct Erased {
  event::Position through = 0;  ///< 0: nothing
  event::Lsn lsn = 0;           ///< the highest of them
};

class EventLog {
 public:
  virtual ~EventLog() = default;

  virtual const Recovered& recovered() const = 0;

  /// A number for a transaction, unique for ever in this journal. Any thread, no lock.
  virtual std::int64_t next_id() = 0;
  virtual Result<std::unique_ptr<Spill>> open_spill(std::int64_t id) = 0;

  /// Writes the transaction: what its spill holds (if it has one), and `rest` behind it. `announce` is called under the
  /// log's lock with the place behind the record, before any other record can be written: in the order of the log, and
  /// whoever was told of a transaction hears of those that depend on it later. It must be short and must not call the
  /// log. Returns the same place: what `durable` must reach.
  virtual Result<Place> write(const event::Transaction& transaction, std::span<const event::ChangeEvent> rest,
                              std::unique_ptr<Spill> spill, const std::function<void(Place end)>& announce) = 0;
  /// Takes back what was written of it: a spill with all its events. Its record does not hold any more, also after a
  /// crash. A `reopened` that is noted later, for this call, says nothing new, even when it was written again
  /// meanwhile.
  virtual Result<std::unique_ptr<Spill>> reopen(std::int64_t id) = 0;

  /// All records that end at or below survive a crash of the machine.
  virtual Place durable() const = 0;
  /// Where the next record will be.
  virtual Place end() const = 0;
  /// Makes durable what was written before the call, spills included.
  virtual Result<void> sync() = 0;

  /// One record for all; not synced. On an error nothing of it is in the log.
  virtual Result<void> note(std::span<const LogOutcome> outcomes) = 0;
  /// Every destination has what was released up to here: segments and spills that hold nothing else go or are used
  /// again; what a few unfinished transactions hold back is copied out.
  virtual Result<void> keep_from(event::Position safe) = 0;
  /// Whether the files are still the ones that are written: not removed, replaced or cut off (58030). As long as they
  /// are not, nothing is written.
  virtual Result<void> look() = 0;

  /// Bytes of the segments and spills in use. Any thread.
  virtual std::uint64_t bytes() const = 0;
  virtual Erased erased() const = 0;
  /// Reads the stream, and events of transactions that are pending. Any thread.
  virtual Result<std::unique_ptr<JournalReader>> reader() = 0;
};

}  // namespace weir::capture
