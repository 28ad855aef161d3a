// What the journal's thread does, without the thread: commands in, answers out. Owns journal and sequencer.
//
// All commands of one call are one group of the journal, ended by one sync (where a transaction was prepared in it) or
// one flush. A prepare is answered with success only after its group was synced and the sequencer knows it, so the
// COMMIT that follows is in order. When a group fails, everything it prepared is refused: those commits never happen.
// What must not be lost (outcomes, releases, checkpoints, dead letters, gaps) is kept and done again with the next
// group, before anything else.
//
// Sans-I/O but for the journal: time comes in, answers go out as values. Used by one thread.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "capture/journal.h"
#include "capture/sequencer.h"
#include "proxy/command.h"
#include "proxy/fill_level.h"
#include "proxy/server_runs.h"
#include "proxy/tail.h"

namespace weir::proxy {

class Ledger {
 public:
  using Clock = std::chrono::steady_clock;

  struct Limits {
    std::string journal;          ///< what the journal is called in messages: its path
    std::uint64_t max_bytes = 0;  ///< prepares are held while the journal is larger; 0: no limit
    std::chrono::milliseconds hold_timeout{0};
    std::vector<std::string> emitters;  ///< those whose checkpoints keep the journal from being trimmed
  };
  struct Now {
    std::int64_t wall_us = 0;
    Clock::time_point steady;
  };
  struct Reply {
    std::shared_ptr<const Answer> answer;
    std::int64_t id = 0;
    Result<void> result;
  };
  struct Effects {
    std::vector<Reply> replies;
    std::vector<Doubt> doubts;
    std::vector<Released> released;  ///< in the order of positions, and so written in the journal
  };

  Ledger(std::unique_ptr<capture::Journal> journal, Limits limits);

  /// Takes up what an earlier run left. Once, before the first execute.
  Result<Effects> recover();
  Effects execute(std::vector<Command> commands, Now now);
  /// When execute must be called although no command came: a prepare is held, or a retry is due.
  std::optional<Clock::time_point> deadline() const;

  /// Transactions that committed and wait for others whose commit is in flight or in doubt.
  std::size_t waiting() const { return sequencer_.waiting_count(); }
  /// Something that every destination has can be erased from the journal.
  bool trim_due() const { return trimmed_ < safe_everywhere(); }
  /// Erases some of it, in a group of its own.
  void trim_step();

  event::Position checkpoint(const std::string& emitter) const;
  capture::Journal& journal() { return *journal_; }
  /// For any thread.
  ServerRuns& runs() { return runs_; }

 private:
  enum class State { open, held, preparing, in_flight };
  struct Entry {
    State state = State::open;
    std::int64_t journal_id = 0;      // 0: the journal knows nothing of it yet
    std::optional<event::Lsn> bound;  // while open: none of its rows has a lower lsn
    std::optional<Error> broken;      // events of it were lost; its commit will be refused
    event::Transaction transaction;   // from prepare on
    std::shared_ptr<const std::vector<event::ChangeEvent>> events;  // all of them, where they are few
  };
  struct Held {
    command::Prepare prepare;
    Clock::time_point deadline;
  };
  struct Preparing {
    std::int64_t id;
    std::shared_ptr<const Answer> answer;
    Result<void> result;
  };
  // What is done again until it succeeds.
  struct Store {
    std::int64_t id;
    std::vector<event::ChangeEvent> events;
  };
  struct Release {
    std::int64_t id;
    event::Position position;
    event::Lsn resolved;
    std::int64_t committed_us;
  };
  struct Acknowledge {
    std::int64_t id;
    std::int64_t committed_us;
  };
  struct Erase {
    std::int64_t journal_id;
  };
  using Kept =
      std::variant<command::NoteRun, Store, Acknowledge, Release, Erase, command::Checkpoint, command::DeadLetter>;

  // Commands.
  void run(command::Open& open);
  void run(command::Append& append);
  void run(command::Truncate& truncate);
  void run(command::Prepare& prepare);
  void run(command::Reopen& reopen);
  void run(command::End& end);
  void run(command::Report& report);
  void run(command::GiveUp& give_up);
  void run(command::NoteRun& note);
  void run(command::Checkpoint& checkpoint);
  void run(command::DeadLetter& letter);

  bool is_open(std::int64_t id, const Entry& entry) const;
  bool is_full() const;
  void make_room();
  void retry_held();
  std::string destinations_behind() const;
  void tell_fill_level();
  Result<void> begin(Entry& entry);
  Result<void> store(Entry& entry, std::vector<event::ChangeEvent> events);
  void forget(std::int64_t id);
  void refuse_held(std::int64_t id);
  void cancel_preparing(std::int64_t id);
  void close_bound(Entry& entry);

  // The group's end.
  void release_ready();
  Released describe(const Release& release);
  void tell_gaps(const std::vector<event::ChangeEvent>& events);
  event::Lsn resolved_below(event::Lsn later) const;
  Result<void> keep(command::NoteRun& note);
  Result<void> keep(Store& store);
  Result<void> keep(Acknowledge& acknowledge);
  Result<void> keep(Release& release);
  Result<void> keep(Erase& erase);
  Result<void> keep(command::Checkpoint& checkpoint);
  Result<void> keep(command::DeadLetter& letter);
  bool keeps_a_store() const;
  std::vector<Error> write_kept();
  void settle_kept_first();
  void end_group();
  void group_succeeded(const std::vector<Error>& complaints);
  void group_failed(const Error& error);
  void refuse(Preparing& preparing, const Error& error);

  // Trimming.
  event::Position safe_everywhere() const;
  bool trim_is_urgent() const;
  Result<void> trim_some();

  std::unique_ptr<capture::Journal> journal_;
  Limits limits_;
  capture::Sequencer sequencer_;
  ServerRuns runs_;
  std::unordered_map<std::int64_t, Entry> entries_;
  std::deque<Held> held_;
  std::vector<Preparing> preparing_;
  std::deque<Kept> kept_;
  std::vector<Acknowledge> committed_;  // in this group
  std::multiset<event::Lsn> open_bounds_;
  event::Lsn highest_lsn_ = 0;
  event::Lsn resolved_ = 0;
  event::Position last_position_ = 0;
  std::map<std::string, event::Position> checkpoints_;
  event::Position trimmed_ = 0;
  FillLevel fill_level_;
  std::optional<Error> trouble_;  // why the last group failed; new work is refused until what was kept is written
  bool trouble_logged_ = false;
  bool full_logged_ = false;
  std::set<std::string> told_gaps_;
  std::optional<Clock::time_point> retry_at_;
  Now now_;
  Effects effects_;
};

}  // namespace weir::proxy
