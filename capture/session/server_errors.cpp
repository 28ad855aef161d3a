#include "capture/session/server_errors.h"

#include "capture/session/captured_portals.h"
#include "capture/session/error_text.h"
#include "capture/session/planner.h"
#include "capture/session/server_answers.h"
#include "capture/session/sqlstates.h"
#include "capture/session/transaction_end.h"

namespace weir::capture {
namespace {

/// A Query that is not in the client's encoding, or no string, is refused before it ends the unnamed statement. Where
/// it has these errors for another reason it has ended it; to take that for there is no harm, it cannot be used.
bool is_unreadable(std::string_view sqlstate) {
  return sqlstate == kProtocolViolation || sqlstate == kCharacterNotInRepertoire ||
         sqlstate == kUntranslatableCharacter;
}

/// It stands in the way of the client's statement, and where it fails it is no part of that: what it says of where it
/// failed is about a text that the client did not write.
bool asks_something(Purpose purpose) {
  return purpose == Purpose::facts || purpose == Purpose::epilogue || purpose == Purpose::outcome;
}

/// A cancel or a timeout hits the statement that waits for the catalog, not the question to it.
bool was_meant_for_statement(std::string_view sqlstate) {
  return sqlstate == kQueryCanceled || sqlstate == kLockNotAvailable;
}

/// It would hit the client's own text in the same way, or has nothing to do with what was sent: a cancel, a timeout, a
/// deadlock, no memory.
bool is_not_of_text(std::string_view sqlstate) {
  const std::string_view kind = sqlstate.substr(0, 2);
  return kind == "57" || kind == "55" || kind == "40" || kind == "53" || kind == "54" || kind == "58";
}

}  // namespace

/// An error before anything of it was executed, which may be one of the shape's and not of the client's text: that is
/// sent now. False where it is shown.
bool ServerErrors::shape_refused(std::string_view sqlstate) {
  const Pending& front = session_.queue.front();
  const bool begun = front.expect != Expect::parse && front.expect != Expect::bind;
  if (!front.shape || begun || is_not_of_text(sqlstate)) return false;
  const auto shape = front.shape;
  shape->refusals = front.expect == Expect::parse ? ShapeStatement::kMostRefusals : shape->refusals + 1;
  skip_to_sync(false);
  // Somebody has dropped it.
  if (sqlstate == kInvalidStatementName) shape->own.sent = false;
  session_.run.reset();
  TransactionEnd(*this).transaction_ended(Outcome::aborted);
  session_.queue.names().drop_portals();
  session_.block.stop_skipping();
  session_.catalog.set_failed(false);
  session_.at_hand.own_text = session_.catalog.message();
  send().sync({.purpose = Purpose::facts});
  session_.wait = Wait::answers;
  return true;
}

/// An answer to a check differs: nothing of what was sent behind it has happened, and nothing was shown. All of it is
/// taken as if it came only now.
void ServerErrors::facts_changed() {
  session_.retained.take_again();
  skip_to_sync(false);
  if (runs_on()) session_.run.reset();
  session_.catalog.forget();
  TransactionEnd(*this).transaction_ended(Outcome::aborted);
  session_.queue.names().drop_portals();
  session_.block.stop_skipping();
  session_.catalog.set_failed(false);
  session_.at_hand.asks_alone = true;
  send().sync({.purpose = Purpose::facts});
  session_.wait = Wait::answers;
}

void ServerErrors::take_error(const Frame& frame) {
  session_.transaction.stop_gathering();
  const auto fields = wire::read_error_fields(frame.body());
  const std::string_view severity = fields ? wire::error_field(*fields, 'V') : std::string_view();
  session_.block.failed_idle(session_.queue.empty());
  if (is_of_no_portal(fields)) return ServerAnswers(*this).answers_nothing(frame);
  // After a FATAL the connection ends; whether a commit under way took place is then not known.
  if (session_.queue.empty() || severity == "FATAL" || severity == "PANIC") return relay_upstream(frame);
  const std::string_view sqlstate = fields ? wire::error_field(*fields, 'C') : std::string_view();
  if (session_.queue.front().checks && !was_meant_for_statement(sqlstate)) return facts_changed();
  if (shape_refused(sqlstate)) return;
  session_.copy.failed(sqlstate);
  (void)session_.copy.take_complete();
  session_.queue.front().answered = true;
  const Pending front = session_.queue.front();
  if (session_.run) {
    if (front.purpose == Purpose::run) session_.run->fail_unless_finished();
    (void)session_.run->take_complete();
    // A row that the client's encoding cannot say fails while rows are sent, behind their description.
    const bool sending = sqlstate == kUntranslatableCharacter && front.expect == Expect::execute;
    if (sending && session_.catalog.server().client_encoding != session_.catalog.server().server_encoding)
      ServerAnswers(*this).show_run_description();
    (void)session_.run->take_description();
  }
  const bool stays = ends_segment(front.expect);
  if (!stays) skip_to_sync(sqlstate == kInFailedTransaction);
  if (front.expect == Expect::query) query_failed(front, sqlstate);
  const bool own_sync_next =
      !session_.block.skips() && !session_.queue.empty() && session_.queue.front().purpose == front.purpose;
  const bool asks = front.purpose == Purpose::question;
  const bool in_own_exchange = own_sync_next && (asks || front.purpose == Purpose::facts);
  if (asks && fields) session_.question.failed({std::string(wire::error_field(*fields, 'M')), std::string(sqlstate)});
  if (in_own_exchange && !asks && was_meant_for_statement(sqlstate)) {
    session_.catalog.set_failed(false);
    show_error(frame, front);
    CapturedPortals(*this).provoke(nullptr, Purpose::skip);
  } else if (!in_own_exchange && front.purpose != Purpose::skip) {
    show_error(frame, front);
  }
  if (sqlstate == kInvalidStatementName) statement_missing(front);
  // It may have failed because the catalog is no longer what the plan was made from: ask again next time.
  if (front.spliced) session_.catalog.forget();
  session_.block.pipeline().failed();
  if (session_.block.is_open()) {
    session_.block.failed();
    // Whether the block is over with it is for ReadyForQuery to say.
    if (front.expect == Expect::sync) TransactionEnd(*this).transaction_ended(Outcome::aborted);
  } else if (!in_own_exchange) {
    // What it had committed before it failed stays so.
    const bool ran = front.expect == Expect::execute || front.expect == Expect::query;
    const bool may_stand =
        front.purpose == Purpose::outcome ||
        (ran && front.execution && may_commit_itself(front.execution->text.get(), front.execution->statement));
    TransactionEnd(*this).transaction_ended(may_stand && session_.transaction.is_sent() ? Outcome::unknown
                                                                                        : Outcome::aborted);
    session_.queue.names().drop_portals();
  }
  answered();
}

/// Of a portal that only Weir speaks of, where nothing is run: the client must not see its name.
bool ServerErrors::is_of_no_portal(const std::optional<wire::ErrorFields>& fields) const {
  if (!fields || wire::error_field(*fields, 'C') != kInvalidCursorName) return false;
  const bool runs = !session_.queue.empty() && session_.queue.front().expect != Expect::sync;
  return !runs && wire::error_field(*fields, 'M').find(session_.own.no_portal()) != std::string_view::npos;
}

/// Portals that it was to read are what they were, but for the one that failed.
void ServerErrors::cursors_failed(const Execution& execution, bool refused) {
  auto before = execution.before.begin();
  std::vector<PortalState> unread;
  for (std::size_t i = 0; i < execution.cursors.size() && before != execution.before.end(); ++i) {
    if (!execution.cursors[i]) continue;
    const PortalState& state = *before++;
    if (i == execution.next && !refused) {
      unread.push_back({state.portal, true, false});
    } else if (i >= execution.next) {
      unread.push_back(state);
    }
  }
  for (auto state = unread.rbegin(); state != unread.rend(); ++state) restore(*state);
}

/// What its statements would have done to names did not happen. Where the commit of DEALLOCATE or DISCARD failed, the
/// names are gone all the same; a name that is forgotten here and known to the server is only not captured, so the
/// doubt ends there.
void ServerErrors::query_failed(const Pending& front, std::string_view sqlstate) {
  const Execution* execution = front.execution.get();
  const std::size_t done = execution != nullptr ? execution->next : 0;
  const bool unread = execution != nullptr && !execution->text->parsed;
  const bool unreadable = done == 0 && is_unreadable(sqlstate);
  const bool refused = sqlstate == kInFailedTransaction || sqlstate == kSyntaxError || unreadable;
  if (execution != nullptr) cursors_failed(*execution, refused);
  if (unreadable) {
    session_.queue.names().failed(front.unnamed_statement, front.unnamed_statement);
    session_.queue.names().failed(front.unnamed_portal, front.unnamed_portal);
  }
  if (refused && done == 0 && (session_.block.is_failed() || unread))
    session_.queue.names().failed(front.unnamed_portal, front.unnamed_portal);
  if (done >= front.changes.size()) return;
  const auto& statements = execution->text->statements;
  if (refused || done + 1 < statements.size()) {
    session_.queue.names().failed(front.changes[done], front.mark);
  } else if (statements.back().drops_all_statements) {
    session_.own.may_be_gone();
  }
}

/// One of Weir's own is not there: this is another backend than the one it was made in.
void ServerErrors::statement_missing(const Pending& front) {
  const bool twin = front.bound && front.spliced && !front.bound->cursor && !front.bound->statement.empty();
  if (!twin && !is_own(front.purpose)) return;
  if (twin) session_.queue.names().forget_twin(front.bound->statement);
  session_.own.missing();
  Planner(*this).drop_shapes();
}

/// The server ignores everything up to the next Sync; so what was sent since has no answer and no effect. The first of
/// it failed, or was `refused` before it ran.
void ServerErrors::skip_to_sync(bool refused) {
  bool of_own = true;
  for (Pending& skipped : session_.queue.fail_to_sync(refused)) {
    of_own &= is_own(skipped.purpose) && skipped.purpose != Purpose::provoke;
    if (skipped.shape && skipped.expect == Expect::parse) skipped.shape->own.sent = false;
    session_.own.skipped(skipped);
    if (skipped.purpose == Purpose::facts) facts_skipped(skipped);
    if (skipped.purpose == Purpose::run && session_.run) session_.run->fail();
  }
  session_.catalog.drop_answer();
  if (runs_on()) session_.run->fail();
  if (session_.queue.empty()) {
    session_.block.skip(of_own);
  } else {
    session_.block.stop_skipping();
  }
}

/// Questions behind the Sync are answered all the same.
void ServerErrors::facts_skipped(const Pending& skipped) {
  if (!skipped.checks) session_.catalog.set_failed(true);
  if (skipped.expect != Expect::execute) return;
  session_.catalog.answer_skipped();
  if (skipped.checks) session_.retained.check_ended();
}

namespace {

/// BEFORE triggers see each row that its UPDATE changes.
bool has_triggers_before(const Pending& front) {
  return front.execution && front.execution->plan && front.execution->plan->relation->has_update_triggers;
}

}  // namespace

/// What the client sees of an error: as it came, but for one that Weir brought about, for names and counts that Weir
/// changed in a Bind, for positions in a text that was sent in parts, and for what tells Weir's own statement from the
/// client's.
void ServerErrors::show_error(const Frame& frame, const Pending& front) {
  const auto fields = wire::read_error_fields(frame.body());
  const bool provoked = front.purpose == Purpose::provoke;
  const bool shifted = front.purpose == Purpose::run && session_.run && session_.run->shifts(front);
  const bool locking = front.purpose == Purpose::lock;
  const bool bound = front.spliced && front.bound;
  const bool asking = asks_something(front.purpose);
  const bool shaped = front.shape != nullptr;
  if (!fields || (!provoked && !shifted && !bound && !locking && !asking && !shaped)) return relay_upstream(frame);
  ErrorText text(*fields);
  const std::string portal = front.execution ? front.execution->portal_name : std::string();
  if (asking) text.without_place();
  if (bound) text.of_bind(*front.bound);
  if (locking) text.of_lock(session_.own.portal(), portal, has_triggers_before(front));
  if (shaped) text.of_shape(session_.own.shape_portal());
  if (shifted)
    text.of_part(
        [&](std::size_t at) { return session_.run->position(front, at, session_.catalog.server().text_encoding()); });
  if (provoked && front.execution) text.cannot_be_run(portal);
  if (provoked && !front.execution) text.is_refused(session_.transaction.refusal());
  text.append_to(turn_.to_client.buffer(), frame.type);
}

}  // namespace weir::capture
