// A run of the log on a disk in memory, with a history of what it was told and what it promised: so that whatever a
// crash leaves can be compared with what the contract allows. The log is cut where it broke, so what is recovered is
// the state behind some record: at least the last one that was promised to be durable, at most the last one that was
// begun.
#pragma once

#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "capture/journal/segment_log.h"
#include "tests/capture/journal/contract.h"
#include "tests/capture/journal/model_files.h"

namespace weir::capture {

using Ordinals = std::vector<std::uint32_t>;

/// A record that was written, or was being written.
struct Fact {
  std::size_t begun = 0;     ///< so many file calls had been made before it
  std::size_t returned = 0;  ///< and when it returned
  Place end = 0;
  std::int64_t id = 0;
  Ordinals ordinals;  ///< of a transaction
  bool spilled = false;
  std::optional<LogOutcome> outcome;
};

/// What the log knows behind a record.
struct LogState {
  struct Written {
    Ordinals ordinals;
    std::int64_t committed_us = 0;
    bool spilled = false;
    Place end = 0;
    bool operator==(const Written& other) const {
      return ordinals == other.ordinals && committed_us == other.committed_us;
    }
  };
  std::map<std::int64_t, Written> pending;
  std::map<event::Position, std::pair<std::int64_t, Ordinals>> released;
  event::Position last_position = 0;

  void apply(const Fact& fact);
};

class TortureRun {
 public:
  explicit TortureRun(std::uint32_t seed) : random_(seed) {}

  /// Opens the log. False where that failed.
  bool open();
  void play(int steps);
  /// Goes on with what a crash left, which was judged: that is what the log was told, from now on.
  bool go_on(std::unique_ptr<ModelFiles> left);
  /// Ends without a sync.
  void close() { log_.reset(); }
  std::size_t calls() const { return files_.calls().size(); }

  ModelFiles& files() { return files_; }
  EventLog& log() { return *log_; }
  const std::vector<Fact>& facts() const { return facts_; }
  /// Something returned an error.
  bool failed() const { return failed_; }

  /// Recovers what is left of a crash, or of a kill, after so many calls, and compares. `left` is changed.
  /// Empty: as the contract allows; else what is wrong.
  std::string judge(ModelFiles& left, std::size_t calls, bool killed) const;
  /// What the log says now, and whether that is what it was told. Of a log that was opened anew, or is in use.
  static std::string read(EventLog& log, LogState& state);
  std::string compare(const LogState& found, event::Position erased, Place durable, std::size_t least,
                      std::size_t most) const;
  std::string compare_with_all(const LogState& found, event::Position erased) const {
    return compare(found, erased, ~Place{0}, facts_.size(), facts_.size());
  }
  static Result<std::unique_ptr<EventLog>> open_on(ModelFiles& files) {
    return open_segment_log({"journal", Durability::answer, 16 << 10}, files);
  }

 private:
  struct Promise {
    std::size_t calls = 0;
    Place durable = 0;
    event::Position safe = 0;
  };
  void step();
  void write(std::uint32_t spilled, std::uint32_t rest);
  void rewrite(std::int64_t id);
  void sync();
  void note();
  void keep();
  std::int64_t pick();
  void note_fact(const LogOutcome& outcome, std::size_t begun);
  std::size_t below(std::size_t limit) { return random_() % limit; }
  void promise() { promises_.push_back({calls(), log_->durable(), safe_}); }
  Promise promised(std::size_t calls) const;

  std::mt19937 random_;
  ModelFiles files_;
  std::unique_ptr<EventLog> log_;
  std::vector<Fact> facts_;
  std::vector<Promise> promises_;
  LogState base_;   // before the first fact
  LogState state_;  // now
  event::Position position_ = 0;
  event::Position safe_ = 0;
  bool failed_ = false;
};

}  // namespace weir::capture
