// A COPY that a Query commits by itself, told with its transaction.
#include <cstdlib>

#include "capture/session/session_machine.h"

namespace weir::capture {

namespace {

/// Behind a COPY that a Query commits by itself. It runs in the same transaction, just before the commit; behind the
/// mark that is cut off where a session looks at the texts that run.
const std::string kWhichTransaction = std::string(kSpliceMark) +
                                      ";SELECT pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.text, "
                                      "pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text";

}  // namespace

/// Whether what a COPY wrote can be told with its transaction: the Query commits by itself, and nobody reads its text.
bool SessionMachine::can_tell_transaction(const ParsedText& text, const Plans& plans) const {
  const Statement* only = text.single();
  if (only == nullptr || only->kind != StatementKind::copy_from || only->shows_text) return false;
  if (block_.is_open() || !queue_.empty() || plans.empty() || !plans[0] || plans[0]->how == Plan::How::none)
    return false;
  return !plans[0]->inner.empty() && !plans[0]->text_is_read;
}

SessionMachine::Took SessionMachine::relay_copy(std::shared_ptr<const ParsedText> text, Plans plans, wire::Turn& turn) {
  const std::string told = text->text.substr(0, text->statements[0].end) + kWhichTransaction;
  Pending pending = replacing_unnamed(true);
  pending.tells_transaction = true;
  pending.execution = std::make_shared<Execution>(Execution{.text = std::move(text), .plans = std::move(plans)});
  send(turn).query(told, std::move(pending));
  return Took::frame;
}

void SessionMachine::take_told_transaction(std::string_view body) {
  if (!wire::read_data_row(body, row_) || row_.size() != 2 || !row_[0] || !row_[1]) return;  // it wrote nothing
  transaction_.written().complete(std::strtoull(std::string(*row_[0]).c_str(), nullptr, 10),
                                  event::parse_lsn(*row_[1]).value_or(0));
}

/// A constraint that is deferred to the commit must replace it, as it does where the COPY is the Query's last
/// statement.
void SessionMachine::take_copy_complete(const Frame& frame, std::string_view tag) {
  Execution& execution = *queue_.front().execution;
  if (execution.next++ > 0) return;  // Weir's own
  completed(execution, &execution.text->statements[0], execution.plans[0].get(), tag);
  copy_.hold_complete(frame.received);
}

}  // namespace weir::capture
