// The old images of rows that an UPDATE is about to move, where the server cannot give them: Plan::wait_query and
// Plan::lock_query, sent in front of it with the parameters of its own that they use.
#pragma once

#include <memory>

#include "capture/session/own_statements.h"
#include "capture/session/pending.h"
#include "capture/session/sender.h"

namespace weir::capture {

/// Reads and locks the rows that the UPDATE sent next will move. Nothing where a parameter may have an operator of
/// somebody's own.
void send_lock(const std::shared_ptr<Execution>& execution, OwnStatements& own, const Sender& send);

}  // namespace weir::capture
