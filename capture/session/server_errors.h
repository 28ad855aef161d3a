// An error of the database: what it undoes of what was sent, and what the client sees of it.
#pragma once

#include "capture/session/session_state.h"
#include "wire/error_response.h"

namespace weir::capture {

class ServerErrors : private InTurn {
 public:
  using InTurn::InTurn;
  explicit ServerErrors(const InTurn& in) : InTurn(in) {}

  void take_error(const Frame& frame);
  void show_error(const Frame& frame, const Pending& front);

 private:
  bool shape_refused(std::string_view sqlstate);
  void facts_changed();
  bool is_of_no_portal(const std::optional<wire::ErrorFields>& fields) const;
  void cursors_failed(const Execution& execution, bool refused);
  void query_failed(const Pending& front, std::string_view sqlstate);
  void statement_missing(const Pending& front);
  void skip_to_sync(bool refused);
  void facts_skipped(const Pending& skipped);
};

}  // namespace weir::capture
