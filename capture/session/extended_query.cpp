#include "capture/session/extended_query.h"

#include "capture/session/captured_portals.h"
#include "capture/session/commit_point.h"
#include "capture/session/lock_query.h"
#include "capture/session/planner.h"

namespace weir::capture {
namespace {

std::vector<std::optional<std::string>> copy_values(const std::vector<std::optional<std::string_view>>& values) {
  std::vector<std::optional<std::string>> copies;
  for (const auto& value : values) copies.push_back(value ? std::optional(std::string(*value)) : std::nullopt);
  return copies;
}

/// The codes for the portal's rows with their added columns.
std::vector<std::int16_t> result_formats(const wire::BindView& bind, const Portal& portal) {
  std::vector<std::int16_t> formats;
  if (portal.prepared->statement->write->has_returning) formats = bind.result_formats;
  // One code stands for all columns, and text is the same in both formats; several must be as many as the columns.
  if (formats.size() > 1) formats.resize(formats.size() + std::size_t(portal.plan->added.count), 0);
  return formats;
}

}  // namespace

Took ExtendedQuery::take_parse(const Frame& frame) {
  if (!frame.whole() && frame.size <= kLargestHeldFrame) return Took::nothing;
  const auto view = frame.whole() ? wire::read_parse(frame.body()) : std::nullopt;
  if (!view) return relay_unread_parse(frame);
  const auto text = session_.texts->find_or_parse(view->query, session_.catalog.lexer(), !view->statement.empty());
  Names::PreparedPtr prepared;
  if (!text->only_reads()) {
    prepared = std::make_shared<Prepared>();
    prepared->text = text;
    prepared->statement = text->single();
    prepared->parameter_types = view->parameter_types;
    prepared->segment = session_.queue.segment();
  }
  const Statement* statement = text->single();
  if (statement != nullptr && statement->fetch) {
    if (session_.queue.is_uncertain(true, statement->name) && !wait_for_answers()) return Took::nothing;
    prepared->cursor = CapturedPortals(*this).spliced_portal(statement->name);
  }
  if (view->statement.empty() && Planner(*this).plans_now(statement)) {
    prepared->plan = Planner(*this).find_plan(text, *statement);
    if (!prepared->plan) return Took::nothing;
  }
  Pending pending{.expect = Expect::parse, .mark = session_.queue.names().define(view->statement, prepared)};
  if (view->statement.empty()) pending.own_place = session_.queue.replace_own_unnamed('S');
  if (!prepared || !prepared->plan || prepared->plan->how != Plan::How::returning)
    return relay_expecting(frame, std::move(pending));
  const std::string spliced = std::string(view->query.substr(0, statement->end)) + prepared->plan->suffix;
  pending.spliced = true;
  send().parse({}, spliced, view->parameter_types, std::move(pending));
  return Took::frame;
}

/// Too large, or the server refuses it too. Its name no longer means what it did.
Took ExtendedQuery::relay_unread_parse(const Frame& frame) {
  const auto name = wire::read_parse_name(frame.body());
  if (!name && !frame.whole()) return Took::nothing;
  Pending pending{.expect = Expect::parse};
  if (name) pending.mark = session_.queue.names().define(*name, session_.queue.names().unknown_statement());
  if (name && name->empty()) pending.own_place = session_.queue.replace_own_unnamed('S');
  return relay_expecting(frame, std::move(pending));
}

Took ExtendedQuery::take_bind(const Frame& frame) {
  const auto names = wire::read_bind_names(frame.body());
  if (!names && !frame.whole()) return Took::nothing;
  if (!names) return relay_expecting(frame, {.expect = Expect::bind});
  if (names->statement.empty() && !CapturedPortals(*this).drop_own_unnamed('S')) return Took::nothing;
  if (session_.queue.is_uncertain(false, names->statement) && !wait_for_answers()) return Took::nothing;
  const Names::PreparedPtr prepared = session_.queue.names().find(names->statement);
  if (prepared && Planner(*this).plans_now(prepared->statement)) return bind_captured(frame, *names, prepared);
  if (prepared && prepared->statement && (prepared->statement->fetch || prepared->statement->move))
    return bind_cursor(frame, *names, prepared);
  if (!CapturedPortals(*this).drain(names->portal, session_.queue.names().find_portal(names->portal)))
    return Took::nothing;
  return relay_expecting(frame, CapturedPortals(*this).binding(
                                    names->portal, prepared ? CapturedPortals(*this).make_portal(prepared) : nullptr));
}

Took ExtendedQuery::bind_captured(const Frame& frame, const wire::BindNames& names,
                                  const Names::PreparedPtr& prepared) {
  const bool unnamed = names.statement.empty();
  auto plan = unnamed ? prepared->plan : Planner(*this).find_plan(prepared->text, *prepared->statement);
  if (!plan && !unnamed) return Took::nothing;
  const bool reads_body = plan && (plan->how == Plan::How::returning || plan->how == Plan::How::input);
  if (reads_body && !frame.whole() && frame.size <= kLargestHeldFrame) return Took::nothing;
  const auto view = reads_body && frame.whole() ? wire::read_bind(frame.body()) : std::nullopt;
  if (reads_body && !view) {
    if (unnamed && plan->how == Plan::How::returning) return bind_plain(frame, names, *prepared);
    plan = nullptr;
  }
  // A twin whose Parse an error may have kept the server from.
  const bool doubtful =
      !unnamed && prepared->spliced.sent && !prepared->spliced_made && session_.queue.under_way().syncs > 0;
  if (doubtful && !wait_for_answers()) return Took::nothing;
  if (!CapturedPortals(*this).drain(names.portal, session_.queue.names().find_portal(names.portal)))
    return Took::nothing;
  const auto portal = CapturedPortals(*this).make_portal(prepared);
  portal->plan = plan;
  portal->statement = names.statement;
  if (view && (plan->how == Plan::How::input || !plan->lock_query.empty())) {
    portal->formats = view->parameter_formats;
    portal->values = copy_values(view->values);
  }
  if (!view || plan->how != Plan::How::returning) {
    return relay_expecting(frame, CapturedPortals(*this).binding(names.portal, portal));
  }
  const auto formats = result_formats(*view, *portal);
  if (!unnamed) CapturedPortals(*this).ensure_twin(prepared, *plan);
  Pending pending = CapturedPortals(*this).binding(names.portal, portal);
  pending.spliced = true;
  send().bind(names.portal, unnamed ? names.statement : prepared->spliced.name, view->parameters, formats,
              std::move(pending));
  if (!unnamed && !session_.own.outlive_exchange()) CapturedPortals(*this).close_twin(prepared);
  return Took::frame;
}

/// FETCH of a portal whose rows have added columns has them too.
Took ExtendedQuery::bind_cursor(const Frame& frame, const wire::BindNames& names, const Names::PreparedPtr& prepared) {
  const Statement& statement = *prepared->statement;
  if (session_.queue.is_uncertain(true, statement.name) && !wait_for_answers()) return Took::nothing;
  const Names::PortalPtr cursor = CapturedPortals(*this).spliced_portal(statement.name);
  if (cursor && !frame.whole() && frame.size <= kLargestHeldFrame) return Took::nothing;
  if (!CapturedPortals(*this).drain(names.portal, session_.queue.names().find_portal(names.portal)))
    return Took::nothing;
  const auto portal = CapturedPortals(*this).make_portal(prepared);
  portal->cursor = cursor;
  const auto view = cursor && statement.fetch && frame.whole() ? wire::read_bind(frame.body()) : std::nullopt;
  if (!view) return relay_expecting(frame, CapturedPortals(*this).binding(names.portal, portal));
  const auto formats = result_formats(*view, *cursor);
  Pending pending = CapturedPortals(*this).binding(names.portal, portal);
  pending.spliced = true;
  send().bind(names.portal, names.statement, view->parameters, formats, std::move(pending));
  return Took::frame;
}

/// A Bind that is not read cannot ask for rows without their added columns, so the unnamed statement is made anew from
/// the client's own text.
Took ExtendedQuery::bind_plain(const Frame& frame, const wire::BindNames& names, const Prepared& spliced) {
  if (!CapturedPortals(*this).drain(names.portal, session_.queue.names().find_portal(names.portal)))
    return Took::nothing;
  const auto plain = std::make_shared<Prepared>(spliced);
  plain->plan = nullptr;
  send().parse({}, plain->text->text, plain->parameter_types,
               {.purpose = Purpose::tidy, .mark = session_.queue.names().define({}, plain)});
  return relay_expecting(frame,
                         CapturedPortals(*this).binding(names.portal, CapturedPortals(*this).make_portal(plain)));
}

Took ExtendedQuery::take_describe(const Frame& frame) {
  if (!frame.whole()) return Took::nothing;
  const auto target = wire::read_target(frame.body());
  const bool portal = target && target->kind == 'P';
  Pending pending{.expect = portal ? Expect::describe_portal : Expect::describe_statement};
  if (target) {
    if (target->name.empty() && !CapturedPortals(*this).drop_own_unnamed(portal ? 'P' : 'S')) return Took::nothing;
    if (is_doubtful(*target) && !wait_for_answers()) return Took::nothing;
    pending.execution = portal ? described_portal(target->name) : described_statement(target->name);
    pending.spliced = pending.execution && pending.execution->plan;
    if (pending.spliced && session_.block.refuses(session_.queue.under_way()) &&
        describe_refused(*target, *pending.execution->statement))
      return Took::frame;
  }
  return relay_expecting(frame, std::move(pending));
}

/// With a plan where what is shown has added columns.
std::shared_ptr<Execution> ExtendedQuery::described_portal(std::string_view name) const {
  const Names::PortalPtr& found = session_.queue.names().find_portal(name);
  if (!found) return nullptr;
  const Portal& rows = found->cursor && found->prepared->statement->fetch ? *found->cursor : *found;
  if (!rows.plan || rows.plan->how != Plan::How::returning)
    return std::make_shared<Execution>(Execution{.portal = found});
  return std::make_shared<Execution>(Execution{.statement = rows.prepared->statement, .plan = rows.plan});
}

std::shared_ptr<Execution> ExtendedQuery::described_statement(std::string_view name) const {
  const Names::PreparedPtr& found = session_.queue.names().find(name);
  if (!found) return nullptr;
  const auto execution = std::make_shared<Execution>();
  if (found->cursor) {
    execution->statement = found->cursor->prepared->statement;
    execution->plan = found->cursor->plan;
  } else if (name.empty() && found->plan && found->plan->how == Plan::How::returning) {
    execution->statement = found->statement;
    execution->plan = found->plan;
  }
  return execution->plan ? execution : nullptr;
}

/// Spliced, and behind a Sync that is not answered: the block may have failed, which its Parse and Bind would have
/// shown.
bool ExtendedQuery::is_doubtful(const wire::TargetView& target) const {
  if (session_.queue.under_way().syncs == 0) return false;
  const bool portal = target.kind == 'P';
  const auto& unnamed = portal || !target.name.empty() ? nullptr : session_.queue.names().find({});
  return session_.queue.is_uncertain(portal, target.name) || (unnamed && unnamed->segment != session_.queue.segment());
}

/// A failed block refuses to describe what has rows; the client's own text has none. Only an unnamed statement's
/// parameters are not known here.
bool ExtendedQuery::describe_refused(const wire::TargetView& target, const Statement& statement) {
  if (statement.write->has_returning || (target.kind == 'S' && statement.has_parameters)) return false;
  send().close('P', session_.own.no_portal(), {.no_data = true, .describes_statement = target.kind == 'S'});
  return true;
}

Took ExtendedQuery::take_execute(const Frame& frame) {
  if (!frame.whole()) return Took::nothing;
  const auto execute = wire::read_execute(frame.body());
  if (!execute) return relay_expecting(frame, {.expect = Expect::execute});
  if (execute->portal.empty() && !CapturedPortals(*this).drop_own_unnamed('P')) return Took::nothing;
  if (session_.queue.is_uncertain(true, execute->portal) && !wait_for_answers()) return Took::nothing;
  const Names::PortalPtr portal = session_.queue.names().find_portal(execute->portal);
  if (!portal) return relay_expecting(frame, {.expect = Expect::execute});
  const Statement* statement = portal->prepared->statement;
  if (statement != nullptr && statement->shows_statements && !Planner(*this).hide_own_statements())
    return Took::nothing;
  if (statement != nullptr && statement->closes_portal && !CapturedPortals(*this).drain_closed(*statement))
    return Took::nothing;
  const bool ends = statement != nullptr &&
                    (statement->kind == StatementKind::commit || statement->kind == StatementKind::prepare_transaction);
  const bool commits_itself = !ends && may_commit_itself(portal->prepared->text.get(), statement);
  if ((ends || commits_itself) && CommitPoint(*this).holds_writes_of_block()) {
    if (const auto stop = CommitPoint(*this).pass_commit_point(ends, frame)) return *stop;
    session_.transaction.sent_by_itself(commits_itself);
  }
  if (portal->cursor) return execute_cursor(frame, portal, *execute);
  if (portal->plan && portal->plan->how == Plan::How::returning) return execute_captured(frame, portal, *execute);
  Pending pending{.expect = Expect::execute};
  pending.scrubs = statement != nullptr && statement->shows_text && statement->kind == StatementKind::read;
  pending.execution = std::make_shared<Execution>(
      Execution{.text = portal->prepared->text, .statement = statement, .plan = portal->plan, .portal = portal});
  if (statement != nullptr && statement->kind == StatementKind::session)
    pending.mark = CapturedPortals(*this).apply_session_statement(*statement);
  return relay_expecting(frame, std::move(pending));
}

Took ExtendedQuery::execute_captured(const Frame& frame, const Names::PortalPtr& portal, wire::ExecuteView execute) {
  const Statement& statement = *portal->prepared->statement;
  const bool client_rows = statement.write->has_returning;
  auto execution = std::make_shared<Execution>(
      Execution{.text = portal->prepared->text, .statement = &statement, .plan = portal->plan, .portal = portal});
  execution->portal_name = known_name(execute.portal);
  const bool again = portal->ran && !client_rows;
  if ((session_.block.may_recover(session_.queue.under_way()) || (again && session_.queue.under_way().control > 0)) &&
      !wait_for_answers())
    return Took::nothing;
  if (again && !session_.block.is_failed()) {
    // The plain statement's portal cannot be run twice, the spliced one's could.
    CapturedPortals(*this).provoke(std::move(execution));
    return Took::frame;
  }
  if (!portal->ran && !portal->plan->lock_query.empty()) send_lock(execution, session_.own, send());
  PortalState before = state_of(portal);
  portal->ran = true;
  portal->suspended = client_rows && execute.row_limit > 0;
  Pending pending{.expect = Expect::execute, .spliced = true, .execution = std::move(execution)};
  pending.before = std::move(before);
  if (client_rows || execute.row_limit == 0) return relay_expecting(frame, std::move(pending));
  send().execute(execute.portal, std::move(pending));
  return Took::frame;
}

/// FETCH or MOVE of a captured portal: its rows are those of the write.
Took ExtendedQuery::execute_cursor(const Frame& frame, const Names::PortalPtr& portal, wire::ExecuteView execute) {
  const Statement& statement = *portal->prepared->statement;
  if (session_.block.may_recover(session_.queue.under_way()) && !wait_for_answers()) return Took::nothing;
  auto execution = CapturedPortals(*this).execution_of(portal);
  if (!execution->statement->write->has_returning && !session_.block.is_failed()) {
    execution->portal_name = known_name(statement.name);
    CapturedPortals(*this).provoke(std::move(execution));
    return Took::frame;
  }
  execution->before = {state_of(portal), state_of(portal->cursor)};
  portal->ran = true;
  portal->suspended = statement.fetch && execute.row_limit > 0;
  CapturedPortals(*this).reads_cursor(*portal->cursor);
  return relay_expecting(frame,
                         {.expect = Expect::execute, .spliced = statement.fetch, .execution = std::move(execution)});
}

Took ExtendedQuery::take_close(const Frame& frame) {
  if (!frame.whole()) return Took::nothing;
  const auto target = wire::read_target(frame.body());
  if (!target) return relay_expecting(frame, {.expect = Expect::close});
  if (target->kind == 'P') {
    if (!CapturedPortals(*this).drain(target->name, session_.queue.names().find_portal(target->name)))
      return Took::nothing;
    return relay_expecting(frame,
                           {.expect = Expect::close, .mark = session_.queue.names().remove_portal(target->name)});
  }
  const bool known = session_.queue.names().find(target->name) != session_.queue.names().unknown_statement();
  if (!known && session_.queue.is_uncertain(false, target->name) && !wait_for_answers()) return Took::nothing;
  CapturedPortals(*this).close_twin(session_.queue.names().find(target->name));
  return relay_expecting(frame, {.expect = Expect::close, .mark = session_.queue.names().remove(target->name)});
}

Took ExtendedQuery::take_sync(const Frame& frame) {
  if (session_.copy.reads_sync()) {
    session_.copy.sync_was_read();
    return relay_client(frame);
  }
  const bool may_commit = CommitPoint(*this).holds_writes() && !session_.block.skips() &&
                          (!session_.block.is_open() || session_.queue.under_way().control > 0);
  if (may_commit) {
    if (const auto stop = CommitPoint(*this).pass_commit_point(false, frame)) return *stop;
  }
  if (session_.block.take_end_at_sync()) CommitPoint(*this).roll_back_refused();
  session_.block.stop_skipping();
  session_.catalog.set_failed(false);
  return relay_expecting(frame, {.expect = Expect::sync, .behind_copy_end = session_.copy.ended()});
}

/// The server refuses one that has a body, and ignores what follows up to Sync; but not while it reads a COPY.
Took ExtendedQuery::take_flush(const Frame& frame) {
  const bool refused = frame.size > wire::kHeaderSize;
  if (refused && !session_.copy.takes_data() && session_.queue.under_way().copies > 0 && !wait_for_answers())
    return Took::nothing;
  if (!refused || session_.copy.takes_data()) return relay_client(frame);
  return relay_expecting(frame, {.expect = Expect::close});
}

Took ExtendedQuery::take_function_call(const Frame& frame) {
  if (CommitPoint(*this).holds_writes() && !session_.block.is_open() && !session_.copy.reads_sync()) {
    if (!wait_for_answers()) return Took::nothing;
    const bool goes_on = goes_on_behind_query(session_) || session_.block.pipeline().is_in_limbo();
    if (const auto stop = goes_on ? std::nullopt : CommitPoint(*this).pass_commit_point(false, frame)) return *stop;
  }
  return relay_expecting(frame, {.expect = Expect::function_call});
}

}  // namespace weir::capture
