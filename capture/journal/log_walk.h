// What became of the transactions in a log's folder, told from the records as they lie there: the stream, in its order,
// and what has no place in it yet. For an operator's eyes, also while a Weir writes; log_scan.h reads.
//
// A record that is looked at just before it is written, or a segment that is used again meanwhile, looks like damage.
// So where a Weir has the folder, a walk that meets some begins again, and believes only what is the same twice. One
// thread.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "capture/journal/log_scan.h"

namespace weir::capture {

/// A record that is no transaction, as far as a report needs it.
struct BrokenRecord {
  std::string file;
  Place place = 0;
  std::uint64_t byte = 0;  ///< of the file
  std::uint64_t size = 0;
  std::string wrong;
};

struct WalkedLog {
  std::uint64_t segments = 0;
  std::uint64_t records = 0;
  std::uint64_t transactions = 0;  ///< released ones that can be read
  Erased erased;                   ///< what was gone when the oldest segment was begun
  event::Position last_position = 0;
  Place end = 0;      ///< behind the last record
  Place durable = 0;  ///< the highest place that a record says is
  std::vector<BrokenRecord> broken;
  /// Written and without a position, by id: in doubt, or, with a committed_us, known to have committed.
  std::map<std::int64_t, ScannedRecord> pending;

  /// What is broken below what was synced. The rest is an end that was never written whole.
  std::vector<BrokenRecord> damage() const;
};

struct LogVisitor {
  /// A transaction of the stream, in its order and once; with position, resolved and committed_us. An error ends the
  /// walk.
  std::function<Result<void>(LogScan& scan, const ScannedRecord& transaction)> released;
  /// At the end, by id: one that has no position.
  std::function<void(LogScan& scan, const ScannedRecord& transaction)> pending;
  /// What every destination got while the walk was under way, and is gone.
  std::function<void(event::Position first, event::Position last)> gone;
  /// One that is in the stream and cannot be read, because its record is broken.
  std::function<void(event::Position position)> unreadable;
};

/// `path`: the journal's folder.
Result<WalkedLog> walk_log(const std::string& path, const LogVisitor& visitor);

}  // namespace weir::capture
