// What a completed statement means: for the transaction, and for the events of writes whose rows were not returned.
// Reads command tags, never the client's text alone.
#include <algorithm>
#include <charconv>
#include <optional>

#include "capture/encoding.h"
#include "capture/event/gap_cause.h"
#include "capture/session/session_machine.h"

namespace weir::capture {
void SessionMachine::completed(Execution& execution, const Statement* statement, const Plan* plan,
                               std::string_view tag) {
  if (statement == nullptr) completed_unread(tag);
  if (statement == nullptr || statement->kind == StatementKind::execute) {
    const auto rows = rows_of(tag);
    const auto op = op_of_tag(tag);
    if (rows.value_or(0) > 0 && op)
      rows_.add_gap({}, *op, *rows,
                    statement ? to_text(event::GapCause::execute) : to_text(event::GapCause::unknown_statement));
    return;
  }
  switch (statement->kind) {
    case StatementKind::begin:
      block_.begun();
      break;
    case StatementKind::commit:
    case StatementKind::rollback:
      transaction_ended(tag == "COMMIT" ? Outcome::committed : Outcome::aborted);
      queue_.names().drop_portals();
      block_.ended(statement->chain);
      if (tag == "ROLLBACK") catalog_.forget();
      break;
    case StatementKind::prepare_transaction:
      // Outside a block the answer is ROLLBACK too, but what the pipeline wrote before it commits.
      transaction_ended(tag != "ROLLBACK"  ? Outcome::unknown
                        : block_.is_open() ? Outcome::aborted
                                           : Outcome::committed);
      queue_.names().drop_portals();
      block_.ended(false);
      break;
    case StatementKind::savepoint:
      transaction_.written().savepoint(statement->name);
      break;
    case StatementKind::release:
      transaction_.written().release(statement->name);
      break;
    case StatementKind::rollback_to: {
      rows_.rolled_back_to(transaction_.rollback_to(statement->name).savepoint);
      block_.returned();
      catalog_.forget();
      break;
    }
    case StatementKind::ddl:
      catalog_.changed();
      [[fallthrough]];
    case StatementKind::session:
      if (statement->drops_all_statements) {
        own_.are_gone();
        drop_shapes();
      }
      catalog_.forget();
      catalog_.touched();
      break;
    case StatementKind::opaque:
      catalog_.forget();
      if (transaction_.outcome_is_unknown()) transaction_ended(Outcome::unknown);
      break;
    default:
      if (statement->closes_portal) rows_.closed_portal(statement->name);
      if (statement->creates_table) {
        catalog_.changed();
        catalog_.forget();
      }
      if (plan != nullptr && plan->how != Plan::How::none) rows_.completed_write(execution, *statement, *plan, tag);
      if (const auto rows = rows_of(tag); plan == nullptr && needs_plan(*statement) && rows.value_or(0) > 0)
        rows_.add_gap(written_name(*statement, catalog_.server()), op_of_tag(tag).value_or(event::Op::create), *rows,
                      to_text(event::GapCause::not_planned));
  }
  transaction_.written().next_statement();
}

/// Of a text that the parser here could not read: what its tag says of the transaction.
void SessionMachine::completed_unread(std::string_view tag) {
  const bool rolled_back = tag == "ROLLBACK";
  if ((tag == "CALL" || tag == "DO") && !block_.is_open() && transaction_.outcome_is_unknown())
    return transaction_ended(Outcome::unknown);
  if (rolled_back && transaction_.written().has_savepoints()) {
    block_.hid_rollback();  // to one of them, or wholly: ReadyForQuery will tell
  } else if (rolled_back || tag == "COMMIT" || tag == "PREPARE TRANSACTION") {
    if (!rolled_back)
      for (const auto& [name, portal] : queue_.names().suspended_portals()) rows_.add_unfetched(*portal);
    transaction_ended(rolled_back ? Outcome::aborted : tag == "COMMIT" ? Outcome::committed : Outcome::unknown);
    block_.ended(false);  // with AND CHAIN, ReadyForQuery says otherwise
  }
}

}  // namespace weir::capture
