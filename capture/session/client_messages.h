// The client's messages, each to the class that decides on it; what has no meaning for the session goes as it is.
#pragma once

#include "capture/session/session_state.h"

namespace weir::capture {

class ClientMessages : private InTurn {
 public:
  using InTurn::InTurn;

  Took take(const Frame& frame);
  /// More of a frame that is only passed through.
  void pass_on(std::string_view bytes) { send().relay_unanswered(bytes, true); }
  /// A frame that cannot be: the server ends the session where it reads this. False: not yet.
  bool pass_on_broken(std::string_view header);
  /// For what is under way.
  bool wait() const { return wait_for_answers(); }

 private:
  bool is_skipped(char type) const;
};

}  // namespace weir::capture
