#include "capture/session/session.h"

#include "capture/session/session_machine.h"

namespace weir::capture {

SessionMachine::SessionMachine(const SessionOptions& options)
    : statements_(options.statements),
      scope_(options.scope),
      max_row_bytes_(options.max_row_bytes),
      epoch_(options.catalog_epoch),
      questions_(options.questions),
      own_prefix_(options.own_names),
      own_portal_name_(options.own_names + "own"),
      shape_portal_name_(options.own_names + "shape"),
      no_portal_(options.own_names + "none"),
      transaction_(*options.gate, options.database, options.context, rules_),
      clock_(options.clock),
      facts_max_age_(options.facts_max_age) {
  if (options.prepare_by_shape) shapes_ = std::make_unique<Shapes>();
  // The first ReadyForQuery answers the StartupMessage.
  expect({.expect = Expect::sync});
}

std::unique_ptr<CaptureSession> make_session(const SessionOptions& options) {
  return std::make_unique<SessionMachine>(options);
}

}  // namespace weir::capture
