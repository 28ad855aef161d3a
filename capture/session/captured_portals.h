// Portals and prepared statements whose rows have added columns: what stands behind a name, and what has to be read or
// closed before it goes. A named statement is the client's own text under its own name, and has a twin, spliced, under
// one of Weir's.
#pragma once

#include "capture/session/session_state.h"

namespace weir::capture {

class CapturedPortals : private InTurn {
 public:
  using InTurn::InTurn;
  explicit CapturedPortals(const InTurn& in) : InTurn(in) {}

  Names::PortalPtr make_portal(const Names::PreparedPtr& prepared) const;
  Pending binding(std::string_view name, const Names::PortalPtr& portal);
  Names::PortalPtr spliced_portal(std::string_view name) const;
  void ensure_twin(const Names::PreparedPtr& prepared, const Plan& plan);
  static void reads_cursor(Portal& cursor);
  std::shared_ptr<Execution> execution_of(const Names::PortalPtr& portal) const;
  void provoke(std::shared_ptr<Execution> execution, Purpose purpose = Purpose::provoke);
  bool drain(std::string_view name, const Names::PortalPtr& portal);
  void close_twin(const Names::PreparedPtr& prepared);
  std::int64_t apply_session_statement(const Statement& statement);
  bool drop_own_unnamed(char kind);
  Pending replacing_unnamed(bool runs);
  bool drain_unnamed(const ParsedText& text);
  bool drain_closed(const Statement& statement);
  void find_cursors(const ParsedText& text, Execution& execution) const;
  bool read_cursors(Execution& execution);
  bool reaches_captured_portal(const Statement& statement) const;
};

}  // namespace weir::capture
