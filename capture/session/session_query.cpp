// Query. One that only reads is relayed. One whose rows can be captured is sent in steps (session_run.cpp), or, inside
// a block, as a Query with a splice. All others are relayed and their writes, if any, are reported as gaps.
#include <algorithm>

#include "capture/event/json_members.h"
#include "capture/session/session_machine.h"
#include "capture/sql/plain_read.h"

namespace weir::capture {
namespace {

constexpr std::size_t kLargestHeldQuery = 64u << 20;

bool any_of_kind(const ParsedText& text, std::initializer_list<StatementKind> kinds) {
  return std::any_of(text.statements.begin(), text.statements.end(), [kinds](const Statement& statement) {
    return std::find(kinds.begin(), kinds.end(), statement.kind) != kinds.end();
  });
}

bool any_reads_portal(const ParsedText& text) {
  return std::any_of(text.statements.begin(), text.statements.end(),
                     [](const Statement& statement) { return statement.fetch || statement.move; });
}

bool any_needs_plan(const ParsedText& text) {
  return std::any_of(text.statements.begin(), text.statements.end(), needs_plan);
}

}  // namespace

SessionMachine::Took SessionMachine::take_query(const Frame& frame, wire::Turn& turn) {
  if (run_ && run_->finished) {
    wait_for_answers(turn);
    if (wait_ != Wait::nothing) return Took::nothing;
    run_.reset();
  }
  if (run_) return step_run(frame, turn);
  if (block_.skips_for_own()) {
    // A statement of Weir's own failed in the Query's place and the client has seen the error: end the exchange.
    block_.stop_skipping();
    catalog_.set_failed(false);
    send(turn).sync({});
    return Took::frame;
  }
  if (!frame.whole() && frame.size <= kLargestHeldQuery) return Took::nothing;
  const auto query = frame.whole() ? wire::read_string(frame.body()) : std::nullopt;
  if (query && relay_plain_read(*query, frame, turn)) return Took::frame;
  const auto text = query ? statements_->find_or_parse(*query, catalog_.lexer()) : std::make_shared<const ParsedText>();
  // The server names the Query in the COPY's error; where the COPY has failed already, it runs, and a write is a gap.
  if (copy_.reads_sync()) return relay_query(frame, text, Plans(text->statements.size()), turn);
  if (!drain_unnamed(*text, turn)) return Took::nothing;
  // What the names of portals mean must be known.
  if (queue_.under_way().syncs > 0 && any_reads_portal(*text) && !wait_for_answers(turn)) return Took::nothing;
  if (text->only_reads() && !holds_writes()) {
    return relay_expecting(frame, replacing_unnamed(!text->statements.empty()), turn);
  }
  const auto plans = plan_query(text, turn);
  if (!plans) return Took::nothing;
  if (can_run(*text, *plans)) {
    if (can_splice(*text, *plans)) {
      if (text->statements[0].shows_statements && !hide_own_statements(turn)) return Took::nothing;
      return splice_query(text, *plans, turn);
    }
    run_ = std::make_unique<Run>();
    run_->text = text;
    run_->plans = *plans;
    return step_run(frame, turn);
  }
  if (checks_pending_ > 0) {
    // It is relayed after all, so the question is to have an exchange of its own.
    send(turn).sync({.purpose = Purpose::facts});
    asks_alone_ = true;
    wait_for_answers(turn);
    return Took::nothing;
  }
  const bool ends = !text->parsed || any_of_kind(*text, {StatementKind::commit, StatementKind::prepare_transaction});
  // BEGIN makes a block of the implicit transaction that outstanding messages opened: then nothing is committed.
  const bool opens = !ends && any_of_kind(*text, {StatementKind::begin});
  const bool holds = ends ? holds_writes_of_block() : holds_writes();
  const bool knowable = !text->commits_behind_rollback_to();
  if (holds && !opens && knowable && (ends || !block_.is_open() || queue_.under_way().control > 0)) {
    if (!ready_to_commit(ends, turn, text->parsed)) return Took::nothing;
    if (transaction_.is_refused()) return refuse_commit(frame, turn);
  }
  const auto shows = [](const Statement& statement) { return statement.shows_statements; };
  if (std::any_of(text->statements.begin(), text->statements.end(), shows) && !hide_own_statements(turn))
    return Took::nothing;
  transaction_.sent();
  if (can_tell_transaction(*text, *plans)) return relay_copy(text, *plans, turn);
  return relay_query(frame, text, *plans, turn);
}

/// The shortest way through, for reads whose texts are new every time.
bool SessionMachine::relay_plain_read(std::string_view query, const Frame& frame, wire::Turn& turn) {
  const bool commits_writes = holds_writes() && (!block_.is_open() || queue_.under_way().control > 0);
  const Names::PortalPtr& portal = queue_.names().find_portal({});
  if (commits_writes || (portal && portal->suspended) || !is_plain_read(query)) return false;
  relay_expecting(frame, replacing_unnamed(true), turn);
  return true;
}

/// The plans of all statements, null where a statement needs none; nothing while facts are being asked.
std::optional<SessionMachine::Plans> SessionMachine::plan_query(const std::shared_ptr<const ParsedText>& text,
                                                                wire::Turn& turn) {
  Plans plans(text->statements.size());
  if (!any_needs_plan(*text) && !text->commits_behind_rollback_to()) return plans;
  if (!wait_for_answers(turn)) return std::nullopt;
  if (block_.is_failed()) return plans;
  // A text with DDL or the like before its writes is planned again when it is the statement's turn (step_run).
  const auto changes = [](const Statement& statement) { return changes_catalog(statement.kind); };
  const bool late = std::any_of(text->statements.begin(), text->statements.end(), changes);
  // In a block asking takes a snapshot, and SET TRANSACTION, or LOCK under a higher isolation level, must come before.
  const Statement& first = text->statements[0];
  const bool ahead = !block_.is_open() || (!late && (first.select || needs_plan(first)));
  for (std::size_t i = 0; i < plans.size(); ++i) {
    if (!needs_plan(text->statements[i]) || (i > 0 && !ahead)) continue;
    auto plan = find_plan(text, text->statements[i], turn);
    if (!plan) return std::nullopt;
    if (!late || i == 0 || plan->text_is_read) plans[i] = std::move(plan);
  }
  return plans;
}

/// Inside a block a Query commits nothing, so it can stay one: what is sent is the client's text and the splice.
bool SessionMachine::can_splice(const ParsedText& text, const Plans& plans) const {
  if (!block_.is_open() || block_.is_failed() || text.statements.size() > 1) return false;
  return plans[0] && plans[0]->how == Plan::How::returning && plans[0]->lock_query.empty();
}

SessionMachine::Took SessionMachine::splice_query(std::shared_ptr<const ParsedText> text, Plans plans,
                                                  wire::Turn& turn) {
  const Statement& statement = text->statements[0];
  const auto plan = plans[0];
  const std::string spliced = text->text.substr(0, statement.end) + plan->suffix;
  Pending pending = replacing_unnamed(true);
  pending.spliced = true;
  pending.execution = std::make_shared<Execution>(
      Execution{.text = std::move(text), .statement = &statement, .plan = plan, .plans = std::move(plans)});
  send(turn).query(spliced, std::move(pending));
  return Took::frame;
}

SessionMachine::Took SessionMachine::relay_query(const Frame& frame, std::shared_ptr<const ParsedText> text,
                                                 Plans plans, wire::Turn& turn) {
  auto execution = std::make_shared<Execution>(Execution{.text = text, .plans = std::move(plans)});
  find_cursors(*text, *execution);
  const Statement* only = text->single();
  if (only != nullptr && only->closes_portal && !drain_closed(*only, turn)) return Took::nothing;
  // One that cannot be read may run.
  Pending pending = replacing_unnamed(!text->parsed || !text->statements.empty());
  const bool session = any_of_kind(*text, {StatementKind::session});
  for (const Statement& statement : text->statements) {
    pending.scrubs |= statement.shows_text;
    if (session) pending.changes.push_back(queue_.names().end_mark());
    if (statement.kind == StatementKind::session)
      pending.mark = std::max(pending.mark, apply_session_statement(statement, turn));
  }
  pending.execution = execution;
  if (read_cursors(*execution, turn)) return relay_expecting(frame, std::move(pending), turn);
  queue_.leave_own_unnamed();
  pending.execution = nullptr;
  send(turn).sync(std::move(pending));
  return Took::frame;
}

/// A Query destroys the unnamed statement, and the unnamed portal where there is something to run.
Pending SessionMachine::replacing_unnamed(bool runs) {
  const std::int64_t statement = queue_.names().define({}, queue_.names().unknown_statement());
  Pending pending{.expect = Expect::query, .mark = statement, .unnamed_statement = statement};
  if (runs) pending.unnamed_portal = queue_.names().define_portal({}, queue_.names().unknown_portal());
  pending.mark = std::max(pending.mark, pending.unnamed_portal);
  return pending;
}

/// Before a Query that destroys the unnamed portal. Also waited for: what fails is in the Query's place.
bool SessionMachine::drain_unnamed(const ParsedText& text, wire::Turn& turn) {
  if (text.parsed && text.statements.empty()) return true;
  const Names::PortalPtr portal = queue_.names().find_portal({});
  if (!portal || !portal->suspended) return true;
  return drain({}, portal, turn) && wait_for_answers(turn);
}

/// The same before CLOSE in SQL; without a name it is of all.
bool SessionMachine::drain_closed(const Statement& statement, wire::Turn& turn) {
  bool drained = false;
  for (const auto& [name, portal] : queue_.names().suspended_portals()) {
    if (!statement.name.empty() && statement.name != name) continue;
    if (!drain(name, portal, turn)) return false;
    drained = true;
  }
  return !drained || wait_for_answers(turn);
}

/// FETCH and MOVE in SQL reach the portals of the extended protocol, also those whose rows have added columns.
void SessionMachine::find_cursors(const ParsedText& text, Execution& execution) const {
  std::vector<std::string_view> closed;
  const auto is_closed = [&closed](std::string_view name) {
    return std::any_of(closed.begin(), closed.end(), [name](auto other) { return other.empty() || other == name; });
  };
  for (std::size_t i = 0; i < text.statements.size(); ++i) {
    const Statement& statement = text.statements[i];
    const bool ends = statement.kind == StatementKind::commit || statement.kind == StatementKind::rollback;
    if (statement.closes_portal || ends) closed.push_back(statement.closes_portal ? statement.name : "");
    if ((!statement.fetch && !statement.move) || is_closed(statement.name)) continue;
    const Names::PortalPtr portal = spliced_portal(statement.name);
    if (!portal) continue;
    execution.cursors.resize(text.statements.size());
    execution.cursors[i] = execution_of(portal);
  }
}

/// What the Query will have made of them. False where the only statement's portal has no rows that could be fetched.
bool SessionMachine::read_cursors(Execution& execution, wire::Turn& turn) {
  for (const auto& cursor : execution.cursors) {
    if (!cursor) continue;
    if (execution.cursors.size() == 1 && !cursor->statement->write->has_returning && !block_.is_failed()) {
      cursor->portal_name = execution.text->statements[0].name;
      provoke(cursor, turn);
      return false;
    }
    execution.before.push_back(state_of(cursor->portal));
    reads_cursor(*cursor->portal);
  }
  return true;
}

}  // namespace weir::capture
