// What sessions, destinations and the resolver tell the stream. Plain values that go through one queue.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "capture/event/change_event.h"
#include "capture/gate.h"
#include "capture/journal/book.h"
#include "capture/journal/event_log.h"

namespace weir::capture {

/// How a session hears that its transaction is prepared, or why not. Called on the stream's thread or the syncer's.
using Answer = std::function<void(std::int64_t id, Result<void> result)>;

/// A transaction whose outcome only the database knows.
struct Doubt {
  event::Transaction transaction;
};

namespace command {

/// Before a transaction's first captured statement is sent.
struct Open {
  std::int64_t id;
};
/// Its record is in the log. Comes in the order of the log.
struct Written {
  event::Transaction transaction;
  std::shared_ptr<const std::vector<event::ChangeEvent>> events;  ///< all of them, where they are few
  Place end = 0;                                                  ///< where its record ends
};
/// There was no room for its record: to be written when there is.
struct Hold {
  event::Transaction transaction;
  std::vector<event::ChangeEvent> rest;
  std::unique_ptr<Spill> spill;
  std::shared_ptr<const Answer> answer;
};
/// It was written, and goes on.
struct Reopened {
  std::int64_t id;
};
struct End {
  std::int64_t id;
  Outcome outcome;
  std::int64_t at_us;  ///< when it was known, microseconds since the epoch
};
struct Report {
  event::Transaction transaction;
  event::ChangeEvent gap;
};
/// Somebody has a say in what the journal keeps from now on, until Unsubscribe: nothing behind `after`, or behind the
/// last Checkpoint of this name, is erased. His place is in no book: with the run of Weir it ends.
struct Subscribe {
  std::string name;
  event::Position after = 0;
};
struct Unsubscribe {
  std::string name;
};
/// Other limits hold, for those that wait already, too.
struct Limits {
  std::uint64_t max_bytes = 0;  ///< 0: no limit
  std::chrono::milliseconds hold_timeout{0};
};
/// Other destinations have a place in the book, and a say in what the journal keeps. All of it or nothing, and durable
/// when `done` is called on the stream's thread, with all that have a place then.
struct ChangeDestinations {
  /// They begin with what the journal still has, or where they were when they were forgotten.
  std::vector<std::string> added = {};
  /// From, to. What is reported under the earlier name counts, too.
  std::vector<std::pair<std::string, std::string>> renamed = {};
  std::vector<std::string> forgotten = {};
  std::function<void(Result<std::vector<Checkpoint>>)> done = {};
};
/// Nobody will ever know how it ended: these gaps take the place of its events.
struct GiveUp {
  std::int64_t id;
  std::vector<event::ChangeEvent> gaps;
};

}  // namespace command

using StreamCommand = std::variant<command::Open, command::Written, command::Hold, command::Reopened, command::End,
                                   command::Report, command::GiveUp, command::Subscribe, command::Unsubscribe,
                                   command::ChangeDestinations, command::Limits, Checkpoint, DeadLetter>;

}  // namespace weir::capture
