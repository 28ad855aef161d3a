// A Query whose rows can be captured, sent in steps (a Run) so that its commit can be held; the client sees a Query's
// answer. A step is either one statement, as Parse/Bind/Describe/Execute of the unnamed statement, or a group: several
// statements one behind the other, or one that must be a Query, sent as a Query inside a block. Where the client has
// no block open a group makes Weir open one: a Query of several statements is one to the server as well, so nothing in
// it can tell the difference, but for transaction control, which is why that never stands behind.
#include <algorithm>

#include "capture/encoding.h"
#include "capture/event/json_members.h"
#include "capture/session/session_machine.h"

namespace weir::capture {
namespace {

/// Longer texts of one statement are sent as a group too: in the extended protocol the server copies what it has
/// parsed.
constexpr std::size_t kLongStatement = 32u << 10;
/// No statement is added to a group of so many bytes.
constexpr std::size_t kLargestGroup = 1u << 20;

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

/// Would behave differently in the extended protocol, or has an answer there that a Query has not.
bool must_be_query(const Statement& statement, const Plan* plan) {
  return statement.needs_own_query || statement.has_parameters || (plan && plan->how == Plan::How::gap);
}

/// Its text stays to be seen, or it shows that of what runs.
bool stands_alone(const Statement& statement) {
  const bool names = statement.kind == StatementKind::session && !statement.needs_own_query &&
                     (statement.drops_all_statements || !statement.name.empty());
  return names || statement.keeps_text || statement.shows_text;
}

/// Characters, not bytes: what positions in errors count.
std::size_t characters(std::string_view client_text, std::string_view encoding) {
  const auto text = to_utf8(client_text, encoding);
  if (!text) return client_text.size();
  return std::size_t(std::count_if(text->begin(), text->end(), [](char c) { return (c & 0xc0) != 0x80; }));
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
      return !statement.write || statement.write->has_returning;
  }
}

std::string_view suffix_of(const Plan* plan) {
  return plan && plan->how == Plan::How::returning ? std::string_view(plan->suffix) : std::string_view();
}

}  // namespace

bool SessionMachine::can_run(const ParsedText& text, const Plans& plans) const {
  bool captures = holds_writes_of_block() && text.commits_behind_rollback_to();
  // A failed block takes nothing but its end; what stands behind that is planned when it is its turn.
  if (!text.parsed || text.statements.empty() || (block_.is_failed() && !ends_failure(text.statements[0].kind)))
    return false;
  // The server refuses it before anything of it runs, and before it ends the unnamed statement.
  if (catalog_.server().client_encoding == "UTF8" && !event::is_utf8(text.text)) return false;
  const bool several = text.statements.size() > 1;
  bool block = block_.is_open();
  bool own_block = false;
  for (std::size_t i = 0; i < text.statements.size(); ++i) {
    const Statement& statement = text.statements[i];
    const Plan* plan = plans[i].get();
    // The server reads a Query's bytes once, before any of its statements runs.
    if (statement.sets_lexer && several) return false;
    // The client's rows would have to pass while the Query stands here; portals of the protocol have rows of Weir's.
    if (statement.copy_in || reaches_captured_portal(statement)) return false;
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

/// FETCH, MOVE and CLOSE in SQL, of a portal of the protocol.
bool SessionMachine::reaches_captured_portal(const Statement& statement) const {
  if (statement.fetch || statement.move) return spliced_portal(statement.name) != nullptr;
  const auto captured = [](const Names::PortalPtr& portal) { return portal && portal->plan; };
  const auto portals = queue_.names().portals();
  return statement.closes_portal && (statement.name.empty() ? std::any_of(portals.begin(), portals.end(), captured)
                                                            : captured(queue_.names().find_portal(statement.name)));
}

SessionMachine::Took SessionMachine::step_run(const Frame& frame, wire::Turn& turn) {
  Run& run = *run_;
  const std::size_t count = run.text->statements.size();
  const bool begins = count == 1 && run.next == 0 && queue_.only_checks() && !run.text->statements[0].shows_statements;
  if (!run.failed && !begins && !wait_for_answers(turn)) return Took::nothing;
  if (run.failed) return finish_run(turn);
  while (run.next < count) {
    if (!plan_step(turn)) return Took::nothing;
    const Statement& statement = run.text->statements[run.next];
    if (ends_block(statement.kind) && holds_writes_of_block()) {
      if (const auto stop = pass_commit_point(true, frame, turn)) return *stop;
    }
    const std::size_t end = group_end();
    const bool grouped = end > run.next;
    // Inside the client's block Sync commits nothing, so it can go along.
    const bool goes_along =
        block_.is_open() && !run.own_block && !block_.is_failed() && (grouped ? end : run.next + 1) == count;
    if (grouped) {
      send_group(end, turn);
      if (!goes_along) stay_busy(turn);
    } else {
      send_step(turn);
    }
    if (goes_along && (grouped || count == 1)) return finish_run(turn);
    if (!wait_for_answers(turn)) return Took::nothing;
  }
  return commit_run(frame, turn);
}

/// What was to run has run.
SessionMachine::Took SessionMachine::commit_run(const Frame& frame, wire::Turn& turn) {
  const bool own_block = run_->own_block;
  if (own_block ? holds_writes_of_block() : !block_.is_open() && holds_writes()) {
    if (const auto stop = pass_commit_point(own_block, frame, turn)) return *stop;
  }
  if (own_block) send_block("COMMIT", Purpose::close_block, turn);
  return finish_run(turn);
}

/// Plans of the statements to send next. False: the catalog is being asked.
bool SessionMachine::plan_step(wire::Turn& turn) {
  Run& run = *run_;
  const auto& statements = run.text->statements;
  if (block_.is_failed()) return true;
  for (std::size_t i = run.next; i < statements.size(); ++i) {
    const Statement& statement = statements[i];
    const bool first = i == run.next;
    // Where the first takes no snapshot, asking about the others must not either.
    if (!first && !statements[run.next].select && !needs_plan(statements[run.next])) break;
    if (needs_plan(statement) && !run.plans[i]) {
      run.plans[i] = find_plan(run.text, statement, turn);
      if (!run.plans[i]) return false;
    }
    if (is_control(statement) || changes_catalog(statement.kind)) break;
  }
  return true;
}

bool SessionMachine::joins_group(std::size_t index) const {
  const Statement& statement = run_->text->statements[index];
  const Plan* plan = run_->plans[index].get();
  if (is_control(statement) || (needs_plan(statement) && plan == nullptr)) return false;
  if (plan != nullptr && !plan->lock_query.empty()) return false;
  const bool first = index == run_->next;
  if (stands_alone(statement)) return first && (statement.shows_text || must_be_query(statement, plan));
  return first || !statement.shows_statements;
}

/// One past the last statement of the group that can be sent next; run_->next where a single one is sent as ever.
std::size_t SessionMachine::group_end() const {
  const auto& statements = run_->text->statements;
  const std::size_t first = run_->next;
  const auto rest = statements.begin() + std::ptrdiff_t(first);
  if (block_.is_failed() || (!block_.is_open() && std::any_of(rest, statements.end(), is_control))) return first;
  std::size_t end = first;
  std::size_t size = 0;
  while (end < statements.size() && size < kLargestGroup && joins_group(end)) {
    const Statement& statement = statements[end];
    size += statement.end - statement.begin + suffix_of(run_->plans[end].get()).size();
    ++end;
    if (changes_catalog(statement.kind) || stands_alone(statement)) break;
  }
  if (end != first + 1 || size > kLongStatement) return end;
  const Statement& only = statements[first];
  // In the extended protocol pg_cursors shows the portal that it is read with.
  const bool needs =
      must_be_query(only, run_->plans[first].get()) || (only.needs_block && !block_.is_open()) || only.shows_text;
  return needs ? end : first;
}

void SessionMachine::send_group(std::size_t end, wire::Turn& turn) {
  Run& run = *run_;
  const auto& statements = run.text->statements;
  const std::string_view whole = run.text->text;
  if (statements[run.next].shows_statements) hide_own_statements(turn);
  if (!block_.is_open()) open_block(turn);
  auto execution = std::make_shared<Execution>(Execution{.text = run.text});
  execution->first = execution->next = run.next;
  execution->end = end;
  execution->in_group = true;
  std::string text;
  std::size_t at = begin_of_step();
  run.offset = characters(whole.substr(0, at), catalog_.server().text_encoding());
  for (std::size_t i = run.next; i < end; ++i) {
    text += whole.substr(at, statements[i].end - at);
    text += suffix_of(run.plans[i].get());
    at = statements[i].end;
    execution->captures |= run.plans[i] && run.plans[i]->how != Plan::How::none;
  }
  // As it came, to the last comment, where nothing has to be added to it.
  if (end == statements.size() && !text.empty() && suffix_of(run.plans[end - 1].get()).empty())
    text += whole.substr(at);
  Pending pending{.expect = Expect::query, .purpose = Purpose::run, .execution = std::move(execution)};
  begin_statement(pending);
  send(turn).query(text, std::move(pending));
  run.next = end;
}

/// The answers that come next are those of the group's next statement.
void SessionMachine::begin_statement(Pending& group) {
  Execution& execution = *group.execution;
  if (execution.next >= execution.end) return;
  execution.statement = &execution.text->statements[execution.next];
  execution.plan = run_->plans[execution.next];
  group.spliced = execution.plan && execution.plan->how == Plan::How::returning;
}

/// Behind a group's Query the server would be idle in transaction, which may have a timeout.
void SessionMachine::stay_busy(wire::Turn& turn) {
  send(turn).close('P', own_.no_portal(), {.purpose = Purpose::tidy});
}

void SessionMachine::open_block(wire::Turn& turn) {
  run_->own_block = true;
  send_block("BEGIN", Purpose::open_block, turn);
}

/// BEGIN, COMMIT or ROLLBACK of the block that Weir has opened.
void SessionMachine::send_block(std::string_view text, Purpose purpose, wire::Turn& turn) {
  const Sender sender = send(turn);
  sender.parse({}, text, wire::kNoParameterTypes, {.purpose = Purpose::tidy});
  sender.bind({}, {}, wire::kNoParameters, {}, {.purpose = Purpose::tidy});
  sender.execute({}, {.purpose = purpose});
}

/// Where the text of the next step begins in the whole.
std::size_t SessionMachine::begin_of_step() const {
  return run_->next == 0 ? 0 : run_->text->statements[run_->next].begin;
}

void SessionMachine::send_step(wire::Turn& turn) {
  Run& run = *run_;
  const Statement& statement = run.text->statements[run.next];
  const auto plan = run.plans[run.next];
  const std::string_view whole = run.text->text;
  const bool spliced = plan && plan->how == Plan::How::returning;
  if (spliced && send_shape(turn)) return;
  const bool alone = run.text->statements.size() == 1 && !spliced;
  const std::size_t begin = begin_of_step();
  std::string text(alone ? whole : whole.substr(begin, statement.end - begin));
  if (spliced) text += plan->suffix;
  run.offset = characters(whole.substr(0, begin), catalog_.server().text_encoding());
  auto execution = std::make_shared<Execution>(Execution{.text = run.text, .statement = &statement, .plan = plan});
  ++run.next;
  if (statement.shows_statements) hide_own_statements(turn);
  if (statement.needs_block && !block_.is_open()) open_block(turn);
  const bool changes_names = statement.kind == StatementKind::session;
  const std::int64_t mark = changes_names ? apply_session_statement(statement, turn) : -1;
  const Sender sender = send(turn);
  sender.parse({}, text, wire::kNoParameterTypes, {.purpose = Purpose::run, .spliced = spliced});
  sender.bind({}, {}, wire::kNoParameters, {}, {.purpose = Purpose::run});
  if (may_return_rows(statement))
    sender.describe_portal({}, {.purpose = Purpose::run, .spliced = spliced, .execution = execution});
  if (spliced && !plan->lock_query.empty()) send_lock(execution, own_, sender);
  Pending pending{.purpose = Purpose::run, .spliced = spliced, .execution = execution};
  pending.mark = mark;
  sender.execute({}, std::move(pending));
}

/// Sends the Sync; the Run itself stays until ReadyForQuery, which shows what was held.
SessionMachine::Took SessionMachine::finish_run(wire::Turn& turn) {
  if (run_->failed && run_->own_block && block_.is_open()) {
    if (block_.skips()) {
      send(turn).sync({.purpose = Purpose::tidy});
    }
    send_block("ROLLBACK", Purpose::close_block, turn);
  }
  run_->finished = true;
  block_.stop_skipping();
  queue_.leave_own_unnamed();
  Pending pending = replacing_unnamed(!run_->text->statements.empty());
  pending.purpose = Purpose::run;
  send(turn).sync(std::move(pending));
  return Took::frame;
}

/// RowDescription comes when the first row or the end does: rows of a write are collected before any of them is sent.
void SessionMachine::show_run_description(wire::Turn& turn) {
  if (!run_ || run_->description.empty()) return;
  turn.to_client.buffer() += run_->description;
  run_->description.clear();
}

/// True where what comes next stands behind all that was held: the answer of the Run's own Sync.
bool SessionMachine::at_end_of_run() const {
  return run_ && !queue_.empty() && queue_.front().purpose == Purpose::run && queue_.front().expect == Expect::sync;
}

/// The last CommandComplete of a Query that was sent in steps, true only once the commit is; and what was notified.
void SessionMachine::show_held(wire::Turn& turn) {
  if (const std::string complete = copy_.take_complete(); !complete.empty()) turn.to_client.buffer() += complete;
  if (!at_end_of_run()) return;
  turn.to_client.buffer() += std::exchange(run_->held, {});
  turn.to_client.buffer() += std::exchange(run_->notifications, {});
}

/// ParameterStatus comes before ReadyForQuery, of which a Run has several and the client sees the last. False where it
/// goes on to the client.
bool SessionMachine::hold_status(const Frame& frame) {
  const auto setting = wire::read_parameter_status(frame.body());
  if (!setting) return false;
  const auto ends_run = [](const Pending& pending) {
    return pending.purpose == Purpose::run && pending.expect == Expect::sync;
  };
  if (!run_ || (run_->finished && std::none_of(queue_.begin(), queue_.end(), ends_run))) {
    tell_setting(setting->name, setting->value);
    return false;
  }
  std::erase_if(run_->statuses, [&](const auto& held) { return held.first == setting->name; });
  run_->statuses.emplace_back(setting->name, frame.received);
  return true;
}

/// Those that differ from what the client knows: others were changed and changed back.
void SessionMachine::show_statuses(wire::Turn& turn) {
  if (!at_end_of_run()) return;
  for (const auto& [name, status] : std::exchange(run_->statuses, {})) {
    const auto setting = wire::read_parameter_status(std::string_view(status).substr(wire::kHeaderSize));
    if (setting && tell_setting(name, setting->value)) turn.to_client.buffer() += status;
  }
}

/// Notes what the client is told that a setting is; false where it knows.
bool SessionMachine::tell_setting(std::string_view name, std::string_view value) {
  for (std::size_t at = 0; at < told_settings_.size();) {
    const std::string_view known_name = told_settings_.c_str() + at;
    const std::string_view known = told_settings_.c_str() + at + known_name.size() + 1;
    const std::size_t size = known_name.size() + known.size() + 2;
    if (known_name != name) {
      at += size;
      continue;
    }
    if (known == value) return false;
    told_settings_.erase(at, size);
    break;
  }
  (told_settings_ += name) += '\0';
  (told_settings_ += value) += '\0';
  return true;
}

/// A position in the text of a step, both counted from 1, as one in the whole of the Query.
std::size_t SessionMachine::position_in_run(const Pending& pending, std::size_t position) const {
  if (!pending.execution || !pending.execution->in_group) return position + run_->offset;
  const auto& statements = run_->text->statements;
  const std::string_view whole = run_->text->text;
  const std::size_t first = pending.execution->first;
  std::size_t at = first == 0 ? 0 : statements[first].begin;
  std::size_t added = 0;
  std::size_t behind = 0;  // the end of the pieces so far, in the step's text
  for (std::size_t i = first; i < pending.execution->end; ++i) {
    behind += characters(whole.substr(at, statements[i].end - at), catalog_.server().text_encoding());
    at = statements[i].end;
    if (position <= behind) break;
    const std::size_t suffix = characters(suffix_of(run_->plans[i].get()), catalog_.server().text_encoding());
    // Inside of what Weir added: the place it was added to.
    added += std::min(suffix, position - behind);
    behind += suffix;
    if (position <= behind) break;
  }
  return position - added + run_->offset;
}

}  // namespace weir::capture
