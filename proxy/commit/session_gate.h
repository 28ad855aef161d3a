// One session's way into the journal: it writes its transactions' records itself, on its worker's thread, and tells the
// stream. What does not fit is left to the stream to write, and what must be durable to the syncer.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "capture/gate.h"
#include "capture/journal/journal.h"
#include "capture/journal/stream_command.h"
#include "proxy/commit/syncer.h"
#include "proxy/counts/commit_counts.h"
#include "proxy/counts/stream_counts.h"
#include "proxy/doubt/server_runs.h"
#include "proxy/io/engine_factory.h"

namespace weir::proxy {

/// What all gates share. Outlives them.
struct JournalDoor {
  capture::EventLog& log;
  capture::Durability durability;
  std::string name;                          ///< what the journal is called in messages: its path
  std::atomic<std::uint64_t> max_bytes = 0;  ///< 0: no limit; it may change
  Syncer& syncer;
  ServerRuns& runs;
  CommitCounts& counts;
  StreamCounts& rows;
  /// How soon the stream's thread is to look at what it is told.
  enum class Urgency {
    now,       ///< somebody waits for it
    expected,  ///< an outcome: soon, and together with others where there are many
    offered,   ///< the same, and the session's thread may do it when it has nothing better to do
    soon,      ///< with whatever else has come within 50 ms
    whenever   ///< with the next, whenever that is
  };
  /// True: it was offered, and carry_out is to be called, soon.
  std::function<bool(capture::StreamCommand command, Urgency urgency)> tell;
  std::function<void()> carry_out = [] {};
};

/// How a session hears from its gate, on any thread.
struct GateAnswers {
  capture::Answer prepared;       ///< CaptureEngine::on_prepared
  std::function<void()> durable;  ///< CaptureEngine::on_durable
  /// What the client is told of an error, and the log; on the session's thread.
  std::function<Error(const Error& error)> refusal = [](const Error& error) { return error; };
  /// A gap by itself was reported: of this session nothing more is captured. On the session's thread; may be empty.
  std::function<void(const event::ChangeEvent& gap)> reported;
  /// On the session's thread: once what is at hand is done, and its bytes are sent.
  std::function<void(std::function<void()>)> later = [](const std::function<void()>& function) { function(); };
};

class SessionGate final : public capture::CommitGate {
 public:
  /// What the session commits is added to `counts`, on its own thread; may be null. `worker`: whose thread that is.
  SessionGate(JournalDoor& door, GateAnswers answers, SessionCounts* counts, unsigned worker = 0);
  ~SessionGate() override;
  SessionGate(const SessionGate&) = delete;
  SessionGate& operator=(const SessionGate&) = delete;

  std::int64_t open() override;
  void append(std::int64_t id, std::vector<event::ChangeEvent> events) override;
  void truncate(std::int64_t id, std::uint32_t ordinal) override;
  std::optional<Result<void>> prepare(event::Transaction transaction, std::vector<event::ChangeEvent> rest) override;
  bool may_be_told(std::int64_t id) override;
  void reopen(std::int64_t id) override;
  void outcome(std::int64_t id, capture::Outcome outcome) override;
  void report(event::Transaction transaction, event::ChangeEvent gap) override;

 private:
  using Urgency = JournalDoor::Urgency;
  using Clock = std::chrono::steady_clock;
  struct Live {
    std::int64_t id;
    std::unique_ptr<capture::Spill> spill = {};
    std::optional<Error> broken = {};  // events of it were lost: its commit will be refused
    capture::Place end = 0;            // where its record ends; 0: not written, or by the stream
    std::uint32_t events = 0;
    std::unique_ptr<RowTally> tally = {};                                 // of what is not in memory any more
    std::shared_ptr<const std::vector<event::ChangeEvent>> written = {};  // without a tally: of its record
  };

  Live* find(std::int64_t id);
  bool is_full(std::uint64_t more) const;
  void break_off(Live& live, const Error& error);
  std::optional<Result<void>> refuse(const Error& error);
  static RowTally& tally_of(Live& live);
  std::shared_ptr<const capture::Answer> timed(Clock::time_point since);
  std::optional<Result<void>> write(Live& live, event::Transaction transaction, std::vector<event::ChangeEvent> rest,
                                    Clock::time_point since);

  JournalDoor& door_;
  GateAnswers answers_;
  std::shared_ptr<const capture::Answer> prepared_;
  SessionCounts* counts_;
  CommitShard& shard_;
  std::vector<Live> live_;  // opened and not ended; rarely more than one
};

}  // namespace weir::proxy
