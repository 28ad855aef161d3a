// What a completed statement means: for the transaction, and for the events of writes whose rows were not returned.
// Reads command tags, never the client's text alone.
#include <algorithm>
#include <charconv>
#include <optional>

#include "capture/encoding.h"
#include "capture/session/session_machine.h"

namespace weir::capture {
namespace {

/// "UPDATE 3" -> 3, "INSERT 0 2" -> 2, "TRUNCATE TABLE" -> nothing.
std::optional<std::int64_t> rows_of(std::string_view tag) {
  const std::size_t space = tag.rfind(' ');
  if (space == std::string_view::npos) return std::nullopt;
  std::int64_t rows = 0;
  const char* end = tag.data() + tag.size();
  const auto [stop, error] = std::from_chars(tag.data() + space + 1, end, rows);
  if (error != std::errc() || stop != end) return std::nullopt;
  return rows;
}

std::optional<event::Op> op_of_tag(std::string_view tag) {
  if (tag.starts_with("INSERT ")) return event::Op::create;
  if (tag.starts_with("UPDATE ")) return event::Op::update;
  if (tag.starts_with("MERGE ")) return event::Op::gap;
  if (tag.starts_with("DELETE ")) return event::Op::remove;
  return std::nullopt;
}

/// The written table as the statement names it, where the catalog was not asked.
RelationName written_name(const Statement& statement, const ServerSettings& server) {
  return statement.tables.empty() ? RelationName{} : utf8_name(statement.tables[0], server);
}

}  // namespace

void SessionMachine::completed(Execution& execution, const Statement* statement, const Plan* plan,
                               std::string_view tag) {
  if (statement == nullptr) completed_unread(tag);
  if (statement == nullptr || statement->kind == StatementKind::execute) {
    const auto rows = rows_of(tag);
    const auto op = op_of_tag(tag);
    if (rows.value_or(0) > 0 && op) add_gap({}, *op, *rows, statement ? "execute" : "unknown statement");
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
      rolled_back_to(transaction_.rollback_to(statement->name).savepoint);
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
      if (statement->closes_portal) closed_portal(statement->name);
      if (statement->creates_table) {
        catalog_.changed();
        catalog_.forget();
      }
      if (plan != nullptr && plan->how != Plan::How::none) completed_write(execution, *statement, *plan, tag);
      if (const auto rows = rows_of(tag); plan == nullptr && needs_plan(*statement) && rows.value_or(0) > 0)
        add_gap(written_name(*statement, catalog_.server()), op_of_tag(tag).value_or(event::Op::create), *rows,
                "statement was not planned");
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
      for (const auto& [name, portal] : queue_.names().suspended_portals()) add_unfetched(*portal);
    transaction_ended(rolled_back ? Outcome::aborted : tag == "COMMIT" ? Outcome::committed : Outcome::unknown);
    block_.ended(false);  // with AND CHAIN, ReadyForQuery says otherwise
  }
}

/// Portals of before the savepoint stay, with the rows that they hold; but what was written since was not.
void SessionMachine::rolled_back_to(std::uint32_t savepoint) {
  for (const auto& portal : queue_.names().portals()) {
    if (portal->order <= transaction_.written().statement()) continue;
    portal->undone = true;
    portal->suspended = false;
  }
  // A failed block may have refused the Bind that was to take a portal's place.
  const auto there = queue_.names().portals();
  for (const auto& portal : std::exchange(unread_, {})) {
    const bool stays = std::find(there.begin(), there.end(), portal) != there.end();
    if (!stays && portal->order <= transaction_.written().statement()) add_unfetched(*portal);
  }
  queue_.names().drop_portals(savepoint);
}

/// Its rows were read before, where the CLOSE stood alone.
void SessionMachine::closed_portal(std::string_view name) {
  for (const auto& [suspended, portal] : queue_.names().suspended_portals()) {
    if (!name.empty() && suspended != name) continue;
    add_unfetched(*portal);
    portal->suspended = false;
  }
  queue_.names().close_portal(name);
}

void SessionMachine::add_unfetched(const Portal& portal) {
  const Plan& plan = *(portal.cursor ? *portal.cursor : portal).plan;
  add_gap(plan.relation->name, plan.op, 0, "rows of a portal were not fetched");
}

void SessionMachine::completed_write(Execution& execution, const Statement& statement, const Plan& plan,
                                     std::string_view tag) {
  const std::int64_t rows = rows_of(tag).value_or(0);
  if (plan.may_lack_xid) transaction_.written().needs_xid();
  const bool relayed = execution.statement == nullptr;  // in a Query that could not be sent in parts
  if (statement.kind == StatementKind::write_query) catalog_.forget();
  if (plan.how == Plan::How::returning && plan.moves.possible && !relayed) {
    completed_move(execution, rows);
  } else if (plan.how == Plan::How::gap || relayed) {
    const RelationName table = plan.relation ? plan.relation->name : written_name(statement, catalog_.server());
    // A rule may do something else instead, and then the tag counts nothing.
    const bool by_rule = plan.relation && plan.relation->has_rules;
    if ((rows > 0 && (plan.relation || plan.inner.empty())) || by_rule)
      add_gap(table, plan.op, rows, plan.cause.empty() ? "query cannot be split" : plan.cause);
  } else if (plan.unknown) {
    if (rows > 0) add_gap(*plan.unknown, plan.op, rows, plan.cause);
  } else if (plan.how == Plan::How::input && rows > 0) {
    if (!add_input_events(execution, statement, plan, rows))
      add_statement_event(execution, plan.relation->name, plan.op, plan.cause, rows);
  } else if (plan.how == Plan::How::statement && plan.relation && rows > 0) {
    add_statement_event(execution, plan.relation->name, plan.op, plan.cause, rows);
  }
  // Tables written inside WITH have no count of their own, nor has TRUNCATE.
  const bool counted = plan.inner.size() == 1 && !plan.relation && !statement.modifying_with &&
                       statement.kind != StatementKind::truncate;
  for (const auto& [table, op] : plan.inner) {
    if (counted && rows == 0 && rows_of(tag)) continue;
    // There already, or WITH NO DATA; EXPLAIN ANALYZE does not say.
    if (statement.creates_table && !rows_of(tag) && tag != "EXPLAIN") continue;
    if (relayed) {
      add_gap(table, op, counted ? rows : 0, statement.copy ? "copy" : "query cannot be split");
    } else {
      add_statement_event(execution, table, op, plan.cause, counted ? rows : 0);
    }
  }
}

/// All rows of a statement that may move rows are in, `rows` by the last tag.
void SessionMachine::completed_move(Execution& execution, std::int64_t rows) {
  const Plan& plan = *execution.plan;
  if (execution.portal && execution.portal->undone) return;
  if (execution.portal && execution.portal->moved) execution.moved = execution.portal->moved;
  if (!execution.moved) return;
  // A portal that is read bit by bit has a tag for each.
  rows = std::max(rows, execution.moved->rows.written_count());
  MovedRows::Events last;
  const event::Lsn lsn = execution.moved->rows.last_lsn();
  const MovedRows::Verdict verdict = execution.moved->rows.finish(last);
  for (event::ChangeEvent& change : last) add_moved(std::move(change), execution);
  const std::uint32_t first = std::exchange(execution.moved->first_ordinal, 0);
  if (verdict != MovedRows::Verdict::proven && first != 0) transaction_.take_back(first);
  if (verdict == MovedRows::Verdict::unknown)
    add_statement_event(execution, plan.relation->name, plan.op, "which rows changed their keys is not known", rows,
                        lsn);
  // The next statement of a group has rows of its own.
  if (!execution.portal) execution.moved.reset();
}

void SessionMachine::add_statement_event(const Execution& execution, const RelationName& table, event::Op op,
                                         std::string cause, std::int64_t rows, event::Lsn lsn) {
  // Of which kind they are nobody knows, so they are counted in words.
  if (op == event::Op::gap)
    return add_gap(table, op, 0, rows > 0 ? "merge of " + std::to_string(rows) + " rows" : "merge");
  event::ChangeEvent change;
  change.lsn = lsn;
  change.op = op;
  change.fidelity = event::Fidelity::statement;
  change.schema = table.schema;
  change.table = table.table;
  change.cause = std::move(cause);
  event::count_rows(change.counts, op, rows);
  add_change(std::move(change), execution);
}

void SessionMachine::add_gap(const RelationName& table, event::Op op, std::int64_t rows, std::string cause) {
  event::ChangeEvent gap;
  gap.op = event::Op::gap;
  gap.fidelity = event::Fidelity::statement;
  gap.schema = table.schema;
  gap.table = table.table;
  gap.cause = std::move(cause);
  event::count_rows(gap.counts, op, rows);
  transaction_.written().add(std::move(gap));
}

void SessionMachine::add_change(event::ChangeEvent change, const Execution& execution) {
  if (catalog_.scope().statement_text && execution.statement != nullptr)
    change.statement = to_utf8(execution.text->text.substr(execution.statement->begin,
                                                           execution.statement->end - execution.statement->begin),
                               catalog_.server().text_encoding())
                           .value_or("");
  change.tags = execution.text->tags;
  if (execution.plan && execution.plan->relation && execution.plan->relation->logged)
    transaction_.written().saw_logged();
  Portal* portal = execution.portal.get();
  transaction_.written().add(std::move(change), portal ? portal->order : 0);
  if (portal && portal->order == 0) portal->order = transaction_.written().statement();
  // Rows that come late belong before others, and what was handed out cannot make room for them.
  const bool late = portal && portal->order != transaction_.written().statement();
  if (!late) stream_if_large();
}

}  // namespace weir::capture
