// Walks a log's folder as it lies there, for an operator's eyes: each record, what it says, or what is wrong with it.
// Needs no right to the folder, changes nothing, and may look while a Weir writes: then it sees what was there, and a
// segment that was used again meanwhile is left out.
//
// One thread. An error is something that the disk did; what is broken is no error here, but a record that says so.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "capture/journal/log_files.h"
#include "capture/journal/log_format.h"

namespace weir::capture {

struct ScannedRecord {
  enum class Kind {
    segment,      ///< a segment begins here
    transaction,  ///< its record
    outcomes,
    broken,  ///< from here on, for `size` bytes, nothing can be read, but behind it something can; or it cannot be
             ///< understood
    shape    ///< of a table, which transactions behind it in this segment name
  };
  Kind kind = Kind::broken;
  std::string file;  ///< of the segment
  Place place = 0;
  std::uint64_t size = 0;
  std::string wrong;            ///< broken: in what way
  Place durable = 0;            ///< what was known to be when this was written
  std::int64_t written_us = 0;  ///< microseconds since the epoch
  SegmentHeader segment;
  event::Transaction transaction;  ///< without position and resolved: a later outcome says them
  SpillFacts spill;
  std::string encoded_events;           ///< those in the record: EventScanner
  std::vector<event::ShapePtr> shapes;  ///< that its events name; null where one is broken. Of a shape: itself
  std::vector<StoredOutcome> outcomes;
};

class LogScan {
 public:
  virtual ~LogScan() = default;
  /// In the order of their places; nothing at the end.
  virtual Result<std::optional<ScannedRecord>> next() = 0;
  /// The highest place that anything scanned so far says is durable. What is broken below it was lost; above it, it may
  /// never have been written whole.
  virtual Place durable() const = 0;
  /// At most `limit` events with ordinal > after_ordinal of a transaction that was scanned; fewer where they are large
  /// (reader.h). An error where the spill is gone or broken.
  virtual Result<std::vector<event::ChangeEvent>> events(const ScannedRecord& transaction, std::uint32_t after_ordinal,
                                                         std::size_t limit) = 0;
};

/// `path`: the journal's folder. Fails where there is no log in it.
Result<std::unique_ptr<LogScan>> scan_log(const std::string& path, LogFiles& files = system_files());

}  // namespace weir::capture
