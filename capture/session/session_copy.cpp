// COPY FROM STDIN in the extended protocol (PostgreSQL manual, "COPY Operations"): while it takes data the server reads
// Sync without an answer, so a Sync that was sent with the COPY has none. Where the COPY fails before it has read
// anything (FREEZE that is not possible, a trigger FOR EACH STATEMENT), that Sync is still to be read, and is answered.

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "capture/session/session_machine.h"

namespace weir::capture {

namespace frontend = wire::frontend;

namespace {

/// protocol_violation: it came to a message that is no part of a COPY, so it has read the Syncs before it.
constexpr std::string_view kUnexpectedMessage = "08P01";

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
  if (in_block_ || !queue_.empty() || plans.empty() || !plans[0] || plans[0]->how == Plan::How::none) return false;
  return !plans[0]->inner.empty() && !plans[0]->text_is_read;
}

SessionMachine::Took SessionMachine::relay_copy(std::shared_ptr<const ParsedText> text, Plans plans, wire::Turn& turn) {
  wire::append_query(turn.to_upstream.buffer(), text->text.substr(0, text->statements[0].end) + kWhichTransaction);
  Pending pending = replacing_unnamed(true);
  pending.tells_transaction = true;
  pending.execution = std::make_shared<Execution>(Execution{.text = std::move(text), .plans = std::move(plans)});
  expect(std::move(pending));
  return Took::frame;
}

void SessionMachine::take_told_transaction(std::string_view body) {
  if (!wire::read_data_row(body, row_) || row_.size() != 2 || !row_[0] || !row_[1]) return;  // it wrote nothing
  transaction_.complete(std::strtoull(std::string(*row_[0]).c_str(), nullptr, 10),
                        event::parse_lsn(*row_[1]).value_or(0));
}

/// A constraint that is deferred to the commit must replace it, as it does where the COPY is the Query's last
/// statement.
void SessionMachine::take_copy_complete(const Frame& frame, std::string_view tag) {
  Execution& execution = *queue_.front().execution;
  if (execution.next++ > 0) return;  // Weir's own
  completed(execution, &execution.text->statements[0], execution.plans[0].get(), tag);
  copy_complete_ = frame.received;
}

void SessionMachine::take_copy_in() {
  copy_in_ = !copy_ended_;
  if (wait_ == Wait::answers) wait_ = Wait::nothing;  // the rest of the answer comes only after the client's data
  ignored_syncs_ = queue_.forget_syncs_behind_front();
}

bool SessionMachine::waits_for_copy(char type) const {
  if (queue_.under_way().copies == 0 || copy_reads_sync()) return false;
  switch (type) {
    case frontend::kSync:
    case frontend::kFlush:
    case frontend::kCopyData:
    case frontend::kCopyDone:
    case frontend::kCopyFail:
    case frontend::kTerminate:
      return false;
    default:
      return true;
  }
}

void SessionMachine::take_copy_message(char type) {
  copy_data_sent_ = true;
  if (type == frontend::kCopyData) return;
  copy_in_ = false;
  copy_ended_ = true;
}

void SessionMachine::copy_succeeded() {
  copy_in_ = false;
  ignored_syncs_ = 0;
}

/// An error for the front. Where it cannot be known whether the Syncs were read, what comes next shows it: one
/// ReadyForQuery for each that was not.
void SessionMachine::copy_failed(std::string_view sqlstate) {
  const int syncs = std::exchange(ignored_syncs_, 0);
  copy_in_ = false;
  unread_syncs_ = 0;
  if (syncs == 0 || sqlstate == kUnexpectedMessage) return;
  const auto behind = std::next(queue_.begin());
  const bool more_behind = behind != queue_.end() && behind->expect != Expect::sync;
  // A cancel is the one error that can come while it waits for data.
  const bool read_nothing = !copy_data_sent_ && (more_behind || sqlstate != kCanceled);
  if (read_nothing) {
    queue_.expect_syncs_behind_front(syncs);
  } else {
    unread_syncs_ = syncs;
  }
}

/// Whether a ReadyForQuery is the answer to one of those, not to what is at the front.
bool SessionMachine::ends_unread_sync() {
  if (unread_syncs_ == 0 || (!queue_.empty() && queue_.front().expect == Expect::sync)) return false;
  --unread_syncs_;
  return true;
}

}  // namespace weir::capture
