// What a session needs from the outside to make its commits safe: the journal.
//
// proxy implements it over the log; tests implement it with a list. The session calls it from its own worker's thread.
// Calls of one session are carried out in the order they were made. They may write a file, and never wait for a disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "capture/event/change_event.h"

namespace weir::capture {

/// How a transaction ended, as far as the session could see.
enum class Outcome {
  committed,
  aborted,
  unknown  ///< the connection was lost after COMMIT was sent, or the text hid it: ask pg_xact_status
};

class CommitGate {
 public:
  virtual ~CommitGate() = default;

  /// A number for a new transaction of this session, given out at once; all later calls name it.
  virtual std::int64_t open() = 0;
  /// Streams events of a transaction that is still running to the journal (large transactions).
  virtual void append(std::int64_t id, std::vector<event::ChangeEvent> events) = 0;
  /// ROLLBACK TO SAVEPOINT of streamed events: forget ordinals >= ordinal.
  virtual void truncate(std::int64_t id, std::uint32_t ordinal) = 0;
  /// Journals the rest, and with it the whole. The answer, or nothing where it comes later, by
  /// CaptureEngine::on_prepared: there is no room, or the whole must be durable before it commits.
  virtual std::optional<Result<void>> prepare(event::Transaction transaction, std::vector<event::ChangeEvent> rest) = 0;
  /// Of what was prepared: whether a client may hear that it committed. Where not, CaptureEngine::on_durable comes
  /// when it may.
  virtual bool may_be_told(std::int64_t id) = 0;
  /// It was prepared, but what was to commit it failed, or was none, and its block goes on: prepared no more. More
  /// can be appended and taken back, and it is prepared again before it commits, even where nothing is left of it.
  virtual void reopen(std::int64_t id) = 0;
  /// After prepare was answered with success: what became of it. Before that: only aborted, which forgets it.
  virtual void outcome(std::int64_t id, Outcome outcome) = 0;
  /// Something was written that could not be captured, and its transaction is over: one event by itself, after the
  /// fact. Its ordinal is not 0.
  virtual void report(event::Transaction transaction, event::ChangeEvent gap) = 0;
};

}  // namespace weir::capture
