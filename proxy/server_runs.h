// The runs of the database server that Weir has seen, in their order, from one recovery to the next
// (capture/server_run.h). The first that follows the one a transaction was written in decides about it: later ones can
// only have lost less.
//
// A run is seen when a transaction of it is journalled, and when the server answers a question; the ledger keeps it in
// the journal. Any thread may use it.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "capture/server_run.h"

namespace weir::proxy {

class ServerRuns {
 public:
  /// False where it was there already, or is no run at all. The session's own notes in it do not count.
  bool add(std::string_view text);
  /// Those seen behind this one; nothing where it was not seen.
  std::vector<capture::ServerRun> after(const capture::ServerRun& run) const;

 private:
  mutable std::mutex mutex_;
  std::string last_;  // the text that came last: it comes again and again
  std::vector<capture::ServerRun> runs_;
};

}  // namespace weir::proxy
