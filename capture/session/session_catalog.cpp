// Plans, the facts they need, and the statements Weir prepares in the client's session for itself.
#include <algorithm>

#include "capture/cascade.h"
#include "capture/server_run.h"
#include "capture/session/session_machine.h"

namespace weir::capture {
namespace {

/// Plans kept per session; when there are more, all are forgotten and made anew.
constexpr std::size_t kMostPlans = 1000;

std::string int16_bytes(std::size_t value) {
  return {char(value >> 8 & 0xff), char(value & 0xff)};
}

std::string int32_bytes(std::uint32_t value) {
  return {char(value >> 24 & 0xff), char(value >> 16 & 0xff), char(value >> 8 & 0xff), char(value & 0xff)};
}

constexpr std::uint32_t kTextOid = 25;

/// Types with this number and above are not the server's own.
constexpr std::uint32_t kFirstUserOid = 16384;

/// Of the parameters of a Parse; 0 where it leaves one to the server.
std::vector<std::uint32_t> declared_types(const std::string& declared) {
  wire::Cursor in(declared);
  std::vector<std::uint32_t> types(in.uint16());
  for (std::uint32_t& type : types) type = std::uint32_t(in.int32());
  return types;
}

int highest(const std::vector<int>& numbers) {
  int most = 0;
  for (const int number : numbers) most = std::max(most, number);
  return most;
}

/// Larger values that the lock query does not use are not sent with it.
constexpr std::size_t kLargestUnused = 1024;

/// So many as the UPDATE has: an error may name them all (log_parameter_max_length_on_error).
std::size_t lock_parameters(const Portal& portal, const std::vector<int>& used) {
  return std::max(std::size_t(highest(used)), portal.values.size());
}

/// Parameter types for the lock query: those it uses as the client declared them, the others text, since a parameter
/// nobody uses has no type of its own.
std::string lock_types(const Portal& portal, const std::vector<int>& used) {
  const std::size_t count = lock_parameters(portal, used);
  const std::vector<std::uint32_t> given = declared_types(portal.prepared->parameter_types);
  std::string types = int16_bytes(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t type = i < given.size() ? given[i] : 0;
    const bool is_used = std::find(used.begin(), used.end(), int(i) + 1) != used.end();
    types += int32_bytes(is_used ? type : kTextOid);
  }
  return types;
}

std::string lock_values(const Portal& portal, const std::vector<int>& used) {
  const std::size_t count = lock_parameters(portal, used);
  std::string formats = int16_bytes(count);
  std::string values = int16_bytes(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::int16_t format = portal.formats.empty()       ? std::int16_t(0)
                                : portal.formats.size() == 1 ? portal.formats[0]
                                : i < portal.formats.size()  ? portal.formats[i]
                                                             : std::int16_t(0);
    const bool is_used = std::find(used.begin(), used.end(), int(i) + 1) != used.end();
    bool given = i < portal.values.size() && portal.values[i];
    if (given && !is_used) given = format == 0 && portal.values[i]->size() <= kLargestUnused;
    formats += int16_bytes(std::size_t(is_used ? format : 0));
    values += int32_bytes(given ? std::uint32_t(portal.values[i]->size()) : 0xffffffff);
    if (given) values += *portal.values[i];
  }
  return formats + values;
}

}  // namespace

/// The plan of a statement in this session as it is now. Null: facts are being asked (or answers waited for first); the
/// caller comes back. In a failed transaction nothing can be asked: then the plan is to capture nothing.
std::shared_ptr<const Plan> SessionMachine::find_plan(const std::shared_ptr<const ParsedText>& text,
                                                      const Statement& statement, wire::Turn& turn) {
  static const auto kNoPlan = std::make_shared<const Plan>();
  const bool depends = queue_.under_way().catalog > 0 || block_.may_recover(queue_.under_way());
  if (depends && !wait_for_answers(turn)) return nullptr;
  if (block_.skips() || block_.is_failed()) return kNoPlan;
  for (OwnStatement& own : facts_statements_) let_go(own, turn);
  if (catalog_epoch_ != epoch_->load(std::memory_order_relaxed)) forget_catalog();
  const auto known = plans_.find(&statement);
  if (known != plans_.end() && !is_aged(known->second.asked)) return known->second.plan;
  if (facts_failed_) {
    facts_failed_ = false;
    Plan unknown;
    unknown.how = Plan::How::gap;
    unknown.cause = "catalog could not be asked";
    return std::make_shared<const Plan>(std::move(unknown));
  }
  if (ask_facts(missing_facts(*text, statement), turn)) return nullptr;
  auto plan = known != plans_.end() ? known->second.plan : plan_by_facts(*text, statement);
  const std::vector<WantedFacts> aged = aged_facts(statement);
  if (!aged.empty() && will_be_whole_) return nullptr;
  if (!may_check_along(*plan)) {
    if (ask_facts(aged, turn)) return nullptr;
  } else {
    for (const WantedFacts& one : aged) check_facts(one.name, turn);
  }
  keep_plan(text, statement, plan);
  return plan;
}

std::shared_ptr<const Plan> SessionMachine::plan_by_facts(const ParsedText& text, const Statement& statement) {
  std::vector<std::shared_ptr<const RelationFacts>> relations;
  for (const TableName& table : statement.tables) relations.push_back(facts_[quoted_name(table)].relation);
  std::vector<std::shared_ptr<const RelationFacts>> emptied;
  for (const TableName& table : statement.tables)
    if (table.cascades) emptied.push_back(facts_[cascade_name(table)].relation);
  return std::make_shared<const Plan>(make_plan({text.text, statement, relations, server_, *scope_, emptied}));
}

/// Keeps the plan for the next time the same text comes. That there is no such table holds for the message at hand
/// only: somebody may make it at any time. (Not shorter: a Query whose statements name several would ask for each again
/// and again.)
void SessionMachine::keep_plan(const std::shared_ptr<const ParsedText>& text, const Statement& statement,
                               const std::shared_ptr<const Plan>& plan) {
  bool all_known = true;
  auto asked = std::chrono::milliseconds::max();
  for (const TableName& table : statement.tables) {
    const auto found = facts_.find(quoted_name(table));
    if (found == facts_.end()) continue;
    asked = std::min(asked, found->second.asked);
    all_known = all_known && found->second.relation;
  }
  if (facts_.size() >= kMostPlans)
    std::erase_if(facts_,
                  [this](const auto& known) { return !known.second.relation && known.second.message != message_; });
  if (!text->kept || !all_known) return;
  if (plans_.size() >= kMostPlans) plans_.clear();
  plans_[&statement] = {text, plan, asked};
}

bool SessionMachine::is_aged(std::chrono::milliseconds asked) const {
  if (!clock_ || asked == std::chrono::milliseconds::max()) return false;
  return facts_max_age_.count() == 0 || clock_() - asked > facts_max_age_;
}

/// The target's facts say whether more of them is needed. That is found only once: `needed_texts_` remembers it.
std::vector<SessionMachine::WantedFacts> SessionMachine::missing_facts(const ParsedText& text,
                                                                       const Statement& statement) const {
  std::vector<WantedFacts> missing;
  for (const TableName& table : statement.tables) {
    std::string name = quoted_name(table);
    const auto found = facts_.find(name);
    if (found == facts_.end() || !found->second.relation) {
      if (found != facts_.end() && found->second.message == message_) continue;
      const auto once = needed_texts_.find(name);
      missing.push_back({std::move(name), once == needed_texts_.end() ? FactsText::plain : once->second});
    } else if (&table == &statement.tables.front()) {
      const KnownFacts& known = found->second;
      const FactsText needed = needed_facts({text.text, statement, {known.relation}, server_, *scope_});
      if (needed > known.text) missing.push_back({std::move(name), needed});
    }
  }
  for (const TableName& table : statement.tables) {
    if (!table.cascades) continue;
    const auto found = facts_.find(cascade_name(table));
    const bool known = found != facts_.end() && (found->second.message == message_ || !is_aged(found->second.asked));
    if (!known) missing.push_back({cascade_name(table), FactsText::plain});
  }
  return missing;
}

/// Those that are older than they may be, and were not asked for on behalf of this very message.
std::vector<SessionMachine::WantedFacts> SessionMachine::aged_facts(const Statement& statement) const {
  std::vector<WantedFacts> aged;
  for (const TableName& table : statement.tables) {
    const std::string name = quoted_name(table);
    const auto found = facts_.find(name);
    const bool open = found != facts_.end() && found->second.relation && found->second.message != message_;
    const bool twice = std::any_of(aged.begin(), aged.end(), [&](const auto& one) { return one.name == name; });
    if (open && !twice && is_aged(found->second.asked)) aged.push_back({name, found->second.text});
  }
  return aged;
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
  KnownFacts& known = facts_[name];
  known.message = message_;
  const std::size_t first = queue_.size();
  OwnStatement& question = prepare_facts(known.text, turn);
  facts_asked_.push_back({{name, known.text}, clock_()});
  send_own(question, {name, known.relation->digest}, Purpose::facts, turn);
  let_go(question, turn);
  queue_.mark_checks(first);
  ++checks_pending_;
}

/// An answer to a check differs: nothing of what was sent behind it has happened, and nothing was shown. All of it is
/// taken as if it came only now.
void SessionMachine::facts_changed(wire::Turn& turn) {
  replay_.insert(0, retained_);
  skip_to_sync(false);
  if (run_ && !run_->finished) run_.reset();
  forget_catalog();
  transaction_ended(Outcome::aborted);
  queue_.names().drop_portals();
  block_.stop_skipping();
  facts_failed_ = false;
  asks_alone_ = true;
  wire::append_sync(turn.to_upstream.buffer());
  expect({.expect = Expect::sync, .purpose = Purpose::facts});
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
  for (const WantedFacts& one : wanted) {
    facts_asked_.push_back({one, clock_ ? clock_() : std::chrono::milliseconds(0)});
    if (const auto table = cascading_table(one.name)) {
      run_once(cascade_query(table->only), {table->name, ""}, Purpose::facts, turn);
    } else {
      send_own(prepare_facts(one.text, turn), {one.name, ""}, Purpose::facts, turn);
    }
  }
  // Behind what the client has sent, the answer comes before the next transaction, and says whether there is a pooler.
  if (clean || pooling_ != Pooling::unknown)
    for (OwnStatement& own : facts_statements_) let_go(own, turn);
  if (clean) {
    // A transaction of its own: the client's own begins with the client's own statement.
    wire::append_sync(turn.to_upstream.buffer());
    expect({.expect = Expect::sync, .purpose = Purpose::facts});
  }
  wait_for_answers(turn);
  return true;
}

OwnStatement& SessionMachine::prepare_facts(FactsText text, wire::Turn& turn) {
  OwnStatement& own = facts_statements_.at(std::size_t(text));
  if (own.sent) return own;
  prepare_own(own, facts_query(text), Purpose::facts, turn);
  queue_.mark_last_makes(own.name);
  return own;
}

std::string SessionMachine::next_own_name() {
  return own_prefix_ + std::to_string(++own_names_);
}

void SessionMachine::prepare_own(OwnStatement& own, std::string_view text, Purpose purpose, wire::Turn& turn) {
  if (own.sent) return;
  own = {next_own_name(), true};
  wire::append_parse(turn.to_upstream.buffer(), own.name, text, wire::kNoParameterTypes);
  expect({.expect = Expect::parse, .purpose = purpose});
}

void SessionMachine::send_own(const OwnStatement& own, const std::vector<std::string>& values, Purpose purpose,
                              wire::Turn& turn) {
  std::string& out = turn.to_upstream.buffer();
  wire::append_text_bind(out, own_portal_name_, own.name, values);
  expect({.expect = Expect::bind, .purpose = purpose});
  wire::append_execute(out, own_portal_name_, 0);
  expect({.expect = Expect::execute, .purpose = purpose});
  wire::append_close(out, 'P', own_portal_name_);
  expect({.expect = Expect::close, .purpose = purpose});
}

void SessionMachine::run_once(std::string_view text, const std::vector<std::string>& values, Purpose purpose,
                              wire::Turn& turn) {
  OwnStatement own;
  prepare_own(own, text, purpose, turn);
  send_own(own, values, purpose, turn);
  close_own(own.name, turn);
}

/// A parameter of a user's own type may have a user's own operator in the WHERE. What the client leaves to the server
/// is the same in both statements, for an UPDATE's WHERE is read before its SET.
bool SessionMachine::can_lock(const Execution& execution) const {
  if (!execution.portal) return true;
  const auto types = declared_types(execution.portal->prepared->parameter_types);
  const auto& used = execution.plan->lock_parameters;
  return std::none_of(used.begin(), used.end(), [&types](int number) {
    return std::size_t(number) <= types.size() && types[std::size_t(number) - 1] >= kFirstUserOid;
  });
}

/// Only where the backend is the session's own may a statement of Weir's outlive the exchange that it was made in.
void SessionMachine::let_go(OwnStatement& own, wire::Turn& turn) {
  if (!own.sent || keeps_statements()) return;
  close_own(own.name, turn);
  own.sent = false;
}

/// Reads and locks the rows that the UPDATE sent next will move.
void SessionMachine::send_lock(const std::shared_ptr<Execution>& execution, wire::Turn& turn) {
  const Plan& plan = *execution->plan;
  const auto& portal = execution->portal;
  if (!can_lock(*execution)) return;
  const std::string types = portal ? lock_types(*portal, plan.lock_parameters) : std::string(wire::kNoParameterTypes);
  const std::string values = portal ? lock_values(*portal, plan.lock_parameters) : std::string(wire::kNoParameters);
  std::string& out = turn.to_upstream.buffer();
  // The first may wait for other transactions, and what they committed meanwhile only the second one sees.
  for (const std::string* query : {&plan.wait_query, &plan.lock_query}) {
    const std::string name = next_own_name();
    wire::append_parse(out, name, *query, types);
    expect({.expect = Expect::parse, .purpose = Purpose::lock});
    wire::append_bind(out, own_portal_name_, name, values, {});
    expect({.expect = Expect::bind, .purpose = Purpose::lock});
    wire::append_execute(out, own_portal_name_, 0);
    expect({.expect = Expect::execute, .purpose = Purpose::lock, .execution = execution});
    wire::append_close(out, 'P', own_portal_name_);
    expect({.expect = Expect::close, .purpose = Purpose::tidy});
    close_own(name, turn);
  }
}

/// Rows of the first of the two have no columns.
bool SessionMachine::locked_row(Execution& execution) {
  if (row_.empty()) return true;
  auto locked = read_locked_row(row_, *execution.plan);
  if (!locked) return false;
  const auto [xid, lsn] = std::pair(locked->xid, locked->lsn);
  MovedRows::Events now;
  moved_rows(execution).locked(std::move(*locked), now);
  if (now.empty()) return true;
  transaction_.written().saw(xid, lsn);
  for (event::ChangeEvent& change : now) add_moved(std::move(change), execution);
  return true;
}

void SessionMachine::close_own(std::string name, wire::Turn& turn) {
  left_behind_.push_back(std::move(name));
  for (std::string& left : std::exchange(left_behind_, {})) {
    wire::append_close(turn.to_upstream.buffer(), 'S', left);
    expect({.expect = Expect::close, .purpose = Purpose::tidy, .closes = std::move(left)});
  }
}

/// The client is about to look at pg_prepared_statements, where it must find its own statements only. False: not before
/// answers are in, behind which no Close is skipped.
bool SessionMachine::hide_own_statements(wire::Turn& turn) {
  if (!wait_for_answers(turn)) return false;
  std::vector<std::string> names = queue_.names().forget_twins();
  for (OwnStatement* own : own_statements()) {
    if (own->sent) names.push_back(own->name);
    own->sent = false;
  }
  if (shapes_) {
    shapes_->drop_all();
    const std::vector<std::string> dropped = shapes_->take_dropped();
    names.insert(names.end(), dropped.begin(), dropped.end());
  }
  names.insert(names.end(), left_behind_.begin(), left_behind_.end());
  left_behind_.clear();
  for (std::string& name : names) close_own(std::move(name), turn);
  return true;
}

std::vector<OwnStatement*> SessionMachine::own_statements() {
  std::vector<OwnStatement*> all = {&epilogue_statement_};
  for (OwnStatement& own : facts_statements_) all.push_back(&own);
  return all;
}

void SessionMachine::own_statements_are_gone() {
  for (OwnStatement* own : own_statements()) own->sent = false;
  if (!shapes_) return;
  shapes_->drop_all();
  shapes_->take_dropped();
}

void SessionMachine::forget_catalog() {
  facts_.clear();
  plans_.clear();
  if (shapes_) shapes_->drop_all();
  catalog_epoch_ = epoch_->load(std::memory_order_relaxed);
}

/// A DataRow that answers a statement of Weir's own; false where it is none.
bool SessionMachine::own_row(const Pending& pending, std::string_view body) {
  if (!wire::read_data_row(body, row_)) return false;
  switch (pending.purpose) {
    case Purpose::facts:
      server_.creation_schema = read_creation_schema(row_, server_.server_encoding);
      note_server_run(read_run(row_));
      if (auto facts = read_facts(row_, server_.server_encoding))
        facts_answer_ = std::make_shared<const RelationFacts>(std::move(*facts));
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
      return locked_row(*pending.execution);
    default:
      break;
  }
  return true;
}

/// A pooler says a process id of its own, or brings the session to another process.
void SessionMachine::note_server_run(std::string_view answer) {
  const auto run = read_server_run(answer);
  if (!run) return;
  const bool pooled = run->backend != backend_;
  if (pooling_ != Pooling::pooled) pooling_ = pooled ? Pooling::pooled : Pooling::none;
  transaction_.set_server_run(note(answer, pooled, true), note(answer, pooled, false));
}

bool SessionMachine::ask(Question& question, wire::Turn& turn) {
  if (!idle()) return false;
  asked_ = std::make_unique<Asked>(Asked{std::move(question), std::vector<Question::Row>()});
  run_once(asked_->question.sql, asked_->question.parameters, Purpose::question, turn);
  wire::append_sync(turn.to_upstream.buffer());
  expect({.expect = Expect::sync, .purpose = Purpose::question});
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

void SessionMachine::note_needed(const WantedFacts& what, bool may_have_casts) {
  const FactsText needed = may_have_casts ? FactsText::whole : what.text;
  if (needed == FactsText::plain) return;
  if (needed_texts_.size() >= kMostPlans) needed_texts_.clear();
  FactsText& most = needed_texts_[what.name];
  most = std::max(most, needed);
}

void SessionMachine::own_complete(const Pending& pending) {
  if (pending.purpose == Purpose::open_block) block_.begun();
  if (pending.purpose != Purpose::facts || facts_asked_.empty()) return;
  const auto [what, asked] = std::move(facts_asked_.front());
  facts_asked_.pop_front();
  KnownFacts& known = facts_[what.name];
  const bool same =
      known.relation && facts_answer_ && known.text == what.text && known.relation->digest == facts_answer_->digest;
  if (!same && known.relation) plans_.clear();
  if (!same) known.relation = facts_answer_;
  facts_answer_.reset();
  known.text = what.text;
  note_needed(what, known.relation && known.relation->may_have_casts);
  known.asked = asked;
  if (!pending.checks) known.message = message_;
  if (pending.checks) check_ended();
}

}  // namespace weir::capture
