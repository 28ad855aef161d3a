// Answers of the database: matched against what was sent, shown to the client without what Weir added, and read for
// what they say of the transaction. Command tags and ReadyForQuery are the truth, never the client's text alone.
#include <algorithm>
#include <charconv>

#include "capture/event/gap_cause.h"
#include "capture/session/session_machine.h"

namespace weir::capture {
namespace {

namespace backend = wire::backend;

/// True where a message of this type can answer what was sent.
bool answers(Expect expect, char type) {
  switch (type) {
    case backend::kParseComplete:
      return expect == Expect::parse;
    case backend::kBindComplete:
      return expect == Expect::bind;
    case backend::kCloseComplete:
      return expect == Expect::close;
    case backend::kParameterDescription:
      return expect == Expect::describe_statement;
    case backend::kNoData:
      return expect == Expect::describe_statement || expect == Expect::describe_portal;
    case backend::kRowDescription:
      return expect == Expect::describe_statement || expect == Expect::describe_portal || expect == Expect::query;
    case backend::kFunctionCallResponse:
      return expect == Expect::function_call;
    case backend::kPortalSuspended:
      return expect == Expect::execute;
    case backend::kReadyForQuery:
      return false;
    default:
      return expect == Expect::execute || expect == Expect::query;
  }
}

/// The process id of a BackendKeyData.
std::string read_backend(std::string_view body) {
  wire::Cursor in(body);
  return std::to_string(in.int32());
}

/// What was sent to be refused has no other answer.
bool fits(const Pending& front, char type) {
  return front.purpose != Purpose::provoke && front.purpose != Purpose::skip && answers(front.expect, type);
}

/// Of a statement, or of a function.
bool ends_answer(char type) {
  return type == backend::kCommandComplete || type == backend::kEmptyQueryResponse ||
         type == backend::kFunctionCallResponse;
}

/// The client sees the rows of a captured statement, without their added columns.
bool shows_rows(const Pending& pending, const Execution& rows) {
  return pending.purpose != Purpose::drain && rows.statement->write->has_returning;
}

}  // namespace

std::size_t SessionMachine::from_upstream(std::string_view received, wire::Turn& turn) {
  upstream_frame_size_ = 0;
  if (closed_ || transaction_.holds()) return 0;
  std::size_t used = 0;
  while (used < received.size() && !turn.close) {
    const std::string_view rest = received.substr(used);
    if (upstream_skip_ > 0) {
      const std::size_t count = std::min(upstream_skip_, rest.size());
      if (!upstream_drops_) turn.to_client.relay(rest.substr(0, count));
      upstream_skip_ -= count;
      used += count;
      continue;
    }
    const wire::FrameHeader header = wire::read_header(rest);
    if (header.state == wire::FrameHeader::State::incomplete) break;
    if (header.state == wire::FrameHeader::State::malformed) {
      wire::append_error(turn.to_client.buffer(), "FATAL", "08P01", "the database sent a message of invalid length");
      turn.close = true;
      break;
    }
    const Frame frame{header.type, header.size, rest.substr(0, std::min(header.size, rest.size()))};
    if (!frame.whole() && needs_whole(frame)) {
      upstream_frame_size_ = frame.size;
      break;
    }
    if (must_hold(frame.type)) break;
    take_upstream(frame, turn);
    used += frame.received.size();
  }
  if (turn.close) closed_ = true;
  feed_replay(turn);
  heed_rules(turn);
  return used;
}

bool SessionMachine::needs_whole(const Frame& frame) const {
  if (lost_) return false;
  switch (frame.type) {
    case backend::kDataRow: {
      if (queue_.empty()) return false;
      const Pending& front = queue_.front();
      const Execution* rows = spliced_rows(front);
      if (rows && frame.size > max_row_bytes_) return shows_rows(front, *rows);
      return rows || front.scrubs || front.tells_transaction || is_own(front.purpose);
    }
    case backend::kNotificationResponse:
      return is_running();
    case backend::kCopyData:
      return false;
    default:
      return true;
  }
}

void SessionMachine::relay_upstream(const Frame& frame, wire::Turn& turn) {
  turn.to_client.relay(frame.received);
  upstream_skip_ = frame.size - frame.received.size();
  upstream_drops_ = false;
}

/// A Query that was sent in parts is not answered to its end.
bool SessionMachine::is_running() const {
  if (!run_) return false;
  return !run_->finished || (!queue_.empty() && queue_.front().purpose == Purpose::run);
}

/// Messages that come at any time.
bool SessionMachine::take_asynchronous(const Frame& frame, wire::Turn& turn) {
  switch (frame.type) {
    case backend::kParameterStatus:
      show_held(turn);
      note_setting(frame.body());
      if (hold_status(frame)) return true;
      break;
    case backend::kNoticeResponse:
      // What the server remarks on a text it said already about the client's own.
      if (!queue_.empty() && is_own(queue_.front().purpose) && !speaks_for_client(queue_.front().purpose)) return true;
      if (run_ && !queue_.empty() && queue_.front().purpose == Purpose::run) {
        show_error(frame, queue_.front(), turn);
        return true;
      }
      break;
    case backend::kNotificationResponse:
      // In a Query the server has them wait for its end.
      if (is_running()) {
        run_->notifications += frame.received;
        return true;
      }
      break;
    case backend::kBackendKeyData:
      own_.set_backend(read_backend(frame.body()));
      break;
    case backend::kAuthentication:
    case backend::kNegotiateProtocolVersion:
      break;
    default:
      return false;
  }
  relay_upstream(frame, turn);
  return true;
}

void SessionMachine::take_upstream(const Frame& frame, wire::Turn& turn) {
  if (lost_) return relay_upstream(frame, turn);
  if (take_asynchronous(frame, turn)) return;
  if (frame.type == backend::kReadyForQuery && may_be_ready()) return take_ready(frame, turn);
  if (frame.type == backend::kErrorResponse) return take_error(frame, turn);
  if (queue_.empty() && !queue_.hides()) return relay_upstream(frame, turn);
  if (queue_.empty() || !fits(queue_.front(), frame.type)) return answers_nothing(frame, turn);
  copy_.forget_unread_syncs();
  queue_.front().answered |= ends_answer(frame.type);
  switch (frame.type) {
    case backend::kParseComplete:
    case backend::kBindComplete:
    case backend::kCloseComplete:
      if (queue_.front().no_data) {
        show_no_data(queue_.front(), turn);
      } else if (queue_.front().purpose == Purpose::client) {
        relay_upstream(frame, turn);
      }
      return pop_front();
    case backend::kNoData:
      if (queue_.front().purpose == Purpose::client) relay_upstream(frame, turn);
      return pop_front();
    case backend::kRowDescription:
      return take_row_description(frame, turn);
    case backend::kDataRow:
      return take_data_row(frame, turn);
    case backend::kCommandComplete:
    case backend::kEmptyQueryResponse:
    case backend::kPortalSuspended:
      return take_complete(frame, turn);
    case backend::kCopyInResponse:
      copy_.answered();
      if (wait_ == Wait::answers) wait_ = Wait::nothing;  // the rest of the answer comes only after the client's data
      break;
    default:
      break;
  }
  relay_upstream(frame, turn);
}

/// Whether ReadyForQuery answers something. Before a Query's own there is at least the end of one of its statements;
/// where nothing is under way it is the login's, or that of an error that came by itself, or nobody's.
bool SessionMachine::may_be_ready() const {
  if (copy_.has_unread_syncs()) return true;
  if (queue_.empty()) return !queue_.hides() || idle_error_;
  const Pending& front = queue_.front();
  return front.expect == Expect::sync || (ends_segment(front.expect) && front.answered);
}

void SessionMachine::show_no_data(const Pending& pending, wire::Turn& turn) {
  // Of a statement the parameters come first: it has none.
  if (pending.describes_statement)
    wire::append_frame(turn.to_client.buffer(), backend::kParameterDescription, {"\0\0", 2});
  wire::append_frame(turn.to_client.buffer(), backend::kNoData, {});
}

/// Whose rows the answer has, where they have added columns; else null.
Execution* SessionMachine::spliced_rows(const Pending& pending) {
  if (pending.spliced) return pending.execution.get();
  if (pending.expect != Expect::query || !pending.execution) return nullptr;
  const Execution& query = *pending.execution;
  return query.next < query.cursors.size() ? query.cursors[query.next].get() : nullptr;
}

void SessionMachine::take_row_description(const Frame& frame, wire::Turn& turn) {
  const Pending& front = queue_.front();
  if (front.tells_transaction) return;
  const Execution* rows = spliced_rows(front);
  if (front.expect == Expect::query && rows == nullptr) return relay_upstream(frame, turn);
  std::string shown(frame.received);
  if (rows != nullptr) {
    shown.clear();
    const Execution& execution = *rows;
    const Plan& plan = execution.plan ? *execution.plan : *execution.portal->plan;
    const bool client_rows = execution.statement->write->has_returning;
    if (!client_rows) {
      const bool described = front.purpose == Purpose::client && front.expect != Expect::query;
      if (described) wire::append_frame(shown, backend::kNoData, {});
    } else if (!wire::append_row_description_without_last(shown, frame.body(), std::size_t(plan.added.count))) {
      return lose_track("malformed RowDescription", turn);
    }
  }
  const bool kept =
      front.purpose == Purpose::run && front.expect != Expect::query && !front.execution->statement->select;
  if (kept) {
    run_->description = std::move(shown);
  } else if (rows != nullptr) {
    turn.to_client.buffer() += shown;
  } else {
    relay_upstream(frame, turn);
  }
  if (front.expect != Expect::query) pop_front();
}

void SessionMachine::take_data_row(const Frame& frame, wire::Turn& turn) {
  Pending& front = queue_.front();
  if (front.purpose == Purpose::run) show_run_description(turn);
  if (front.tells_transaction) return take_told_transaction(frame.body());
  if (front.scrubs) return show_scrubbed(frame, turn);
  Execution* rows = spliced_rows(front);
  if (rows == nullptr) {
    if (!is_own(front.purpose)) return relay_upstream(frame, turn);
    if (!own_row(front, frame.body())) lose_track("malformed DataRow", turn);
    return;
  }
  Execution& execution = *rows;
  const bool shown = shows_rows(front, execution);
  if (frame.size > max_row_bytes_) {
    rows_.add_long_row(execution);
    upstream_skip_ = frame.size - frame.received.size();
    upstream_drops_ = true;
  } else if (!wire::read_data_row(frame.body(), row_) || !rows_.capture(row_, execution)) {
    return lose_track("a DataRow without the added columns", turn);
  }
  if (!shown) return;
  if (!wire::append_data_row_without_last(turn.to_client.buffer(), frame.body(),
                                          std::size_t(execution.plan->added.count)))
    lose_track("malformed DataRow", turn);
}

/// A row of pg_cursors or pg_stat_activity, without what Weir spliced behind a statement's text.
void SessionMachine::show_scrubbed(const Frame& frame, wire::Turn& turn) {
  if (!wire::read_data_row(frame.body(), row_)) return relay_upstream(frame, turn);
  for (auto& column : row_)
    if (column) column = column->substr(0, column->find(kSpliceMark));
  wire::append_data_row(turn.to_client.buffer(), row_);
}

void SessionMachine::take_complete(const Frame& frame, wire::Turn& turn) {
  Pending& front = queue_.front();
  const std::string_view tag =
      frame.type == backend::kCommandComplete ? wire::read_string(frame.body()).value_or("") : std::string_view();
  copy_.succeeded();
  if (front.expect == Expect::query && front.purpose == Purpose::run) return complete_in_group(frame, tag, turn);
  if (front.tells_transaction) return take_copy_complete(frame, tag);
  if (front.expect == Expect::query) {
    if (front.execution) {
      Execution& execution = *front.execution;
      const std::size_t index = execution.next++;
      const bool known = execution.text->parsed && index < execution.text->statements.size();
      const Statement* statement = known ? &execution.text->statements[index] : nullptr;
      const Plan* plan = known && index < execution.plans.size() ? execution.plans[index].get() : nullptr;
      completed(execution, statement, plan, tag);
      if (index < execution.cursors.size() && execution.cursors[index])
        rows_.cursor_read(*execution.cursors[index], tag);
    }
    return relay_upstream(frame, turn);
  }
  const bool suspended = frame.type == backend::kPortalSuspended;
  if (front.execution && !suspended && !is_own(front.purpose)) {
    const Portal* reader = front.execution->reader.get();
    Portal* ended = reader != nullptr ? front.execution->reader.get() : front.execution->portal.get();
    if (ended != nullptr) ended->suspended = false;
    if (reader != nullptr) {
      completed(*front.execution, reader->prepared->statement, nullptr, tag);
      rows_.cursor_read(*front.execution, tag);
    } else {
      completed(*front.execution, front.execution->statement, front.execution->plan.get(), tag);
    }
  }
  if (suspended) rows_.left_suspended(front.execution.get());
  if (front.purpose == Purpose::drain) {
    if (front.execution->plan->moves.possible && !front.execution->reader) rows_.completed_move(*front.execution, 0);
  } else if (is_own(front.purpose)) {
    own_complete(front);
  } else if (front.purpose == Purpose::run && run_->next == run_->text->statements.size()) {
    show_run_description(turn);
    run_->held = frame.received;
  } else {
    if (front.purpose == Purpose::run) show_run_description(turn);
    relay_upstream(frame, turn);
  }
  pop_front();
}

/// The next statement of a group has completed.
void SessionMachine::complete_in_group(const Frame& frame, std::string_view tag, wire::Turn& turn) {
  Pending& front = queue_.front();
  Execution& execution = *front.execution;
  if (execution.next >= execution.end) return lose_track("more answers than statements", turn);
  if (spliced_rows(front) != nullptr && !ends(execution.statement->kind, tag))
    return lose_track("another statement's tag", turn);
  completed(execution, execution.statement, execution.plan.get(), tag);
  const bool last = ++execution.next == run_->text->statements.size();
  begin_statement(front);
  if (last) {
    run_->held = frame.received;
  } else {
    relay_upstream(frame, turn);
  }
}

void SessionMachine::take_ready(const Frame& frame, wire::Turn& turn) {
  transaction_.stop_gathering();
  idle_error_ = false;
  show_held(turn);
  show_statuses(turn);
  const char status = frame.body().empty() ? 'I' : frame.body()[0];
  const auto [was_failed, hid_rollback] = block_.ready(status);
  catalog_.trust_encoding();
  const bool of_copy = copy_.ends_unread_sync();
  const bool of_group =
      !queue_.empty() && queue_.front().purpose == Purpose::run && queue_.front().expect == Expect::query;
  if (of_copy || queue_.empty() || (!is_own(queue_.front().purpose) && !of_group)) relay_upstream(frame, turn);
  if (!block_.is_open()) {
    const bool anything = !transaction_.written().empty() || transaction_.is_announced() || catalog_.is_touched();
    if (anything) transaction_ended(was_failed || hid_rollback ? Outcome::aborted : Outcome::committed);
  } else {
    if (hid_rollback) transaction_.written().make_gaps(to_text(event::GapCause::unseen_savepoint));
    if (transaction_.is_sent()) transaction_.reopen();
    if (hid_rollback) transaction_.doubt_prepared();
  }
  const bool of_question = !of_copy && !queue_.empty() && queue_.front().purpose == Purpose::question;
  if (!queue_.empty() && !of_copy) pop_front();
  if (queue_.empty()) {
    queue_.settle();
    block_.stop_skipping();
  }
  if (!block_.is_open()) queue_.names().drop_portals();
  if (of_question) question_ended();
  ask_what_waits(turn);
}

void SessionMachine::pop_front() {
  queue_.answered(transaction_.written().savepoint_count());
  answered();
}

void SessionMachine::answered() {
  if (queue_.empty() && wait_ == Wait::answers) wait_ = Wait::nothing;
}

void SessionMachine::note_setting(std::string_view body) {
  const auto setting = wire::read_parameter_status(body);
  if (!setting) return;
  catalog_.reported(setting->name, setting->value);
  if (setting->name == "application_name") transaction_.set_application_name(setting->value);
}

void SessionMachine::answers_nothing(const Frame& frame, wire::Turn& turn) {
  lose_track("an answer to nothing that was sent", turn);
  if (!closed_) relay_upstream(frame, turn);
}

/// What did not hold may be in what this turn was to send: where Weir has sent anything of its own, nothing more goes.
void SessionMachine::heed_rules(wire::Turn& turn) {
  if (rules_.broken().empty() || lost_) return;
  if (queue_.hides()) turn.to_upstream.clear();
  lose_track(rules_.broken(), turn);
}

/// The answers do not fit what was sent: from here on the session is only relayed, and what it had open is reported.
/// Once it has had anything of Weir's own nobody can say what of the rest is, and it ends instead.
void SessionMachine::lose_track(std::string_view why, wire::Turn& turn) {
  lost_ = true;
  transaction_.report(to_text(event::GapCause::lost_track) + (": " + std::string(why)));
  leave("lost track of the session");
  if (!queue_.hides()) return;
  wire::append_error(turn.to_client.buffer(), "FATAL", "08P01", "the database's answers do not fit what was sent");
  turn.close = closed_ = true;
}

}  // namespace weir::capture
