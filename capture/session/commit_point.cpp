#include "capture/session/commit_point.h"

#include <algorithm>

#include "capture/session/captured_portals.h"
#include "capture/session/run_steps.h"
#include "capture/session/transaction_end.h"

namespace weir::capture {
/// Something ran in a pipeline that can commit by itself. It has not failed, and whether the transaction that was open
/// before it goes on decides what the next message belongs to; the server knows. False: not known yet.
bool CommitPoint::learn_outcome() {
  if (!wait_for_answers()) return false;
  if (!session_.transaction.is_sent() || session_.block.skips()) session_.transaction.forget_commits_itself();
  if (!session_.transaction.commits_itself()) return true;
  session_.own.run_once("SELECT pg_catalog.pg_xact_status($1::pg_catalog.text::pg_catalog.xid8)::pg_catalog.text",
                        std::vector<std::string>{std::to_string(session_.transaction.written().xid())},
                        Purpose::outcome, send());
  return wait_for_answers();
}

void CommitPoint::heard_outcome(std::string_view status) {
  session_.transaction.forget_commits_itself();
  if (status == "in progress") return session_.transaction.reopen();
  const bool known = status == "committed" || status == "aborted";
  TransactionEnd(*this).transaction_ended(!known                  ? Outcome::unknown
                                          : status == "committed" ? Outcome::committed
                                                                  : Outcome::aborted);
  session_.block.pipeline().executed(Purpose::client);  // another one
  session_.queue.names().drop_portals();
}

/// True when the bytes that may commit can be sent: the transaction is then prepared (something is to be committed),
/// refused, or neither (nothing is). `ends_block`: they end an explicit block too; otherwise they mean nothing inside
/// one. `surely`: they are known to; if not, the client may still want what a portal holds.
bool CommitPoint::ready_to_commit(bool ends_block, bool surely) {
  if (session_.transaction.is_prepared() || session_.transaction.is_refused()) return true;
  if (ends_block && knows_enough_to_commit()) {
    return prepare();
  }
  if (!wait_for_answers()) return false;
  if (session_.block.skips() || session_.block.is_failed() || (session_.block.is_open() && !ends_block)) return true;
  if (surely)
    for (const auto& [name, portal] : session_.queue.names().suspended_portals())
      CapturedPortals(*this).drain(name, portal);
  if (!wait_for_answers()) return false;
  if (!session_.transaction.has_something()) return true;
  if (asks_before_commit()) return wait_for_answers();
  return prepare();
}

bool CommitPoint::has_to_ask() const {
  return std::any_of(session_.commit_questions.begin(), session_.commit_questions.end(),
                     [this](const auto* question) { return question->query(session_.transaction.written()); });
}

/// Of the list; true where something is asked.
bool CommitPoint::asks_before_commit() {
  bool asks = false;
  for (std::size_t i = 0; i < session_.commit_questions.size(); ++i) {
    const auto place = std::uint8_t(i);
    const auto query = session_.commit_questions[i]->query(session_.transaction.written());
    if (!query) continue;
    asks = true;
    const Asking asking(Purpose::epilogue, place);
    if (query->is_kept) {
      session_.own.run(session_.own.commit_question(place, query->sql, send()), query->values, asking, send());
      session_.own.let_go_commit_question(place, send());
    } else {
      session_.own.run_once(query->sql, query->values, asking, send());
    }
  }
  return asks;
}

/// Nothing of Weir's own may run before a Sync behind a Query that has left the transaction open: the server would end
/// it then, and does not without.
bool CommitPoint::ready_for_forgetful_sync() {
  const GatedTransaction& transaction = session_.transaction;
  if (transaction.is_prepared() || transaction.is_refused()) return true;
  return !transaction.has_something() || transaction.written().incomplete() || prepare();
}

/// Before bytes that may commit: what the handler is to return instead of sending them, or nothing.
std::optional<Took> CommitPoint::pass_commit_point(bool ends_block, const Frame& frame) {
  const bool limbo = session_.block.pipeline().is_behind_query() || session_.block.pipeline().is_in_limbo();
  const bool forgets = frame.type == wire::frontend::kSync && limbo && session_.queue.empty();
  if (forgets ? !ready_for_forgetful_sync() : !ready_to_commit(ends_block)) return Took::nothing;
  if (session_.transaction.is_refused()) return refuse_commit(frame);
  session_.transaction.sent();
  return std::nullopt;
}

/// Drivers send COMMIT as Bind, Describe, Execute, Sync in one go. All that is not answered then is the COMMIT's own
/// Bind and Describe: nothing that could add to the transaction. Should one of them fail, the block has failed for
/// good, provided that it has no savepoint to return to.
bool CommitPoint::knows_enough_to_commit() const {
  if (!session_.block.is_open() || session_.block.is_failed() || session_.block.skips() ||
      session_.transaction.written().empty() || has_to_ask())
    return false;
  if (session_.transaction.written().has_savepoints() || !session_.queue.names().suspended_portals().empty())
    return false;
  return std::all_of(session_.queue.begin(), session_.queue.end(), [](const Pending& pending) {
    const bool runs_nothing =
        pending.expect == Expect::parse || pending.expect == Expect::bind || pending.expect == Expect::describe_portal;
    return runs_nothing && pending.purpose == Purpose::client;
  });
}

/// True where the gate has answered at once.
bool CommitPoint::prepare() {
  if (session_.transaction.prepare()) return true;
  session_.wait = Wait::journal;
  return false;
}

/// The journal does not take it, so it must not commit: the server is made to fail, the client is told why, and a block
/// is over, as it is behind any COMMIT that fails.
Took CommitPoint::refuse_commit(const Frame& frame) {
  CapturedPortals(*this).provoke(nullptr);
  if (frame.type == wire::frontend::kSync) return relay_expecting(frame, {.expect = Expect::sync});
  if (frame.type != wire::frontend::kQuery && frame.type != wire::frontend::kFunctionCall) {
    if (session_.block.is_open()) session_.block.end_at_sync();
    return Took::frame;
  }
  if (session_.block.is_open()) roll_back_refused();
  if (session_.run) return RunSteps(*this).finish_run();
  send().sync({});
  return Took::frame;
}

/// Ends what failed, and the block with it. The Sync that the client sees answered comes behind.
void CommitPoint::roll_back_refused() {
  send().sync({.purpose = Purpose::tidy});
  session_.own.run_once("ROLLBACK", {}, Purpose::tidy, send());
}

}  // namespace weir::capture
