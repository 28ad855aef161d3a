// An error of the database: what it undoes of what was sent, and what the client sees of it.
#include <algorithm>
#include <charconv>

#include "capture/session/error_text.h"
#include "capture/session/session_machine.h"
#include "capture/session/sqlstates.h"

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

}  // namespace

void SessionMachine::take_error(const Frame& frame, wire::Turn& turn) {
  transaction_.stop_gathering();
  const auto fields = wire::read_error_fields(frame.body());
  const std::string_view severity = fields ? wire::error_field(*fields, 'V') : std::string_view();
  idle_error_ = queue_.empty();
  if (is_of_no_portal(fields)) return answers_nothing(frame, turn);
  // After a FATAL the connection ends; whether a commit under way took place is then not known.
  if (queue_.empty() || severity == "FATAL" || severity == "PANIC") return relay_upstream(frame, turn);
  const std::string_view sqlstate = fields ? wire::error_field(*fields, 'C') : std::string_view();
  if (queue_.front().checks && !was_meant_for_statement(sqlstate)) return facts_changed(turn);
  if (shape_refused(sqlstate, turn)) return;
  copy_.failed(sqlstate);
  (void)copy_.take_complete();
  queue_.front().answered = true;
  const Pending front = queue_.front();
  if (run_) {
    run_->failed |= front.purpose == Purpose::run && !run_->finished;
    run_->held.clear();
    // A row that the client's encoding cannot say fails while rows are sent, behind their description.
    const bool sending = sqlstate == kUntranslatableCharacter && front.expect == Expect::execute;
    if (sending && catalog_.server().client_encoding != catalog_.server().server_encoding) show_run_description(turn);
    run_->description.clear();
  }
  const bool stays = ends_segment(front.expect);
  if (!stays) skip_to_sync(sqlstate == kInFailedTransaction);
  if (front.expect == Expect::query) query_failed(front, sqlstate);
  const bool own_sync_next = !block_.skips() && !queue_.empty() && queue_.front().purpose == front.purpose;
  const bool asks = front.purpose == Purpose::question;
  const bool in_own_exchange = own_sync_next && (asks || front.purpose == Purpose::facts);
  if (asks && fields) question_failed({std::string(wire::error_field(*fields, 'M')), std::string(sqlstate)});
  if (in_own_exchange && !asks && was_meant_for_statement(sqlstate)) {
    catalog_.set_failed(false);
    show_error(frame, front, turn);
    provoke(nullptr, turn, Purpose::skip);
  } else if (!in_own_exchange && front.purpose != Purpose::skip) {
    show_error(frame, front, turn);
  }
  if (sqlstate == kInvalidStatementName) statement_missing(front);
  // It may have failed because the catalog is no longer what the plan was made from: ask again next time.
  if (front.spliced) catalog_.forget();
  if (block_.is_open()) {
    block_.failed();
    // Whether the block is over with it is for ReadyForQuery to say.
    if (front.expect == Expect::sync) transaction_ended(Outcome::aborted);
  } else if (!in_own_exchange) {
    // What it had committed before it failed stays so.
    const bool ran = front.expect == Expect::execute || front.expect == Expect::query;
    const bool may_stand =
        front.purpose == Purpose::outcome ||
        (ran && front.execution && may_commit_itself(front.execution->text.get(), front.execution->statement));
    transaction_ended(may_stand && transaction_.is_sent() ? Outcome::unknown : Outcome::aborted);
    queue_.names().drop_portals();
  }
  answered();
}

/// Of a portal that only Weir speaks of, where nothing is run: the client must not see its name.
bool SessionMachine::is_of_no_portal(const std::optional<wire::ErrorFields>& fields) const {
  if (!fields || wire::error_field(*fields, 'C') != kInvalidCursorName) return false;
  const bool runs = !queue_.empty() && queue_.front().expect != Expect::sync;
  return !runs && wire::error_field(*fields, 'M').find(own_.no_portal()) != std::string_view::npos;
}

/// Portals that it was to read are what they were, but for the one that failed.
void SessionMachine::cursors_failed(const Execution& execution, bool refused) {
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
void SessionMachine::query_failed(const Pending& front, std::string_view sqlstate) {
  const Execution* execution = front.execution.get();
  const std::size_t done = execution != nullptr ? execution->next : 0;
  const bool unread = execution != nullptr && !execution->text->parsed;
  const bool unreadable = done == 0 && is_unreadable(sqlstate);
  const bool refused = sqlstate == kInFailedTransaction || sqlstate == kSyntaxError || unreadable;
  if (execution != nullptr) cursors_failed(*execution, refused);
  if (unreadable) {
    queue_.names().failed(front.unnamed_statement, front.unnamed_statement);
    queue_.names().failed(front.unnamed_portal, front.unnamed_portal);
  }
  if (refused && done == 0 && (block_.is_failed() || unread))
    queue_.names().failed(front.unnamed_portal, front.unnamed_portal);
  if (done >= front.changes.size()) return;
  const auto& statements = execution->text->statements;
  if (refused || done + 1 < statements.size()) {
    queue_.names().failed(front.changes[done], front.mark);
  } else if (statements.back().drops_all_statements) {
    own_.may_be_gone();
  }
}

/// One of Weir's own is not there: this is another backend than the one it was made in.
void SessionMachine::statement_missing(const Pending& front) {
  const bool twin = front.bound && front.spliced && !front.bound->cursor && !front.bound->statement.empty();
  if (!twin && !is_own(front.purpose)) return;
  if (twin) queue_.names().forget_twin(front.bound->statement);
  own_.missing();
  drop_shapes();
}

/// The server ignores everything up to the next Sync; so what was sent since has no answer and no effect. The first of
/// it failed, or was `refused` before it ran.
void SessionMachine::skip_to_sync(bool refused) {
  bool of_own = true;
  for (Pending& skipped : queue_.fail_to_sync(refused)) {
    of_own &= is_own(skipped.purpose) && skipped.purpose != Purpose::provoke;
    if (skipped.shape && skipped.expect == Expect::parse) skipped.shape->own.sent = false;
    own_.skipped(skipped);
    if (skipped.purpose == Purpose::facts) facts_skipped(skipped);
    if (skipped.purpose == Purpose::run && run_) run_->failed = true;
  }
  catalog_.drop_answer();
  if (run_ && !run_->finished) run_->failed = true;
  if (queue_.empty()) {
    block_.skip(of_own);
  } else {
    block_.stop_skipping();
  }
}

/// Questions behind the Sync are answered all the same.
void SessionMachine::facts_skipped(const Pending& skipped) {
  if (!skipped.checks) catalog_.set_failed(true);
  if (skipped.expect != Expect::execute) return;
  catalog_.answer_skipped();
  if (skipped.checks) check_ended();
}

/// What the client sees of an error: as it came, but for one that Weir brought about, for names and counts that Weir
/// changed in a Bind, for positions in a text that was sent in parts, and for what tells Weir's own statement from the
/// client's.
void SessionMachine::show_error(const Frame& frame, const Pending& front, wire::Turn& turn) {
  const auto fields = wire::read_error_fields(frame.body());
  const bool provoked = front.purpose == Purpose::provoke;
  const bool grouped = front.execution && front.execution->in_group;
  const bool shifted = front.purpose == Purpose::run && run_ && (run_->offset > 0 || grouped);
  const bool locking = front.purpose == Purpose::lock;
  const bool bound = front.spliced && front.bound;
  const bool asking = asks_something(front.purpose);
  const bool shaped = front.shape != nullptr;
  if (!fields || (!provoked && !shifted && !bound && !locking && !asking && !shaped))
    return relay_upstream(frame, turn);
  ErrorText text(*fields);
  const std::string portal = front.execution ? front.execution->portal_name : std::string();
  if (asking) text.without_place();
  if (bound) text.of_bind(*front.bound);
  if (locking) text.of_lock(own_.portal(), portal);
  if (shaped) text.of_shape(own_.shape_portal());
  if (shifted) text.of_part([&](std::size_t at) { return position_in_run(front, at); });
  if (provoked && front.execution) text.cannot_be_run(portal);
  if (provoked && !front.execution) text.is_refused(transaction_.refusal());
  text.append_to(turn.to_client.buffer(), frame.type);
}

}  // namespace weir::capture
