// The journal's thread, and the gates through which sessions reach it. Everything it decides is in ledger.h.
//
// Commands are put into one queue by any thread; the journal's thread takes all that wait at once and carries them out
// as one group, so one fsync serves every session that waits for one. A group starts as soon as there is something to
// do. While commits are under way the thread looks at the queue every kLook, so that most outcomes join the next
// prepare's group instead of waking it. Checkpoints and the like are not worth a group of their own: they go with the
// next one, or after a short while.
//
// Order of life: start(), then gates and everything else from any thread, then stop(). A gate outlives neither stop()
// nor the Committer; one that is destroyed with transactions left makes them aborted (not yet committed) or in doubt.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "capture/gate.h"
#include "proxy/command.h"
#include "proxy/engine_factory.h"
#include "proxy/ledger.h"

namespace weir::proxy {

class Committer {
 public:
  struct Options {
    Ledger::Limits limits;
    Tail* tail = nullptr;                              ///< where releases go; outlives the committer
    std::function<void()> on_released;                 ///< readers have something new; called on the journal's thread
    std::function<void(std::vector<Doubt>)> on_doubt;  ///< ask the database; called on the journal's thread
  };

  Committer(std::unique_ptr<capture::Journal> journal, Options options);
  ~Committer();
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  /// Takes up what an earlier run left, tells on_doubt of it, and starts the thread.
  Result<void> start();
  /// Carries out what is queued and joins the thread. Commits that were sent but not answered stay in doubt.
  void stop();
  /// Returns once all that was queued before it has been carried out.
  void drain();

  /// For one session, on one thread. Both are called on the journal's thread: `answer` with the answer to a prepare,
  /// `wake` when the gate's backlog has fallen.
  /// What the session commits is added to `counts`, on its own thread.
  std::unique_ptr<capture::CommitGate> make_gate(Answer answer, std::function<void()> wake = {},
                                                 SessionCounts* counts = nullptr);
  /// The database said how a transaction in doubt ended. From any thread.
  void resolve(std::int64_t id, capture::Outcome outcome);
  /// Nobody will ever know: these gaps are emitted in its place.
  void give_up(std::int64_t id, std::vector<event::ChangeEvent> gaps);
  /// How many transactions that committed wait for others. From any thread.
  std::size_t waiting() const { return waiting_.load(std::memory_order_relaxed); }
  /// What was seen of the server. From any thread.
  ServerRuns& server_runs() { return ledger_.runs(); }
  void note_server_run(std::string run);
  void set_checkpoint(const std::string& emitter, event::Position position);
  void dead_letter(const std::string& emitter, emitters::Refused refused);

  /// Before start() only: a connection of its own, and where an emitter stopped.
  Result<std::unique_ptr<capture::JournalReader>> reader() { return ledger_.journal().reader(); }
  /// Valid once start() has returned, as it stood at the start.
  event::Position checkpoint_at_start(const std::string& emitter) const;

 private:
  friend class SessionGate;
  enum class Urgency {
    now,       ///< somebody waits for it
    expected,  ///< an outcome: seen within kLook while commits are under way, else now
    soon,      ///< within kSoon, with whatever else has come by then
    whenever   ///< with the next group, whenever that is
  };

  std::int64_t next_id() { return ids_.fetch_add(1, std::memory_order_relaxed); }
  void push(Command command, Urgency urgency);
  void run();
  bool wait(std::unique_lock<std::mutex>& lock);
  void carry_out(std::vector<Command> commands);
  void hand_out(Ledger::Effects effects);

  Ledger ledger_;
  Options options_;
  std::map<std::string, event::Position> checkpoints_at_start_;
  std::atomic<std::int64_t> ids_{1};
  std::atomic<std::size_t> waiting_{0};

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  std::vector<Command> queue_;
  bool urgent_ = false;
  std::optional<Ledger::Clock::time_point> due_;  // of what is to be done soon
  std::optional<Ledger::Clock::time_point> trim_at_;
  Ledger::Clock::time_point watch_at_{};    // an empty group looks after the journal's files
  Ledger::Clock::time_point look_until_{};  // commits were sent a moment ago
  bool looking_ = false;                    // the thread sleeps no longer than kLook
  bool outcomes_ = false;                   // some have come
  bool stopping_ = false;
  std::uint64_t pushed_ = 0;
  std::uint64_t carried_out_ = 0;
  std::thread thread_;
};

}  // namespace weir::proxy
