#include "capture/session/captured_portals.h"

#include <algorithm>

namespace weir::capture {
Names::PortalPtr CapturedPortals::make_portal(const Names::PreparedPtr& prepared) const {
  auto portal = std::make_shared<Portal>();
  portal->prepared = prepared;
  portal->segment = session_.queue.segment();
  return portal;
}

Pending CapturedPortals::binding(std::string_view name, const Names::PortalPtr& portal) {
  Pending pending{.expect = Expect::bind, .mark = session_.queue.names().define_portal(name, portal), .bound = portal};
  if (name.empty()) pending.own_place = session_.queue.replace_own_unnamed('P');
  return pending;
}

/// Null where its rows have no added columns.
Names::PortalPtr CapturedPortals::spliced_portal(std::string_view name) const {
  const Names::PortalPtr& portal = session_.queue.names().find_portal(name);
  return portal && portal->plan && portal->plan->how == Plan::How::returning ? portal : nullptr;
}

void CapturedPortals::ensure_twin(const Names::PreparedPtr& prepared, const Plan& plan) {
  if (prepared->spliced.sent && prepared->spliced_suffix == plan.suffix) return;
  close_twin(prepared);
  prepared->spliced_made = false;
  prepared->spliced_suffix = plan.suffix;
  const std::string spliced = prepared->text->text.substr(0, prepared->statement->end) + plan.suffix;
  prepared->spliced = session_.own.parse(spliced, prepared->parameter_types,
                                         {.purpose = Purpose::splice, .spliced = true, .twin = prepared}, send());
}

/// It has run from now on, and what it wrote is read by whoever comes.
void CapturedPortals::reads_cursor(Portal& cursor) {
  cursor.suspended = cursor.suspended || !cursor.ran;
  cursor.ran = true;
}

/// Of the portal's own rows, or of those that it fetches from another.
std::shared_ptr<Execution> CapturedPortals::execution_of(const Names::PortalPtr& portal) const {
  const Names::PortalPtr& rows = portal->cursor ? portal->cursor : portal;
  return std::make_shared<Execution>(Execution{.text = rows->prepared->text,
                                               .statement = rows->prepared->statement,
                                               .plan = rows->plan,
                                               .portal = rows,
                                               .reader = portal->cursor ? portal : nullptr});
}

void CapturedPortals::provoke(std::shared_ptr<Execution> execution, Purpose purpose) {
  send().execute(session_.own.no_portal(), {.purpose = purpose, .execution = std::move(execution)});
}

/// Rows of a portal that were written but not fetched must be read before the portal goes. False: not before answers
/// have said whether it is still there.
bool CapturedPortals::drain(std::string_view name, const Names::PortalPtr& portal) {
  if (!portal || !portal->suspended) return true;
  if ((session_.queue.under_way().control > 0 || session_.queue.is_uncertain(true, name)) && !wait_for_answers())
    return false;
  if (session_.block.is_failed()) {
    session_.rows.leave_unread(portal);
    return true;
  }
  PortalState before = state_of(portal);
  portal->suspended = false;
  Pending pending{.purpose = Purpose::drain, .spliced = true, .execution = execution_of(portal)};
  pending.before = std::move(before);
  send().execute(name, std::move(pending));
  return true;
}

void CapturedPortals::close_twin(const Names::PreparedPtr& prepared) {
  if (!prepared || !prepared->spliced.sent) return;
  session_.own.close(prepared->spliced.name, send());
  prepared->spliced.sent = false;
}

/// DEALLOCATE and DISCARD ALL change which names mean something, from the moment they are sent.
std::int64_t CapturedPortals::apply_session_statement(const Statement& statement) {
  if (statement.drops_all_statements) return session_.queue.names().remove_all();
  if (statement.name.empty()) return -1;
  close_twin(session_.queue.names().find(statement.name));
  return session_.queue.names().remove(statement.name);
}

/// A Query leaves no unnamed statement or portal behind; one that was sent in parts does, so they go now. Behind
/// answers, so that nothing can keep the server from it.
bool CapturedPortals::drop_own_unnamed(char kind) {
  if (!session_.queue.has_own_unnamed(kind) || session_.copy.reads_sync()) return true;
  if (!wait_for_answers()) return false;
  send().close(kind, {}, {.purpose = Purpose::tidy, .own_place = session_.queue.replace_own_unnamed(kind)});
  return true;
}

/// A Query destroys the unnamed statement, and the unnamed portal where there is something to run.
Pending CapturedPortals::replacing_unnamed(bool runs) {
  const std::int64_t statement = session_.queue.names().define({}, session_.queue.names().unknown_statement());
  Pending pending{.expect = Expect::query, .mark = statement, .unnamed_statement = statement};
  if (runs) pending.unnamed_portal = session_.queue.names().define_portal({}, session_.queue.names().unknown_portal());
  pending.mark = std::max(pending.mark, pending.unnamed_portal);
  return pending;
}

/// Before a Query that destroys the unnamed portal. Also waited for: what fails is in the Query's place.
bool CapturedPortals::drain_unnamed(const ParsedText& text) {
  if (text.parsed && text.statements.empty()) return true;
  const Names::PortalPtr portal = session_.queue.names().find_portal({});
  if (!portal || !portal->suspended) return true;
  return drain({}, portal) && wait_for_answers();
}

/// The same before CLOSE in SQL; without a name it is of all.
bool CapturedPortals::drain_closed(const Statement& statement) {
  bool drained = false;
  for (const auto& [name, portal] : session_.queue.names().suspended_portals()) {
    if (!statement.name.empty() && statement.name != name) continue;
    if (!drain(name, portal)) return false;
    drained = true;
  }
  return !drained || wait_for_answers();
}

/// FETCH and MOVE in SQL reach the portals of the extended protocol, also those whose rows have added columns.
void CapturedPortals::find_cursors(const ParsedText& text, Execution& execution) const {
  std::vector<std::string_view> closed;
  const auto is_closed = [&closed](std::string_view name) {
    return std::any_of(closed.begin(), closed.end(), [name](auto other) { return other.empty() || other == name; });
  };
  for (std::size_t i = 0; i < text.statements.size(); ++i) {
    const Statement& statement = text.statements[i];
    const bool ends = statement.kind == StatementKind::commit || statement.kind == StatementKind::rollback;
    if (statement.closes_portal || ends)
      closed.push_back(statement.closes_portal ? std::string_view(statement.name) : std::string_view());
    if ((!statement.fetch && !statement.move) || is_closed(statement.name)) continue;
    const Names::PortalPtr portal = spliced_portal(statement.name);
    if (!portal) continue;
    execution.cursors.resize(text.statements.size());
    execution.cursors[i] = execution_of(portal);
  }
}

/// What the Query will have made of them. False where the only statement's portal has no rows that could be fetched.
bool CapturedPortals::read_cursors(Execution& execution) {
  for (const auto& cursor : execution.cursors) {
    if (!cursor) continue;
    if (execution.cursors.size() == 1 && !cursor->statement->write->has_returning && !session_.block.is_failed()) {
      cursor->portal_name = execution.text->statements[0].name;
      provoke(cursor);
      return false;
    }
    execution.before.push_back(state_of(cursor->portal));
    reads_cursor(*cursor->portal);
  }
  return true;
}

/// FETCH, MOVE and CLOSE in SQL, of a portal of the protocol.
bool CapturedPortals::reaches_captured_portal(const Statement& statement) const {
  if (statement.fetch || statement.move) return spliced_portal(statement.name) != nullptr;
  const auto captured = [](const Names::PortalPtr& portal) { return portal && portal->plan; };
  const auto portals = session_.queue.names().portals();
  return statement.closes_portal &&
         (statement.name.empty() ? std::any_of(portals.begin(), portals.end(), captured)
                                 : captured(session_.queue.names().find_portal(statement.name)));
}

}  // namespace weir::capture
