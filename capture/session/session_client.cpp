// Messages from the client: what is relayed as it is, what is spliced, and what has to wait.
#include <algorithm>

#include "capture/session/session_machine.h"

namespace weir::capture {
namespace {

namespace frontend = wire::frontend;

/// Frames above this are not read as a whole, only passed through: texts and parameters of that size are not captured.
constexpr std::size_t kLargestHeldFrame = 64u << 20;

/// Messages behind a question to the catalog that may have to be sent again.
constexpr std::size_t kLargestRetained = 1u << 20;

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

std::size_t SessionMachine::from_client(std::string_view received, wire::Turn& turn) {
  client_frame_size_ = 0;
  if (closed_) return 0;
  feed_replay(turn);
  const std::size_t used = replay_.empty() ? feed(received, turn) : 0;
  heed_rules(turn);
  return used;
}

/// What is to be taken once more comes before all that is new.
void SessionMachine::feed_replay(wire::Turn& turn) {
  while (!replay_.empty() && wait_ == Wait::nothing && !turn.close) {
    const std::string again = std::exchange(replay_, {});
    replaying_ = true;
    const std::size_t used = feed(again, turn);
    replaying_ = false;
    replay_.insert(0, again, used);
    if (used == 0) return;
  }
}

std::size_t SessionMachine::feed(std::string_view received, wire::Turn& turn) {
  if (client_broken_) return received.size();
  std::size_t used = 0;
  while (used < received.size() && wait_ == Wait::nothing && !turn.close) {
    const std::string_view rest = received.substr(used);
    if (client_skip_ > 0) {
      const std::size_t count = std::min(client_skip_, rest.size());
      send(turn).relay_unanswered(rest.substr(0, count), true);
      client_skip_ -= count;
      used += count;
      continue;
    }
    const wire::FrameHeader header = wire::read_client_header(rest);
    if (header.state == wire::FrameHeader::State::incomplete) break;
    if (header.state == wire::FrameHeader::State::malformed) {
      // The server ends the session where it reads this, and before what would have to be sent anew.
      if (checks_pending_ > 0 && !wait_for_answers(turn)) break;
      send(turn).relay_unanswered(rest.substr(0, wire::kHeaderSize), true);
      client_broken_ = true;
      return received.size();
    }
    const Frame frame{header.type, header.size, rest.substr(0, std::min(header.size, rest.size()))};
    whole_frame_ = frame.whole();
    will_be_whole_ = !whole_frame_ && frame.size <= kLargestHeldFrame;
    if (checks_pending_ > 0 && will_be_whole_) {
      client_frame_size_ = frame.size;
      break;
    }
    if (checks_pending_ > 0 && !passes_behind_check(frame)) {
      wait_for_answers(turn);
      break;
    }
    if (take_client(frame, turn) == Took::nothing) {
      if (wait_ == Wait::nothing) client_frame_size_ = frame.size;
      break;
    }
    asks_alone_ = false;
    catalog_.next_message();
    used += frame.received.size();
    if (checks_pending_ > 0) retained_ += frame.received;
  }
  return used;
}

/// While old facts are being asked for, only what can be taken once more.
bool SessionMachine::passes_behind_check(const Frame& frame) const {
  if (run_ && !run_->finished) return true;
  if (!frame.whole() || retained_.size() > kLargestRetained) return false;
  return frame.type == frontend::kParse || frame.type == frontend::kBind || frame.type == frontend::kDescribe ||
         frame.type == frontend::kExecute || frame.type == frontend::kClose || frame.type == frontend::kFlush;
}

SessionMachine::Took SessionMachine::take_client(const Frame& frame, wire::Turn& turn) {
  if (lost_) return relay_client(frame, turn);
  // After an error the server ignores everything up to Sync, so nothing of it has an answer.
  if (block_.skips() && frame.type != frontend::kSync &&
      !(frame.type == frontend::kQuery && (block_.skips_for_own() || (run_ && !run_->finished)))) {
    block_.own_error_placed();
    return relay_client(frame, turn);
  }
  if (copy_.waits_for(frame.type) && !wait_for_answers(turn)) return Took::nothing;
  if (transaction_.commits_itself() && !copy_.takes_data() && !learn_outcome(turn)) return Took::nothing;
  switch (frame.type) {
    case frontend::kQuery:
      return take_query(frame, turn);
    case frontend::kParse:
      return take_parse(frame, turn);
    case frontend::kBind:
      return take_bind(frame, turn);
    case frontend::kDescribe:
      return take_describe(frame, turn);
    case frontend::kExecute:
      return take_execute(frame, turn);
    case frontend::kClose:
      return take_close(frame, turn);
    case frontend::kSync:
      return take_sync(frame, turn);
    case frontend::kFunctionCall:
      return take_function_call(frame, turn);
    case frontend::kFlush:
      return take_flush(frame, turn);
    case frontend::kCopyData:
    case frontend::kCopyDone:
    case frontend::kCopyFail:
      copy_.client_sent(frame.type);
      return relay_client(frame, turn);
    default:
      return relay_client(frame, turn);
  }
}

/// What is taken once more is gone before the bytes are sent.
SessionMachine::Took SessionMachine::relay_client(const Frame& frame, wire::Turn& turn) {
  send(turn).relay_unanswered(frame.received, !replaying_);
  client_skip_ = frame.size - frame.received.size();
  return Took::frame;
}

SessionMachine::Took SessionMachine::relay_expecting(const Frame& frame, Pending pending, wire::Turn& turn) {
  send(turn).relay(frame.received, !replaying_, std::move(pending));
  client_skip_ = frame.size - frame.received.size();
  return Took::frame;
}

/// Not where the server refuses it, or a COPY does and names the message that came.
bool SessionMachine::plans_now(const Statement* statement) const {
  return statement != nullptr && needs_plan(*statement) && !block_.refuses(queue_.under_way()) && !copy_.reads_sync();
}

SessionMachine::Took SessionMachine::take_parse(const Frame& frame, wire::Turn& turn) {
  if (!frame.whole() && frame.size <= kLargestHeldFrame) return Took::nothing;
  const auto view = frame.whole() ? wire::read_parse(frame.body()) : std::nullopt;
  if (!view) return relay_unread_parse(frame, turn);
  const auto text = statements_->find_or_parse(view->query, catalog_.lexer(), !view->statement.empty());
  Names::PreparedPtr prepared;
  if (!text->only_reads()) {
    prepared = std::make_shared<Prepared>();
    prepared->text = text;
    prepared->statement = text->single();
    prepared->parameter_types = view->parameter_types;
    prepared->segment = queue_.segment();
  }
  const Statement* statement = text->single();
  if (statement != nullptr && statement->fetch) {
    if (queue_.is_uncertain(true, statement->name) && !wait_for_answers(turn)) return Took::nothing;
    prepared->cursor = spliced_portal(statement->name);
  }
  if (view->statement.empty() && plans_now(statement)) {
    prepared->plan = find_plan(text, *statement, turn);
    if (!prepared->plan) return Took::nothing;
  }
  Pending pending{.expect = Expect::parse, .mark = queue_.names().define(view->statement, prepared)};
  if (view->statement.empty()) pending.own_place = queue_.replace_own_unnamed('S');
  if (!prepared || !prepared->plan || prepared->plan->how != Plan::How::returning)
    return relay_expecting(frame, std::move(pending), turn);
  const std::string spliced = std::string(view->query.substr(0, statement->end)) + prepared->plan->suffix;
  pending.spliced = true;
  send(turn).parse({}, spliced, view->parameter_types, std::move(pending));
  return Took::frame;
}

/// Too large, or the server refuses it too. Its name no longer means what it did.
SessionMachine::Took SessionMachine::relay_unread_parse(const Frame& frame, wire::Turn& turn) {
  const auto name = wire::read_parse_name(frame.body());
  if (!name && !frame.whole()) return Took::nothing;
  Pending pending{.expect = Expect::parse};
  if (name) pending.mark = queue_.names().define(*name, queue_.names().unknown_statement());
  if (name && name->empty()) pending.own_place = queue_.replace_own_unnamed('S');
  return relay_expecting(frame, std::move(pending), turn);
}

Names::PortalPtr SessionMachine::make_portal(const Names::PreparedPtr& prepared) const {
  auto portal = std::make_shared<Portal>();
  portal->prepared = prepared;
  portal->segment = queue_.segment();
  return portal;
}

Pending SessionMachine::binding(std::string_view name, const Names::PortalPtr& portal) {
  Pending pending{.expect = Expect::bind, .mark = queue_.names().define_portal(name, portal), .bound = portal};
  if (name.empty()) pending.own_place = queue_.replace_own_unnamed('P');
  return pending;
}

SessionMachine::Took SessionMachine::take_bind(const Frame& frame, wire::Turn& turn) {
  const auto names = wire::read_bind_names(frame.body());
  if (!names && !frame.whole()) return Took::nothing;
  if (!names) return relay_expecting(frame, {.expect = Expect::bind}, turn);
  if (names->statement.empty() && !drop_own_unnamed('S', turn)) return Took::nothing;
  if (queue_.is_uncertain(false, names->statement) && !wait_for_answers(turn)) return Took::nothing;
  const Names::PreparedPtr prepared = queue_.names().find(names->statement);
  if (prepared && plans_now(prepared->statement)) return bind_captured(frame, *names, prepared, turn);
  if (prepared && prepared->statement && (prepared->statement->fetch || prepared->statement->move))
    return bind_cursor(frame, *names, prepared, turn);
  if (!drain(names->portal, queue_.names().find_portal(names->portal), turn)) return Took::nothing;
  return relay_expecting(frame, binding(names->portal, prepared ? make_portal(prepared) : nullptr), turn);
}

SessionMachine::Took SessionMachine::bind_captured(const Frame& frame, const wire::BindNames& names,
                                                   const Names::PreparedPtr& prepared, wire::Turn& turn) {
  const bool unnamed = names.statement.empty();
  auto plan = unnamed ? prepared->plan : find_plan(prepared->text, *prepared->statement, turn);
  if (!plan && !unnamed) return Took::nothing;
  const bool reads_body = plan && (plan->how == Plan::How::returning || plan->how == Plan::How::input);
  if (reads_body && !frame.whole() && frame.size <= kLargestHeldFrame) return Took::nothing;
  const auto view = reads_body && frame.whole() ? wire::read_bind(frame.body()) : std::nullopt;
  if (reads_body && !view) {
    if (unnamed && plan->how == Plan::How::returning) return bind_plain(frame, names, *prepared, turn);
    plan = nullptr;
  }
  // A twin whose Parse an error may have kept the server from.
  const bool doubtful = !unnamed && prepared->spliced.sent && !prepared->spliced_made && queue_.under_way().syncs > 0;
  if (doubtful && !wait_for_answers(turn)) return Took::nothing;
  if (!drain(names.portal, queue_.names().find_portal(names.portal), turn)) return Took::nothing;
  const auto portal = make_portal(prepared);
  portal->plan = plan;
  portal->statement = names.statement;
  if (view && (plan->how == Plan::How::input || !plan->lock_query.empty())) {
    portal->formats = view->parameter_formats;
    portal->values = copy_values(view->values);
  }
  if (!view || plan->how != Plan::How::returning) {
    return relay_expecting(frame, binding(names.portal, portal), turn);
  }
  const auto formats = result_formats(*view, *portal);
  if (!unnamed) ensure_twin(prepared, *plan, turn);
  Pending pending = binding(names.portal, portal);
  pending.spliced = true;
  send(turn).bind(names.portal, unnamed ? names.statement : prepared->spliced.name, view->parameters, formats,
                  std::move(pending));
  if (!unnamed && !own_.outlive_exchange()) close_twin(prepared, turn);
  return Took::frame;
}

/// Null where its rows have no added columns.
Names::PortalPtr SessionMachine::spliced_portal(std::string_view name) const {
  const Names::PortalPtr& portal = queue_.names().find_portal(name);
  return portal && portal->plan && portal->plan->how == Plan::How::returning ? portal : nullptr;
}

/// FETCH of a portal whose rows have added columns has them too.
SessionMachine::Took SessionMachine::bind_cursor(const Frame& frame, const wire::BindNames& names,
                                                 const Names::PreparedPtr& prepared, wire::Turn& turn) {
  const Statement& statement = *prepared->statement;
  if (queue_.is_uncertain(true, statement.name) && !wait_for_answers(turn)) return Took::nothing;
  const Names::PortalPtr cursor = spliced_portal(statement.name);
  if (cursor && !frame.whole() && frame.size <= kLargestHeldFrame) return Took::nothing;
  if (!drain(names.portal, queue_.names().find_portal(names.portal), turn)) return Took::nothing;
  const auto portal = make_portal(prepared);
  portal->cursor = cursor;
  const auto view = cursor && statement.fetch && frame.whole() ? wire::read_bind(frame.body()) : std::nullopt;
  if (!view) return relay_expecting(frame, binding(names.portal, portal), turn);
  const auto formats = result_formats(*view, *cursor);
  Pending pending = binding(names.portal, portal);
  pending.spliced = true;
  send(turn).bind(names.portal, names.statement, view->parameters, formats, std::move(pending));
  return Took::frame;
}

/// A Bind that is not read cannot ask for rows without their added columns, so the unnamed statement is made anew from
/// the client's own text.
SessionMachine::Took SessionMachine::bind_plain(const Frame& frame, const wire::BindNames& names,
                                                const Prepared& spliced, wire::Turn& turn) {
  if (!drain(names.portal, queue_.names().find_portal(names.portal), turn)) return Took::nothing;
  const auto plain = std::make_shared<Prepared>(spliced);
  plain->plan = nullptr;
  send(turn).parse({}, plain->text->text, plain->parameter_types,
                   {.purpose = Purpose::tidy, .mark = queue_.names().define({}, plain)});
  return relay_expecting(frame, binding(names.portal, make_portal(plain)), turn);
}

void SessionMachine::ensure_twin(const Names::PreparedPtr& prepared, const Plan& plan, wire::Turn& turn) {
  if (prepared->spliced.sent && prepared->spliced_suffix == plan.suffix) return;
  close_twin(prepared, turn);
  prepared->spliced_made = false;
  prepared->spliced_suffix = plan.suffix;
  const std::string spliced = prepared->text->text.substr(0, prepared->statement->end) + plan.suffix;
  prepared->spliced = own_.parse(spliced, prepared->parameter_types,
                                 {.purpose = Purpose::splice, .spliced = true, .twin = prepared}, send(turn));
}

SessionMachine::Took SessionMachine::take_describe(const Frame& frame, wire::Turn& turn) {
  if (!frame.whole()) return Took::nothing;
  const auto target = wire::read_target(frame.body());
  const bool portal = target && target->kind == 'P';
  Pending pending{.expect = portal ? Expect::describe_portal : Expect::describe_statement};
  if (target) {
    if (target->name.empty() && !drop_own_unnamed(portal ? 'P' : 'S', turn)) return Took::nothing;
    if (is_doubtful(*target) && !wait_for_answers(turn)) return Took::nothing;
    pending.execution = portal ? described_portal(target->name) : described_statement(target->name);
    pending.spliced = pending.execution && pending.execution->plan;
    if (pending.spliced && block_.refuses(queue_.under_way()) &&
        describe_refused(*target, *pending.execution->statement, turn))
      return Took::frame;
  }
  return relay_expecting(frame, std::move(pending), turn);
}

/// With a plan where what is shown has added columns.
std::shared_ptr<Execution> SessionMachine::described_portal(std::string_view name) const {
  const Names::PortalPtr& found = queue_.names().find_portal(name);
  if (!found) return nullptr;
  const Portal& rows = found->cursor && found->prepared->statement->fetch ? *found->cursor : *found;
  if (!rows.plan || rows.plan->how != Plan::How::returning)
    return std::make_shared<Execution>(Execution{.portal = found});
  return std::make_shared<Execution>(Execution{.statement = rows.prepared->statement, .plan = rows.plan});
}

std::shared_ptr<Execution> SessionMachine::described_statement(std::string_view name) const {
  const Names::PreparedPtr& found = queue_.names().find(name);
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
bool SessionMachine::is_doubtful(const wire::TargetView& target) const {
  if (queue_.under_way().syncs == 0) return false;
  const bool portal = target.kind == 'P';
  const auto& unnamed = portal || !target.name.empty() ? nullptr : queue_.names().find({});
  return queue_.is_uncertain(portal, target.name) || (unnamed && unnamed->segment != queue_.segment());
}

/// A failed block refuses to describe what has rows; the client's own text has none. Only an unnamed statement's
/// parameters are not known here.
bool SessionMachine::describe_refused(const wire::TargetView& target, const Statement& statement, wire::Turn& turn) {
  if (statement.write->has_returning || (target.kind == 'S' && statement.has_parameters)) return false;
  send(turn).close('P', own_.no_portal(), {.no_data = true, .describes_statement = target.kind == 'S'});
  return true;
}

SessionMachine::Took SessionMachine::take_execute(const Frame& frame, wire::Turn& turn) {
  if (!frame.whole()) return Took::nothing;
  const auto execute = wire::read_execute(frame.body());
  if (!execute) return relay_expecting(frame, {.expect = Expect::execute}, turn);
  if (execute->portal.empty() && !drop_own_unnamed('P', turn)) return Took::nothing;
  if (queue_.is_uncertain(true, execute->portal) && !wait_for_answers(turn)) return Took::nothing;
  const Names::PortalPtr portal = queue_.names().find_portal(execute->portal);
  if (!portal) return relay_expecting(frame, {.expect = Expect::execute}, turn);
  const Statement* statement = portal->prepared->statement;
  if (statement != nullptr && statement->shows_statements && !hide_own_statements(turn)) return Took::nothing;
  if (statement != nullptr && statement->closes_portal && !drain_closed(*statement, turn)) return Took::nothing;
  const bool ends = statement != nullptr &&
                    (statement->kind == StatementKind::commit || statement->kind == StatementKind::prepare_transaction);
  const bool commits_itself = !ends && may_commit_itself(portal->prepared->text.get(), statement);
  if ((ends || commits_itself) && holds_writes_of_block()) {
    if (const auto stop = pass_commit_point(ends, frame, turn)) return *stop;
    transaction_.sent_by_itself(commits_itself);
  }
  if (portal->cursor) return execute_cursor(frame, portal, *execute, turn);
  if (portal->plan && portal->plan->how == Plan::How::returning) return execute_captured(frame, portal, *execute, turn);
  Pending pending{.expect = Expect::execute};
  pending.scrubs = statement != nullptr && statement->shows_text && statement->kind == StatementKind::read;
  pending.execution = std::make_shared<Execution>(
      Execution{.text = portal->prepared->text, .statement = statement, .plan = portal->plan, .portal = portal});
  if (statement != nullptr && statement->kind == StatementKind::session)
    pending.mark = apply_session_statement(*statement, turn);
  return relay_expecting(frame, std::move(pending), turn);
}

SessionMachine::Took SessionMachine::execute_captured(const Frame& frame, const Names::PortalPtr& portal,
                                                      wire::ExecuteView execute, wire::Turn& turn) {
  const Statement& statement = *portal->prepared->statement;
  const bool client_rows = statement.write->has_returning;
  auto execution = std::make_shared<Execution>(
      Execution{.text = portal->prepared->text, .statement = &statement, .plan = portal->plan, .portal = portal});
  execution->portal_name = known_name(execute.portal);
  const bool again = portal->ran && !client_rows;
  if ((block_.may_recover(queue_.under_way()) || (again && queue_.under_way().control > 0)) && !wait_for_answers(turn))
    return Took::nothing;
  if (again && !block_.is_failed()) {
    // The plain statement's portal cannot be run twice, the spliced one's could.
    provoke(std::move(execution), turn);
    return Took::frame;
  }
  if (!portal->ran && !portal->plan->lock_query.empty()) send_lock(execution, own_, send(turn));
  PortalState before = state_of(portal);
  portal->ran = true;
  portal->suspended = client_rows && execute.row_limit > 0;
  Pending pending{.expect = Expect::execute, .spliced = true, .execution = std::move(execution)};
  pending.before = std::move(before);
  if (client_rows || execute.row_limit == 0) return relay_expecting(frame, std::move(pending), turn);
  send(turn).execute(execute.portal, std::move(pending));
  return Took::frame;
}

/// FETCH or MOVE of a captured portal: its rows are those of the write.
SessionMachine::Took SessionMachine::execute_cursor(const Frame& frame, const Names::PortalPtr& portal,
                                                    wire::ExecuteView execute, wire::Turn& turn) {
  const Statement& statement = *portal->prepared->statement;
  if (block_.may_recover(queue_.under_way()) && !wait_for_answers(turn)) return Took::nothing;
  auto execution = execution_of(portal);
  if (!execution->statement->write->has_returning && !block_.is_failed()) {
    execution->portal_name = known_name(statement.name);
    provoke(std::move(execution), turn);
    return Took::frame;
  }
  execution->before = {state_of(portal), state_of(portal->cursor)};
  portal->ran = true;
  portal->suspended = statement.fetch && execute.row_limit > 0;
  reads_cursor(*portal->cursor);
  return relay_expecting(
      frame, {.expect = Expect::execute, .spliced = statement.fetch, .execution = std::move(execution)}, turn);
}

/// It has run from now on, and what it wrote is read by whoever comes.
void SessionMachine::reads_cursor(Portal& cursor) {
  cursor.suspended = cursor.suspended || !cursor.ran;
  cursor.ran = true;
}

/// Of the portal's own rows, or of those that it fetches from another.
std::shared_ptr<Execution> SessionMachine::execution_of(const Names::PortalPtr& portal) const {
  const Names::PortalPtr& rows = portal->cursor ? portal->cursor : portal;
  return std::make_shared<Execution>(Execution{.text = rows->prepared->text,
                                               .statement = rows->prepared->statement,
                                               .plan = rows->plan,
                                               .portal = rows,
                                               .reader = portal->cursor ? portal : nullptr});
}

void SessionMachine::provoke(std::shared_ptr<Execution> execution, wire::Turn& turn, Purpose purpose) {
  send(turn).execute(own_.no_portal(), {.purpose = purpose, .execution = std::move(execution)});
}

/// Rows of a portal that were written but not fetched must be read before the portal goes. False: not before answers
/// have said whether it is still there.
bool SessionMachine::drain(std::string_view name, const Names::PortalPtr& portal, wire::Turn& turn) {
  if (!portal || !portal->suspended) return true;
  if ((queue_.under_way().control > 0 || queue_.is_uncertain(true, name)) && !wait_for_answers(turn)) return false;
  if (block_.is_failed()) {
    rows_.leave_unread(portal);
    return true;
  }
  PortalState before = state_of(portal);
  portal->suspended = false;
  Pending pending{.purpose = Purpose::drain, .spliced = true, .execution = execution_of(portal)};
  pending.before = std::move(before);
  send(turn).execute(name, std::move(pending));
  return true;
}

SessionMachine::Took SessionMachine::take_close(const Frame& frame, wire::Turn& turn) {
  if (!frame.whole()) return Took::nothing;
  const auto target = wire::read_target(frame.body());
  if (!target) return relay_expecting(frame, {.expect = Expect::close}, turn);
  if (target->kind == 'P') {
    if (!drain(target->name, queue_.names().find_portal(target->name), turn)) return Took::nothing;
    return relay_expecting(frame, {.expect = Expect::close, .mark = queue_.names().remove_portal(target->name)}, turn);
  }
  const bool known = queue_.names().find(target->name) != queue_.names().unknown_statement();
  if (!known && queue_.is_uncertain(false, target->name) && !wait_for_answers(turn)) return Took::nothing;
  close_twin(queue_.names().find(target->name), turn);
  return relay_expecting(frame, {.expect = Expect::close, .mark = queue_.names().remove(target->name)}, turn);
}

void SessionMachine::close_twin(const Names::PreparedPtr& prepared, wire::Turn& turn) {
  if (!prepared || !prepared->spliced.sent) return;
  own_.close(prepared->spliced.name, send(turn));
  prepared->spliced.sent = false;
}

SessionMachine::Took SessionMachine::take_sync(const Frame& frame, wire::Turn& turn) {
  if (copy_.reads_sync()) {
    copy_.sync_was_read();
    return relay_client(frame, turn);
  }
  const bool may_commit = holds_writes() && !block_.skips() && (!block_.is_open() || queue_.under_way().control > 0);
  if (may_commit) {
    if (const auto stop = pass_commit_point(false, frame, turn)) return *stop;
  }
  if (std::exchange(must_roll_back_, false)) roll_back_refused(turn);
  block_.stop_skipping();
  catalog_.set_failed(false);
  return relay_expecting(frame, {.expect = Expect::sync, .behind_copy_end = copy_.ended()}, turn);
}

/// The server refuses one that has a body, and ignores what follows up to Sync; but not while it reads a COPY.
SessionMachine::Took SessionMachine::take_flush(const Frame& frame, wire::Turn& turn) {
  const bool refused = frame.size > wire::kHeaderSize;
  if (refused && !copy_.takes_data() && queue_.under_way().copies > 0 && !wait_for_answers(turn)) return Took::nothing;
  if (!refused || copy_.takes_data()) return relay_client(frame, turn);
  return relay_expecting(frame, {.expect = Expect::close}, turn);
}

SessionMachine::Took SessionMachine::take_function_call(const Frame& frame, wire::Turn& turn) {
  if (holds_writes() && !block_.is_open() && !copy_.reads_sync()) {
    if (const auto stop = pass_commit_point(false, frame, turn)) return *stop;
  }
  return relay_expecting(frame, {.expect = Expect::function_call}, turn);
}

/// DEALLOCATE and DISCARD ALL change which names mean something, from the moment they are sent.
std::int64_t SessionMachine::apply_session_statement(const Statement& statement, wire::Turn& turn) {
  if (statement.drops_all_statements) return queue_.names().remove_all();
  if (statement.name.empty()) return -1;
  close_twin(queue_.names().find(statement.name), turn);
  return queue_.names().remove(statement.name);
}

/// A Query leaves no unnamed statement or portal behind; one that was sent in parts does, so they go now. Behind
/// answers, so that nothing can keep the server from it.
bool SessionMachine::drop_own_unnamed(char kind, wire::Turn& turn) {
  if (!queue_.has_own_unnamed(kind) || copy_.reads_sync()) return true;
  if (!wait_for_answers(turn)) return false;
  send(turn).close(kind, {}, {.purpose = Purpose::tidy, .own_place = queue_.replace_own_unnamed(kind)});
  return true;
}

}  // namespace weir::capture
