// The commit point: before bytes are sent that may commit, all rows are in, the transaction's id and version are known,
// and the journal has it. A handler that may commit asks here first, and again each time that it is entered anew.
#pragma once

#include "capture/session/session_state.h"

namespace weir::capture {

class CommitPoint : private InTurn {
 public:
  using InTurn::InTurn;
  explicit CommitPoint(const InTurn& in) : InTurn(in) {}

  /// Something is to be committed that was not yet sent to be.
  bool holds_writes() const {
    if (session_.queue.under_way().captured > 0 || session_.queue.names().has_suspended_portals()) return true;
    return session_.transaction.waits_for_commit();
  }
  /// Those, and writes whose commit is on its way: it may fail, or be none, and the block go on.
  bool holds_writes_of_block() const { return holds_writes() || session_.transaction.is_sent(); }

  bool learn_outcome();
  void heard_outcome(std::string_view status);
  bool ready_to_commit(bool ends_block, bool surely = true);
  std::optional<Took> pass_commit_point(bool ends_block, const Frame& frame);
  Took refuse_commit(const Frame& frame);
  void roll_back_refused();

 private:
  bool knows_enough_to_commit() const;
  bool has_to_ask() const;
  bool asks_before_commit();
  bool prepare();
  bool ready_for_forgetful_sync();
};

}  // namespace weir::capture
