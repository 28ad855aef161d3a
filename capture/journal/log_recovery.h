// Reads a log's folder once, at the start: what earlier runs left, where the log goes on, and whether it is whole.
//
// With writes that were not synced a crash of the machine may leave any part of them, so behind the last sync anything
// may be missing or torn, and whole records may follow. Every record says which place was durable when it was written:
// where a record is broken above the highest such place that is seen anywhere, the log ends there, torn; where it is
// broken below, something was lost that was safe, and that is refused (58030, names file and place). README.md: "The
// end".
//
// What is behind a torn end is removed, durably, before this returns, as far as it is files; the rest of the last
// segment is no part of the log once another one begins at the end. So do spills go that belong to no record.
#pragma once

#include <string>

#include "capture/journal/log_ledger.h"
#include "capture/journal/segments.h"
#include "capture/journal/spill_file.h"

namespace weir::capture {

struct RecoveredLog {
  Recovered told;
  LogLedger ledger;
  LogShapes shapes;
  Place end = 0;      ///< 0: there is no log yet
  Place durable = 0;  ///< the highest place that a record says is
  std::uint64_t salt = 0;
  std::int64_t highest_id = 0;
  bool needs_segment = false;      ///< nothing may be written behind the end in the segment that it is in
  Erased erased;                   ///< what is gone though something of it is there: its outcome, or all but its spill
  std::vector<std::int64_t> lost;  ///< have a record and not all of their spill: to be noted as aborted
};

/// Fills `segments`, and the bytes of `spills`.
Result<RecoveredLog> recover_log(LogFiles& files, Segments& segments, SpillFolder& spills);

}  // namespace weir::capture
