#include "capture/session/run_steps.h"

#include "capture/event/json_members.h"
#include "capture/session/captured_portals.h"
#include "capture/session/commit_point.h"
#include "capture/session/lock_query.h"
#include "capture/session/planner.h"

namespace weir::capture {
namespace {

bool ends_block(StatementKind kind) {
  return kind == StatementKind::commit || kind == StatementKind::prepare_transaction;
}

bool ends_failure(StatementKind kind) {
  return kind == StatementKind::commit || kind == StatementKind::rollback || kind == StatementKind::rollback_to;
}

/// Means something else in a block of Weir's than in the server's own for a Query.
bool is_control(const Statement& statement) {
  return controls_transaction(statement.kind);
}

/// False for statements that never have a RowDescription: asking would only cost.
bool may_return_rows(const Statement& statement) {
  return !controls_transaction(statement.kind) && (!statement.write || statement.write->has_returning);
}

}  // namespace

bool RunSteps::can_run(const ParsedText& text, const Plans& plans) const {
  bool captures = CommitPoint(*this).holds_writes_of_block() && text.commits_behind_rollback_to();
  // A failed block takes nothing but its end; what stands behind that is planned when it is its turn.
  if (!text.parsed || text.statements.empty() || (session_.block.is_failed() && !ends_failure(text.statements[0].kind)))
    return false;
  // The server refuses it before anything of it runs, and before it ends the unnamed statement.
  if (session_.catalog.server().client_encoding == "UTF8" && !event::is_utf8(text.text)) return false;
  const bool several = text.statements.size() > 1;
  bool block = session_.block.is_open();
  bool own_block = false;
  for (std::size_t i = 0; i < text.statements.size(); ++i) {
    const Statement& statement = text.statements[i];
    const Plan* plan = plans[i].get();
    // The server reads a Query's bytes once, before any of its statements runs.
    if (statement.sets_lexer && several) return false;
    // The client's rows would have to pass while the Query stands here; portals of the protocol have rows of Weir's.
    if (statement.copy_in || CapturedPortals(*this).reaches_captured_portal(statement)) return false;
    own_block |= !block && (must_be_query(statement, plan) || statement.needs_block);
    if (own_block && (!several || is_control(statement))) return false;
    if (statement.kind == StatementKind::begin) block = true;
    if (statement.kind == StatementKind::commit || statement.kind == StatementKind::rollback) block = statement.chain;
    if (must_be_query(statement, plan) && !several) return false;
    if (!needs_plan(statement)) continue;
    if (plan && plan->text_is_read && several) return false;
    captures |= !plan || (plan->how != Plan::How::none && plan->how != Plan::How::gap);
  }
  return captures;
}

Took RunSteps::step_run(const Frame& frame) {
  QueryRun& run = *session_.run;
  const std::size_t count = run.size();
  const bool begins =
      count == 1 && run.next() == 0 && session_.queue.only_checks() && !run.statement().shows_statements;
  if (!run.failed() && !begins && !wait_for_answers()) return Took::nothing;
  if (run.failed()) return finish_run();
  while (!run.all_sent()) {
    if (!plan_step()) return Took::nothing;
    if (ends_block(run.statement().kind) && CommitPoint(*this).holds_writes_of_block()) {
      if (const auto stop = CommitPoint(*this).pass_commit_point(true, frame)) return *stop;
    }
    // Behind the answers to what is asked along.
    if (run.statement().shows_statements && !Planner(*this).hide_own_statements()) return Took::nothing;
    const std::size_t end = run.group_end(session_.block);
    const bool grouped = end > run.next();
    // Inside the client's block Sync commits nothing, so it can go along.
    const bool goes_along = session_.block.is_open() && !run.own_block() && !session_.block.is_failed() &&
                            (grouped ? end : run.next() + 1) == count;
    if (grouped) {
      send_group(end);
      if (!goes_along) stay_busy();
    } else {
      send_step();
    }
    if (goes_along && (grouped || count == 1)) return finish_run();
    if (!wait_for_answers()) return Took::nothing;
  }
  return commit_run(frame);
}

/// What was to run has run.
Took RunSteps::commit_run(const Frame& frame) {
  const bool own_block = session_.run->own_block();
  if (own_block ? CommitPoint(*this).holds_writes_of_block()
                : !session_.block.is_open() && CommitPoint(*this).holds_writes()) {
    if (const auto stop = CommitPoint(*this).pass_commit_point(own_block, frame)) return *stop;
  }
  if (own_block) send_block("COMMIT", Purpose::close_block);
  return finish_run();
}

/// Plans of the statements to send next. False: the catalog is being asked.
bool RunSteps::plan_step() {
  QueryRun& run = *session_.run;
  const auto& statements = run.text()->statements;
  if (session_.block.is_failed()) return true;
  for (std::size_t i = run.next(); i < statements.size(); ++i) {
    const Statement& statement = statements[i];
    const bool first = i == run.next();
    // Where the first takes no snapshot, asking about the others must not either.
    if (!first && !run.statement().select && !needs_plan(run.statement())) break;
    if (needs_plan(statement) && !run.plan(i)) {
      auto plan = Planner(*this).find_plan(run.text(), statement);
      if (!plan) return false;
      run.set_plan(i, std::move(plan));
    }
    if (is_control(statement) || changes_catalog(statement.kind)) break;
  }
  return true;
}

void RunSteps::send_group(std::size_t end) {
  QueryRun& run = *session_.run;
  if (!session_.block.is_open()) open_block();
  QueryRun::Step step = run.take_group(end, session_.catalog.server().text_encoding());
  Pending pending{.purpose = Purpose::run, .execution = std::move(step.execution)};
  run.begin_statement(pending);
  send().query(step.text, std::move(pending));
}

/// Behind a group's Query the server would be idle in transaction, which may have a timeout.
void RunSteps::stay_busy() {
  send().close('P', session_.own.no_portal(), {.purpose = Purpose::tidy});
}

void RunSteps::open_block() {
  session_.run->open_block();
  send_block("BEGIN", Purpose::open_block);
}

/// BEGIN, COMMIT or ROLLBACK of the block that Weir has opened.
void RunSteps::send_block(std::string_view text, Purpose purpose) {
  const Sender sender = send();
  sender.parse({}, text, wire::kNoParameterTypes, {.purpose = Purpose::tidy});
  sender.bind({}, {}, wire::kNoParameters, {}, {.purpose = Purpose::tidy});
  sender.execute({}, {.purpose = purpose});
}

void RunSteps::send_step() {
  QueryRun& run = *session_.run;
  const Statement& statement = run.statement();
  const auto plan = run.plan(run.next());
  const bool spliced = plan && plan->how == Plan::How::returning;
  if (spliced && send_shape()) return;
  const QueryRun::Step step = run.take_single(session_.catalog.server().text_encoding());
  if (statement.needs_block && !session_.block.is_open()) open_block();
  const bool changes_names = statement.kind == StatementKind::session;
  const std::int64_t mark = changes_names ? CapturedPortals(*this).apply_session_statement(statement) : -1;
  const Sender sender = send();
  sender.parse({}, step.text, wire::kNoParameterTypes, {.purpose = Purpose::run, .spliced = spliced});
  sender.bind({}, {}, wire::kNoParameters, {}, {.purpose = Purpose::run});
  if (may_return_rows(statement))
    sender.describe_portal({}, {.purpose = Purpose::run, .spliced = spliced, .execution = step.execution});
  if (spliced && !plan->lock_query.empty()) send_lock(step.execution, session_.own, sender);
  Pending pending{.purpose = Purpose::run, .spliced = spliced, .execution = step.execution};
  pending.mark = mark;
  sender.execute({}, std::move(pending));
}

/// Sends the Sync; the Run itself stays until ReadyForQuery, which shows what was held.
Took RunSteps::finish_run() {
  QueryRun& run = *session_.run;
  if (run.failed() && run.own_block() && session_.block.is_open()) {
    if (session_.block.skips()) send().sync({.purpose = Purpose::tidy});
    send_block("ROLLBACK", Purpose::close_block);
  }
  run.finish();
  session_.block.stop_skipping();
  session_.queue.leave_own_unnamed();
  Pending pending = CapturedPortals(*this).replacing_unnamed(run.size() > 0);
  pending.purpose = Purpose::run;
  send().sync(std::move(pending));
  return Took::frame;
}

/// False where the statement is sent as it is.
bool RunSteps::send_shape() {
  QueryRun& run = *session_.run;
  const Statement& statement = run.statement();
  const bool clean = (session_.queue.is_clean() || session_.queue.only_checks()) && !session_.block.is_open();
  if (!session_.catalog.settings().prepare_by_shape || !clean || run.own_block() || !session_.own.outlive_exchange())
    return false;
  if (session_.at_hand.own_text == session_.catalog.message()) return false;
  if (session_.catalog.server().text_encoding() != "UTF8") return false;
  if (run.size() != 1 || statement.shows_statements || statement.needs_block) return false;
  const auto plan = run.plan(0);
  if (!plan->lock_query.empty()) return false;
  const auto shape = make_shape(run.text()->text, statement, run.text()->lexer, *plan->relation);
  if (!shape) return false;
  const std::string text = shape->text + plan->suffix;
  const auto known = session_.catalog.shapes().find(text, shape->types);
  if (!known || known->refusals >= ShapeStatement::kMostRefusals) return false;
  prepare_shape(known, text, shape->types);
  const auto execution =
      std::make_shared<Execution>(Execution{.text = run.text(), .statement = &statement, .plan = plan});
  run.take_shape();
  const auto part = [&] {
    return Pending{.purpose = Purpose::run, .spliced = true, .execution = execution, .shape = known};
  };
  const Sender sender = send();
  Pending bind = part();
  bind.execution = nullptr;
  sender.bind(session_.own.shape_portal(), known->own.name, shape->parameters, {}, std::move(bind));
  if (statement.write->has_returning) sender.describe_portal(session_.own.shape_portal(), part());
  sender.execute(session_.own.shape_portal(), part());
  return true;
}

/// Where it is not there, or its plan is older than what the catalog said may be.
void RunSteps::prepare_shape(const Shapes::StatementPtr& shape, std::string_view text, std::string_view types) {
  for (std::string& name : session_.catalog.shapes().take_dropped()) session_.own.close_later(std::move(name));
  if (shape->own.sent && !session_.catalog.is_aged(shape->prepared)) return;
  if (shape->own.sent) session_.own.close_later(shape->own.name);
  session_.own.close_one_left(send());
  shape->prepared = session_.catalog.now();
  shape->own = session_.own.parse(text, types, {.purpose = Purpose::run, .spliced = true, .shape = shape}, send());
}

}  // namespace weir::capture
