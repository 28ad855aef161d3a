// What sessions, destinations and the resolver ask of the journal's thread. Plain values that go through its queue.
//
// Transactions are named by the number that CommitGate::open gave out; the journal's own ids stay inside the ledger.
// Numbers below zero are transactions that an earlier run left in doubt.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "capture/event/change_event.h"
#include "capture/event/result.h"
#include "capture/gate.h"
#include "emitters/emitter.h"

namespace weir::proxy {

/// How a session hears that its transaction is prepared, or why not. Called on the journal's thread.
using Answer = std::function<void(std::int64_t id, Result<void> result)>;

/// A transaction whose outcome only the database knows.
struct Doubt {
  std::int64_t id = 0;             ///< for Committer::resolve
  event::Transaction transaction;  ///< its `id` is the journal's, for JournalReader::events
};

namespace command {

struct Open {
  std::int64_t id;
};
struct Append {
  std::int64_t id;
  std::vector<event::ChangeEvent> events;
  std::shared_ptr<const void> load = {};  ///< its end says that the command was carried out
};
struct Truncate {
  std::int64_t id;
  std::uint32_t ordinal;
};
struct Prepare {
  event::Transaction transaction;
  std::vector<event::ChangeEvent> rest;
  std::shared_ptr<const Answer> answer;
};
struct Reopen {
  std::int64_t id;
};
struct End {
  std::int64_t id;
  capture::Outcome outcome;
  std::int64_t at_us;  ///< when it was known, microseconds since the epoch
};
struct Report {
  event::Transaction transaction;
  event::ChangeEvent gap;
};
/// Nobody will ever know how it ended: these gaps take the place of its events.
struct GiveUp {
  std::int64_t id;
  std::vector<event::ChangeEvent> gaps;
};
/// A run of the server that was seen otherwise than with a transaction.
struct NoteRun {
  std::string run;
};
struct Checkpoint {
  std::string emitter;
  event::Position position;
};
struct DeadLetter {
  std::string emitter;
  emitters::Refused refused;
};

}  // namespace command

using Command =
    std::variant<command::Open, command::Append, command::Truncate, command::Prepare, command::Reopen, command::End,
                 command::Report, command::NoteRun, command::GiveUp, command::Checkpoint, command::DeadLetter>;

}  // namespace weir::proxy
