#include "capture/session/session.h"

#include "capture/session/session_machine.h"

namespace weir::capture {

std::unique_ptr<CaptureEngine> make_session(const SessionOptions& options) {
  return std::make_unique<SessionMachine>(options);
}

}  // namespace weir::capture
