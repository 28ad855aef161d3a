// Plans as a handler gets them: from what the session knows of the catalog, or when that has been asked. And what the
// client must not find of Weir's own statements.
#pragma once

#include "capture/session/session_state.h"

namespace weir::capture {

class Planner : private InTurn {
 public:
  using InTurn::InTurn;
  explicit Planner(const InTurn& in) : InTurn(in) {}

  bool plans_now(const Statement* statement) const;
  std::shared_ptr<const Plan> find_plan(const std::shared_ptr<const ParsedText>& text, const Statement& statement);
  bool hide_own_statements();
  std::vector<std::string> drop_shapes();

 private:
  bool may_check_along(const Plan& plan) const;
  void check_facts(const std::string& name);
  bool ask_facts(const std::vector<WantedFacts>& wanted);
};

}  // namespace weir::capture
