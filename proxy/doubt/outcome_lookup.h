// Asks the database how transactions ended: many of them in one question. Blocking; used by the resolver's thread.
//
// The questions evaluate nothing that a user can define, because they may run in a client's session or with rights that
// clients do not have: pg_xact_status, positions in the log, and what the server says of its own run. They need no
// right that is not everybody's, and any database of the cluster can be asked.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "capture/event/change_event.h"
#include "proxy/doubt/askable_database.h"
#include "proxy/doubt/server_runs.h"
#include "proxy/doubt/verdict.h"

namespace weir::proxy {

class OutcomeLookup {
 public:
  /// `runs`: what was seen of the server so far; the run that answers is added, and kept before it is judged by.
  OutcomeLookup(AskableDatabase& database, ServerRuns& runs) : database_(database), runs_(runs) {}

  /// One verdict for each transaction, in their order. An error: the database could not be asked; try again later.
  Result<std::vector<Verdict>> ask(std::span<const event::Transaction* const> transactions);

  /// Every statement that ask() sends, for the test that keeps the rule above.
  static std::vector<std::string> statements();

 private:
  Result<XactStatus> ask_alone(event::Xid xid);

  AskableDatabase& database_;
  ServerRuns& runs_;
};

}  // namespace weir::proxy
