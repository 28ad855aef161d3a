#include "capture/session/row_events.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "capture/encoding.h"
#include "capture/event/gap_cause.h"
#include "capture/session/input_events.h"
#include "capture/session/row_reader.h"

namespace weir::capture {

bool RowEvents::capture(const wire::RowView& row, Execution& execution) {
  ReadRow read = read_row(row, *execution.plan, catalog_->scope());
  if (!read.valid) return false;
  if (execution.portal && execution.portal->undone) return true;
  transaction_->written().saw(read.xid, read.lsn);
  // A function has changed the search_path, say, or somebody past Weir has made a partition: ask before the next.
  if (read.stale) catalog_->forget();
  if (execution.plan->moves.possible) {
    keep_moved(std::move(read.events), execution);
  } else {
    for (event::ChangeEvent& change : read.events) add_change(std::move(change), execution);
  }
  return true;
}

bool RowEvents::locked(const wire::RowView& row, Execution& execution) {
  if (row.empty()) return true;
  auto locked = read_locked_row(row, *execution.plan);
  if (!locked) return false;
  const auto [xid, lsn] = std::pair(locked->xid, locked->lsn);
  MovedRows::Events now;
  moved_rows(execution).locked(std::move(*locked), now);
  if (now.empty()) return true;
  transaction_->written().saw(xid, lsn);
  for (event::ChangeEvent& change : now) add_moved(std::move(change), execution);
  return true;
}

/// Nothing of it is read: the transaction's id and version are asked for before the commit.
void RowEvents::add_long_row(Execution& execution) {
  const Plan& plan = *execution.plan;
  if (execution.portal && execution.portal->undone) return;
  if (!plan.lock_query.empty()) return keep_moved({}, execution);  // the statement is told, since rows are missing
  event::ChangeEvent change;
  change.op = plan.op;
  change.schema = plan.relation->name.schema;
  change.table = plan.relation->name.table;
  add_change(event::as_gap(std::move(change), to_text(event::GapCause::long_row)), execution);
}

/// What moved is known when all rows are in, whichever Execute brings them.
void RowEvents::keep_moved(std::vector<event::ChangeEvent> events, Execution& execution) {
  MovedRows::Events now;
  moved_rows(execution).written(std::move(events), now);
  for (event::ChangeEvent& change : now) add_moved(std::move(change), execution);
  transaction_->expect_more();
}

/// Those of the execution, or of its portal; made where there are none.
MovedRows& RowEvents::moved_rows(Execution& execution) {
  Portal* portal = execution.portal.get();
  std::shared_ptr<Moved>& moved = portal ? portal->moved : execution.moved;
  // What a portal still holds comes late: then nothing can be taken back.
  if (!moved)
    moved = std::make_shared<Moved>(Moved{MovedRows(execution.plan, catalog_->scope(), !portal || !portal->suspended)});
  if (portal && portal->order == 0) portal->order = transaction_->written().begin_statement();
  execution.moved = moved;
  return moved->rows;
}

void RowEvents::add_moved(event::ChangeEvent change, Execution& execution) {
  std::uint32_t& first = execution.moved->first_ordinal;
  if (first == 0) first = transaction_->written().event_count() + 1;
  add_change(std::move(change), execution);
}

/// All rows of a statement that may move rows are in, `rows` by the last tag.
void RowEvents::completed_move(Execution& execution, std::int64_t rows) {
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
  if (verdict != MovedRows::Verdict::proven && first != 0) transaction_->take_back(first);
  if (verdict == MovedRows::Verdict::unknown)
    add_statement_event(execution, plan.relation->name, plan.op, to_text(event::GapCause::unknown_keys), rows, lsn);
  // The next statement of a group has rows of its own.
  if (!execution.portal) execution.moved.reset();
}

/// The portal has written all its rows, and some are not fetched: its statement has its place from now on.
void RowEvents::left_suspended(const Execution* execution) {
  Portal* portal = execution != nullptr && execution->plan ? execution->portal.get() : nullptr;
  if (portal != nullptr && portal->order == 0) portal->order = transaction_->written().begin_statement();
  transaction_->written().next_statement();
}

/// FETCH or MOVE of a captured portal is done. What MOVE passes over nobody has seen.
void RowEvents::cursor_read(const Execution& rows, std::string_view tag) {
  left_suspended(&rows);
  std::int64_t passed = 0;
  if (!tag.starts_with("MOVE ") || rows.portal->undone) return;
  std::from_chars(tag.data() + std::string_view("MOVE ").size(), tag.data() + tag.size(), passed);
  if (passed > 0) add_gap(rows.plan->relation->name, rows.plan->op, passed, to_text(event::GapCause::unfetched_portal));
  transaction_->written().next_statement();
}

/// Portals of before the savepoint stay, with the rows that they hold; but what was written since was not.
void RowEvents::rolled_back_to(std::uint32_t savepoint) {
  for (const auto& portal : queue_->names().portals()) {
    if (portal->order <= transaction_->written().statement()) continue;
    portal->undone = true;
    portal->suspended = false;
  }
  // A failed block may have refused the Bind that was to take a portal's place.
  const auto there = queue_->names().portals();
  for (const auto& portal : std::exchange(unread_, {})) {
    const bool stays = std::find(there.begin(), there.end(), portal) != there.end();
    if (!stays && portal->order <= transaction_->written().statement()) add_unfetched(*portal);
  }
  queue_->names().drop_portals(savepoint);
}

/// Its rows were read before, where the CLOSE stood alone.
void RowEvents::closed_portal(std::string_view name) {
  for (const auto& [suspended, portal] : queue_->names().suspended_portals()) {
    if (!name.empty() && suspended != name) continue;
    add_unfetched(*portal);
    portal->suspended = false;
  }
  queue_->names().close_portal(name);
}

void RowEvents::add_unfetched(const Portal& portal) {
  const Plan& plan = *(portal.cursor ? *portal.cursor : portal).plan;
  add_gap(plan.relation->name, plan.op, 0, to_text(event::GapCause::unfetched_portal));
}

void RowEvents::completed_write(Execution& execution, const Statement& statement, const Plan& plan,
                                std::string_view tag) {
  const std::int64_t rows = rows_of(tag).value_or(0);
  if (plan.may_lack_xid) transaction_->written().needs_xid();
  const bool relayed = execution.statement == nullptr;  // in a Query that could not be sent in parts
  if (statement.kind == StatementKind::write_query) catalog_->forget();
  if (plan.how == Plan::How::returning && plan.moves.possible && !relayed) {
    completed_move(execution, rows);
  } else if (relayed || plan.how != Plan::How::input || !add_input_events(execution, statement, plan, rows)) {
    if (auto told = tell_target(plan, statement, tag, relayed, catalog_->server())) add(std::move(*told), execution);
  }
  for (Told& told : tell_inner(plan, statement, tag, relayed)) add(std::move(told), execution);
}

bool RowEvents::add_input_events(const Execution& execution, const Statement& statement, const Plan& plan,
                                 std::int64_t rows) {
  if (rows == 0) return true;
  auto changes = input_events({execution, statement, plan, rows, catalog_->scope(), catalog_->server()});
  if (!changes) return false;
  for (event::ChangeEvent& change : *changes) add_change(std::move(change), execution);
  return true;
}

void RowEvents::add(Told told, const Execution& execution) {
  if (told.is_gap) return add_gap(told.table, told.op, told.rows, std::move(told.cause));
  add_statement_event(execution, told.table, told.op, std::move(told.cause), told.rows);
}

void RowEvents::add_statement_event(const Execution& execution, const RelationName& table, event::Op op,
                                    std::string cause, std::int64_t rows, event::Lsn lsn) {
  // Of which kind they are nobody knows, so they are counted in words.
  if (op == event::Op::gap)
    return add_gap(table, op, 0,
                   rows > 0
                       ? std::string(to_text(event::GapCause::merge)) + " of " + counted(std::uint64_t(rows), "row")
                       : to_text(event::GapCause::merge));
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

void RowEvents::add_gap(const RelationName& table, event::Op op, std::int64_t rows, std::string cause) {
  event::ChangeEvent gap;
  gap.op = event::Op::gap;
  gap.fidelity = event::Fidelity::statement;
  gap.schema = table.schema;
  gap.table = table.table;
  gap.cause = std::move(cause);
  event::count_rows(gap.counts, op, rows);
  transaction_->written().add(std::move(gap));
}

void RowEvents::add_change(event::ChangeEvent change, const Execution& execution) {
  if (catalog_->scope().statement_text && execution.statement != nullptr)
    change.statement = to_utf8(execution.text->text.substr(execution.statement->begin,
                                                           execution.statement->end - execution.statement->begin),
                               catalog_->server().text_encoding())
                           .value_or("");
  change.tags = execution.text->tags;
  const RelationFacts* relation = execution.plan ? execution.plan->relation.get() : nullptr;
  if (const std::uint32_t oid = relation ? unnamed_oid(change) : 0; oid != 0) {
    transaction_->written().saw_unnamed(oid, execution.plan->relation);
  } else if (relation != nullptr && relation->logged) {
    transaction_->written().saw_logged();
  }
  Portal* portal = execution.portal.get();
  transaction_->written().add(std::move(change), portal ? portal->order : 0);
  if (portal && portal->order == 0) portal->order = transaction_->written().statement();
  // Rows that come late belong before others, and what was handed out cannot make room for them.
  const bool late = portal && portal->order != transaction_->written().statement();
  if (!late) stream_if_large();
}

void RowEvents::stream_if_large() {
  // What portals still hold belongs before what was written since, and may be rolled back with it.
  if (transaction_->written().has_savepoints() && queue_->names().has_suspended_portals()) return;
  transaction_->stream_if_large();
}

}  // namespace weir::capture
