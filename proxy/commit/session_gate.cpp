#include "proxy/commit/session_gate.h"

#include <algorithm>
#include <utility>

#include "capture/journal/tail.h"
#include "proxy/process/clock.h"

namespace weir::proxy {

namespace {

namespace command = capture::command;
using capture::Durability;
using capture::Outcome;

/// Streamed events of running transactions may exceed journal.max_bytes by this part of it.
constexpr std::uint64_t kStreamingShare = 4;

}  // namespace

SessionGate::SessionGate(JournalDoor& door, GateAnswers answers, SessionCounts* counts, unsigned worker)
    : door_(door),
      answers_(std::move(answers)),
      prepared_(std::make_shared<const capture::Answer>(answers_.prepared)),
      counts_(counts),
      shard_(door.counts.shard(worker)) {
  if (counts_ != nullptr) counts_->captured = true;
}

SessionGate::~SessionGate() {
  while (!live_.empty()) outcome(live_.back().id, Outcome::unknown);
}

SessionGate::Live* SessionGate::find(std::int64_t id) {
  const auto found = std::find_if(live_.begin(), live_.end(), [id](const Live& one) { return one.id == id; });
  return found == live_.end() ? nullptr : &*found;
}

std::int64_t SessionGate::open() {
  const auto id = door_.log.next_id();
  live_.push_back({id});
  // Nobody waits for it, but whatever is written later finds it in the queue before it.
  door_.tell(command::Open{id}, Urgency::whenever);
  return id;
}

bool SessionGate::is_full(std::uint64_t more) const {
  const auto most = door_.max_bytes.load(std::memory_order_relaxed);
  return most != 0 && door_.log.bytes() >= most + more;
}

void SessionGate::break_off(Live& live, const Error& error) {
  live.broken = error;
  live.spill.reset();
}

void SessionGate::append(std::int64_t id, std::vector<event::ChangeEvent> events) {
  Live* live = find(id);
  if (live == nullptr || live->broken) return;
  if (is_full(door_.max_bytes / kStreamingShare))
    return break_off(*live, {"the journal " + door_.name + " is full (journal.max_bytes)", "53100"});
  if (!live->spill) {
    auto spill = door_.log.open_spill(id);
    if (!spill) return break_off(*live, spill.error());
    live->spill = std::move(*spill);
  }
  tally_of(*live).add(events);
  if (const auto done = live->spill->append(events); !done) break_off(*live, done.error());
}

RowTally& SessionGate::tally_of(Live& live) {
  if (!live.tally) live.tally = std::make_unique<RowTally>();
  return *live.tally;
}

void SessionGate::truncate(std::int64_t id, std::uint32_t ordinal) {
  Live* live = find(id);
  if (live == nullptr || live->broken || !live->spill) return;
  tally_of(*live).truncate(ordinal);
  if (const auto done = live->spill->cut(ordinal); !done) break_off(*live, done.error());
}

std::optional<Result<void>> SessionGate::refuse(const Error& error) {
  shard_.refused.add();
  return Result<void>(answers_.refusal({error.message, error.sqlstate.empty() ? "58030" : error.sqlstate}));
}

/// The answer to a commit that waits, which may come on another thread, and when this gate is gone.
std::shared_ptr<const capture::Answer> SessionGate::timed(Clock::time_point since) {
  return std::make_shared<const capture::Answer>(
      [answer = prepared_, since, &shard = shard_, &rows = door_.rows](std::int64_t id, Result<void> result) {
        shard.gate.observe(Clock::now() - since);
        if (!result) {
          shard.refused.add();
          rows.forget(id);
        }
        (*answer)(id, std::move(result));
      });
}

std::optional<Result<void>> SessionGate::prepare(event::Transaction transaction, std::vector<event::ChangeEvent> rest) {
  const auto since = Clock::now();
  Live* live = find(transaction.id);
  if (live == nullptr) return refuse({"the transaction is not open; please report this", "58030"});
  if (transaction.prepared_us == 0) transaction.prepared_us = wall_us();
  if (live->broken) return refuse(*live->broken);
  // What is written in a run of the server is judged by it after a crash: the run comes first.
  if (const auto seen = door_.runs.see(transaction.server_run); !seen) return refuse(seen.error());
  live->events = transaction.event_count;
  if (is_full(0)) {
    tally_of(*live).add(rest);
    door_.rows.tally(transaction.id, *live->tally);
    door_.tell(command::Hold{std::move(transaction), std::move(rest), std::move(live->spill), timed(since)},
               Urgency::now);
    return std::nullopt;
  }
  return write(*live, std::move(transaction), std::move(rest), since);
}

std::optional<Result<void>> SessionGate::write(Live& live, event::Transaction transaction,
                                               std::vector<event::ChangeEvent> rest, Clock::time_point since) {
  const bool all = live.spill == nullptr && event::memory_of(rest) <= capture::kLargestShared;
  const auto events = std::make_shared<const std::vector<event::ChangeEvent>>(std::move(rest));
  if (!all) {
    tally_of(live).add(*events);
    door_.rows.tally(transaction.id, *live.tally);
  } else if (live.tally) {
    // It was larger once, and is counted by its events again.
    live.tally.reset();
    door_.rows.forget(transaction.id);
  }
  live.written = all ? events : nullptr;
  const auto end = door_.log.write(transaction, *events, std::move(live.spill), [&](capture::Place place) {
    door_.tell(command::Written{transaction, all ? events : nullptr, place}, Urgency::whenever);
  });
  if (!end) return refuse(end.error());
  live.end = *end;
  // Behind the COMMIT, which is sent in this turn: the database has the longer way.
  if (door_.durability == Durability::answer)
    answers_.later([&syncer = door_.syncer, end = *end] { syncer.want(end); });
  if (door_.durability != Durability::commit) {
    shard_.gate.observe(Clock::now() - since);
    return Result<void>();
  }
  const auto told = [answer = timed(since), id = transaction.id] { (*answer)(id, {}); };
  if (door_.syncer.is_durable_or_tell(*end, told)) {
    shard_.gate.observe(Clock::now() - since);
    return Result<void>();
  }
  return std::nullopt;
}

bool SessionGate::may_be_told(std::int64_t id) {
  if (door_.durability != Durability::answer) return true;
  const Live* live = find(id);
  if (live == nullptr || door_.log.durable() >= live->end) return true;
  const auto durable = [tell = answers_.durable, since = Clock::now(), &shard = shard_] {
    shard.sync_wait.observe(Clock::now() - since);
    tell();
  };
  return door_.syncer.is_durable_or_tell(live->end, durable);
}

void SessionGate::reopen(std::int64_t id) {
  Live* live = find(id);
  if (live == nullptr) return;
  // From here on it is a spill, whose rows are tallied.
  if (live->written) tally_of(*live).add(*std::exchange(live->written, nullptr));
  auto spill = door_.log.reopen(id);
  if (spill) {
    live->spill = std::move(*spill);
  } else {
    break_off(*live, spill.error());
  }
  live->end = 0;
  door_.tell(command::Reopened{id}, Urgency::soon);
}

void SessionGate::outcome(std::int64_t id, Outcome outcome) {
  Live* live = find(id);
  if (live == nullptr) return;
  if (outcome == Outcome::committed) shard_.committed.add();
  if (outcome == Outcome::aborted) shard_.aborted.add();
  if (outcome == Outcome::unknown) shard_.in_doubt.add();
  if (outcome == Outcome::aborted && live->tally) door_.rows.forget(id);
  if (counts_ != nullptr && outcome == Outcome::committed) {
    counts_->transactions.add(1);
    counts_->events.add(live->events);
  }
  std::erase_if(live_, [id](const Live& one) { return one.id == id; });
  const auto urgency = outcome == Outcome::committed ? Urgency::offered
                       : outcome == Outcome::aborted ? Urgency::soon
                                                     : Urgency::expected;
  if (door_.tell(command::End{id, outcome, wall_us()}, urgency)) answers_.later([&door = door_] { door.carry_out(); });
}

void SessionGate::report(event::Transaction transaction, event::ChangeEvent gap) {
  if (answers_.reported) answers_.reported(gap);
  transaction.id = door_.log.next_id();
  if (transaction.committed_us == 0) transaction.committed_us = wall_us();
  door_.tell(command::Report{std::move(transaction), std::move(gap)}, Urgency::now);
}

}  // namespace weir::proxy
