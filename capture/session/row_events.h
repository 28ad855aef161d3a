// From the rows of captured statements, and from the tags of others, to the open transaction's events. Knows what rows
// a portal still holds and which of them nobody will see; knows neither messages nor the gate. Used on the session's
// thread.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "capture/event/change_event.h"
#include "capture/session/command_queue.h"
#include "capture/session/completion.h"
#include "capture/session/gated_transaction.h"
#include "capture/session/session_catalog.h"

namespace weir::capture {

class RowEvents {
 public:
  RowEvents(GatedTransaction& transaction, SessionCatalog& catalog, CommandQueue& queue)
      : transaction_(&transaction), catalog_(&catalog), queue_(&queue) {}

  /// A row of a spliced statement, with its added columns; false where it has none.
  bool capture(const wire::RowView& row, Execution& execution);
  /// One that is longer than capture.max_row_bytes. Nothing of it is read: the transaction's id and version are asked
  /// for before the commit.
  void add_long_row(Execution& execution);
  /// A row of the lock query, or of the one before it, whose rows have no columns; false where it is neither.
  bool locked(const wire::RowView& row, Execution& execution);

  /// A statement with a plan has ended.
  void completed_write(Execution& execution, const Statement& statement, const Plan& plan, std::string_view tag);
  /// All rows of a statement that may move rows are in, `rows` by the last tag.
  void completed_move(Execution& execution, std::int64_t rows);
  /// The portal has written all its rows, and some are not fetched: its statement has its place from now on.
  void left_suspended(const Execution* execution);
  /// FETCH or MOVE of a captured portal is done. What MOVE passes over nobody has seen.
  void cursor_read(const Execution& rows, std::string_view tag);

  /// The portal was to go with rows that a failed block does not let anyone read.
  void leave_unread(const Names::PortalPtr& portal) { unread_.insert(portal); }
  /// Portals of before the savepoint stay, with the rows that they hold; but what was written since was not.
  void rolled_back_to(std::uint32_t savepoint);
  /// SQL has closed it; without a name all. Its rows were read before, where the CLOSE stood alone.
  void closed_portal(std::string_view name);
  void add_unfetched(const Portal& portal);
  void add_gap(const RelationName& table, event::Op op, std::int64_t rows, std::string cause);
  void transaction_ended() { unread_.clear(); }

 private:
  void keep_moved(std::vector<event::ChangeEvent> events, Execution& execution);
  MovedRows& moved_rows(Execution& execution);
  void add_moved(event::ChangeEvent change, Execution& execution);
  void add_statement_event(const Execution& execution, const RelationName& table, event::Op op, std::string cause,
                           std::int64_t rows, event::Lsn lsn = 0);
  bool add_input_events(const Execution& execution, const Statement& statement, const Plan& plan, std::int64_t rows);
  void add(Told told, const Execution& execution);
  void add_change(event::ChangeEvent change, const Execution& execution);
  void stream_if_large();

  GatedTransaction* transaction_;
  SessionCatalog* catalog_;
  CommandQueue* queue_;
  std::set<Names::PortalPtr> unread_;
};

}  // namespace weir::capture
