#include "capture/session/client_messages.h"

#include "capture/session/commit_point.h"
#include "capture/session/extended_query.h"
#include "capture/session/simple_query.h"

namespace weir::capture {

namespace frontend = wire::frontend;

/// After an error the server ignores everything up to Sync, so nothing of it has an answer. But a Query in whose place
/// the client saw an error of Weir's own, or which is sent in parts, ends the exchange.
bool ClientMessages::is_skipped(char type) const {
  if (!session_.block.skips() || type == frontend::kSync) return false;
  return type != frontend::kQuery || (!session_.block.skips_for_own() && !runs_on());
}

Took ClientMessages::take(const Frame& frame) {
  if (session_.track != Track::kept) return relay_client(frame);
  if (is_skipped(frame.type)) {
    session_.block.own_error_placed();
    return relay_client(frame);
  }
  if (session_.copy.waits_for(frame.type) && !wait_for_answers()) return Took::nothing;
  const bool in_doubt = session_.transaction.commits_itself() && !session_.copy.takes_data();
  if (in_doubt && !CommitPoint(*this).learn_outcome()) return Took::nothing;
  const bool needs_transaction =
      frame.type == frontend::kQuery || frame.type == frontend::kParse || frame.type == frontend::kBind;
  const bool may_fail = needs_transaction && !session_.run && !session_.copy.takes_data() && may_be_in_limbo(session_);
  if (may_fail && !wait_for_answers()) return Took::nothing;
  switch (frame.type) {
    case frontend::kQuery:
      return SimpleQuery(*this).take_query(frame);
    case frontend::kParse:
      return ExtendedQuery(*this).take_parse(frame);
    case frontend::kBind:
      return ExtendedQuery(*this).take_bind(frame);
    case frontend::kDescribe:
      return ExtendedQuery(*this).take_describe(frame);
    case frontend::kExecute:
      return ExtendedQuery(*this).take_execute(frame);
    case frontend::kClose:
      return ExtendedQuery(*this).take_close(frame);
    case frontend::kSync:
      return ExtendedQuery(*this).take_sync(frame);
    case frontend::kFunctionCall:
      return ExtendedQuery(*this).take_function_call(frame);
    case frontend::kFlush:
      return ExtendedQuery(*this).take_flush(frame);
    case frontend::kCopyData:
    case frontend::kCopyDone:
    case frontend::kCopyFail:
      session_.copy.client_sent(frame.type);
      return relay_client(frame);
    default:
      return relay_client(frame);
  }
}

bool ClientMessages::pass_on_broken(std::string_view header) {
  // Before what would have to be sent anew.
  if (session_.retained.checks() && !wait_for_answers()) return false;
  send().relay_unanswered(header, true);
  session_.client.is_broken = true;
  return true;
}

}  // namespace weir::capture
