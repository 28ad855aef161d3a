// The book: what a journal remembers beside its log, in a small SQLite file that any operator can open. Identity,
// destinations and where they stand, dead letters, runs of the database server. A few writes a second.
//
// Any thread; calls take turns on one connection and may block for a few milliseconds. What a call has written is safe
// from `kill -9` when it returns; from a crash of the machine where it says so. Errors say which file, what SQLite
// said, and what to do (58030, 53100).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "capture/event/change_event.h"

namespace weir::capture {

struct Checkpoint {
  std::string emitter;
  event::Position position = 0;
};

struct DeadLetter {
  std::string emitter;
  event::Position position = 0;
  std::string topic;
  std::string key;
  std::string value;
  std::string reason;
  std::string stored_at;  ///< when, "2026-12-01T01:23:20.123Z"; set by the book
};

class Book {
 public:
  virtual ~Book() = default;

  /// A random id made with the journal; names it in logs and events.
  virtual const std::string& instance() const = 0;
  /// The machine has started anew since this journal was used (boot id), so what was not synced may be gone. It stays
  /// so, over restarts of Weir too, until that was told.
  virtual bool booted_since() const = 0;
  /// What booted_since() means was told (the gap is in the log): the next start does not tell it again. Durable.
  virtual Result<void> note_boot() = 0;
  /// Everything is durable and nothing more is written: a boot behind this takes nothing, and booted_since() is false
  /// then. Durable; the next start takes it back.
  virtual Result<void> note_end() = 0;

  virtual Result<std::vector<Checkpoint>> checkpoints() = 0;
  /// Only forward; all of them in one go.
  virtual Result<void> set_checkpoints(std::span<const Checkpoint> checkpoints) = 0;
  /// A destination that is new here begins at this position. Durable.
  virtual Result<void> add_destination(std::string_view emitter, event::Position position) = 0;
  /// The journal keeps nothing for this destination any more. Where it stood is remembered, in case it comes back.
  /// Durable.
  virtual Result<void> forget(std::string_view emitter) = 0;
  /// The destination has another name now, and goes on where it stood. Durable.
  virtual Result<void> rename(std::string_view emitter, std::string_view now) = 0;
  /// Destinations that were forgotten and did not come back, and where they stood.
  virtual Result<std::vector<Checkpoint>> forgotten() = 0;

  /// A record that a destination refuses for ever, kept for the operator. Durable.
  virtual Result<void> add_dead_letter(const DeadLetter& letter) = 0;
  virtual Result<std::vector<DeadLetter>> dead_letters() = 0;

  /// A run of the database server (server_run.h) that was not seen before. Durable.
  virtual Result<void> note_server_run(std::string_view run) = 0;
  /// All that were noted, in that order.
  virtual Result<std::vector<std::string>> server_runs() = 0;

  /// Whether its files are still the ones that are written: not removed, replaced or cut off (58030).
  virtual Result<void> look() = 0;
};

}  // namespace weir::capture
