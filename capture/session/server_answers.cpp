#include "capture/session/server_answers.h"

#include <algorithm>
#include <cstdlib>

#include "capture/event/gap_cause.h"
#include "capture/server_run.h"
#include "capture/session/commit_point.h"
#include "capture/session/server_errors.h"
#include "capture/session/transaction_end.h"

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

/// RowDescription comes when the first row or the end does: rows of a write are collected before any of them is sent.
void ServerAnswers::show_run_description() {
  if (!session_.run) return;
  if (const std::string description = session_.run->take_description(); !description.empty())
    turn_.to_client.buffer() += description;
}

/// True where what comes next stands behind all that was held: the answer of the Run's own Sync.
bool ServerAnswers::at_end_of_run() const {
  return session_.run && !session_.queue.empty() && session_.queue.front().purpose == Purpose::run &&
         session_.queue.front().expect == Expect::sync;
}

/// The last CommandComplete of a Query that was sent in steps, true only once the commit is; and what was notified.
void ServerAnswers::show_held() {
  if (const std::string complete = session_.copy.take_complete(); !complete.empty())
    turn_.to_client.buffer() += complete;
  if (!at_end_of_run()) return;
  turn_.to_client.buffer() += session_.run->take_complete();
  turn_.to_client.buffer() += session_.run->take_notifications();
}

/// ParameterStatus comes before ReadyForQuery, of which a Run has several and the client sees the last. False where it
/// goes on to the client.
bool ServerAnswers::hold_status(const Frame& frame) {
  const auto setting = wire::read_parameter_status(frame.body());
  if (!setting) return false;
  const auto ends_run = [](const Pending& pending) {
    return pending.purpose == Purpose::run && pending.expect == Expect::sync;
  };
  if (!session_.run ||
      (session_.run->finished() && std::none_of(session_.queue.begin(), session_.queue.end(), ends_run))) {
    session_.told.tell(setting->name, setting->value);
    return false;
  }
  session_.run->hold_status(setting->name, frame.received);
  return true;
}

/// Those that differ from what the client knows: others were changed and changed back.
void ServerAnswers::show_statuses() {
  if (!at_end_of_run()) return;
  for (const auto& [name, status] : session_.run->take_statuses()) {
    const auto setting = wire::read_parameter_status(std::string_view(status).substr(wire::kHeaderSize));
    if (setting && session_.told.tell(name, setting->value)) turn_.to_client.buffer() += status;
  }
}

void ServerAnswers::take_told_transaction(std::string_view body) {
  if (!wire::read_data_row(body, session_.row) || session_.row.size() != 2 || !session_.row[0] || !session_.row[1])
    return;  // it wrote nothing
  session_.transaction.written().complete(std::strtoull(std::string(*session_.row[0]).c_str(), nullptr, 10),
                                          event::parse_lsn(*session_.row[1]).value_or(0));
}

/// A constraint that is deferred to the commit must replace it, as it does where the COPY is the Query's last
/// statement.
void ServerAnswers::take_copy_complete(const Frame& frame, std::string_view tag) {
  Execution& execution = *session_.queue.front().execution;
  if (execution.next++ > 0) return;  // Weir's own
  TransactionEnd(*this).completed(execution, &execution.text->statements[0], execution.plans[0].get(), tag);
  session_.copy.hold_complete(frame.received);
}

/// A DataRow that answers a statement of Weir's own; false where it is none.
bool ServerAnswers::own_row(const Pending& pending, std::string_view body) {
  if (!wire::read_data_row(body, session_.row)) return false;
  switch (pending.purpose) {
    case Purpose::facts:
      note_server_run(read_run(session_.row));
      session_.catalog.answered(session_.row);
      break;
    case Purpose::epilogue:
      session_.commit_questions[pending.commit_question]->answered(session_.row, session_.transaction.written(),
                                                                   session_.catalog);
      break;
    case Purpose::outcome:
      CommitPoint(*this).heard_outcome(session_.row.empty() ? std::string_view() : session_.row[0].value_or(""));
      break;
    case Purpose::question:
      session_.question.add(session_.row);
      break;
    case Purpose::lock:
      return session_.rows.locked(session_.row, *pending.execution);
    default:
      break;
  }
  return true;
}

void ServerAnswers::note_server_run(std::string_view answer) {
  const auto run = read_server_run(answer);
  if (!run) return;
  const bool pooled = session_.own.note_backend(run->backend);
  session_.transaction.set_server_run(note(answer, pooled, true), note(answer, pooled, false));
}

bool ServerAnswers::ask(Question& question) {
  if (!is_idle(session_)) return false;
  const Question& asked = session_.question.begin(std::move(question));
  session_.own.run_once(asked.sql, asked.parameters, Purpose::question, send());
  send().sync({.purpose = Purpose::question});
  session_.wait = Wait::answers;
  return true;
}

/// At the login, before the client's first statement, and between two transactions of a session that is never idle for
/// long.
void ServerAnswers::ask_what_waits() {
  if (!session_.question.one_waits() || !is_idle(session_)) return;
  if (auto question = session_.question.take_one()) (void)ask(*question);
}

void ServerAnswers::own_complete(const Pending& pending) {
  if (pending.purpose == Purpose::open_block) session_.block.begun();
  if (pending.purpose != Purpose::facts) return;
  session_.catalog.answer_ended(pending.checks);
  if (pending.checks) session_.retained.check_ended();
}

bool ServerAnswers::needs_whole(const Frame& frame) const {
  if (session_.track != Track::kept) return false;
  switch (frame.type) {
    case backend::kDataRow: {
      if (session_.queue.empty()) return false;
      const Pending& front = session_.queue.front();
      const Execution* rows = spliced_rows(front);
      if (rows && frame.size > session_.catalog.settings().max_row_bytes) return shows_rows(front, *rows);
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

/// A Query that was sent in parts is not answered to its end.
bool ServerAnswers::is_running() const {
  if (!session_.run) return false;
  return !session_.run->finished() || (!session_.queue.empty() && session_.queue.front().purpose == Purpose::run);
}

/// Messages that come at any time.
bool ServerAnswers::take_asynchronous(const Frame& frame) {
  switch (frame.type) {
    case backend::kParameterStatus:
      show_held();
      note_setting(frame.body());
      if (hold_status(frame)) return true;
      break;
    case backend::kNoticeResponse:
      // What the server remarks on a text it said already about the client's own.
      if (!session_.queue.empty() && is_own(session_.queue.front().purpose) &&
          !speaks_for_client(session_.queue.front().purpose))
        return true;
      if (session_.run && !session_.queue.empty() && session_.queue.front().purpose == Purpose::run) {
        ServerErrors(*this).show_error(frame, session_.queue.front());
        return true;
      }
      break;
    case backend::kNotificationResponse:
      // In a Query the server has them wait for its end.
      if (is_running()) {
        session_.run->hold_notification(frame.received);
        return true;
      }
      break;
    case backend::kBackendKeyData:
      session_.own.set_backend(read_backend(frame.body()));
      break;
    case backend::kAuthentication:
    case backend::kNegotiateProtocolVersion:
      break;
    default:
      return false;
  }
  relay_upstream(frame);
  return true;
}

void ServerAnswers::take_upstream(const Frame& frame) {
  if (session_.track != Track::kept) return relay_upstream(frame);
  if (take_asynchronous(frame)) return;
  if (frame.type == backend::kReadyForQuery && may_be_ready()) return take_ready(frame);
  if (frame.type == backend::kErrorResponse) return ServerErrors(*this).take_error(frame);
  if (session_.queue.empty() && !session_.queue.hides()) return relay_upstream(frame);
  if (session_.queue.empty() || !fits(session_.queue.front(), frame.type)) return answers_nothing(frame);
  session_.copy.forget_unread_syncs();
  session_.queue.front().answered |= ends_answer(frame.type);
  switch (frame.type) {
    case backend::kParseComplete:
    case backend::kBindComplete:
    case backend::kCloseComplete:
      if (session_.queue.front().no_data) {
        show_no_data(session_.queue.front());
      } else if (session_.queue.front().purpose == Purpose::client) {
        relay_upstream(frame);
      }
      return pop_front();
    case backend::kNoData:
      if (session_.queue.front().purpose == Purpose::client) relay_upstream(frame);
      return pop_front();
    case backend::kRowDescription:
      return take_row_description(frame);
    case backend::kDataRow:
      return take_data_row(frame);
    case backend::kCommandComplete:
    case backend::kEmptyQueryResponse:
    case backend::kPortalSuspended:
      return take_complete(frame);
    case backend::kCopyInResponse:
      session_.copy.answered();
      session_.transaction.stop_gathering();  // the client must hear of it, or it sends nothing
      if (session_.wait == Wait::answers)
        session_.wait = Wait::nothing;  // the rest of the answer comes only after the client's data
      break;
    default:
      break;
  }
  relay_upstream(frame);
}

/// Whether ReadyForQuery answers something. Before a Query's own there is at least the end of one of its statements;
/// where nothing is under way it is the login's, or that of an error that came by itself, or nobody's.
bool ServerAnswers::may_be_ready() const {
  if (session_.copy.has_unread_syncs()) return true;
  if (session_.queue.empty()) return !session_.queue.hides() || session_.block.is_failed_idle();
  const Pending& front = session_.queue.front();
  return front.expect == Expect::sync || (ends_segment(front.expect) && front.answered);
}

void ServerAnswers::show_no_data(const Pending& pending) {
  // Of a statement the parameters come first: it has none.
  if (pending.describes_statement)
    wire::append_frame(turn_.to_client.buffer(), backend::kParameterDescription, {"\0\0", 2});
  wire::append_frame(turn_.to_client.buffer(), backend::kNoData, {});
}

/// Whose rows the answer has, where they have added columns; else null.
Execution* ServerAnswers::spliced_rows(const Pending& pending) {
  if (pending.spliced) return pending.execution.get();
  if (pending.expect != Expect::query || !pending.execution) return nullptr;
  const Execution& query = *pending.execution;
  return query.next < query.cursors.size() ? query.cursors[query.next].get() : nullptr;
}

void ServerAnswers::take_row_description(const Frame& frame) {
  const Pending& front = session_.queue.front();
  if (front.tells_transaction) return;
  const Execution* rows = spliced_rows(front);
  if (front.expect == Expect::query && rows == nullptr) return relay_upstream(frame);
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
      return lose_track("malformed RowDescription", session_, turn_);
    }
  }
  const bool kept =
      front.purpose == Purpose::run && front.expect != Expect::query && !front.execution->statement->select;
  if (kept) {
    session_.run->keep_description(std::move(shown));
  } else if (rows != nullptr) {
    turn_.to_client.buffer() += shown;
  } else {
    relay_upstream(frame);
  }
  if (front.expect != Expect::query) pop_front();
}

void ServerAnswers::take_data_row(const Frame& frame) {
  Pending& front = session_.queue.front();
  if (front.purpose == Purpose::run) show_run_description();
  if (front.tells_transaction) return take_told_transaction(frame.body());
  if (front.scrubs) return show_scrubbed(frame);
  Execution* rows = spliced_rows(front);
  if (rows == nullptr) {
    if (!is_own(front.purpose)) return relay_upstream(frame);
    if (!own_row(front, frame.body())) lose_track("malformed DataRow", session_, turn_);
    return;
  }
  Execution& execution = *rows;
  const bool shown = shows_rows(front, execution);
  if (frame.size > session_.catalog.settings().max_row_bytes) {
    session_.rows.add_long_row(execution);
    session_.upstream.skip = frame.size - frame.received.size();
    session_.upstream.drops = true;
  } else if (!wire::read_data_row(frame.body(), session_.row) || !session_.rows.capture(session_.row, execution)) {
    return lose_track("a DataRow without the added columns", session_, turn_);
  }
  if (!shown) return;
  if (!wire::append_data_row_without_last(turn_.to_client.buffer(), frame.body(),
                                          std::size_t(execution.plan->added.count)))
    lose_track("malformed DataRow", session_, turn_);
}

/// A row of pg_cursors or pg_stat_activity, without what Weir spliced behind a statement's text.
void ServerAnswers::show_scrubbed(const Frame& frame) {
  if (!wire::read_data_row(frame.body(), session_.row)) return relay_upstream(frame);
  for (auto& column : session_.row)
    if (column) column = column->substr(0, column->find(kSpliceMark));
  wire::append_data_row(turn_.to_client.buffer(), session_.row);
}

void ServerAnswers::take_complete(const Frame& frame) {
  Pending& front = session_.queue.front();
  const std::string_view tag =
      frame.type == backend::kCommandComplete ? wire::read_string(frame.body()).value_or("") : std::string_view();
  session_.copy.succeeded();
  if (front.expect == Expect::query && front.purpose == Purpose::run) return complete_in_group(frame, tag);
  if (front.tells_transaction) return take_copy_complete(frame, tag);
  if (front.expect == Expect::query) {
    if (front.execution) {
      Execution& execution = *front.execution;
      const std::size_t index = execution.next++;
      const bool known = execution.text->parsed && index < execution.text->statements.size();
      const Statement* statement = known ? &execution.text->statements[index] : nullptr;
      const Plan* plan = known && index < execution.plans.size() ? execution.plans[index].get() : nullptr;
      TransactionEnd(*this).completed(execution, statement, plan, tag);
      if (index < execution.cursors.size() && execution.cursors[index])
        session_.rows.cursor_read(*execution.cursors[index], tag);
    }
    return relay_upstream(frame);
  }
  const bool suspended = frame.type == backend::kPortalSuspended;
  if (front.execution && !suspended && !is_own(front.purpose)) {
    const Portal* reader = front.execution->reader.get();
    Portal* ended = reader != nullptr ? front.execution->reader.get() : front.execution->portal.get();
    if (ended != nullptr) ended->suspended = false;
    if (reader != nullptr) {
      TransactionEnd(*this).completed(*front.execution, reader->prepared->statement, nullptr, tag);
      session_.rows.cursor_read(*front.execution, tag);
    } else {
      TransactionEnd(*this).completed(*front.execution, front.execution->statement, front.execution->plan.get(), tag);
    }
  }
  if (suspended) session_.rows.left_suspended(front.execution.get());
  if (front.expect == Expect::execute && frame.type != backend::kEmptyQueryResponse && !session_.block.is_open())
    session_.block.pipeline().executed(front.purpose, tag);
  if (front.purpose == Purpose::drain) {
    if (front.execution->plan->moves.possible && !front.execution->reader)
      session_.rows.completed_move(*front.execution, 0);
  } else if (is_own(front.purpose)) {
    own_complete(front);
  } else if (front.purpose == Purpose::run && session_.run->all_sent()) {
    show_run_description();
    session_.run->hold_complete(frame.received);
  } else {
    if (front.purpose == Purpose::run) show_run_description();
    relay_upstream(frame);
  }
  pop_front();
}

/// The next statement of a group has completed.
void ServerAnswers::complete_in_group(const Frame& frame, std::string_view tag) {
  Pending& front = session_.queue.front();
  Execution& execution = *front.execution;
  if (execution.next >= execution.end) return lose_track("more answers than statements", session_, turn_);
  if (spliced_rows(front) != nullptr && !ends(execution.statement->kind, tag))
    return lose_track("another statement's tag", session_, turn_);
  TransactionEnd(*this).completed(execution, execution.statement, execution.plan.get(), tag);
  const bool last = ++execution.next == session_.run->size();
  session_.run->begin_statement(front);
  if (last) {
    session_.run->hold_complete(frame.received);
  } else {
    relay_upstream(frame);
  }
}

void ServerAnswers::take_ready(const Frame& frame) {
  session_.transaction.stop_gathering();
  session_.block.failed_idle(false);
  show_held();
  show_statuses();
  const char status = frame.body().empty() ? 'I' : frame.body()[0];
  const bool goes_on = status == char(wire::TransactionStatus::in_block) && goes_on_behind_query(session_);
  const auto [was_failed, hid_rollback] = session_.block.ready(goes_on ? char(wire::TransactionStatus::idle) : status);
  const bool of_copy = session_.copy.ends_unread_sync();
  // What was sent behind this is answered by a later one.
  if (session_.catalog.doubts_encoding() && !session_.queue.sets_lexer_behind(of_copy ? 0 : 1))
    session_.catalog.trust_encoding();
  const bool of_group = !session_.queue.empty() && session_.queue.front().purpose == Purpose::run &&
                        session_.queue.front().expect == Expect::query;
  if (of_copy || session_.queue.empty() || (!is_own(session_.queue.front().purpose) && !of_group))
    relay_upstream(frame);
  const bool is_over = !session_.block.is_open() && !goes_on;
  if (is_over) {
    is_idle_again(was_failed || hid_rollback);
  } else {
    if (hid_rollback) session_.transaction.written().make_gaps(to_text(event::GapCause::unseen_savepoint));
    if (session_.transaction.is_sent()) session_.transaction.reopen();
    if (hid_rollback) session_.transaction.doubt_prepared();
  }
  const bool of_question = !of_copy && !session_.queue.empty() && session_.queue.front().purpose == Purpose::question;
  if (!session_.queue.empty() && !of_copy) pop_front();
  session_.block.pipeline().goes_on(goes_on);
  if (session_.queue.empty()) {
    if (!goes_on) session_.queue.settle();
    session_.block.stop_skipping();
  }
  if (is_over) session_.queue.names().drop_portals();
  if (of_question) session_.question.ended();
  ask_what_waits();
}

/// The server says that no transaction is open. Behind a Query that has left one open this need not be so.
void ServerAnswers::is_idle_again(bool rolled_back) {
  const bool was_in_limbo = session_.block.pipeline().is_in_limbo();
  const bool of_sync = !session_.queue.empty() && session_.queue.front().expect == Expect::sync;
  const bool forgotten = of_sync && session_.block.pipeline().synced();
  session_.block.pipeline().ended();
  // What could not be prepared is decided by whether the next statement fails.
  if ((forgotten || was_in_limbo) && session_.transaction.is_open()) return;
  const Outcome outcome = rolled_back ? Outcome::aborted : forgotten ? Outcome::unknown : Outcome::committed;
  const bool anything =
      !session_.transaction.written().empty() || session_.transaction.is_announced() || session_.catalog.is_touched();
  if (anything) TransactionEnd(*this).transaction_ended(outcome);
}

void ServerAnswers::pop_front() {
  session_.block.pipeline().answered(session_.queue.front().expect);
  session_.queue.answered(session_.transaction.written().savepoint_count());
  answered();
}

void ServerAnswers::note_setting(std::string_view body) {
  const auto setting = wire::read_parameter_status(body);
  if (!setting) return;
  session_.catalog.reported(setting->name, setting->value);
  if (setting->name == "application_name") session_.transaction.set_application_name(setting->value);
}

void ServerAnswers::answers_nothing(const Frame& frame) {
  lose_track("an answer to nothing that was sent", session_, turn_);
  if (session_.track != Track::closed) relay_upstream(frame);
}

}  // namespace weir::capture
