// Query. One that only reads is relayed. One whose rows can be captured is sent in parts, each statement as
// Parse/Bind/Describe/Execute of the unnamed statement and one Sync at the end, so that its commit can be held; the
// client sees a Query's answer. All others are relayed and their writes, if any, are reported as gaps.
#include <algorithm>

#include "capture/event/json_members.h"
#include "capture/session_machine.h"
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

bool ends_block(StatementKind kind) {
  return kind == StatementKind::commit || kind == StatementKind::prepare_transaction;
}

/// What is to be committed is known only between the two.
bool commits_behind_rollback_to(const ParsedText& text) {
  const auto& all = text.statements;
  const auto takes_back = [](const Statement& statement) { return statement.kind == StatementKind::rollback_to; };
  const auto ends = [](const Statement& statement) { return ends_block(statement.kind); };
  return std::any_of(std::find_if(all.begin(), all.end(), takes_back), all.end(), ends);
}

bool ends_failure(StatementKind kind) {
  return kind == StatementKind::commit || kind == StatementKind::rollback || kind == StatementKind::rollback_to;
}

/// Characters, not bytes: what positions in errors count.
std::size_t characters(std::string_view text, bool utf8) {
  if (!utf8) return text.size();
  return std::size_t(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

/// False for statements that never have a RowDescription: asking would only cost.
bool may_return_rows(const Statement& statement) {
  switch (statement.kind) {
    case StatementKind::begin:
    case StatementKind::commit:
    case StatementKind::rollback:
    case StatementKind::savepoint:
    case StatementKind::release:
    case StatementKind::rollback_to:
      return false;
    default:
      return !statement.is_row_write() || statement.write->has_returning;
  }
}

}  // namespace

SessionMachine::Took SessionMachine::take_query(const Frame& frame, wire::Turn& turn) {
  if (run_ && run_->finished) {
    wait_for_answers(turn);
    if (wait_ != Wait::nothing) return Took::nothing;
    run_.reset();
  }
  if (run_) return step_run(frame, turn);
  if (own_failed_ && skipping_) {
    // A statement of Weir's own failed in the Query's place and the client has seen the error: end the exchange.
    own_failed_ = facts_failed_ = false;
    skipping_ = false;
    wire::append_sync(turn.to_upstream.buffer());
    expect({.expect = Expect::sync});
    return Took::frame;
  }
  if (!frame.whole() && frame.size <= kLargestHeldQuery) return Took::nothing;
  const auto query = frame.whole() ? wire::read_string(frame.body()) : std::nullopt;
  if (query && relay_plain_read(*query, frame, turn)) return Took::frame;
  const auto text = query ? statements_->find_or_parse(*query, lexer_) : std::make_shared<const ParsedText>();
  // The server names the Query in the COPY's error; where the COPY has failed already, it runs, and a write is a gap.
  if (copy_reads_sync()) return relay_query(frame, text, Plans(text->statements.size()), turn);
  if (!drain_unnamed(*text, turn)) return Took::nothing;
  // What the names of portals mean must be known.
  if (syncs_pending_ > 0 && any_reads_portal(*text) && !wait_for_answers(turn)) return Took::nothing;
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
  const bool ends = !text->parsed || any_of_kind(*text, {StatementKind::commit, StatementKind::prepare_transaction});
  // BEGIN makes a block of the implicit transaction that outstanding messages opened: then nothing is committed.
  const bool opens = !ends && any_of_kind(*text, {StatementKind::begin});
  const bool holds = ends ? holds_writes_of_block() : holds_writes();
  const bool knowable = !commits_behind_rollback_to(*text);
  if (holds && !opens && knowable && (ends || !in_block_ || control_pending_ > 0)) {
    if (!ready_to_commit(ends, turn, text->parsed)) return Took::nothing;
    if (commit_ == Commit::refused) return refuse_commit(frame, turn);
  }
  const auto shows = [](const Statement& statement) { return statement.shows_statements; };
  if (std::any_of(text->statements.begin(), text->statements.end(), shows) && !hide_own_statements(turn))
    return Took::nothing;
  if (commit_ == Commit::prepared) commit_ = Commit::sent;
  return relay_query(frame, text, *plans, turn);
}

/// The shortest way through, for reads whose texts are new every time.
bool SessionMachine::relay_plain_read(std::string_view query, const Frame& frame, wire::Turn& turn) {
  const bool commits_writes = holds_writes() && (!in_block_ || control_pending_ > 0);
  const Names::PortalPtr& portal = names_.find_portal({});
  if (commits_writes || (portal && portal->suspended) || !is_plain_read(query)) return false;
  relay_expecting(frame, replacing_unnamed(true), turn);
  return true;
}

/// The plans of all statements, null where a statement needs none; nothing while facts are being asked.
std::optional<SessionMachine::Plans> SessionMachine::plan_query(const std::shared_ptr<const ParsedText>& text,
                                                                wire::Turn& turn) {
  Plans plans(text->statements.size());
  if (!any_needs_plan(*text) && !commits_behind_rollback_to(*text)) return plans;
  if (!wait_for_answers(turn)) return std::nullopt;
  if (failed_) return plans;
  // A text with DDL before its writes is planned again when it is the statement's turn (step_run).
  const bool late = any_of_kind(*text, {StatementKind::ddl, StatementKind::session, StatementKind::write_query});
  // In a block asking takes a snapshot, and SET TRANSACTION, or LOCK under a higher isolation level, must come before.
  const Statement& first = text->statements[0];
  const bool ahead = !in_block_ || (!late && (first.select || needs_plan(first)));
  for (std::size_t i = 0; i < plans.size(); ++i) {
    if (!needs_plan(text->statements[i]) || (i > 0 && !ahead)) continue;
    auto plan = find_plan(text, text->statements[i], turn);
    if (!plan) return std::nullopt;
    if (!late || i == 0 || plan->text_is_read) plans[i] = std::move(plan);
  }
  return plans;
}

bool SessionMachine::can_run(const ParsedText& text, const Plans& plans) const {
  bool captures = holds_writes_of_block() && commits_behind_rollback_to(text);
  if (!text.parsed || (!captures && !any_needs_plan(text))) return false;
  // The server refuses it before anything of it runs, and before it ends the unnamed statement.
  if (server_.utf8_client && !event::is_utf8(text.text)) return false;
  // A failed block takes nothing but its end; what stands behind that is planned when it is its turn.
  if (failed_ && !ends_failure(text.statements[0].kind)) return false;
  bool block = in_block_;
  for (std::size_t i = 0; i < text.statements.size(); ++i) {
    const Statement& statement = text.statements[i];
    // The server reads a Query's bytes once, before any of its statements runs.
    if (statement.sets_lexer && text.statements.size() > 1) return false;
    if (statement.has_parameters || statement.needs_own_query || (statement.needs_block && !block)) return false;
    if (statement.kind == StatementKind::begin) block = true;
    if (statement.kind == StatementKind::commit || statement.kind == StatementKind::rollback) block = statement.chain;
    if (!needs_plan(statement)) continue;
    if (plans[i] && plans[i]->how == Plan::How::gap) return false;
    if (plans[i] && plans[i]->text_is_read && text.statements.size() > 1) return false;
    captures |= !plans[i] || plans[i]->how != Plan::How::none;
  }
  return captures;
}

/// Inside a block a Query commits nothing, so it can stay one: what is sent is the client's text and the splice.
bool SessionMachine::can_splice(const ParsedText& text, const Plans& plans) const {
  if (!in_block_ || failed_ || text.statements.size() > 1) return false;
  return plans[0] && plans[0]->how == Plan::How::returning && plans[0]->lock_query.empty();
}

SessionMachine::Took SessionMachine::splice_query(std::shared_ptr<const ParsedText> text, Plans plans,
                                                  wire::Turn& turn) {
  const Statement& statement = text->statements[0];
  const auto plan = plans[0];
  wire::append_query(turn.to_upstream.buffer(), text->text.substr(0, statement.end) + plan->suffix);
  Pending pending = replacing_unnamed(true);
  pending.spliced = true;
  pending.execution = std::make_shared<Execution>(
      Execution{.text = std::move(text), .statement = &statement, .plan = plan, .plans = std::move(plans)});
  expect(std::move(pending));
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
    if (session) pending.changes.push_back(names_.end_mark());
    if (statement.kind == StatementKind::session)
      pending.mark = std::max(pending.mark, apply_session_statement(statement, turn));
  }
  pending.execution = execution;
  if (read_cursors(*execution, turn)) return relay_expecting(frame, std::move(pending), turn);
  own_statement_ = own_portal_ = OwnUnnamed::stays;
  wire::append_sync(turn.to_upstream.buffer());
  pending.expect = Expect::sync;
  pending.execution = nullptr;
  expect(std::move(pending));
  return Took::frame;
}

/// A Query destroys the unnamed statement, and the unnamed portal where there is something to run.
Pending SessionMachine::replacing_unnamed(bool runs) {
  const std::int64_t statement = names_.define({}, names_.unknown_statement());
  Pending pending{.expect = Expect::query, .mark = statement, .unnamed_statement = statement};
  if (runs) pending.unnamed_portal = names_.define_portal({}, names_.unknown_portal());
  pending.mark = std::max(pending.mark, pending.unnamed_portal);
  return pending;
}

/// Before a Query that destroys the unnamed portal. Also waited for: what fails is in the Query's place.
bool SessionMachine::drain_unnamed(const ParsedText& text, wire::Turn& turn) {
  if (text.parsed && text.statements.empty()) return true;
  const Names::PortalPtr portal = names_.find_portal({});
  if (!portal || !portal->suspended) return true;
  return drain({}, portal, turn) && wait_for_answers(turn);
}

/// The same before CLOSE in SQL; without a name it is of all.
bool SessionMachine::drain_closed(const Statement& statement, wire::Turn& turn) {
  bool drained = false;
  for (const auto& [name, portal] : names_.suspended_portals()) {
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
    if (execution.cursors.size() == 1 && !cursor->statement->write->has_returning && !failed_) {
      cursor->portal_name = execution.text->statements[0].name;
      provoke(cursor, turn);
      return false;
    }
    execution.before.push_back(state_of(cursor->portal));
    reads_cursor(*cursor->portal);
  }
  return true;
}

SessionMachine::Took SessionMachine::step_run(const Frame& frame, wire::Turn& turn) {
  Run& run = *run_;
  if (!run.failed && !wait_for_answers(turn)) return Took::nothing;
  if (run.failed) return finish_run(turn);
  while (run.next < run.text->statements.size()) {
    const Statement& statement = run.text->statements[run.next];
    if (needs_plan(statement) && !run.plans[run.next] && !failed_) {
      run.plans[run.next] = find_plan(run.text, statement, turn);
      if (!run.plans[run.next]) return Took::nothing;
    }
    if (ends_block(statement.kind) && holds_writes_of_block()) {
      if (const auto stop = pass_commit_point(true, frame, turn)) return *stop;
    }
    send_step(turn);
    const bool last = run.next == run.text->statements.size();
    // Inside a block Sync commits nothing, so it can go along.
    if (last && in_block_ && !failed_ && run.text->statements.size() == 1) return finish_run(turn);
    if (!wait_for_answers(turn)) return Took::nothing;
  }
  if (!in_block_ && holds_writes()) {
    if (const auto stop = pass_commit_point(false, frame, turn)) return *stop;
  }
  return finish_run(turn);
}

void SessionMachine::send_step(wire::Turn& turn) {
  Run& run = *run_;
  const Statement& statement = run.text->statements[run.next];
  const auto plan = run.plans[run.next];
  const std::string_view whole = run.text->text;
  const bool spliced = plan && plan->how == Plan::How::returning;
  const bool alone = run.text->statements.size() == 1 && !spliced;
  const std::size_t begin = run.next == 0 ? 0 : statement.begin;
  std::string text(alone ? whole : whole.substr(begin, statement.end - begin));
  if (spliced) text += plan->suffix;
  run.offset = characters(whole.substr(0, begin), server_.utf8_client);
  auto execution = std::make_shared<Execution>(Execution{.text = run.text, .statement = &statement, .plan = plan});
  ++run.next;
  if (statement.shows_statements) hide_own_statements(turn);
  const bool changes_names = statement.kind == StatementKind::session;
  const std::int64_t mark = changes_names ? apply_session_statement(statement, turn) : -1;
  std::string& out = turn.to_upstream.buffer();
  wire::append_parse(out, {}, text, wire::kNoParameterTypes);
  expect({.expect = Expect::parse, .purpose = Purpose::run, .spliced = spliced});
  wire::append_bind(out, {}, {}, wire::kNoParameters, {});
  expect({.expect = Expect::bind, .purpose = Purpose::run});
  if (may_return_rows(statement)) {
    wire::append_describe(out, 'P', {});
    expect({.expect = Expect::describe_portal, .purpose = Purpose::run, .spliced = spliced, .execution = execution});
  }
  if (spliced && !plan->lock_query.empty()) send_lock(execution, turn);
  wire::append_execute(turn.to_upstream.buffer(), {}, 0);
  Pending pending{.expect = Expect::execute, .purpose = Purpose::run, .spliced = spliced, .execution = execution};
  pending.mark = mark;
  expect(std::move(pending));
}

/// Sends the Sync; the Run itself stays until ReadyForQuery, which shows what was held.
SessionMachine::Took SessionMachine::finish_run(wire::Turn& turn) {
  run_->finished = true;
  skipping_ = false;
  own_statement_ = own_portal_ = OwnUnnamed::stays;
  Pending pending = replacing_unnamed(!run_->text->statements.empty());
  pending.expect = Expect::sync;
  pending.purpose = Purpose::run;
  wire::append_sync(turn.to_upstream.buffer());
  expect(std::move(pending));
  return Took::frame;
}

/// RowDescription comes when the first row or the end does: rows of a write are collected before any of them is sent.
void SessionMachine::show_run_description(wire::Turn& turn) {
  if (!run_ || run_->description.empty()) return;
  turn.to_client.buffer() += run_->description;
  run_->description.clear();
}

}  // namespace weir::capture
