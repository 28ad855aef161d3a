#include "capture/session/session.h"

#include "capture/session/session_machine.h"

namespace weir::capture {

SessionMachine::SessionMachine(const SessionOptions& options)
    : statements_(options.statements),
      max_row_bytes_(options.max_row_bytes),
      questions_(options.questions),
      catalog_(*options.scope, *options.catalog_epoch, options.clock, options.facts_max_age, options.prepare_by_shape),
      own_(options.own_names),
      transaction_(*options.gate, options.database, options.context, rules_) {
  // The first ReadyForQuery answers the StartupMessage.
  queue_.push({.expect = Expect::sync});
}

std::unique_ptr<CaptureSession> make_session(const SessionOptions& options) {
  return std::make_unique<SessionMachine>(options);
}

}  // namespace weir::capture
