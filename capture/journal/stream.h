// The stream: committed transactions in their order, with positions. What became of each transaction comes in, what can
// be told now goes out, and the log is told of both. Also what the journal must keep, and who waits for room in it.
//
// A transaction is told of when it is written (before its COMMIT is sent), and enters the stream once it is known to
// have committed, nothing that may come before it is still under way (sequencer.h), its record is durable (with
// durabilities that promise it), and the log has its place. What cannot be written is kept and tried again; nothing is
// told before.
//
// Sans-I/O but for log and book: time comes in, answers and notices go out as values. Used by one thread.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/notice.h"
#include "capture/journal/fill_level.h"
#include "capture/journal/journal.h"
#include "capture/journal/sequencer.h"
#include "capture/journal/stream_command.h"
#include "capture/journal/tail.h"

namespace weir::capture {

class Stream {
 public:
  using Clock = std::chrono::steady_clock;

  struct Options {
    std::string journal;          ///< what the journal is called in messages: its path
    std::uint64_t max_bytes = 0;  ///< writes are held while the journal is larger; 0: no limit
    std::chrono::milliseconds hold_timeout{0};
    std::vector<std::string> emitters;  ///< destinations, whose checkpoints in the book say what the journal keeps
    bool waits_for_sync = true;         ///< nothing enters the stream that a crash of the machine could take back
    /// Commits that no client saw acknowledged may be missing from here on: the machine has crashed. 0: it has not.
    std::int64_t crashed_after_us = 0;
  };
  struct Now {
    std::int64_t wall_us = 0;
    Clock::time_point steady;
  };
  struct Reply {
    std::shared_ptr<const Answer> answer;
    std::int64_t id = 0;
    Place end = 0;  ///< where its record ends; the answer is still to wait for the sync, if it must
    Result<void> result;
  };
  struct Effects {
    std::vector<Reply> replies;
    std::vector<Doubt> doubts;
    std::vector<Released> released;  ///< in the order of positions, and so written in the log
    std::vector<Notice> notices;
    Place sync_to = 0;  ///< what must be durable for the stream to go on; 0: nothing
  };

  Stream(EventLog& log, Book& book, Options options);

  /// Takes up what an earlier run left. Once, before the first execute.
  Result<Effects> recover(Now now);
  Effects execute(std::vector<StreamCommand> commands, Now now);
  /// All that waits for more to come is written now: there is no more.
  Effects finish(Now now);
  /// When execute must be called although no command came.
  std::optional<Clock::time_point> deadline() const;

  /// Transactions that committed and wait for others whose commit is in flight or in doubt.
  std::size_t waiting() const { return sequencer_.waiting_count(); }
  /// Why commits with captured changes wait or are refused now; empty: nothing keeps them.
  std::string trouble() const;
  /// Nothing is kept for later but outcomes: to carry out more of them takes no time.
  bool has_only_outcomes() const;
  bool trim_due() const { return trimmed_ < safe_everywhere(); }
  /// What every destination has goes from the log.
  std::vector<Notice> trim();
  event::Position checkpoint(const std::string& emitter) const;

 private:
  enum class State {
    open,
    held,
    written,
    known  ///< to have committed
  };
  struct Entry {
    State state = State::open;
    std::optional<event::Lsn> bound;  // while open: none of its rows has a lower lsn
    event::Transaction transaction;   // once it is held or written
    std::shared_ptr<const std::vector<event::ChangeEvent>> events;
    Place end = 0;
  };
  struct Held {
    command::Hold hold;
    Clock::time_point since;
  };
  struct Known {
    std::int64_t id;
    std::int64_t at_us;
    Clock::time_point since;
  };
  /// Positions, and where the log says whose they are.
  struct GivenOut {
    event::Position through;
    Place end;
  };
  struct Gaps {
    std::int64_t id;
    std::vector<event::ChangeEvent> gaps;
    std::int64_t at_us;
  };

  void report_crash(const Recovered& left);
  void run(command::Open& open);
  void run(command::Written& written);
  void run(command::Hold& hold);
  void run(command::Reopened& reopened);
  void run(command::End& end);
  void run(command::Report& report);
  void run(command::GiveUp& give_up);
  void run(command::Subscribe& subscribe);
  void run(command::Unsubscribe& unsubscribe);
  void run(command::ChangeDestinations& change);
  void run(command::Limits& limits);
  void run(Checkpoint& checkpoint);
  void run(DeadLetter& letter);

  Result<void> change_book(const command::ChangeDestinations& change);
  void take_destinations(const command::ChangeDestinations& change, const std::vector<Checkpoint>& places);

  bool is_full() const;
  void write_held();
  void write_one(command::Hold& hold);
  void refuse_late();
  void refuse(command::Hold& hold, const Error& error);
  void in_flight(std::int64_t id, Entry& entry);
  void write_gaps();
  Result<void> write_gap(Gaps& gaps);
  void learn(std::int64_t id, std::int64_t at_us);
  void take_durable();
  void release_ready();
  void acknowledge_waiting(bool all);
  void note_outcomes();
  void note_boot();
  void write_book(bool all);
  event::Position lasting(event::Position position);
  void close_bound(Entry& entry);
  void forget(std::int64_t id);
  Released describe(const LogOutcome& outcome);
  event::Lsn resolved_below(event::Lsn later) const;
  event::Position safe_everywhere() const;
  std::string destinations_behind() const;

  void tell(Notice::Level level, std::string text);
  void tell_gaps(const std::vector<event::ChangeEvent>& events);
  void tell_fill_level();
  void failed(const Error& error);
  void end_turn(bool all);

  EventLog& log_;
  Book& book_;
  Options options_;
  Sequencer sequencer_;
  std::unordered_map<std::int64_t, Entry> entries_;
  std::deque<Held> held_;
  std::deque<Gaps> gaps_;                            // to be written
  std::deque<Known> undurable_;                      // committed, and not to be told yet
  std::deque<Known> unacknowledged_;                 // committed, and waiting for others
  std::vector<LogOutcome> outcomes_;                 // to be noted
  std::deque<DeadLetter> letters_;                   // to be written, before any checkpoint
  std::map<std::string, event::Position> reported_;  // checkpoints that are not in the book yet
  std::optional<Clock::time_point> book_at_;
  std::multiset<event::Lsn> open_bounds_;
  event::Lsn highest_lsn_ = 0;
  event::Lsn resolved_ = 0;
  event::Position last_position_ = 0;
  std::deque<GivenOut> given_out_;  // of which a crash of the machine could take something
  event::Position lasting_ = 0;     // up to here it cannot
  std::int64_t crash_gap_ = 0;
  bool boot_told_ = false;  // and not noted yet
  std::map<std::string, event::Position> checkpoints_;
  std::map<std::string, std::string> earlier_names_;    // of destinations that took another one in this run
  std::map<std::string, event::Position> subscribers_;  // with a say for this run, and up to where each is done
  event::Position trimmed_ = 0;
  FillLevel fill_level_;
  bool full_told_ = false;
  std::optional<Error> trouble_;
  bool trouble_told_ = false;
  std::optional<Clock::time_point> retry_at_;
  std::set<std::string> told_gaps_;
  Now now_;
  Effects effects_;
};

}  // namespace weir::capture
