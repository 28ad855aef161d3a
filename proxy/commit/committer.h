// The stream's thread and the syncer's, and the gates through which sessions reach the journal.
//
// Sessions write their records themselves (session_gate.h); what they tell the stream is put into one queue, and the
// stream's thread takes all that waits at once. It is woken for an outcome where it has rested for kPace; where
// outcomes come faster, it looks once in kPace, so many of them cost one wake-up and one record. Checkpoints and the
// like wait longer. Where the thread rests and nothing but outcomes waits, the worker that brings one carries it out
// itself, behind its client's answer: one commit at a time wakes nobody.
//
// Order of life: start(), then gates and everything else from any thread, then stop(). Gates and readers do not outlive
// the Committer; a gate that is destroyed with transactions left makes them aborted (not yet written) or in doubt.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "capture/journal/stream.h"
#include "proxy/commit/session_gate.h"
#include "proxy/commit/syncer.h"
#include "proxy/doubt/server_runs.h"

namespace weir::proxy {

class Committer {
 public:
  struct Options {
    std::string journal;  ///< what the journal is called in messages: its path
    capture::Durability durability = capture::Durability::answer;
    std::uint64_t max_bytes = 0;  ///< 0: no limit
    std::chrono::milliseconds hold_timeout{0};
    std::vector<std::string> emitters;                          ///< whose checkpoints say what the journal keeps
    capture::Tail* tail = nullptr;                              ///< where releases go; outlives the committer
    std::function<void()> on_released = [] {};                  ///< readers have something new
    std::function<void(std::vector<capture::Doubt>)> on_doubt;  ///< ask the database
    Tell tell = [](const Notice&) {};                           ///< by whoever does the stream's turn, and the syncer
    StreamCounts::Seen seen = StreamCounts::Seen::names;
  };

  /// All callbacks are called by one thread at a time: the stream's, but on_released and `tell` also by a worker's.
  Committer(capture::Journal journal, Options options);
  ~Committer();
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  /// Takes up what an earlier run left, tells on_doubt of it, and starts the threads.
  Result<void> start();
  /// Carries out what is queued, syncs, and joins the threads. Commits that were sent but not answered stay in doubt.
  void stop();
  /// Returns once all that was queued before it has been carried out, and is durable where it must be.
  void drain();

  /// For one session, on one thread.
  std::unique_ptr<capture::CommitGate> make_gate(GateAnswers answers, SessionCounts* counts = nullptr,
                                                 unsigned worker = 0);

  // From any thread.
  /// The database said how a transaction in doubt ended.
  void resolve(std::int64_t id, capture::Outcome outcome);
  /// Nobody will ever know: these gaps are emitted in its place.
  void give_up(std::int64_t id, std::vector<event::ChangeEvent> gaps);
  /// How many transactions that committed wait for others.
  std::size_t waiting() const { return waiting_.load(std::memory_order_relaxed); }
  ServerRuns& server_runs() { return runs_; }
  const CommitCounts& counts() const { return counts_; }
  StreamCounts& rows() { return rows_; }
  std::uint64_t journal_bytes() const { return journal_.log->bytes(); }
  event::Position last_position() const { return last_position_.load(std::memory_order_relaxed); }
  /// Nothing up to here is in the journal any more.
  event::Position erased() const { return journal_.log->erased().through; }
  /// Why nothing can be written to the journal now; empty: it can.
  std::string trouble() const;
  void set_checkpoint(const std::string& emitter, event::Position position);
  /// What a subscription has to say (subscriptions.h).
  void tell(capture::StreamCommand command) { (void)push(std::move(command), Urgency::now); }
  void dead_letter(capture::DeadLetter letter);
  void change_limits(std::uint64_t max_bytes, std::chrono::milliseconds hold_timeout);
  std::uint64_t max_bytes() const { return door_.max_bytes; }
  /// Returns once it is done and durable, with the place of every destination that has one; or, on an error, with
  /// nothing changed. Not on the stream's thread, and before stop().
  Result<std::vector<capture::Checkpoint>> change_destinations(capture::command::ChangeDestinations change);
  Result<std::unique_ptr<capture::JournalReader>> reader() { return journal_.log->reader(); }
  /// Valid once start() has returned, as it stood at the start.
  event::Position checkpoint_at_start(const std::string& emitter) const;

 private:
  using Clock = capture::Stream::Clock;
  using Urgency = JournalDoor::Urgency;

  capture::Stream::Options stream_options() const;
  bool push(capture::StreamCommand command, Urgency urgency);
  bool may_carry_out(Clock::time_point now) const;
  void carry_out_offered();
  void wait_for_turn(std::unique_lock<std::mutex>& lock);
  void synced();
  void run();
  bool wait(std::unique_lock<std::mutex>& lock);
  bool trim_waits(Clock::time_point now);
  void look_after_files();
  void show_trouble();
  void carry_out(std::vector<capture::StreamCommand> commands);
  void hand_out(capture::Stream::Effects effects);
  void wait_for_sync(capture::Place end);
  bool sync_last();
  capture::Stream::Now now() const;

  capture::Journal journal_;
  Options options_;
  CommitCounts counts_;
  StreamCounts rows_;
  ServerRuns runs_;
  Syncer syncer_;
  capture::Stream stream_;
  JournalDoor door_;
  std::map<std::string, event::Position> checkpoints_at_start_;
  std::atomic<std::size_t> waiting_{0};
  std::atomic<event::Position> last_position_{0};
  std::optional<Clock::time_point> trim_at_;
  Clock::time_point look_at_{};  // when the journal's files are looked at next
  std::string lost_;             // what was said of them

  mutable std::mutex trouble_mutex_;
  std::string trouble_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  std::vector<capture::StreamCommand> queue_;
  bool urgent_ = false;
  bool expected_ = false;
  std::optional<Clock::time_point> due_;  // of what is to be done soon
  Clock::time_point rested_{};            // since when the thread has nothing to do
  bool resting_ = false;                  // it is to be woken
  bool dozing_ = false;                   // and wakes by itself within kSoon
  Clock::time_point rests_until_{};
  bool offered_ = false;         // a worker will carry out what is queued
  bool visited_ = false;         // and does: the stream is its
  bool awaited_ = false;         // the thread waits for it
  bool only_light_ = true;       // what is queued
  bool waits_for_sync_ = false;  // the stream does
  bool stopping_ = false;
  std::uint64_t pushed_ = 0;
  std::uint64_t carried_out_ = 0;
  std::thread thread_;
};

}  // namespace weir::proxy
