// The commit point: before bytes are sent that may commit, all rows are in, the transaction's id and version are known,
// and the journal has it on disk.
#include <algorithm>

#include "capture/session/session_machine.h"

namespace weir::capture {
namespace {

/// Events kept in a session before they are streamed to the journal.
constexpr std::size_t kLargestKeptBytes = 1u << 20;

}  // namespace

/// True when nothing is under way; else asks the server for its answers and waits.
bool SessionMachine::wait_for_answers(wire::Turn& turn) {
  if (queue_.empty()) return true;
  const Expect last = queue_.back().expect;
  if (last != Expect::sync && last != Expect::query && last != Expect::function_call)
    wire::append_flush(turn.to_upstream.buffer());
  wait_ = Wait::answers;
  return false;
}

/// Something ran in a pipeline that can commit by itself. It has not failed, and whether the transaction that was open
/// before it goes on decides what the next message belongs to; the server knows. False: not known yet.
bool SessionMachine::learn_outcome(wire::Turn& turn) {
  if (!wait_for_answers(turn)) return false;
  if (commit_ != Commit::sent || block_.skips()) commits_itself_ = false;
  if (!commits_itself_) return true;
  run_once("SELECT pg_catalog.pg_xact_status($1::pg_catalog.text::pg_catalog.xid8)::pg_catalog.text",
           {std::to_string(transaction_.xid())}, Purpose::outcome, turn);
  return wait_for_answers(turn);
}

void SessionMachine::heard_outcome(std::string_view status) {
  commits_itself_ = false;
  if (status == "in progress") return reopen();
  const bool known = status == "committed" || status == "aborted";
  transaction_ended(!known ? Outcome::unknown : status == "committed" ? Outcome::committed : Outcome::aborted);
  queue_.names().drop_portals();
}

/// True when the bytes that may commit can be sent: commit_ is then prepared (something is to be committed), refused,
/// or neither (nothing is). `ends_block`: they end an explicit block too; otherwise they mean nothing inside one.
/// `surely`: they are known to; if not, the client may still want what a portal holds.
bool SessionMachine::ready_to_commit(bool ends_block, wire::Turn& turn, bool surely) {
  if (commit_ == Commit::prepared || commit_ == Commit::refused) return true;
  if (ends_block && knows_enough_to_commit()) {
    return prepare();
  }
  if (!wait_for_answers(turn)) return false;
  if (block_.skips() || block_.is_failed() || (block_.is_open() && !ends_block)) return true;
  if (surely)
    for (const auto& [name, portal] : queue_.names().suspended_portals()) drain(name, portal, turn);
  if (!wait_for_answers(turn)) return false;
  if (transaction_.empty() && !reopened_) return true;
  if (transaction_.incomplete()) {
    if (transaction_.lacks_needed_xid()) {
      run_once(
          "SELECT pg_catalog.pg_current_xact_id()::pg_catalog.text, "
          "pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text",
          {}, Purpose::epilogue, turn);
      return wait_for_answers(turn);
    }
    prepare_own(epilogue_statement_,
                "SELECT pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.text, "
                "pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text",
                Purpose::epilogue, turn);
    send_own(epilogue_statement_, {}, Purpose::epilogue, turn);
    let_go(epilogue_statement_, turn);
    return wait_for_answers(turn);
  }
  return prepare();
}

/// Before bytes that may commit: what the handler is to return instead of sending them, or nothing.
std::optional<SessionMachine::Took> SessionMachine::pass_commit_point(bool ends_block, const Frame& frame,
                                                                      wire::Turn& turn) {
  if (!ready_to_commit(ends_block, turn)) return Took::nothing;
  if (commit_ == Commit::refused) return refuse_commit(frame, turn);
  if (commit_ == Commit::prepared) commit_ = Commit::sent;
  return std::nullopt;
}

/// Drivers send COMMIT as Bind, Describe, Execute, Sync in one go. All that is not answered then is the COMMIT's own
/// Bind and Describe: nothing that could add to the transaction. Should one of them fail, the block has failed for
/// good, provided that it has no savepoint to return to.
bool SessionMachine::knows_enough_to_commit() const {
  if (!block_.is_open() || block_.is_failed() || block_.skips() || transaction_.empty() || transaction_.incomplete())
    return false;
  if (transaction_.has_savepoints() || !queue_.names().suspended_portals().empty()) return false;
  return std::all_of(queue_.begin(), queue_.end(), [](const Pending& pending) {
    const bool runs_nothing =
        pending.expect == Expect::parse || pending.expect == Expect::bind || pending.expect == Expect::describe_portal;
    return runs_nothing && pending.purpose == Purpose::client;
  });
}

/// The gate hears of a transaction before its first captured statement is sent. Until it has ended, what the stream
/// promises ("no event with an lsn up to here any more") stays below what that statement may write.
void SessionMachine::announce_write() {
  std::int64_t& id = commit_ == Commit::sent ? next_gate_id_ : gate_id_;
  if (id == 0) id = gate_->open();
}

event::Transaction SessionMachine::describe_transaction() const {
  event::Transaction described;
  described.id = gate_id_;
  described.xid = transaction_.xid();
  described.database = database_;
  described.first_lsn = transaction_.first_lsn();
  described.last_lsn = transaction_.last_lsn();
  described.event_count = transaction_.event_count();
  described.server_run = transaction_.logged() ? run_of_logged_ : run_of_unlogged_;
  described.context = context_;
  return described;
}

/// What is reported after the fact comes behind all that this session committed before.
event::Transaction SessionMachine::describe_report() const {
  event::Transaction described = describe_transaction();
  if (described.last_lsn == 0 && last_lsn_ != 0) described.first_lsn = described.last_lsn = last_lsn_ + 1;
  return described;
}

/// True where the gate has answered at once.
bool SessionMachine::prepare() {
  announce_write();
  commit_ = Commit::preparing;
  gathers_ = true;
  const event::Transaction described = describe_transaction();
  const std::optional<Result<void>> answer = gate_->prepare(described, transaction_.take_events());
  if (!answer) {
    wait_ = Wait::journal;
    return false;
  }
  prepared(*answer);
  return true;
}

void SessionMachine::prepared(const Result<void>& result) {
  commit_ = result ? Commit::prepared : Commit::refused;
  if (!result) refusal_ = result.error();
}

void SessionMachine::on_prepared(Result<void> result, wire::Turn& turn) {
  if (commit_ != Commit::preparing) return;
  wait_ = Wait::nothing;
  prepared(result);
  feed_replay(turn);
  heed_rules(turn);
}

/// What may tell the client that it committed, while a crash of the machine could still take its events away, stays
/// where it is, and all that follows too.
bool SessionMachine::must_hold(char type) {
  if (commit_ != Commit::sent || lost_) return false;
  if (type != wire::backend::kCommandComplete && type != wire::backend::kReadyForQuery) return false;
  holds_upstream_ = !gate_->may_be_told(gate_id_);
  return holds_upstream_;
}

void SessionMachine::on_durable() {
  holds_upstream_ = false;
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
  wire::append_sync(turn.to_upstream.buffer());
  expect({.expect = Expect::sync});
  return Took::frame;
}

/// Ends what failed, and the block with it. The Sync that the client sees answered comes behind.
void SessionMachine::roll_back_refused(wire::Turn& turn) {
  wire::append_sync(turn.to_upstream.buffer());
  expect({.expect = Expect::sync, .purpose = Purpose::tidy});
  run_once("ROLLBACK", {}, Purpose::tidy, turn);
}

/// What was to commit failed, or was none, and the block is still there.
void SessionMachine::reopen() {
  commit_ = Commit::open;
  reopened_ = true;
  gathers_ = false;
  gate_->reopen(gate_id_);
  if (const std::int64_t next = std::exchange(next_gate_id_, 0); next != 0) gate_->outcome(next, Outcome::aborted);
}

/// Nobody knows which of the events that were prepared were taken back.
void SessionMachine::forget_prepared() {
  gate_->truncate(gate_id_, 1);
  transaction_.forget_events();
  add_gap({}, event::Op::update, 0, std::string(kUnseenSavepoint));
}

void SessionMachine::transaction_ended(Outcome outcome) {
  gathers_ = false;
  const bool known_to_gate = commit_ == Commit::prepared || commit_ == Commit::sent;
  if (known_to_gate) {
    // Where all of it was taken back there is nothing to tell.
    gate_->outcome(gate_id_, transaction_.empty() ? Outcome::aborted : outcome);
  } else if (gate_id_ != 0) {
    gate_->outcome(gate_id_, Outcome::aborted);
  }
  // Behind what was prepared, or where nothing could be.
  if (outcome != Outcome::aborted && !transaction_.events().empty()) report_uncontrolled();
  last_lsn_ = std::max(last_lsn_, transaction_.last_lsn());
  transaction_ = {};
  unread_.clear();
  keeps_moved_ = reopened_ = commits_itself_ = false;
  gate_id_ = std::exchange(next_gate_id_, 0);
  commit_ = Commit::open;
  // A rollback undoes it, and SET LOCAL ends with a commit too.
  if (catalog_touched_) forget_catalog();
  // Other sessions see DDL only from here on: what they asked in between is what was before.
  if (catalog_changed_ && outcome != Outcome::aborted) epoch_->fetch_add(1, std::memory_order_relaxed);
  catalog_touched_ = catalog_changed_ = false;
  // What is under way now belongs to the next transaction.
  if (queue_.under_way().captured > 0) announce_write();
}

/// It committed where Weir could not hold it: after the fact all that can be said is what was missed.
void SessionMachine::report_uncontrolled() {
  const event::Transaction described = describe_report();
  transaction_.make_gaps("commit could not be held");
  for (event::ChangeEvent& gap : transaction_.take_events()) gate_->report(described, std::move(gap));
}

/// A transaction of any size takes bounded memory: its events go to the journal as they come.
void SessionMachine::stream_if_large() {
  if (transaction_.bytes() < kLargestKeptBytes || transaction_.incomplete()) return;
  if (transaction_.has_savepoints() && queue_.names().has_suspended_portals()) return;
  announce_write();
  gate_->append(gate_id_, transaction_.take_events());
}

bool SessionMachine::idle() const {
  return !lost_ && !client_broken_ && queue_.empty() && queue_.is_clean() && !block_.is_open() &&
         wait_ == Wait::nothing && client_skip_ == 0 && replay_.empty() && gate_id_ == 0;
}

bool SessionMachine::upstream_stalled() const {
  return holds_upstream_;
}

void SessionMachine::upstream_gone() {
  leave("the session ended");
}

/// Nothing more is known of the session: whoever waits for it hears so.
void SessionMachine::leave(const char* why) {
  gathers_ = false;
  wait_ = Wait::nothing;
  if (gate_id_ != 0) gate_->outcome(gate_id_, commit_ == Commit::sent ? Outcome::unknown : Outcome::aborted);
  if (next_gate_id_ != 0) gate_->outcome(next_gate_id_, Outcome::aborted);
  gate_id_ = next_gate_id_ = 0;
  question_failed({why, ""});
  question_ended();
}

}  // namespace weir::capture
