// The commit point: before bytes are sent that may commit, all rows are in, the transaction's id and version are known,
// and the journal has it on disk.
#include <algorithm>

#include "capture/session/session_machine.h"

namespace weir::capture {
/// True when nothing is under way; else asks the server for its answers and waits.
bool SessionMachine::wait_for_answers(wire::Turn& turn) {
  if (queue_.empty()) return true;
  const Expect last = queue_.back().expect;
  if (last != Expect::sync && last != Expect::query && last != Expect::function_call) send(turn).flush();
  wait_ = Wait::answers;
  return false;
}

/// Something ran in a pipeline that can commit by itself. It has not failed, and whether the transaction that was open
/// before it goes on decides what the next message belongs to; the server knows. False: not known yet.
bool SessionMachine::learn_outcome(wire::Turn& turn) {
  if (!wait_for_answers(turn)) return false;
  if (!transaction_.is_sent() || block_.skips()) transaction_.forget_commits_itself();
  if (!transaction_.commits_itself()) return true;
  own_.run_once("SELECT pg_catalog.pg_xact_status($1::pg_catalog.text::pg_catalog.xid8)::pg_catalog.text",
                std::vector<std::string>{std::to_string(transaction_.written().xid())}, Purpose::outcome, send(turn));
  return wait_for_answers(turn);
}

void SessionMachine::heard_outcome(std::string_view status) {
  transaction_.forget_commits_itself();
  if (status == "in progress") return transaction_.reopen();
  const bool known = status == "committed" || status == "aborted";
  transaction_ended(!known ? Outcome::unknown : status == "committed" ? Outcome::committed : Outcome::aborted);
  queue_.names().drop_portals();
}

/// True when the bytes that may commit can be sent: commit_ is then prepared (something is to be committed), refused,
/// or neither (nothing is). `ends_block`: they end an explicit block too; otherwise they mean nothing inside one.
/// `surely`: they are known to; if not, the client may still want what a portal holds.
bool SessionMachine::ready_to_commit(bool ends_block, wire::Turn& turn, bool surely) {
  if (transaction_.is_prepared() || transaction_.is_refused()) return true;
  if (ends_block && knows_enough_to_commit()) {
    return prepare();
  }
  if (!wait_for_answers(turn)) return false;
  if (block_.skips() || block_.is_failed() || (block_.is_open() && !ends_block)) return true;
  if (surely)
    for (const auto& [name, portal] : queue_.names().suspended_portals()) drain(name, portal, turn);
  if (!wait_for_answers(turn)) return false;
  if (!transaction_.has_something()) return true;
  if (transaction_.written().incomplete()) {
    if (transaction_.written().lacks_needed_xid()) {
      own_.run_once(
          "SELECT pg_catalog.pg_current_xact_id()::pg_catalog.text, "
          "pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text",
          {}, Purpose::epilogue, send(turn));
      return wait_for_answers(turn);
    }
    const OwnStatement& epilogue = own_.epilogue(
        "SELECT pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.text, "
        "pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text",
        send(turn));
    own_.run(epilogue, {}, Purpose::epilogue, send(turn));
    own_.let_go_epilogue(send(turn));
    return wait_for_answers(turn);
  }
  return prepare();
}

/// Before bytes that may commit: what the handler is to return instead of sending them, or nothing.
std::optional<SessionMachine::Took> SessionMachine::pass_commit_point(bool ends_block, const Frame& frame,
                                                                      wire::Turn& turn) {
  if (!ready_to_commit(ends_block, turn)) return Took::nothing;
  if (transaction_.is_refused()) return refuse_commit(frame, turn);
  transaction_.sent();
  return std::nullopt;
}

/// Drivers send COMMIT as Bind, Describe, Execute, Sync in one go. All that is not answered then is the COMMIT's own
/// Bind and Describe: nothing that could add to the transaction. Should one of them fail, the block has failed for
/// good, provided that it has no savepoint to return to.
bool SessionMachine::knows_enough_to_commit() const {
  if (!block_.is_open() || block_.is_failed() || block_.skips() || transaction_.written().empty() ||
      transaction_.written().incomplete())
    return false;
  if (transaction_.written().has_savepoints() || !queue_.names().suspended_portals().empty()) return false;
  return std::all_of(queue_.begin(), queue_.end(), [](const Pending& pending) {
    const bool runs_nothing =
        pending.expect == Expect::parse || pending.expect == Expect::bind || pending.expect == Expect::describe_portal;
    return runs_nothing && pending.purpose == Purpose::client;
  });
}

/// True where the gate has answered at once.
bool SessionMachine::prepare() {
  if (transaction_.prepare()) return true;
  wait_ = Wait::journal;
  return false;
}

void SessionMachine::on_prepared(Result<void> result, wire::Turn& turn) {
  if (!transaction_.prepared(result)) return;
  wait_ = Wait::nothing;
  feed_replay(turn);
  heed_rules(turn);
}

/// What may tell the client that it committed, while a crash of the machine could still take its events away, stays
/// where it is, and all that follows too.
bool SessionMachine::must_hold(char type) {
  if (lost_) return false;
  if (type != wire::backend::kCommandComplete && type != wire::backend::kReadyForQuery) return false;
  return transaction_.must_hold();
}

void SessionMachine::on_durable() {
  transaction_.durable();
}

/// The journal does not take it, so it must not commit: the server is made to fail, the client is told why, and a block
/// is over, as it is behind any COMMIT that fails.
SessionMachine::Took SessionMachine::refuse_commit(const Frame& frame, wire::Turn& turn) {
  provoke(nullptr, turn);
  if (frame.type == wire::frontend::kSync) return relay_expecting(frame, {.expect = Expect::sync}, turn);
  if (frame.type != wire::frontend::kQuery && frame.type != wire::frontend::kFunctionCall) {
    must_roll_back_ = block_.is_open();
    return Took::frame;
  }
  if (block_.is_open()) roll_back_refused(turn);
  if (run_) return finish_run(turn);
  send(turn).sync({});
  return Took::frame;
}

/// Ends what failed, and the block with it. The Sync that the client sees answered comes behind.
void SessionMachine::roll_back_refused(wire::Turn& turn) {
  send(turn).sync({.purpose = Purpose::tidy});
  own_.run_once("ROLLBACK", {}, Purpose::tidy, send(turn));
}

void SessionMachine::transaction_ended(Outcome outcome) {
  transaction_.ended(outcome, queue_.under_way().captured > 0);
  rows_.transaction_ended();
  catalog_.transaction_ended(outcome == Outcome::aborted);
}

bool SessionMachine::idle() const {
  return !lost_ && !client_broken_ && queue_.empty() && queue_.is_clean() && !block_.is_open() &&
         wait_ == Wait::nothing && client_skip_ == 0 && replay_.empty() && !transaction_.is_announced();
}

bool SessionMachine::upstream_stalled() const {
  return transaction_.holds();
}

void SessionMachine::upstream_gone() {
  leave("the session ended");
}

/// Nothing more is known of the session: whoever waits for it hears so.
void SessionMachine::leave(const char* why) {
  wait_ = Wait::nothing;
  transaction_.lost();
  question_failed({why, ""});
  question_ended();
}

}  // namespace weir::capture
