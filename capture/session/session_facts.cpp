// Plans as a session gets them: from what it knows of the catalog, or when that has been asked. And what comes of
// Weir's own statements.
#include <algorithm>

#include "capture/cascade.h"
#include "capture/server_run.h"
#include "capture/session/session_machine.h"

namespace weir::capture {

/// The plan of a statement in this session as it is now. Null: facts are being asked (or answers waited for first); the
/// caller comes back. In a failed transaction nothing can be asked: then the plan is to capture nothing.
std::shared_ptr<const Plan> SessionMachine::find_plan(const std::shared_ptr<const ParsedText>& text,
                                                      const Statement& statement, wire::Turn& turn) {
  static const auto kNoPlan = std::make_shared<const Plan>();
  const bool depends = queue_.under_way().catalog > 0 || block_.may_recover(queue_.under_way());
  if (depends && !wait_for_answers(turn)) return nullptr;
  if (block_.skips() || block_.is_failed()) return kNoPlan;
  own_.let_go_facts(send(turn));
  const SessionCatalog::Planned found = catalog_.plan(text, statement);
  if (found.is_kept) return found.plan;
  if (ask_facts(found.missing, turn)) return nullptr;
  if (!found.aged.empty() && will_be_whole_) return nullptr;
  if (!may_check_along(*found.plan)) {
    if (ask_facts(found.aged, turn)) return nullptr;
  } else {
    for (const WantedFacts& one : found.aged) check_facts(one.name, turn);
  }
  catalog_.keep(text, statement, found.plan);
  return found.plan;
}

/// True where old facts can be asked for in the exchange of the write itself: in front of it, in a transaction that is
/// only now begun. There the question may fail, and undo what stands behind it.
bool SessionMachine::may_check_along(const Plan& plan) const {
  const bool told = plan.how != Plan::How::none && plan.how != Plan::How::gap;
  const bool clean =
      (queue_.is_clean() || queue_.only_checks()) && !block_.is_open() && queue_.under_way().control == 0;
  return told && clean && whole_frame_ && !asks_alone_;
}

void SessionMachine::check_facts(const std::string& name, wire::Turn& turn) {
  const SessionCatalog::Check check = catalog_.check(name);
  const std::size_t first = queue_.size();
  own_.run(own_.facts(check.text, send(turn)), std::vector<std::string>{name, check.digest}, Purpose::facts,
           send(turn));
  own_.let_go_facts(send(turn));
  queue_.mark_checks(first);
  ++checks_pending_;
}

/// An answer to a check differs: nothing of what was sent behind it has happened, and nothing was shown. All of it is
/// taken as if it came only now.
void SessionMachine::facts_changed(wire::Turn& turn) {
  replay_.insert(0, retained_);
  skip_to_sync(false);
  if (run_ && !run_->finished) run_.reset();
  catalog_.forget();
  transaction_ended(Outcome::aborted);
  queue_.names().drop_portals();
  block_.stop_skipping();
  catalog_.set_failed(false);
  asks_alone_ = true;
  send(turn).sync({.purpose = Purpose::facts});
  wait_ = Wait::answers;
}

/// Answered, or skipped with what stands behind it.
void SessionMachine::check_ended() {
  if (--checks_pending_ == 0) retained_.clear();
}

/// True where there was something to ask.
bool SessionMachine::ask_facts(const std::vector<WantedFacts>& wanted, wire::Turn& turn) {
  if (wanted.empty()) return false;
  const bool clean = queue_.is_clean() && !block_.is_open() && queue_.under_way().control == 0;
  const Sender sender = send(turn);
  for (const WantedFacts& one : wanted) {
    catalog_.asked(one);
    if (const auto table = cascading_table(one.name)) {
      own_.run_once(cascade_query(table->only), std::vector<std::string>{table->name, ""}, Purpose::facts, sender);
    } else {
      own_.run(own_.facts(one.text, sender), std::vector<std::string>{one.name, ""}, Purpose::facts, sender);
    }
  }
  // Behind what the client has sent, the answer comes before the next transaction, and says whether there is a pooler.
  if (clean || own_.knows_pooling()) own_.let_go_facts(sender);
  // A transaction of its own: the client's own begins with the client's own statement.
  if (clean) sender.sync({.purpose = Purpose::facts});
  wait_for_answers(turn);
  return true;
}

/// The client is about to look at pg_prepared_statements, where it must find its own statements only. False: not before
/// answers are in, behind which no Close is skipped.
bool SessionMachine::hide_own_statements(wire::Turn& turn) {
  if (!wait_for_answers(turn)) return false;
  own_.hide(queue_.names().forget_twins(), drop_shapes(), send(turn));
  return true;
}

/// Names of their statements.
std::vector<std::string> SessionMachine::drop_shapes() {
  Shapes* shapes = catalog_.shapes();
  if (shapes == nullptr) return {};
  shapes->drop_all();
  return shapes->take_dropped();
}

/// A DataRow that answers a statement of Weir's own; false where it is none.
bool SessionMachine::own_row(const Pending& pending, std::string_view body) {
  if (!wire::read_data_row(body, row_)) return false;
  switch (pending.purpose) {
    case Purpose::facts:
      note_server_run(read_run(row_));
      catalog_.answered(row_);
      break;
    case Purpose::epilogue:
      if (row_.size() == 2 && row_[0] && row_[1]) {
        transaction_.written().complete(std::strtoull(std::string(*row_[0]).c_str(), nullptr, 10),
                                        event::parse_lsn(*row_[1]).value_or(0));
      } else {
        transaction_.written().forget_events();  // no id was given out: nothing was written
      }
      break;
    case Purpose::outcome:
      heard_outcome(row_.empty() ? std::string_view() : row_[0].value_or(""));
      break;
    case Purpose::question:
      if (asked_ && asked_->answer) {
        auto& row = asked_->answer->emplace_back();
        for (const auto& column : row_) row.push_back(column ? std::optional(std::string(*column)) : std::nullopt);
      }
      break;
    case Purpose::lock:
      return rows_.locked(row_, *pending.execution);
    default:
      break;
  }
  return true;
}

void SessionMachine::note_server_run(std::string_view answer) {
  const auto run = read_server_run(answer);
  if (!run) return;
  const bool pooled = own_.note_backend(run->backend);
  transaction_.set_server_run(note(answer, pooled, true), note(answer, pooled, false));
}

bool SessionMachine::ask(Question& question, wire::Turn& turn) {
  if (!idle()) return false;
  asked_ = std::make_unique<Asked>(Asked{std::move(question), std::vector<Question::Row>()});
  own_.run_once(asked_->question.sql, asked_->question.parameters, Purpose::question, send(turn));
  send(turn).sync({.purpose = Purpose::question});
  wait_ = Wait::answers;
  return true;
}

/// At the login, before the client's first statement, and between two transactions of a session that is never idle for
/// long.
void SessionMachine::ask_what_waits(wire::Turn& turn) {
  if (questions_ == nullptr || !questions_->has_question() || !idle()) return;
  if (auto question = questions_->take_question()) (void)ask(*question, turn);
}

void SessionMachine::question_failed(Error error) {
  if (asked_) asked_->answer = std::move(error);
}

void SessionMachine::question_ended() {
  if (const auto asked = std::move(asked_)) asked->question.answered(std::move(asked->answer));
}

void SessionMachine::own_complete(const Pending& pending) {
  if (pending.purpose == Purpose::open_block) block_.begun();
  if (pending.purpose != Purpose::facts) return;
  catalog_.answer_ended(pending.checks);
  if (pending.checks) check_ended();
}

}  // namespace weir::capture
