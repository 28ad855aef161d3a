// The client's messages of the extended protocol: what is relayed as it is, what is spliced, and what has to wait.
#pragma once

#include "capture/session/session_state.h"

namespace weir::capture {

class ExtendedQuery : private InTurn {
 public:
  using InTurn::InTurn;
  explicit ExtendedQuery(const InTurn& in) : InTurn(in) {}

  Took take_parse(const Frame& frame);
  Took take_bind(const Frame& frame);
  Took take_describe(const Frame& frame);
  Took take_execute(const Frame& frame);
  Took take_close(const Frame& frame);
  Took take_sync(const Frame& frame);
  Took take_flush(const Frame& frame);
  Took take_function_call(const Frame& frame);

 private:
  Took relay_unread_parse(const Frame& frame);
  Took bind_captured(const Frame& frame, const wire::BindNames& names, const Names::PreparedPtr& prepared);
  Took bind_cursor(const Frame& frame, const wire::BindNames& names, const Names::PreparedPtr& prepared);
  Took bind_plain(const Frame& frame, const wire::BindNames& names, const Prepared& spliced);
  std::shared_ptr<Execution> described_portal(std::string_view name) const;
  std::shared_ptr<Execution> described_statement(std::string_view name) const;
  bool is_doubtful(const wire::TargetView& target) const;
  bool describe_refused(const wire::TargetView& target, const Statement& statement);
  Took execute_captured(const Frame& frame, const Names::PortalPtr& portal, wire::ExecuteView execute);
  Took execute_cursor(const Frame& frame, const Names::PortalPtr& portal, wire::ExecuteView execute);
};

}  // namespace weir::capture
