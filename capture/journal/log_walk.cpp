#include "capture/journal/log_walk.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "capture/journal/folder.h"

namespace weir::capture {

namespace {

/// Segments are used again while a walk of a large log is under way: more often than this nobody begins again.
constexpr int most_walks = 50;

class LogWalk {
 public:
  LogWalk(LogScan& scan, const LogVisitor& visitor, event::Position visited, bool is_live,
          const std::set<Place>& believed)
      : scan_(scan), visitor_(visitor), visited_(visited), is_live_(is_live), believed_(believed) {}

  Result<void> run();
  WalkedLog& log() { return log_; }
  event::Position visited() const { return visited_; }
  /// The walk ended at what looked broken there, and might not be at a second look.
  std::optional<Place> doubted() const { return doubted_; }

 private:
  void begin_segment(const ScannedRecord& record);
  void take_broken(ScannedRecord& record);
  Result<void> take_outcome(const StoredOutcome& outcome);
  Result<void> release(const StoredOutcome& outcome);

  LogScan& scan_;
  const LogVisitor& visitor_;
  event::Position visited_;
  const bool is_live_;
  const std::set<Place>& believed_;
  WalkedLog log_;
  std::optional<Place> first_;  // of all that is there
  std::string file_;
  Place segment_ = 0;  // where that file begins
  std::optional<Place> doubted_;
};

void LogWalk::begin_segment(const ScannedRecord& record) {
  const auto& header = record.segment;
  if (log_.segments++ == 0) {
    log_.erased = {header.last_position, header.last_lsn};
    if (visited_ > 0 && header.last_position > visited_ && visitor_.gone)
      visitor_.gone(visited_ + 1, header.last_position);
    if (visited_ > 0) visited_ = std::max(visited_, header.last_position);
  }
  log_.last_position = std::max(log_.last_position, header.last_position);
}

void LogWalk::take_broken(ScannedRecord& record) {
  if (is_live_ && !believed_.contains(record.place)) doubted_ = record.place;
  log_.broken.push_back({record.file, record.place, record.place - segment_, record.size, std::move(record.wrong)});
}

Result<void> LogWalk::release(const StoredOutcome& outcome) {
  const auto found = log_.pending.find(outcome.told.id);
  log_.last_position = std::max(log_.last_position, outcome.told.position);
  const bool is_new = outcome.told.position > visited_;
  visited_ = std::max(visited_, outcome.told.position);
  if (found == log_.pending.end()) {
    // One whose segment is gone was delivered everywhere.
    if (is_new && outcome.place >= *first_ && visitor_.unreadable) visitor_.unreadable(outcome.told.position);
    return {};
  }
  auto record = std::move(found->second);
  log_.pending.erase(found);
  ++log_.transactions;
  if (!is_new) return {};
  record.transaction.position = outcome.told.position;
  record.transaction.resolved = outcome.told.resolved;
  record.transaction.committed_us = outcome.told.committed_us;
  return visitor_.released ? visitor_.released(scan_, record) : Result<void>();
}

Result<void> LogWalk::take_outcome(const StoredOutcome& outcome) {
  switch (outcome.told.kind) {
    case LogOutcome::Kind::reopened:
    case LogOutcome::Kind::aborted:
      log_.pending.erase(outcome.told.id);
      break;
    case LogOutcome::Kind::acknowledged:
      if (const auto found = log_.pending.find(outcome.told.id); found != log_.pending.end())
        found->second.transaction.committed_us = outcome.told.committed_us;
      break;
    case LogOutcome::Kind::released:
      return release(outcome);
  }
  return {};
}

Result<void> LogWalk::run() {
  for (;;) {
    auto record = scan_.next();
    if (!record) return record.error();
    if (!*record) return {};
    auto& here = **record;
    if (!first_) first_ = here.place;
    if (here.file != file_) segment_ = here.place;
    file_ = here.file;
    if (here.kind == ScannedRecord::Kind::broken) {
      take_broken(here);
      if (doubted_) return {};
      continue;
    }
    ++log_.records;
    log_.end = here.place + here.size;
    log_.durable = scan_.durable();
    if (here.kind == ScannedRecord::Kind::segment) begin_segment(here);
    if (here.kind == ScannedRecord::Kind::transaction) {
      const auto id = here.transaction.id;
      log_.pending.insert_or_assign(id, std::move(here));
      continue;
    }
    for (const auto& outcome : here.outcomes)
      if (auto done = take_outcome(outcome); !done) return done;
  }
}

}  // namespace

std::vector<BrokenRecord> WalkedLog::damage() const {
  std::vector<BrokenRecord> found;
  std::copy_if(broken.begin(), broken.end(), std::back_inserter(found),
               [&](const auto& one) { return one.place < durable; });
  return found;
}

Result<WalkedLog> walk_log(const std::string& path, const LogVisitor& visitor) {
  event::Position visited = 0;
  std::set<Place> believed;
  for (int walks = 1;; ++walks) {
    const bool is_live = walks < most_walks && owner_of(path).has_value();
    const auto scan = scan_log(path);
    if (!scan && is_live) continue;  // segments that were listed are used again before they are opened
    if (!scan) return scan.error();
    LogWalk walk(**scan, visitor, visited, is_live, believed);
    const auto done = walk.run();
    if (!done) return done.error();
    visited = walk.visited();
    if (walk.doubted()) {
      believed.insert(*walk.doubted());
      continue;
    }
    for (const auto& [id, record] : walk.log().pending)
      if (visitor.pending) visitor.pending(**scan, record);
    return std::move(walk.log());
  }
}

}  // namespace weir::capture
