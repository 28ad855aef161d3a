#include "capture/session/session_state.h"

#include <algorithm>
#include <string>

#include "capture/event/gap_cause.h"
#include "capture/session/sqlstates.h"
#include "wire/error_response.h"

namespace weir::capture {

bool InTurn::wait_for_answers() const {
  if (session_.queue.empty()) return true;
  if (!ends_segment(session_.queue.back().expect)) send().flush();
  session_.wait = Wait::answers;
  return false;
}

/// What is taken once more is gone before the bytes are sent.
Took InTurn::relay_client(const Frame& frame) const {
  send().relay_unanswered(frame.received, !session_.retained.feeds_again());
  session_.client.skip = frame.size - frame.received.size();
  return Took::frame;
}

Took InTurn::relay_expecting(const Frame& frame, Pending pending) const {
  send().relay(frame.received, !session_.retained.feeds_again(), std::move(pending));
  session_.client.skip = frame.size - frame.received.size();
  return Took::frame;
}

void InTurn::relay_upstream(const Frame& frame) const {
  turn_.to_client.relay(frame.received);
  session_.upstream.skip = frame.size - frame.received.size();
  session_.upstream.drops = false;
}

void InTurn::answered() const {
  if (session_.queue.empty() && session_.wait == Wait::answers) session_.wait = Wait::nothing;
}

void lose_track(std::string_view why, SessionState& session, wire::Turn& turn) {
  session.track = Track::lost;
  session.transaction.report(to_text(event::GapCause::lost_track) + (": " + std::string(why)));
  leave("lost track of the session", session);
  if (!session.queue.hides()) return;
  wire::append_error(turn.to_client.buffer(), "FATAL", kProtocolViolation,
                     "the database's answers do not fit what was sent");
  session.track = Track::closed;
  turn.close = true;
}

void heed_rules(SessionState& session, wire::Turn& turn) {
  if (session.rules.broken().empty() || session.track != Track::kept) return;
  if (session.queue.hides()) turn.to_upstream.clear();
  lose_track(session.rules.broken(), session, turn);
}

bool goes_on_behind_query(const SessionState& session) {
  return session.block.pipeline().is_open() && !session.block.is_open() && !session.block.skips() &&
         session.catalog.server().version >= kKeepsPipelines;
}

bool goes_on_behind(const ParsedText& text, const SessionState& session) {
  if (!goes_on_behind_query(session) || !text.parsed || text.statements.size() > 1) return false;
  if (text.statements.empty()) return true;
  const StatementKind kind = text.statements[0].kind;
  return kind != StatementKind::commit && kind != StatementKind::rollback && kind != StatementKind::prepare_transaction;
}

bool may_be_in_limbo(const SessionState& session) {
  const bool behind_sync = !session.queue.empty() && ends_segment(session.queue.back().expect);
  if (session.catalog.server().version < kKeepsPipelines || !behind_sync) return false;
  return session.block.pipeline().is_in_limbo() || session.block.pipeline().is_behind_query() ||
         std::any_of(session.queue.begin(), session.queue.end(), [](const Pending& pending) {
           return pending.expect == Expect::query && pending.purpose == Purpose::client;
         });
}

bool is_idle(const SessionState& session) {
  return session.track == Track::kept && !session.client.is_broken && session.queue.empty() &&
         session.queue.is_clean() && !session.block.is_open() && !session.block.pipeline().is_in_limbo() &&
         session.wait == Wait::nothing && session.client.skip == 0 && !session.retained.has_again() &&
         !session.transaction.is_announced();
}

void leave(const char* why, SessionState& session) {
  session.wait = Wait::nothing;
  session.transaction.lost();
  session.question.failed({why, ""});
  session.question.ended();
}

}  // namespace weir::capture
