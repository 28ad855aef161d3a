#include "proxy/committer.h"

#include <algorithm>

#include "proxy/thread.h"

namespace weir::proxy {

namespace {

/// How long what is not urgent waits for a group to go with.
constexpr std::chrono::milliseconds kSoon{50};
/// How often outcomes are looked for while commits are under way, and for how long after the last one was let go.
constexpr std::chrono::microseconds kLook{1'000};
constexpr std::chrono::milliseconds kLookFor{20};
/// What every destination has is erased in batches: a group for each transaction would cost as much as its prepare.
constexpr std::chrono::milliseconds kTrimDelay{200};
/// How often it is looked whether the journal's files are still there while nothing is to be written.
constexpr std::chrono::milliseconds kWatchInterval{1'000};

std::int64_t wall_us() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

}  // namespace

/// Appended events of one session on their way to the journal.
struct Backlog {
  std::atomic<std::size_t> bytes{0};
  std::function<void()> wake;
};

/// A part of it, as long as its command lives.
class Load {
 public:
  Load(std::shared_ptr<Backlog> backlog, std::size_t bytes) : backlog_(std::move(backlog)), bytes_(bytes) {
    backlog_->bytes += bytes_;
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  ~Load() {
    backlog_->bytes -= bytes_;
    if (backlog_->wake) backlog_->wake();
  }

 private:
  std::shared_ptr<Backlog> backlog_;
  std::size_t bytes_;
};

/// One session's end of the queue.
class SessionGate final : public capture::CommitGate {
 public:
  SessionGate(Committer& committer, Answer answer, std::function<void()> wake, SessionCounts* counts)
      : committer_(committer),
        counts_(counts),
        answer_(std::make_shared<const Answer>(std::move(answer))),
        backlog_(std::make_shared<Backlog>()) {
    backlog_->wake = std::move(wake);
  }

  ~SessionGate() override {
    for (const auto id : live_) end(id, capture::Outcome::unknown);
  }

  std::int64_t open() override {
    const auto id = committer_.next_id();
    live_.push_back(id);
    // Nobody waits for it, but whatever is journalled later finds it in the queue before it.
    committer_.push(command::Open{id}, Committer::Urgency::whenever);
    return id;
  }

  void append(std::int64_t id, std::vector<event::ChangeEvent> events) override {
    auto load = std::make_shared<const Load>(backlog_, event::memory_of(events));
    committer_.push(command::Append{id, std::move(events), std::move(load)}, Committer::Urgency::now);
  }

  std::size_t backlog() const override { return backlog_->bytes.load(std::memory_order_relaxed); }

  void truncate(std::int64_t id, std::uint32_t ordinal) override {
    committer_.push(command::Truncate{id, ordinal}, Committer::Urgency::soon);
  }

  void prepare(event::Transaction transaction, std::vector<event::ChangeEvent> rest) override {
    prepared_events_ = transaction.event_count;
    committer_.push(command::Prepare{std::move(transaction), std::move(rest), answer_}, Committer::Urgency::now);
  }

  void reopen(std::int64_t id) override { committer_.push(command::Reopen{id}, Committer::Urgency::soon); }

  void outcome(std::int64_t id, capture::Outcome outcome) override {
    std::erase(live_, id);
    if (counts_ != nullptr && outcome == capture::Outcome::committed) {
      ++counts_->transactions;
      counts_->events += prepared_events_;
    }
    end(id, outcome);
  }

  void report(event::Transaction transaction, event::ChangeEvent gap) override {
    transaction.id = committer_.next_id();
    if (transaction.committed_us == 0) transaction.committed_us = wall_us();
    committer_.push(command::Report{std::move(transaction), std::move(gap)}, Committer::Urgency::now);
  }

 private:
  void end(std::int64_t id, capture::Outcome outcome) {
    const auto urgency = outcome == capture::Outcome::aborted ? Committer::Urgency::soon : Committer::Urgency::expected;
    committer_.push(command::End{id, outcome, wall_us()}, urgency);
  }

  Committer& committer_;
  SessionCounts* counts_;
  std::uint32_t prepared_events_ = 0;
  std::shared_ptr<const Answer> answer_;
  std::shared_ptr<Backlog> backlog_;
  std::vector<std::int64_t> live_;  // opened and not ended; rarely more than one
};

Committer::Committer(std::unique_ptr<capture::Journal> journal, Options options)
    : ledger_(std::move(journal), options.limits), options_(std::move(options)) {}

Committer::~Committer() {
  stop();
}

Result<void> Committer::start() {
  auto recovered = ledger_.recover();
  if (!recovered) return recovered.error();
  for (const auto& emitter : options_.limits.emitters) checkpoints_at_start_[emitter] = ledger_.checkpoint(emitter);
  hand_out(std::move(*recovered));
  watch_at_ = Ledger::Clock::now() + kWatchInterval;
  thread_ = start_thread("weir-journal", [this] { run(); });
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
}

void Committer::drain() {
  std::unique_lock lock(mutex_);
  if (stopping_ || !thread_.joinable()) return;
  const auto target = pushed_;
  urgent_ = !queue_.empty();
  wake_.notify_one();
  done_.wait(lock, [&] { return carried_out_ >= target; });
}

std::unique_ptr<capture::CommitGate> Committer::make_gate(Answer answer, std::function<void()> wake,
                                                          SessionCounts* counts) {
  return std::make_unique<SessionGate>(*this, std::move(answer), std::move(wake), counts);
}

void Committer::resolve(std::int64_t id, capture::Outcome outcome) {
  push(command::End{id, outcome, wall_us()}, Urgency::now);
}

void Committer::give_up(std::int64_t id, std::vector<event::ChangeEvent> gaps) {
  push(command::GiveUp{id, std::move(gaps)}, Urgency::now);
}

void Committer::note_server_run(std::string run) {
  push(command::NoteRun{std::move(run)}, Urgency::soon);
}

void Committer::set_checkpoint(const std::string& emitter, event::Position position) {
  push(command::Checkpoint{emitter, position}, Urgency::soon);
}

void Committer::dead_letter(const std::string& emitter, emitters::Refused refused) {
  push(command::DeadLetter{emitter, std::move(refused)}, Urgency::soon);
}

event::Position Committer::checkpoint_at_start(const std::string& emitter) const {
  const auto found = checkpoints_at_start_.find(emitter);
  return found == checkpoints_at_start_.end() ? 0 : found->second;
}

void Committer::push(Command command, Urgency urgency) {
  bool notify = false;
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(command));
    ++pushed_;
    if (urgency == Urgency::expected) {
      outcomes_ = true;
      if (!looking_) urgency = Urgency::now;
    }
    if (urgency == Urgency::now && !urgent_) notify = urgent_ = true;
    if (urgency == Urgency::soon && !urgent_ && !due_) {
      due_ = Ledger::Clock::now() + kSoon;
      notify = !looking_;
    }
  }
  if (notify) wake_.notify_one();
}

/// Returns when there is something to do; true: the queue is to be carried out, false: there is time to trim.
bool Committer::wait(std::unique_lock<std::mutex>& lock) {
  while (!urgent_ && !stopping_) {
    const auto now = Ledger::Clock::now();
    if (!ledger_.trim_due()) trim_at_.reset();
    if (ledger_.trim_due() && !trim_at_) trim_at_ = now + kTrimDelay;
    if (!due_ && !outcomes_ && trim_at_ && *trim_at_ <= now) return false;
    auto until = ledger_.deadline();
    if (!until || watch_at_ < *until) until = watch_at_;
    if (due_ && (!until || *due_ < *until)) until = due_;
    if (until && *until <= now) return true;
    if (trim_at_ && (!until || *trim_at_ < *until)) until = std::max(*trim_at_, now + kLook);
    looking_ = now < look_until_;
    if (looking_) {
      wake_.wait_until(lock, until ? std::min(*until, now + kLook) : now + kLook);
      looking_ = false;
      if (outcomes_) return true;
    } else {
      wake_.wait_until(lock, *until);
    }
  }
  return true;
}

void Committer::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_ || !queue_.empty()) {
    if (!wait(lock)) {
      lock.unlock();
      ledger_.trim_step();
      lock.lock();
      continue;
    }
    std::vector<Command> commands;
    commands.swap(queue_);
    urgent_ = outcomes_ = false;
    due_.reset();
    lock.unlock();
    const auto count = commands.size();
    carry_out(std::move(commands));
    lock.lock();
    carried_out_ += count;
    done_.notify_all();
  }
}

void Committer::carry_out(std::vector<Command> commands) {
  watch_at_ = Ledger::Clock::now() + kWatchInterval;
  hand_out(ledger_.execute(std::move(commands), {wall_us(), Ledger::Clock::now()}));
  waiting_.store(ledger_.waiting(), std::memory_order_relaxed);
}

void Committer::hand_out(Ledger::Effects effects) {
  if (!effects.replies.empty()) look_until_ = Ledger::Clock::now() + kLookFor;
  for (auto& reply : effects.replies) (*reply.answer)(reply.id, std::move(reply.result));
  const bool released = !effects.released.empty();
  if (options_.tail) options_.tail->add(std::move(effects.released));
  if (released && options_.on_released) options_.on_released();
  if (!effects.doubts.empty() && options_.on_doubt) options_.on_doubt(std::move(effects.doubts));
}

}  // namespace weir::proxy
