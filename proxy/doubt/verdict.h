// What became of a transaction in doubt, by what the database says of it and of itself. Pure; README.md, "How a
// transaction in doubt is judged", has the table and its reasons.
//
// Positions in the database's log decide, never a clock: what is not proven is unknowable, and becomes a gap.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "capture/event/change_event.h"
#include "capture/server_run.h"

namespace weir::proxy {

struct Verdict {
  enum class Kind {
    committed,
    aborted,
    in_progress,  ///< ask again
    unknowable    ///< nothing proves it, and nothing ever will
  };
  Kind kind = Kind::in_progress;
  std::string remark;  ///< for the log: what it rests on, where that is not pg_xact_status alone
};

/// What pg_xact_status says of an id.
enum class XactStatus : std::uint8_t {
  in_progress,
  committed,
  aborted,
  too_old,       ///< NULL: the server has forgotten
  not_given_out  ///< an error: "is in the future"
};

/// What the server that answers says of itself, in the same moment.
struct Evidence {
  capture::ServerRun run;
  event::Lsn log_end = 0;  ///< pg_current_wal_insert_lsn()
  /// The runs that were seen behind the one the transaction was written in, in their order.
  std::vector<capture::ServerRun> later = {};
};

Verdict judge(const event::Transaction& transaction, XactStatus status, const Evidence& evidence);

}  // namespace weir::proxy
