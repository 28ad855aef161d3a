// A Query with a single write outside of a block, sent as an execution of its shape's statement (shape.h). What fails
// before it is executed has done nothing: then the client's own text is sent after all, and its answer is the client's.
// What fails later fails as the client's own text would have.
#include "capture/session/session_machine.h"
#include "capture/session/sqlstates.h"

namespace weir::capture {
namespace {

/// A shape whose values were refused so often is left alone.
constexpr int kMostRefusals = 3;

/// It would hit the client's own text in the same way, or has nothing to do with what was sent: a cancel, a timeout, a
/// deadlock, no memory.
bool is_not_of_text(std::string_view sqlstate) {
  const std::string_view kind = sqlstate.substr(0, 2);
  return kind == "57" || kind == "55" || kind == "40" || kind == "53" || kind == "54" || kind == "58";
}

}  // namespace

/// False where the statement is sent as it is.
bool SessionMachine::send_shape(wire::Turn& turn) {
  Run& run = *run_;
  const Statement& statement = run.text->statements[0];
  const bool clean = (queue_.is_clean() || queue_.only_checks()) && !block_.is_open() && !run.own_block;
  const bool utf8 = catalog_.server().text_encoding() == "UTF8";
  Shapes* shapes = catalog_.shapes();
  if (shapes == nullptr || own_text_message_ == catalog_.message() || !clean || !utf8 || !own_.outlive_exchange())
    return false;
  if (run.text->statements.size() != 1 || statement.shows_statements || statement.needs_block) return false;
  const auto plan = run.plans[0];
  if (!plan->lock_query.empty()) return false;
  const auto shape = make_shape(run.text->text, statement, run.text->lexer, *plan->relation);
  if (!shape) return false;
  const std::string text = shape->text + plan->suffix;
  const auto known = shapes->find(text, shape->types);
  if (!known || known->refusals >= kMostRefusals) return false;
  prepare_shape(known, text, shape->types, turn);
  auto execution = std::make_shared<Execution>(Execution{.text = run.text, .statement = &statement, .plan = plan});
  run.offset = 0;
  run.next = 1;
  const auto part = [&] {
    return Pending{.purpose = Purpose::run, .spliced = true, .execution = execution, .shape = known};
  };
  const Sender sender = send(turn);
  Pending bind = part();
  bind.execution = nullptr;
  sender.bind(own_.shape_portal(), known->own.name, shape->parameters, {}, std::move(bind));
  if (statement.write->has_returning) sender.describe_portal(own_.shape_portal(), part());
  sender.execute(own_.shape_portal(), part());
  return true;
}

/// Where it is not there, or its plan is older than what the catalog said may be.
void SessionMachine::prepare_shape(const Shapes::StatementPtr& shape, std::string_view text, std::string_view types,
                                   wire::Turn& turn) {
  for (std::string& name : catalog_.shapes()->take_dropped()) own_.close_later(std::move(name));
  if (shape->own.sent && !catalog_.is_aged(shape->prepared)) return;
  if (shape->own.sent) own_.close_later(shape->own.name);
  own_.close_one_left(send(turn));
  shape->prepared = catalog_.now();
  shape->own = own_.parse(text, types, {.purpose = Purpose::run, .spliced = true, .shape = shape}, send(turn));
}

/// An error before anything of it was executed, which may be one of the shape's and not of the client's text: that is
/// sent now. False where it is shown.
bool SessionMachine::shape_refused(std::string_view sqlstate, wire::Turn& turn) {
  const Pending& front = queue_.front();
  const bool begun = front.expect != Expect::parse && front.expect != Expect::bind;
  if (!front.shape || begun || is_not_of_text(sqlstate)) return false;
  const auto shape = front.shape;
  shape->refusals = front.expect == Expect::parse ? kMostRefusals : shape->refusals + 1;
  skip_to_sync(false);
  // Somebody has dropped it.
  if (sqlstate == kInvalidStatementName) shape->own.sent = false;
  run_.reset();
  transaction_ended(Outcome::aborted);
  queue_.names().drop_portals();
  block_.stop_skipping();
  catalog_.set_failed(false);
  own_text_message_ = catalog_.message();
  send(turn).sync({.purpose = Purpose::facts});
  wait_ = Wait::answers;
  return true;
}

}  // namespace weir::capture
