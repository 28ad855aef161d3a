#include "capture/journal/stream.h"

#include <algorithm>
#include <ctime>
#include <limits>
#include <utility>

#include "base/text.h"
#include "capture/event/gap_cause.h"

namespace weir::capture {

namespace {

/// How long after a failure what was kept is tried again.
constexpr std::chrono::milliseconds kRetryDelay{200};
/// How often it is looked whether there is room for commits that are held.
constexpr std::chrono::milliseconds kHeldDelay{100};
/// A transaction that waits for others this long is noted as committed; most are released before.
constexpr std::chrono::milliseconds kAcknowledgeDelay{20};
/// How often checkpoints are written.
constexpr std::chrono::milliseconds kBookDelay{100};
/// Different gaps that are told, each once: tables and causes are few where it can help.
constexpr std::size_t kMostToldGaps = 1000;

std::string time_text(std::int64_t us) {
  const std::time_t seconds = us / 1'000'000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  const auto length = std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%SZ", &parts);
  return {text, length};
}

event::ChangeEvent crash_gap(const Stream::Options& options, std::int64_t to_us, std::size_t open, event::Lsn lsn) {
  event::ChangeEvent gap;
  gap.op = event::Op::gap;
  gap.fidelity = event::Fidelity::statement;
  gap.lsn = lsn;
  gap.ordinal = gap.statement_order = 1;
  gap.cause = to_text(event::GapCause::machine_crash) + std::string(": commits between ") +
              time_text(options.crashed_after_us) + " and " + time_text(to_us) +
              (options.waits_for_sync ? " that no client saw acknowledged" : "") + " may be missing; " +
              counted(open, "transaction") + " that the journal has had no outcome yet";
  return gap;
}

}  // namespace

Stream::Stream(EventLog& log, Book& book, Options options) : log_(log), book_(book), options_(std::move(options)) {}

Result<Stream::Effects> Stream::recover(Now now) {
  now_ = now;
  effects_ = {};
  const auto checkpoints = book_.checkpoints();
  if (!checkpoints) return checkpoints.error();
  for (const auto& one : *checkpoints) checkpoints_[one.emitter] = one.position;
  const Recovered& left = log_.recovered();
  last_position_ = left.last_position;
  lasting_ = last_position_;
  highest_lsn_ = left.last_lsn;
  if (options_.crashed_after_us != 0) report_crash(left);
  for (const auto& transaction : left.pending) {
    auto& entry = entries_[transaction.id];
    entry.state = State::written;
    entry.transaction = transaction;
    sequencer_.in_flight(transaction.id, transaction.first_lsn, transaction.last_lsn);
    if (transaction.committed_us != 0) {
      entry.state = State::known;
      sequencer_.committed(transaction.id, transaction.committed_us);
    } else {
      effects_.doubts.push_back({transaction});
    }
  }
  end_turn(false);
  return std::move(effects_);
}

/// It comes first, whatever the order of the others is: nothing in flight has a lower lsn, and everybody has a higher
/// one.
void Stream::report_crash(const Recovered& left) {
  const auto id = crash_gap_ = log_.next_id();
  auto& entry = entries_[id];
  entry.state = State::known;
  entry.transaction.first_lsn = entry.transaction.last_lsn = left.last_lsn;
  sequencer_.in_flight(id, 0, 0);
  gaps_.push_back({id, {crash_gap(options_, now_.wall_us, left.pending.size(), left.last_lsn)}, now_.wall_us});
}

Stream::Effects Stream::execute(std::vector<StreamCommand> commands, Now now) {
  now_ = now;
  effects_ = {};
  for (auto& one : commands) std::visit([this](auto& command) { run(command); }, one);
  end_turn(false);
  return std::move(effects_);
}

Stream::Effects Stream::finish(Now now) {
  now_ = now;
  effects_ = {};
  end_turn(true);
  return std::move(effects_);
}

std::optional<Stream::Clock::time_point> Stream::deadline() const {
  if (trouble_) return retry_at_;
  std::optional<Clock::time_point> earliest;
  const auto consider = [&](Clock::time_point at) { earliest = earliest ? std::min(*earliest, at) : at; };
  if (!held_.empty()) consider(std::min(now_.steady + kHeldDelay, held_.front().since + options_.hold_timeout));
  if (!unacknowledged_.empty()) consider(unacknowledged_.front().since + kAcknowledgeDelay);
  if (book_at_) consider(*book_at_);
  return earliest;
}

bool Stream::has_only_outcomes() const {
  return !trouble_ && held_.empty() && gaps_.empty() && letters_.empty() && !boot_told_;
}

event::Position Stream::checkpoint(const std::string& emitter) const {
  const auto found = checkpoints_.find(emitter);
  return found == checkpoints_.end() ? 0 : found->second;
}

void Stream::end_turn(bool all) {
  if (trouble_ && !all && now_.steady < *retry_at_) return;
  retry_at_.reset();
  trouble_.reset();
  write_gaps();
  write_held();
  refuse_late();
  take_durable();
  release_ready();
  acknowledge_waiting(all);
  note_outcomes();
  note_boot();
  write_book(all);
  tell_fill_level();
  if (!trouble_ && std::exchange(trouble_told_, false))
    tell(Notice::Level::info, "the journal " + options_.journal + " can be written again");
}

// -- commands ---------------------------------------------------------------------------------------------------------

void Stream::run(command::Open& open) {
  // What is known now was known before the transaction's first statement was sent, so its rows come later in the
  // server's log.
  auto& entry = entries_[open.id];
  entry.bound = highest_lsn_;
  open_bounds_.insert(highest_lsn_);
}

void Stream::run(command::Written& written) {
  auto& entry = entries_[written.transaction.id];
  entry.transaction = std::move(written.transaction);
  entry.events = std::move(written.events);
  entry.end = written.end;
  in_flight(entry.transaction.id, entry);
}

void Stream::in_flight(std::int64_t id, Entry& entry) {
  close_bound(entry);
  entry.state = State::written;
  highest_lsn_ = std::max(highest_lsn_, entry.transaction.last_lsn);
  sequencer_.in_flight(id, entry.transaction.first_lsn, entry.transaction.last_lsn);
}

void Stream::run(command::Hold& hold) {
  auto& entry = entries_[hold.transaction.id];
  entry.state = State::held;
  held_.push_back({std::move(hold), now_.steady});
}

void Stream::run(command::Reopened& reopened) {
  const auto found = entries_.find(reopened.id);
  if (found == entries_.end() || found->second.state != State::written) return;
  auto& entry = found->second;
  sequencer_.aborted(reopened.id);
  // Where the log could not take its record back when it was asked, it does now.
  outcomes_.push_back({LogOutcome::Kind::reopened, reopened.id});
  entry.state = State::open;
  entry.events.reset();
  entry.bound = entry.transaction.first_lsn;
  open_bounds_.insert(*entry.bound);
}

void Stream::run(command::End& end) {
  const auto found = entries_.find(end.id);
  if (found == entries_.end() || found->second.state == State::known) return;
  auto& entry = found->second;
  if (entry.state == State::written && end.outcome == Outcome::committed) {
    entry.state = State::known;
    learn(end.id, end.at_us);
  } else if (entry.state == State::written && end.outcome == Outcome::unknown) {
    effects_.doubts.push_back({entry.transaction});
  } else {
    // Aborted; or the session ended before its COMMIT could be sent, which is the same.
    if (entry.state == State::held)
      std::erase_if(held_, [&](const Held& one) { return one.hold.transaction.id == end.id; });
    forget(end.id);
  }
}

void Stream::run(command::Report& report) {
  const auto id = report.transaction.id;
  auto& entry = entries_[id];
  entry.transaction = std::move(report.transaction);
  in_flight(id, entry);
  entry.state = State::known;
  const auto at_us = entry.transaction.committed_us != 0 ? entry.transaction.committed_us : now_.wall_us;
  gaps_.push_back({id, {std::move(report.gap)}, at_us});
}

void Stream::run(command::GiveUp& give_up) {
  const auto found = entries_.find(give_up.id);
  if (found == entries_.end() || found->second.state != State::written) return;
  found->second.state = State::known;
  gaps_.push_back({give_up.id, std::move(give_up.gaps), now_.wall_us});
}

void Stream::run(command::Subscribe& subscribe) {
  subscribers_.insert_or_assign(std::move(subscribe.name), subscribe.after);
}

void Stream::run(command::Unsubscribe& unsubscribe) {
  subscribers_.erase(unsubscribe.name);
}

void Stream::run(command::Limits& limits) {
  options_.max_bytes = limits.max_bytes;
  options_.hold_timeout = limits.hold_timeout;
}

void Stream::run(Checkpoint& checkpoint) {
  if (const auto found = subscribers_.find(checkpoint.emitter); found != subscribers_.end()) {
    found->second = std::max(found->second, checkpoint.position);
    return;
  }
  const auto renamed = earlier_names_.find(checkpoint.emitter);
  auto& position = reported_[renamed == earlier_names_.end() ? checkpoint.emitter : renamed->second];
  position = std::max(position, checkpoint.position);
  if (!book_at_) book_at_ = now_.steady + kBookDelay;
}

void Stream::run(DeadLetter& letter) {
  letters_.push_back(std::move(letter));
}

// -- room -------------------------------------------------------------------------------------------------------------

bool Stream::is_full() const {
  return options_.max_bytes != 0 && log_.bytes() >= options_.max_bytes;
}

std::string Stream::trouble() const {
  if (trouble_) return trouble_->message;
  return full_told_ ? "the journal " + options_.journal + " is full (journal.max_bytes)" : "";
}

void Stream::write_held() {
  if (held_.empty() && !full_told_) return;
  if (!held_.empty() && is_full()) {
    write_book(true);
    if (trim_due()) (void)log_.keep_from(safe_everywhere());
  }
  if (is_full()) {
    if (!held_.empty() && !std::exchange(full_told_, true))
      tell(Notice::Level::warning, "the journal " + options_.journal + " is full (" + std::to_string(log_.bytes()) +
                                       " bytes; journal.max_bytes): commits with captured changes wait for " +
                                       destinations_behind());
    return;
  }
  if (std::exchange(full_told_, false))
    tell(Notice::Level::info, "the journal " + options_.journal + " has room again");
  while (!held_.empty() && !is_full()) {
    command::Hold hold = std::move(held_.front().hold);
    held_.pop_front();
    write_one(hold);
  }
}

void Stream::write_one(command::Hold& hold) {
  const auto id = hold.transaction.id;
  auto& entry = entries_[id];
  const bool all = hold.spill == nullptr && event::memory_of(hold.rest) <= kLargestShared;
  const auto end = log_.write(hold.transaction, hold.rest, std::move(hold.spill), [](Place) {});
  if (!end) return refuse(hold, end.error());
  entry.transaction = std::move(hold.transaction);
  entry.end = *end;
  if (all) entry.events = std::make_shared<const std::vector<event::ChangeEvent>>(std::move(hold.rest));
  in_flight(id, entry);
  effects_.replies.push_back({std::move(hold.answer), id, *end, {}});
}

void Stream::refuse_late() {
  while (!held_.empty() && held_.front().since + options_.hold_timeout <= now_.steady) {
    command::Hold hold = std::move(held_.front().hold);
    held_.pop_front();
    refuse(hold, {"the journal " + options_.journal + " is full: its " + std::to_string(log_.bytes()) +
                      " bytes wait for " + destinations_behind() + "; see Weir's log, or raise journal.max_bytes",
                  "53100"});
  }
}

void Stream::refuse(command::Hold& hold, const Error& error) {
  const auto id = hold.transaction.id;
  effects_.replies.push_back(
      {std::move(hold.answer), id, 0, Error{error.message, error.sqlstate.empty() ? "58030" : error.sqlstate}});
  forget(id);
}

std::string Stream::destinations_behind() const {
  std::string behind;
  const auto add = [&](const std::string& name, event::Position done) {
    if (last_position_ <= done) return;
    behind += (behind.empty() ? "" : ", ") + name + " (" +
              counted(static_cast<std::uint64_t>(last_position_ - done), "transaction") + " behind)";
  };
  for (const auto& emitter : options_.emitters) add(emitter, checkpoint(emitter));
  for (const auto& [name, done] : subscribers_) add(name, done);
  return behind.empty() ? "transactions that are in doubt or still running" : behind;
}

// -- what became of them ----------------------------------------------------------------------------------------------

/// Gaps are told after the fact: they cannot be refused, so they are written as soon as they can be.
void Stream::write_gaps() {
  while (!gaps_.empty()) {
    if (const auto done = write_gap(gaps_.front()); !done) return failed(done.error());
    gaps_.pop_front();
  }
}

Result<void> Stream::write_gap(Gaps& gaps) {
  auto& entry = entries_[gaps.id];
  auto& transaction = entry.transaction;
  transaction.id = gaps.id;
  transaction.event_count = static_cast<std::uint32_t>(gaps.gaps.size());
  transaction.committed_us = gaps.at_us;
  if (transaction.prepared_us == 0) transaction.prepared_us = now_.wall_us;
  const auto end = log_.write(transaction, gaps.gaps, nullptr, [](Place) {});
  if (!end) return end.error();
  entry.end = *end;
  entry.events = std::make_shared<const std::vector<event::ChangeEvent>>(std::move(gaps.gaps));
  learn(gaps.id, gaps.at_us);
  return {};
}

void Stream::learn(std::int64_t id, std::int64_t at_us) {
  undurable_.push_back({id, at_us, now_.steady});
}

void Stream::take_durable() {
  const Place durable = log_.durable();
  while (!given_out_.empty() && (!options_.waits_for_sync || given_out_.front().end <= durable)) {
    lasting_ = given_out_.front().through;
    given_out_.pop_front();
  }
  std::deque<Known> later;
  for (auto& one : std::exchange(undurable_, {})) {
    const auto end = entries_[one.id].end;
    if (options_.waits_for_sync && end > durable) {
      effects_.sync_to = std::max(effects_.sync_to, end);
      later.push_back(one);
      continue;
    }
    sequencer_.committed(one.id, one.at_us);
    unacknowledged_.push_back(one);
  }
  undurable_ = std::move(later);
}

event::Lsn Stream::resolved_below(event::Lsn later) const {
  auto lowest = std::min(later, highest_lsn_);
  if (!open_bounds_.empty()) lowest = std::min(lowest, *open_bounds_.begin());
  if (const auto pending = sequencer_.lowest_pending()) lowest = std::min(lowest, *pending);
  return lowest == 0 ? 0 : lowest - 1;
}

void Stream::release_ready() {
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
    outcomes_.push_back({LogOutcome::Kind::released, ready[i].id, ++last_position_, resolved_, ready[i].committed_us});
  }
}

/// Those that wait behind others are known to have committed, and this must not be forgotten for long.
void Stream::acknowledge_waiting(bool all) {
  std::erase_if(unacknowledged_, [&](const Known& one) {
    if (!sequencer_.is_waiting(one.id)) return true;
    if (!all && now_.steady < one.since + kAcknowledgeDelay) return false;
    outcomes_.push_back({LogOutcome::Kind::acknowledged, one.id, 0, 0, one.at_us});
    return true;
  });
}

void Stream::note_outcomes() {
  if (outcomes_.empty() || trouble_) return;
  if (const auto done = log_.note(outcomes_); !done) return failed(done.error());
  for (const auto& one : outcomes_) {
    if (one.kind != LogOutcome::Kind::released) continue;
    effects_.released.push_back(describe(one));
    if (const auto& events = effects_.released.back().events) tell_gaps(*events);
    entries_.erase(one.id);
    if (one.id == crash_gap_) boot_told_ = true;
  }
  outcomes_.clear();
  if (!effects_.released.empty()) given_out_.push_back({effects_.released.back().transaction.position, log_.end()});
}

/// The next start does not tell the crash again.
void Stream::note_boot() {
  if (!boot_told_) return;
  if (const auto done = book_.note_boot(); !done) return failed(done.error());
  boot_told_ = false;
}

/// Dead letters come before the checkpoint that passes them.
void Stream::write_book(bool all) {
  while (!letters_.empty()) {
    if (const auto done = book_.add_dead_letter(letters_.front()); !done) return failed(done.error());
    letters_.pop_front();
  }
  if (!book_at_ || (!all && now_.steady < *book_at_)) return;
  std::vector<Checkpoint> checkpoints;
  for (const auto& [emitter, position] : reported_) checkpoints.push_back({emitter, lasting(position)});
  if (const auto done = book_.set_checkpoints(checkpoints); !done) return failed(done.error());
  for (const auto& [emitter, position] : checkpoints) checkpoints_[emitter] = std::max(checkpoints_[emitter], position);
  std::erase_if(reported_, [this](const auto& one) { return one.second <= lasting_; });
  book_at_.reset();
  if (!reported_.empty()) book_at_ = now_.steady + kBookDelay;
}

/// A position that a crash of the machine could still give to another transaction is no checkpoint yet: what is behind
/// it then would count as delivered.
event::Position Stream::lasting(event::Position position) {
  if (position <= lasting_ || !options_.waits_for_sync) return position;
  const auto says_so =
      std::find_if(given_out_.begin(), given_out_.end(), [&](const GivenOut& one) { return one.through >= position; });
  if (says_so != given_out_.end()) effects_.sync_to = std::max(effects_.sync_to, says_so->end);
  return lasting_;
}

void Stream::close_bound(Entry& entry) {
  if (entry.bound) open_bounds_.erase(open_bounds_.find(*entry.bound));
  entry.bound.reset();
}

void Stream::forget(std::int64_t id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  sequencer_.aborted(id);
  close_bound(found->second);
  if (found->second.state == State::written) outcomes_.push_back({LogOutcome::Kind::aborted, id});
  entries_.erase(found);
}

Released Stream::describe(const LogOutcome& outcome) {
  const auto& entry = entries_[outcome.id];
  Released released{entry.transaction, entry.events};
  released.transaction.position = outcome.position;
  released.transaction.resolved = outcome.resolved;
  released.transaction.committed_us = outcome.committed_us;
  if (released.events) released.bytes = sizeof released + event::memory_of(*released.events);
  return released;
}

// -- what is kept, and what is told -----------------------------------------------------------------------------------

event::Position Stream::safe_everywhere() const {
  auto lowest = last_position_;
  for (const auto& emitter : options_.emitters) lowest = std::min(lowest, checkpoint(emitter));
  for (const auto& [name, done] : subscribers_) lowest = std::min(lowest, done);
  return lowest;
}

std::vector<Notice> Stream::trim() {
  trimmed_ = safe_everywhere();  // where it fails it is tried again when the next checkpoint comes
  const auto done = log_.keep_from(trimmed_);
  if (done) return {};
  return {{Notice::Level::warning, done.error().message}};
}

void Stream::failed(const Error& error) {
  if (!std::exchange(trouble_told_, true)) tell(Notice::Level::error, error.message + "; it is tried again");
  trouble_ = error;
  retry_at_ = now_.steady + kRetryDelay;
}

void Stream::tell(Notice::Level level, std::string text) {
  effects_.notices.push_back({level, std::move(text)});
}

void Stream::tell_fill_level() {
  const auto bytes = log_.bytes();
  const auto reached = fill_level_.note(bytes, options_.max_bytes);
  if (!reached) return;
  tell(Notice::Level::warning, "the journal " + options_.journal + " has reached " + std::to_string(*reached) +
                                   " % of journal.max_bytes (" + std::to_string(bytes) + " of " +
                                   std::to_string(options_.max_bytes) + " bytes): it waits for " +
                                   destinations_behind());
}

void Stream::tell_gaps(const std::vector<event::ChangeEvent>& events) {
  for (const auto& change : events) {
    if (change.op != event::Op::gap || told_gaps_.size() >= kMostToldGaps) continue;
    const std::string table = event::qualified_table(change);
    const std::string gap = (table.empty() ? "a write" : "a write of " + table) + ": " + change.cause;
    if (told_gaps_.insert(gap).second)
      tell(Notice::Level::warning, "not captured, " + gap + " (each has a gap event, the first a line here)");
  }
}

}  // namespace weir::capture
