#include "proxy/commit/committer.h"

#include <algorithm>
#include <future>
#include <utility>

#include "proxy/process/clock.h"
#include "proxy/process/thread.h"

namespace weir::proxy {

namespace {

namespace command = capture::command;
using capture::Durability;
using Level = Notice::Level;
using capture::Stream;

/// How long what is not urgent waits for something to go with.
constexpr std::chrono::milliseconds kSoon{50};
/// Where outcomes come faster than this they are taken together.
constexpr std::chrono::microseconds kPace{1'000};
/// What every destination has goes from the log in batches.
constexpr std::chrono::milliseconds kTrimDelay{200};
/// How often it is looked whether the journal's files are still there.
constexpr std::chrono::milliseconds kLookInterval{1'000};
/// Where the disk takes nothing, what is queued may never be carried out.
constexpr std::chrono::seconds kLongestDrain{10};

/// No work but to note what became of transactions.
bool is_light(const capture::StreamCommand& command) {
  if (const auto* end = std::get_if<command::End>(&command)) return end->outcome != capture::Outcome::unknown;
  return std::holds_alternative<command::Open>(command) || std::holds_alternative<command::Written>(command) ||
         std::holds_alternative<capture::Checkpoint>(command);
}

bool promises_the_machine(Durability durability) {
  return durability == Durability::answer || durability == Durability::commit;
}

}  // namespace

Committer::Committer(capture::Journal journal, Options options)
    : journal_(std::move(journal)),
      options_(std::move(options)),
      rows_(options_.seen),
      runs_([this](std::string_view run) { return journal_.book->note_server_run(run); }),
      syncer_(
          *journal_.log, [this] { synced(); }, options_.tell, &counts_.sync()),
      stream_(*journal_.log, *journal_.book, stream_options()),
      door_{*journal_.log,
            options_.durability,
            options_.journal,
            options_.max_bytes,
            syncer_,
            runs_,
            counts_,
            rows_,
            [this](capture::StreamCommand command, Urgency urgency) { return push(std::move(command), urgency); },
            [this] { carry_out_offered(); }} {}

Committer::~Committer() {
  stop();
}

Stream::Options Committer::stream_options() const {
  Stream::Options options;
  options.journal = options_.journal;
  options.max_bytes = options_.max_bytes;
  options.hold_timeout = options_.hold_timeout;
  options.emitters = options_.emitters;
  options.waits_for_sync = promises_the_machine(options_.durability);
  const auto& left = journal_.log->recovered();
  // Where every COMMIT waited for the sync, nothing can be missing.
  const bool may_miss = options_.durability != Durability::commit;
  if (may_miss && (journal_.book->booted_since() || left.torn)) options.crashed_after_us = left.last_us;
  return options;
}

Stream::Now Committer::now() const {
  return {wall_us(), Clock::now()};
}

Result<void> Committer::start() {
  const auto runs = journal_.book->server_runs();
  if (!runs) return runs.error();
  for (const auto& run : *runs) runs_.add(run);
  // Where nothing was ever written nothing can be missing.
  if (journal_.book->booted_since() && journal_.log->recovered().last_us == 0) {
    if (auto noted = journal_.book->note_boot(); !noted) return noted;
  }
  auto recovered = stream_.recover(now());
  if (!recovered) return recovered.error();
  for (const auto& emitter : options_.emitters) checkpoints_at_start_[emitter] = stream_.checkpoint(emitter);
  look_at_ = Clock::now() + kLookInterval;
  last_position_ = journal_.log->recovered().last_position;
  syncer_.start();
  hand_out(std::move(*recovered));
  thread_ = start_thread("weir-stream", [this] { run(); });
  return {};
}

void Committer::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
  syncer_.stop();
  // What waited for that sync is released, what was released is made durable, and then it can be a checkpoint.
  carry_out({});
  (void)sync_last();
  hand_out(stream_.finish(now()));
  if (!sync_last()) return;
  if (const auto done = journal_.book->note_end(); !done) options_.tell({Level::warning, done.error().message});
}

/// In place of the syncer, which has ended.
bool Committer::sync_last() {
  if (options_.durability == Durability::memory) return false;
  const auto done = journal_.log->sync();
  if (!done) options_.tell({Level::error, done.error().message});
  return static_cast<bool>(done);
}

void Committer::drain() {
  std::unique_lock lock(mutex_);
  if (stopping_ || !thread_.joinable()) return;
  const auto target = pushed_;
  urgent_ |= !queue_.empty();
  wake_.notify_one();
  done_.wait_for(lock, kLongestDrain, [&] { return carried_out_ >= target && !waits_for_sync_; });
}

std::unique_ptr<capture::CommitGate> Committer::make_gate(GateAnswers answers, SessionCounts* counts, unsigned worker) {
  return std::make_unique<SessionGate>(door_, std::move(answers), counts, worker);
}

void Committer::resolve(std::int64_t id, capture::Outcome outcome) {
  if (outcome != capture::Outcome::committed) rows_.forget(id);
  push(command::End{id, outcome, wall_us()}, Urgency::now);
}

void Committer::give_up(std::int64_t id, std::vector<event::ChangeEvent> gaps) {
  rows_.forget(id);
  push(command::GiveUp{id, std::move(gaps)}, Urgency::now);
}

void Committer::set_checkpoint(const std::string& emitter, event::Position position) {
  push(capture::Checkpoint{emitter, position}, Urgency::soon);
}

void Committer::dead_letter(capture::DeadLetter letter) {
  push(std::move(letter), Urgency::soon);
}

void Committer::change_limits(std::uint64_t max_bytes, std::chrono::milliseconds hold_timeout) {
  door_.max_bytes = max_bytes;
  push(command::Limits{max_bytes, hold_timeout}, Urgency::now);
}

Result<std::vector<capture::Checkpoint>> Committer::change_destinations(command::ChangeDestinations change) {
  using Places = Result<std::vector<capture::Checkpoint>>;
  // Shared, for the queue's commands are copied nowhere but must be copyable.
  const auto answer = std::make_shared<std::promise<Places>>();
  change.done = [answer](Places places) { answer->set_value(std::move(places)); };
  auto answered = answer->get_future();
  push(std::move(change), Urgency::now);
  return answered.get();
}

event::Position Committer::checkpoint_at_start(const std::string& emitter) const {
  const auto found = checkpoints_at_start_.find(emitter);
  return found == checkpoints_at_start_.end() ? 0 : found->second;
}

/// True: it was offered, and whoever brought it is to carry it out.
bool Committer::push(capture::StreamCommand command, Urgency urgency) {
  bool notify = false;
  {
    const std::lock_guard lock(mutex_);
    only_light_ = only_light_ && is_light(command);
    queue_.push_back(std::move(command));
    ++pushed_;
    if (urgency == Urgency::offered) {
      if (offered_ || may_carry_out(Clock::now())) return !std::exchange(offered_, true);
      urgency = Urgency::expected;
    }
    // With a reason to look at the queue it has a time, before which only what is urgent wakes it.
    const bool had_reason = urgent_ || expected_;
    const bool is_first_soon = urgency == Urgency::soon && !due_;
    if (is_first_soon) due_ = Clock::now() + kSoon;
    const bool begins_to_wait = urgency == Urgency::expected || (is_first_soon && !dozing_);
    notify = (urgency == Urgency::now && !urgent_) || (begins_to_wait && !had_reason);
    urgent_ |= urgency == Urgency::now;
    expected_ |= urgency == Urgency::expected;
    notify = notify && resting_;
  }
  if (notify) wake_.notify_one();
  return false;
}

/// Where the thread rests, and what is to be done is neither much nor slow.
bool Committer::may_carry_out(Clock::time_point now) const {
  if (!resting_ || visited_ || stopping_ || urgent_ || expected_ || !only_light_) return false;
  if (now < rested_ + kPace || !stream_.has_only_outcomes()) return false;
  const auto deadline = stream_.deadline();
  return !deadline || now < *deadline;
}

/// On a worker's thread, which has offered it.
void Committer::carry_out_offered() {
  std::vector<capture::StreamCommand> commands;
  {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(offered_, false)) return;  // the thread was there before
    if (!may_carry_out(Clock::now())) {
      expected_ = true;
      return wake_.notify_one();
    }
    visited_ = true;
    commands.swap(queue_);
    due_.reset();
  }
  const auto count = commands.size();
  carry_out(std::move(commands));
  bool notify = false;
  {
    const std::lock_guard lock(mutex_);
    const auto deadline = stream_.deadline();
    notify = awaited_ || (deadline && *deadline < rests_until_);
    visited_ = false;
    rested_ = Clock::now();
    carried_out_ += count;
  }
  done_.notify_all();
  if (notify) wake_.notify_one();
}

/// Until no worker has the stream.
void Committer::wait_for_turn(std::unique_lock<std::mutex>& lock) {
  awaited_ = true;
  wake_.wait(lock, [this] { return !visited_; });
  awaited_ = false;
}

/// A sync succeeded, on the syncer's thread.
void Committer::synced() {
  {
    const std::lock_guard lock(mutex_);
    if (!waits_for_sync_) return;
    urgent_ = true;
  }
  wake_.notify_one();
}

/// Returns when there is something to do; true: the queue is to be carried out, false: there is time to trim.
bool Committer::wait(std::unique_lock<std::mutex>& lock) {
  while (!stopping_) {
    wait_for_turn(lock);
    const auto now = Clock::now();
    if (trim_waits(now)) return false;
    if (urgent_) return true;
    auto until = look_at_;
    if (expected_) until = std::min(until, rested_ + kPace);
    if (due_) until = std::min(until, *due_);
    if (const auto deadline = stream_.deadline()) until = std::min(until, *deadline);
    if (until <= now) return true;
    if (trim_at_) until = std::min(until, *trim_at_);
    // Where something was done just now more comes soon: what is not urgent need not wake the thread to be waited for.
    dozing_ = now < rested_ + kSoon;
    if (dozing_) until = std::min(until, now + kSoon);
    rests_until_ = until;
    resting_ = true;
    wake_.wait_until(lock, until);
    resting_ = dozing_ = false;
  }
  return true;
}

/// It is done in quiet moments, but where there are none not for ever later.
bool Committer::trim_waits(Clock::time_point now) {
  if (!stream_.trim_due()) trim_at_.reset();
  if (stream_.trim_due() && !trim_at_) trim_at_ = now + kTrimDelay;
  return trim_at_ && *trim_at_ + (urgent_ ? kTrimDelay : std::chrono::milliseconds(0)) <= now;
}

void Committer::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_ || !queue_.empty()) {
    const bool trims = !wait(lock);
    wait_for_turn(lock);
    std::vector<capture::StreamCommand> commands;
    if (!trims) {
      commands.swap(queue_);
      urgent_ = expected_ = offered_ = false;
      only_light_ = true;
      due_.reset();
    }
    lock.unlock();
    const auto count = commands.size();
    if (trims) {
      trim_at_.reset();
      for (const auto& notice : stream_.trim()) options_.tell(notice);
    } else {
      look_after_files();
      carry_out(std::move(commands));
    }
    lock.lock();
    rested_ = Clock::now();
    carried_out_ += count;
    done_.notify_all();
  }
  wait_for_turn(lock);
}

/// A journal that was deleted or replaced must not go unnoticed: nothing that is written would survive.
void Committer::look_after_files() {
  if (Clock::now() < look_at_) return;
  look_at_ = Clock::now() + kLookInterval;
  const auto done = journal_.log->look();
  const auto book = journal_.book->look();
  std::string lost;
  if (!book) lost = book.error().message + "; until then no checkpoint and no dead letter is kept";
  if (!done) lost = done.error().message + "; until then commits with captured changes are refused";
  if (lost != lost_ && !lost.empty()) options_.tell({Level::error, lost});
  lost_ = lost;
  show_trouble();
}

std::string Committer::trouble() const {
  if (auto failing = syncer_.trouble(); !failing.empty()) return failing;
  const std::lock_guard lock(trouble_mutex_);
  return trouble_;
}

void Committer::show_trouble() {
  auto trouble = lost_.empty() ? stream_.trouble() : lost_;
  const std::lock_guard lock(trouble_mutex_);
  trouble_ = std::move(trouble);
}

void Committer::carry_out(std::vector<capture::StreamCommand> commands) {
  hand_out(stream_.execute(std::move(commands), now()));
}

void Committer::wait_for_sync(capture::Place end) {
  {
    const std::lock_guard lock(mutex_);
    waits_for_sync_ = end != 0;
  }
  if (end == 0) return;
  syncer_.want(end);
  // It may have come a moment ago, before it was waited for.
  if (journal_.log->durable() >= end) synced();
}

void Committer::hand_out(Stream::Effects effects) {
  waiting_.store(stream_.waiting(), std::memory_order_relaxed);
  for (const auto& notice : effects.notices) options_.tell(notice);
  wait_for_sync(effects.sync_to);
  for (auto& reply : effects.replies) {
    const auto answer = [reply] { (*reply.answer)(reply.id, reply.result); };
    // It was written late, so it may as well be durable before it commits.
    if (!promises_the_machine(options_.durability) || syncer_.is_durable_or_tell(reply.end, answer)) answer();
  }
  const bool released = !effects.released.empty();
  if (released) {
    rows_.add(effects.released);
    last_position_.store(effects.released.back().transaction.position, std::memory_order_relaxed);
  }
  if (options_.tail) options_.tail->add(std::move(effects.released));
  if (released) options_.on_released();
  if (!effects.doubts.empty() && options_.on_doubt) options_.on_doubt(std::move(effects.doubts));
}

}  // namespace weir::proxy
