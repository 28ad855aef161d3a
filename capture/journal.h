// The journal: what makes "nothing lost" true. One SQLite file in WAL mode that any operator can open.
//
// A transaction goes open -> prepared (-> acknowledged) -> committed (or is erased). Before a COMMIT is sent to the
// database the transaction must be prepared and synced; after a crash, prepared transactions without an outcome are in
// doubt and are resolved by asking the database (pg_xact_status), never guessed.
//
// Contract: after append, begin or prepare nothing is promised; after `sync` returned, all that was written before it
// survives `kill -9` and power loss (Durability::memory: neither). Released transactions are read in order of position.
//
// One writer, one thread: every member but those of JournalReader is called from the thread that owns the journal.
// JournalReader has a connection of its own and may live on another thread (SQLite WAL: readers do not wait).
// Errors are values; their text says which file, what SQLite said, and what to do.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "capture/event/change_event.h"
#include "capture/event/result.h"

namespace weir::capture {

struct Checkpoint {
  std::string emitter;
  event::Position position = 0;
};

/// What was delivered everywhere and is gone: all transactions up to this one.
struct Erased {
  event::Position through = 0;  ///< 0: nothing
  event::Lsn lsn = 0;           ///< the highest of them
};

class JournalReader;

class Journal {
 public:
  enum class Durability {
    gate,   ///< file, fsynced by sync()
    memory  ///< a temporary file that is removed at the end and never synced
  };
  struct Options {
    std::string path;  ///< ignored for Durability::memory
    Durability durability = Durability::gate;
  };

  /// Opens or creates the file, checks its format version and integrity, erases what was still open (it never
  /// committed). Fails where another process has it: two Weirs must not share a journal; and where its file is cut off,
  /// or something in it was changed: events have checksums, which are also compared whenever they are read.
  static Result<std::unique_ptr<Journal>> open(const Options& options);
  virtual ~Journal() = default;

  // -- writing: between two calls of sync() everything is one SQLite transaction -----------------------------------

  /// A new transaction in state open; returns its id.
  virtual Result<std::int64_t> begin() = 0;
  /// Events of a transaction that is still open. Ordinals are the caller's and grow.
  virtual Result<void> append(std::int64_t id, std::span<const event::ChangeEvent> events) = 0;
  /// Erases the events of an open transaction whose ordinal is >= ordinal (ROLLBACK TO SAVEPOINT).
  virtual Result<void> truncate(std::int64_t id, std::uint32_t ordinal) = 0;
  /// open -> prepared. `transaction.id` names it; all its fields but position, resolved and committed_us are stored.
  virtual Result<void> prepare(const event::Transaction& transaction) = 0;
  /// prepared -> open. Durable with the next sync.
  virtual Result<void> reopen(std::int64_t id) = 0;
  /// It committed at that time, and its place in the stream is not known yet: it is not in doubt any more.
  virtual Result<void> acknowledge(std::int64_t id, std::int64_t committed_us) = 0;
  /// prepared or acknowledged -> committed, at this place of the stream. Visible to readers after the next sync or
  /// flush.
  virtual Result<void> release(std::int64_t id, event::Position position, event::Lsn resolved,
                               std::int64_t committed_us) = 0;
  /// Erases a transaction in any state that was not released.
  virtual Result<void> erase(std::int64_t id) = 0;
  /// A run of the database server (server_run.h) that was not seen before.
  virtual Result<void> note_server_run(std::string_view run) = 0;
  virtual Result<void> set_checkpoint(std::string_view emitter, event::Position position) = 0;
  /// The journal keeps nothing for this destination any more. Where it stood is remembered, in case it comes back.
  virtual Result<void> forget(std::string_view emitter) = 0;
  /// The destination has another name now, and goes on where it stood.
  virtual Result<void> rename(std::string_view emitter, std::string_view now) = 0;
  /// Erases released transactions up to and including this position, at most `limit` events per call; true when more is
  /// left.
  virtual Result<bool> trim(event::Position through, std::size_t limit) = 0;
  /// A record that a destination refuses for ever, kept for the operator.
  virtual Result<void> dead_letter(std::string_view emitter, event::Position position, std::string_view topic,
                                   std::string_view key, std::string_view value, std::string_view reason) = 0;

  /// Ends the group and makes it durable. On error the whole group is undone. Both this and flush fail, with SQLSTATE
  /// 58030, as long as the files are not those that were opened, or are cut off; also where the group is empty.
  virtual Result<void> sync() = 0;
  /// Ends the group, visible to readers but not forced to disk: for outcomes and checkpoints, which can be found again.
  virtual Result<void> flush() = 0;
  /// Between two groups: copies the WAL into the file, so that bytes() is what is needed and no more.
  virtual void compact() = 0;

  // -- state ----------------------------------------------------------------------------------------------------------

  /// Transactions prepared by an earlier run and not released: in doubt, or, where committed_us is not 0, acknowledged.
  virtual Result<std::vector<event::Transaction>> in_doubt() = 0;
  virtual Result<std::vector<Checkpoint>> checkpoints() = 0;
  /// Destinations that were forgotten and did not come back, and where they stood.
  virtual Result<std::vector<Checkpoint>> forgotten() = 0;
  virtual Result<Erased> erased() = 0;
  /// All that were noted, in that order.
  virtual Result<std::vector<std::string>> server_runs() = 0;
  /// Highest position ever given out by this journal; 0 for a new one.
  virtual Result<event::Position> last_position() = 0;
  /// Highest lsn ever released; 0 for a new one.
  virtual Result<event::Lsn> last_lsn() = 0;
  /// Bytes in use in file and WAL.
  virtual std::uint64_t bytes() const = 0;
  /// A random id made with the file; names this journal in logs and events.
  virtual const std::string& instance() const = 0;
  /// What was wrong with the file when it was opened, and could be lived with; for the log. Empty: nothing.
  virtual const std::string& warning() const = 0;
  virtual Result<std::unique_ptr<JournalReader>> reader() = 0;
};

/// Reads released transactions in order.
class JournalReader {
 public:
  virtual ~JournalReader() = default;
  /// The first released transaction with a position > after, if there is one.
  virtual Result<std::optional<event::Transaction>> next(event::Position after) = 0;
  /// At most `limit` events of it with ordinal > after_ordinal, in order. Fewer where they are large: the last one
  /// is that with which they take kMostBytes.
  virtual Result<std::vector<event::ChangeEvent>> events(std::int64_t id, std::uint32_t after_ordinal,
                                                         std::size_t limit) = 0;

  static constexpr std::size_t kMostBytes = 16u << 20;
  /// Whether nothing can follow what was read with this limit.
  static bool are_last(const std::vector<event::ChangeEvent>& events, std::size_t limit) {
    return events.size() < limit && event::memory_of(events) < kMostBytes;
  }
};

}  // namespace weir::capture
