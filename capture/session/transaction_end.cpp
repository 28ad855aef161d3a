#include "capture/session/transaction_end.h"

#include "capture/session/planner.h"

namespace weir::capture {
void TransactionEnd::transaction_ended(Outcome outcome) {
  session_.transaction.ended(outcome, session_.queue.under_way().captured > 0);
  session_.block.pipeline().ended();
  session_.rows.transaction_ended();
  session_.catalog.transaction_ended(outcome == Outcome::aborted);
}

void TransactionEnd::completed(Execution& execution, const Statement* statement, const Plan* plan,
                               std::string_view tag) {
  if (statement == nullptr) completed_unread(tag);
  if (statement == nullptr) return add_unplanned({}, event::GapCause::unknown_statement, tag);
  if (statement->kind == StatementKind::execute) return add_unplanned({}, event::GapCause::execute, tag);
  switch (statement->kind) {
    case StatementKind::begin:
      session_.block.begun();
      break;
    case StatementKind::commit:
    case StatementKind::rollback:
      transaction_ended(tag == "COMMIT" ? Outcome::committed : Outcome::aborted);
      session_.queue.names().drop_portals();
      session_.block.ended(statement->chain);
      if (tag == "ROLLBACK") session_.catalog.forget();
      break;
    case StatementKind::prepare_transaction:
      // Outside a block the answer is ROLLBACK too, but what the pipeline wrote before it commits.
      transaction_ended(tag != "ROLLBACK"          ? Outcome::unknown
                        : session_.block.is_open() ? Outcome::aborted
                                                   : Outcome::committed);
      session_.queue.names().drop_portals();
      session_.block.ended(false);
      break;
    case StatementKind::savepoint:
      session_.transaction.written().savepoint(statement->name);
      break;
    case StatementKind::release:
      session_.transaction.written().release(statement->name);
      break;
    case StatementKind::rollback_to: {
      session_.rows.rolled_back_to(session_.transaction.rollback_to(statement->name).savepoint);
      session_.block.returned();
      session_.catalog.forget();
      break;
    }
    case StatementKind::ddl:
      session_.catalog.changed();
      [[fallthrough]];
    case StatementKind::session:
      if (statement->drops_all_statements) {
        session_.own.are_gone();
        Planner(*this).drop_shapes();
      }
      session_.catalog.forget();
      session_.catalog.touched();
      break;
    case StatementKind::opaque:
      session_.catalog.forget();
      if (session_.transaction.outcome_is_unknown()) transaction_ended(Outcome::unknown);
      break;
    default:
      if (statement->closes_portal) session_.rows.closed_portal(statement->name);
      if (statement->creates_table) {
        session_.catalog.changed();
        session_.catalog.forget();
      }
      if (plan != nullptr && plan->how != Plan::How::none)
        session_.rows.completed_write(execution, *statement, *plan, tag);
      if (plan == nullptr && needs_plan(*statement))
        add_unplanned(written_name(*statement, session_.catalog.server()), event::GapCause::not_planned, tag,
                      event::Op::create);
  }
  session_.transaction.written().next_statement();
}

/// `usual`: of rows that were written by a statement whose tag does not say how.
void TransactionEnd::add_unplanned(const RelationName& table, event::GapCause cause, std::string_view tag,
                                   std::optional<event::Op> usual) {
  const auto op = op_of_tag(tag) ? op_of_tag(tag) : usual;
  if (const auto rows = rows_of(tag); rows.value_or(0) > 0 && op)
    session_.rows.add_gap(table, *op, *rows, to_text(cause));
}

/// Of a text that the parser here could not read: what its tag says of the transaction.
void TransactionEnd::completed_unread(std::string_view tag) {
  const bool rolled_back = tag == "ROLLBACK";
  if (tag == "BEGIN" || tag == "START TRANSACTION") session_.block.begun();
  if ((tag == "CALL" || tag == "DO") && !session_.block.is_open() && session_.transaction.outcome_is_unknown())
    return transaction_ended(Outcome::unknown);
  if (rolled_back && session_.transaction.written().has_savepoints()) {
    session_.block.hid_rollback();  // to one of them, or wholly: ReadyForQuery will tell
  } else if (rolled_back || tag == "COMMIT" || tag == "PREPARE TRANSACTION") {
    if (!rolled_back)
      for (const auto& [name, portal] : session_.queue.names().suspended_portals())
        session_.rows.add_unfetched(*portal);
    transaction_ended(rolled_back ? Outcome::aborted : tag == "COMMIT" ? Outcome::committed : Outcome::unknown);
    session_.block.ended(false);  // with AND CHAIN, ReadyForQuery says otherwise
  }
}

}  // namespace weir::capture
