// What a completed statement means for the transaction, by its command tag: it begins, ends, goes back, has written.
#pragma once

#include "capture/event/gap_cause.h"
#include "capture/session/session_state.h"

namespace weir::capture {

class TransactionEnd : private InTurn {
 public:
  using InTurn::InTurn;
  explicit TransactionEnd(const InTurn& in) : InTurn(in) {}

  void transaction_ended(Outcome outcome);
  void completed(Execution& execution, const Statement* statement, const Plan* plan, std::string_view tag);

 private:
  void completed_unread(std::string_view tag);
  void add_unplanned(const RelationName& table, event::GapCause cause, std::string_view tag,
                     std::optional<event::Op> usual = {});
};

}  // namespace weir::capture
