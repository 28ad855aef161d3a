#include "proxy/ledger.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "proxy/log.h"

namespace weir::proxy {

namespace {

/// Events erased in one step of trimming: a few milliseconds of work.
constexpr std::size_t kTrimEvents = 1024;
/// When so many delivered transactions wait to be erased, trimming no longer waits for an idle moment.
constexpr event::Position kTrimBacklog = 4096;
/// How long after a failed group what was kept is tried again.
constexpr std::chrono::milliseconds kRetryDelay{200};
/// How often it is looked whether there is room for commits that are held.
constexpr std::chrono::milliseconds kHeldDelay{100};
/// Streamed events of running transactions may exceed journal.max_bytes by this part of it.
constexpr std::uint64_t kStreamingShare = 4;
/// Events of a transaction are handed on from memory where they take no more than this.
constexpr std::size_t kLargestInMemory = 256u << 10;
/// Different gaps that are logged, each once: tables and causes are few where the log can help.
constexpr std::size_t kMostToldGaps = 1000;

}  // namespace

Ledger::Ledger(std::unique_ptr<capture::Journal> journal, Limits limits)
    : journal_(std::move(journal)), limits_(std::move(limits)) {}

Result<Ledger::Effects> Ledger::recover() {
  auto doubts = journal_->in_doubt();
  if (!doubts) return doubts.error();
  auto checkpoints = journal_->checkpoints();
  if (!checkpoints) return checkpoints.error();
  const auto position = journal_->last_position();
  if (!position) return position.error();
  const auto lsn = journal_->last_lsn();
  if (!lsn) return lsn.error();
  const auto runs = journal_->server_runs();
  if (!runs) return runs.error();
  for (const auto& run : *runs) runs_.add(run);
  last_position_ = *position;
  highest_lsn_ = *lsn;
  for (const auto& checkpoint : *checkpoints) checkpoints_[checkpoint.emitter] = checkpoint.position;
  Effects effects;
  std::int64_t id = 0;
  for (auto& transaction : *doubts) {
    auto& entry = entries_[--id];
    entry.state = State::in_flight;
    entry.journal_id = transaction.id;
    entry.transaction = transaction;
    sequencer_.in_flight(id, transaction.first_lsn, transaction.last_lsn);
    if (transaction.committed_us != 0) {
      sequencer_.committed(id, transaction.committed_us);
    } else {
      effects.doubts.push_back({id, std::move(transaction)});
    }
  }
  if (waiting() > 0) retry_at_ = Clock::time_point::min();  // released with the first group
  return effects;
}

event::Position Ledger::checkpoint(const std::string& emitter) const {
  const auto found = checkpoints_.find(emitter);
  return found == checkpoints_.end() ? 0 : found->second;
}

Ledger::Effects Ledger::execute(std::vector<Command> commands, Now now) {
  now_ = now;
  effects_ = {};
  settle_kept_first();
  if (!trouble_ && is_full()) make_room();
  if (!trouble_) retry_held();
  for (auto& one : commands) std::visit([this](auto& command) { run(command); }, one);
  while (!held_.empty() && held_.front().deadline <= now_.steady) refuse_held(held_.front().prepare.transaction.id);
  release_ready();
  end_group();
  tell_fill_level();
  return std::move(effects_);
}

std::optional<Ledger::Clock::time_point> Ledger::deadline() const {
  auto earliest = retry_at_;
  if (held_.empty()) return earliest;
  const auto look_again = is_full() ? std::min(now_.steady + kHeldDelay, held_.front().deadline) : now_.steady;
  return earliest ? std::min(*earliest, look_again) : look_again;
}

// -- commands ---------------------------------------------------------------------------------------------------------

void Ledger::run(command::Open& open) {
  // What is known now was known before the transaction's first statement was sent, so its rows come later in the log.
  auto& entry = entries_[open.id];
  entry.bound = highest_lsn_;
  open_bounds_.insert(highest_lsn_);
}

void Ledger::run(command::Append& append) {
  auto& entry = entries_[append.id];
  if (entry.broken || !is_open(append.id, entry)) return;
  if (limits_.max_bytes != 0 && journal_->bytes() > limits_.max_bytes + limits_.max_bytes / kStreamingShare) {
    entry.broken = Error{"the journal " + limits_.journal + " is full (journal.max_bytes)", "53100"};
    return;
  }
  auto done = trouble_ ? Result<void>(*trouble_) : begin(entry);
  if (done) done = journal_->append(entry.journal_id, append.events);
  if (!done) entry.broken = done.error();
}

void Ledger::run(command::Truncate& truncate) {
  auto& entry = entries_[truncate.id];
  if (entry.broken || entry.journal_id == 0 || !is_open(truncate.id, entry)) return;
  auto done = trouble_ ? Result<void>(*trouble_) : journal_->truncate(entry.journal_id, truncate.ordinal);
  if (!done) entry.broken = done.error();
}

void Ledger::run(command::Prepare& prepare) {
  const auto id = prepare.transaction.id;
  auto& entry = entries_[id];
  if (!is_open(id, entry)) {
    effects_.replies.push_back({std::move(prepare.answer), id, Error{"the transaction is prepared already", "58030"}});
    return;
  }
  entry.transaction = std::move(prepare.transaction);
  // Written before its commit is sent, and kept until it is written.
  if (runs_.add(entry.transaction.server_run)) kept_.push_back(command::NoteRun{entry.transaction.server_run});
  prepare.transaction.id = id;
  if (entry.transaction.prepared_us == 0) entry.transaction.prepared_us = now_.wall_us;
  if (!entry.broken && trouble_) entry.broken = trouble_;
  if (!entry.broken && is_full()) {
    entry.state = State::held;
    if (!std::exchange(full_logged_, true))
      log::warn("the journal " + limits_.journal + " is full (" + std::to_string(journal_->bytes()) +
                " bytes; journal.max_bytes): commits with captured changes wait for " + destinations_behind());
    held_.push_back({std::move(prepare), now_.steady + limits_.hold_timeout});
    return;
  }
  entry.state = State::preparing;
  Result<void> done = entry.broken ? Result<void>(*entry.broken) : store(entry, std::move(prepare.rest));
  preparing_.push_back({id, std::move(prepare.answer), std::move(done)});
}

void Ledger::run(command::Reopen& reopen) {
  auto& entry = entries_[reopen.id];
  if (entry.state != State::in_flight) return;
  sequencer_.aborted(reopen.id);
  entry.state = State::open;
  entry.events.reset();
  entry.bound = entry.transaction.first_lsn;
  open_bounds_.insert(*entry.bound);
  const auto done = trouble_ ? Result<void>(*trouble_) : journal_->reopen(entry.journal_id);
  if (!done) entry.broken = done.error();
}

void Ledger::run(command::End& end) {
  const auto found = entries_.find(end.id);
  if (found == entries_.end()) return;
  auto& entry = found->second;
  const auto state = entry.state;
  if (state == State::in_flight && end.outcome == capture::Outcome::committed) {
    sequencer_.committed(end.id, end.at_us);
    committed_.push_back({end.id, end.at_us});
  } else if (state == State::in_flight && end.outcome == capture::Outcome::unknown) {
    event::Transaction transaction = entry.transaction;
    transaction.id = entry.journal_id;
    effects_.doubts.push_back({end.id, std::move(transaction)});
  } else {
    // Aborted; or the session ended before its COMMIT could be sent, which is the same.
    if (state == State::held) std::erase_if(held_, [&](const Held& h) { return h.prepare.transaction.id == end.id; });
    if (state == State::preparing) cancel_preparing(end.id);
    forget(end.id);
  }
}

void Ledger::run(command::Report& report) {
  auto& entry = entries_[report.transaction.id];
  close_bound(entry);
  entry.state = State::in_flight;
  entry.transaction = std::move(report.transaction);
  entry.transaction.event_count = 1;
  if (entry.transaction.prepared_us == 0) entry.transaction.prepared_us = now_.wall_us;
  const auto& transaction = entry.transaction;
  kept_.push_back(Store{transaction.id, {std::move(report.gap)}});
  sequencer_.in_flight(transaction.id, transaction.first_lsn, transaction.last_lsn);
  const auto at_us = transaction.committed_us != 0 ? transaction.committed_us : now_.wall_us;
  sequencer_.committed(transaction.id, at_us);
  committed_.push_back({transaction.id, at_us});
}

void Ledger::run(command::GiveUp& give_up) {
  const auto found = entries_.find(give_up.id);
  if (found == entries_.end() || found->second.state != State::in_flight) return;
  auto& entry = found->second;
  kept_.push_back(Erase{entry.journal_id});
  entry.journal_id = 0;
  entry.events.reset();
  entry.transaction.id = give_up.id;
  entry.transaction.event_count = static_cast<std::uint32_t>(give_up.gaps.size());
  kept_.push_back(Store{give_up.id, std::move(give_up.gaps)});
  sequencer_.committed(give_up.id, now_.wall_us);
  committed_.push_back({give_up.id, now_.wall_us});
}

void Ledger::run(command::NoteRun& note) {
  kept_.push_back(std::move(note));
}
void Ledger::run(command::Checkpoint& checkpoint) {
  kept_.push_back(std::move(checkpoint));
}
void Ledger::run(command::DeadLetter& letter) {
  kept_.push_back(std::move(letter));
}

/// What is prepared may be committed at any moment, so it stays as it is; whoever asks otherwise has lost count.
bool Ledger::is_open(std::int64_t id, const Entry& entry) const {
  if (entry.state == State::open) return true;
  log::error("transaction " + std::to_string(id) + " was to change after it was prepared; please report this");
  return false;
}

bool Ledger::is_full() const {
  return limits_.max_bytes != 0 && journal_->bytes() >= limits_.max_bytes;
}

/// Before a group: what every destination has goes, and what the WAL holds twice.
void Ledger::make_room() {
  if (trim_due()) trim_step();
  journal_->compact();
}

void Ledger::tell_fill_level() {
  const auto bytes = journal_->bytes();
  const auto reached = fill_level_.note(bytes, limits_.max_bytes);
  if (!reached) return;
  log::warn("the journal " + limits_.journal + " has reached " + std::to_string(*reached) +
            " % of journal.max_bytes (" + std::to_string(bytes) + " of " + std::to_string(limits_.max_bytes) +
            " bytes): it waits for " + destinations_behind());
}

std::string Ledger::destinations_behind() const {
  std::string behind;
  for (const auto& emitter : limits_.emitters) {
    const auto missing = last_position_ - checkpoint(emitter);
    if (missing > 0)
      behind += (behind.empty() ? "" : ", ") + emitter + " (" + log::counted(missing, "transaction") + " behind)";
  }
  return behind.empty() ? "transactions that are in doubt or still running" : behind;
}

void Ledger::retry_held() {
  if (is_full()) return;
  if (std::exchange(full_logged_, false)) log::info("the journal " + limits_.journal + " has room again");
  auto waiting = std::move(held_);
  held_.clear();
  for (auto& one : waiting) {
    auto& entry = entries_[one.prepare.transaction.id];
    entry.state = State::preparing;
    auto done = store(entry, std::move(one.prepare.rest));
    preparing_.push_back({one.prepare.transaction.id, std::move(one.prepare.answer), std::move(done)});
  }
}

Result<void> Ledger::begin(Entry& entry) {
  if (entry.journal_id != 0) return {};
  auto id = journal_->begin();
  if (!id) return id.error();
  entry.journal_id = *id;
  return {};
}

Result<void> Ledger::store(Entry& entry, std::vector<event::ChangeEvent> events) {
  auto done = begin(entry);
  if (done && !events.empty()) done = journal_->append(entry.journal_id, events);
  if (!done) return done;
  highest_lsn_ = std::max(highest_lsn_, entry.transaction.last_lsn);
  event::Transaction transaction = entry.transaction;
  transaction.id = entry.journal_id;
  done = journal_->prepare(transaction);
  const bool all = events.size() == transaction.event_count && event::memory_of(events) <= kLargestInMemory;
  if (done && all) entry.events = std::make_shared<const std::vector<event::ChangeEvent>>(std::move(events));
  return done;
}

void Ledger::close_bound(Entry& entry) {
  if (entry.bound) open_bounds_.erase(open_bounds_.find(*entry.bound));
  entry.bound.reset();
}

void Ledger::forget(std::int64_t id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  sequencer_.aborted(id);
  close_bound(found->second);
  if (found->second.journal_id != 0) kept_.push_back(Erase{found->second.journal_id});
  entries_.erase(found);
}

void Ledger::refuse_held(std::int64_t id) {
  const auto held =
      std::find_if(held_.begin(), held_.end(), [&](const Held& one) { return one.prepare.transaction.id == id; });
  if (held == held_.end()) return;
  const Error error{"the journal " + limits_.journal + " is full: its " + std::to_string(journal_->bytes()) +
                        " bytes wait for " + destinations_behind() + "; see Weir's log, or raise journal.max_bytes",
                    "53100"};
  effects_.replies.push_back({std::move(held->prepare.answer), id, error});
  held_.erase(held);
  forget(id);
}

void Ledger::cancel_preparing(std::int64_t id) {
  std::erase_if(preparing_, [&](const Preparing& one) { return one.id == id; });
}

// -- the group's end --------------------------------------------------------------------------------------------------

event::Lsn Ledger::resolved_below(event::Lsn later) const {
  auto lowest = std::min(later, highest_lsn_);
  if (!open_bounds_.empty()) lowest = std::min(lowest, *open_bounds_.begin());
  if (const auto pending = sequencer_.lowest_pending()) lowest = std::min(lowest, *pending);
  return lowest == 0 ? 0 : lowest - 1;
}

void Ledger::release_ready() {
  const auto ready = sequencer_.take_released();
  // What is promised with each must also hold for those released behind it in the same moment.
  std::vector<event::Lsn> resolved(ready.size());
  auto later = std::numeric_limits<event::Lsn>::max();
  for (auto i = ready.size(); i-- > 0;) {
    resolved[i] = resolved_below(later);
    if (const auto first = entries_[ready[i].id].transaction.first_lsn; first != 0) later = std::min(later, first);
  }
  for (std::size_t i = 0; i < ready.size(); ++i) {
    resolved_ = std::max(resolved_, resolved[i]);
    kept_.push_back(Release{ready[i].id, ++last_position_, resolved_, ready[i].committed_us});
  }
  // Those that wait behind others are known to have committed all the same, and this must not be forgotten.
  for (const auto& one : std::exchange(committed_, {}))
    if (sequencer_.is_waiting(one.id)) kept_.push_back(one);
}

Released Ledger::describe(const Release& release) {
  const auto& entry = entries_[release.id];
  Released released{entry.transaction, entry.events};
  released.transaction.id = entry.journal_id;
  released.transaction.position = release.position;
  released.transaction.resolved = release.resolved;
  released.transaction.committed_us = release.committed_us;
  if (released.events) released.bytes = sizeof released + event::memory_of(*released.events);
  return released;
}

void Ledger::tell_gaps(const std::vector<event::ChangeEvent>& events) {
  for (const auto& change : events) {
    if (change.op != event::Op::gap || told_gaps_.size() >= kMostToldGaps) continue;
    const std::string table = event::qualified_table(change);
    const std::string gap = (table.empty() ? "a write" : "a write of " + table) + ": " + change.cause;
    if (told_gaps_.insert(gap).second)
      log::warn("not captured, " + gap + " (each has a gap event, the first a line here)");
  }
}

Result<void> Ledger::keep(command::NoteRun& kept) {
  return journal_->note_server_run(kept.run);
}

Result<void> Ledger::keep(Store& kept) {
  auto& entry = entries_[kept.id];
  entry.journal_id = 0;  // a group that failed may have left an id that the journal has forgotten
  return store(entry, kept.events);
}

Result<void> Ledger::keep(Acknowledge& kept) {
  return journal_->acknowledge(entries_[kept.id].journal_id, kept.committed_us);
}

Result<void> Ledger::keep(Release& kept) {
  return journal_->release(entries_[kept.id].journal_id, kept.position, kept.resolved, kept.committed_us);
}

Result<void> Ledger::keep(Erase& kept) {
  return journal_->erase(kept.journal_id);
}

Result<void> Ledger::keep(command::Checkpoint& kept) {
  return journal_->set_checkpoint(kept.emitter, kept.position);
}

Result<void> Ledger::keep(command::DeadLetter& kept) {
  const auto& [record, position, reason] = kept.refused;
  return journal_->dead_letter(kept.emitter, position, record.topic, record.key.value_or(""), record.value.value_or(""),
                               reason);
}

/// Its number in the journal names events that leave Weir with this group: it must not be given out again.
bool Ledger::keeps_a_store() const {
  return std::any_of(kept_.begin(), kept_.end(), [](const Kept& kept) { return std::holds_alternative<Store>(kept); });
}

/// Complaints matter only where the group succeeds all the same: then they are about one of the kept things alone.
std::vector<Error> Ledger::write_kept() {
  std::vector<Error> complaints;
  for (auto& one : kept_) {
    auto done = std::visit([this](auto& kept) { return keep(kept); }, one);
    if (!done) complaints.push_back(done.error());
  }
  return complaints;
}

/// After a failed group what was kept goes first and alone, so that it does not fail again with new work.
void Ledger::settle_kept_first() {
  if (!trouble_) return;
  const auto complaints = write_kept();
  if (trim_due()) (void)trim_some();
  const auto done = keeps_a_store() ? journal_->sync() : journal_->flush();
  if (done) {
    trouble_.reset();
    group_succeeded(complaints);
  } else {
    group_failed(done.error());
  }
}

void Ledger::end_group() {
  if (trouble_) {
    group_failed(*trouble_);  // the journal was tried a moment ago, and nothing was written since
    return;
  }
  const auto complaints = write_kept();
  if (trim_is_urgent()) (void)trim_some();
  const auto done = preparing_.empty() && !keeps_a_store() ? journal_->flush() : journal_->sync();
  if (done) {
    group_succeeded(complaints);
  } else {
    group_failed(done.error());
  }
}

void Ledger::group_succeeded(const std::vector<Error>& complaints) {
  if (trouble_logged_ && !(kept_.empty() && preparing_.empty())) {
    trouble_logged_ = false;
    log::info("the journal " + limits_.journal + " can be written again");
  }
  for (const auto& error : complaints) log::error(error.message);
  for (auto& one : kept_) {
    if (const auto* release = std::get_if<Release>(&one)) {
      effects_.released.push_back(describe(*release));
      if (const auto& events = effects_.released.back().events) tell_gaps(*events);
      entries_.erase(release->id);
    }
    if (const auto* checkpoint = std::get_if<command::Checkpoint>(&one)) {
      auto& position = checkpoints_[checkpoint->emitter];
      position = std::max(position, checkpoint->position);
    }
  }
  kept_.clear();
  retry_at_.reset();
  auto preparing = std::move(preparing_);
  preparing_.clear();
  for (auto& one : preparing) {
    if (!one.result) {
      refuse(one, one.result.error());
      continue;
    }
    auto& entry = entries_[one.id];
    close_bound(entry);
    entry.state = State::in_flight;
    sequencer_.in_flight(one.id, entry.transaction.first_lsn, entry.transaction.last_lsn);
    effects_.replies.push_back({std::move(one.answer), one.id, {}});
  }
}

void Ledger::group_failed(const Error& error) {
  if (!trouble_logged_) log::error(error.message + "; until then commits with captured changes are refused");
  trouble_logged_ = true;
  trouble_ = error;
  retry_at_ = now_.steady + kRetryDelay;
  auto preparing = std::move(preparing_);
  preparing_.clear();
  for (auto& one : preparing) refuse(one, one.result ? error : one.result.error());
}

void Ledger::refuse(Preparing& preparing, const Error& error) {
  const auto sqlstate = error.sqlstate.empty() ? std::string("58030") : error.sqlstate;
  effects_.replies.push_back({std::move(preparing.answer), preparing.id, Error{error.message, sqlstate}});
  forget(preparing.id);
}

// -- trimming ---------------------------------------------------------------------------------------------------------

event::Position Ledger::safe_everywhere() const {
  auto lowest = last_position_;
  for (const auto& emitter : limits_.emitters) lowest = std::min(lowest, checkpoint(emitter));
  return lowest;
}

/// Too much to wait for an idle moment.
bool Ledger::trim_is_urgent() const {
  if (!trim_due()) return false;
  const bool many = safe_everywhere() - trimmed_ > kTrimBacklog;
  return many || (limits_.max_bytes != 0 && journal_->bytes() > limits_.max_bytes / 2);
}

Result<void> Ledger::trim_some() {
  const auto through = safe_everywhere();
  const auto more = journal_->trim(through, kTrimEvents);
  if (!more) return more.error();
  if (!*more) trimmed_ = through;
  return {};
}

void Ledger::trim_step() {
  auto done = trim_some();
  if (const auto flushed = journal_->flush(); !flushed) done = flushed;
  if (done) return;
  log::warn(done.error().message);
  trimmed_ = safe_everywhere();  // tried again when the next checkpoint comes
}

}  // namespace weir::proxy
