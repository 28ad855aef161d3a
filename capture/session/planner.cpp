#include "capture/session/planner.h"

#include "capture/cascade.h"

namespace weir::capture {
/// Not where the server refuses it, or a COPY does and names the message that came.
bool Planner::plans_now(const Statement* statement) const {
  return statement != nullptr && needs_plan(*statement) && !session_.block.refuses(session_.queue.under_way()) &&
         !session_.copy.reads_sync() && !session_.block.pipeline().is_in_limbo();
}

/// The plan of a statement in this session as it is now. Null: facts are being asked (or answers waited for first); the
/// caller comes back. In a failed transaction nothing can be asked: then the plan is to capture nothing.
std::shared_ptr<const Plan> Planner::find_plan(const std::shared_ptr<const ParsedText>& text,
                                               const Statement& statement) {
  static const auto kNoPlan = std::make_shared<const Plan>();
  const bool depends = session_.queue.under_way().catalog > 0 || session_.block.may_recover(session_.queue.under_way());
  if (depends && !wait_for_answers()) return nullptr;
  if (session_.block.skips() || session_.block.is_failed()) return kNoPlan;
  session_.own.let_go_facts(send());
  const SessionCatalog::Planned found = session_.catalog.plan(text, statement);
  if (found.is_kept) return found.plan;
  if (ask_facts(found.missing)) return nullptr;
  if (!found.aged.empty() && session_.at_hand.will_be_whole) return nullptr;
  if (!may_check_along(*found.plan)) {
    if (ask_facts(found.aged)) return nullptr;
  } else {
    for (const WantedFacts& one : found.aged) check_facts(one.name);
  }
  session_.catalog.keep(text, statement, found.plan);
  return found.plan;
}

/// True where old facts can be asked for in the exchange of the write itself: in front of it, in a transaction that is
/// only now begun. There the question may fail, and undo what stands behind it.
bool Planner::may_check_along(const Plan& plan) const {
  const bool told = plan.how != Plan::How::none && plan.how != Plan::How::gap;
  const bool clean = (session_.queue.is_clean() || session_.queue.only_checks()) && !session_.block.is_open() &&
                     session_.queue.under_way().control == 0;
  return told && clean && session_.at_hand.is_whole && !session_.at_hand.asks_alone;
}

void Planner::check_facts(const std::string& name) {
  const SessionCatalog::Check check = session_.catalog.check(name);
  const std::size_t first = session_.queue.size();
  session_.own.run(session_.own.facts(check.text, send()), std::vector<std::string>{name, check.digest}, Purpose::facts,
                   send());
  session_.own.let_go_facts(send());
  session_.queue.mark_checks(first);
  session_.retained.check_began();
}

/// True where there was something to ask.
bool Planner::ask_facts(const std::vector<WantedFacts>& wanted) {
  if (wanted.empty()) return false;
  const bool clean = session_.queue.is_clean() && !session_.block.is_open() && session_.queue.under_way().control == 0;
  const Sender sender = send();
  for (const WantedFacts& one : wanted) {
    session_.catalog.asked(one);
    if (const auto table = cascading_table(one.name)) {
      session_.own.run_once(cascade_query(table->only), std::vector<std::string>{table->name, ""}, Purpose::facts,
                            sender);
    } else {
      session_.own.run(session_.own.facts(one.text, sender), std::vector<std::string>{one.name, ""}, Purpose::facts,
                       sender);
    }
  }
  // Behind what the client has sent, the answer comes before the next transaction, and says whether there is a pooler.
  if (clean || session_.own.knows_pooling()) session_.own.let_go_facts(sender);
  // A transaction of its own: the client's own begins with the client's own statement.
  if (clean) sender.sync({.purpose = Purpose::facts});
  wait_for_answers();
  return true;
}

/// The client is about to look at pg_prepared_statements, where it must find its own statements only. False: not before
/// answers are in, behind which no Close is skipped.
bool Planner::hide_own_statements() {
  if (!wait_for_answers()) return false;
  session_.own.hide(session_.queue.names().forget_twins(), drop_shapes(), send());
  return true;
}

/// Names of their statements.
std::vector<std::string> Planner::drop_shapes() {
  Shapes& shapes = session_.catalog.shapes();
  shapes.drop_all();
  return shapes.take_dropped();
}

}  // namespace weir::capture
