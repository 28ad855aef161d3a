#include "tests/capture/session/session_script.h"

#include <gtest/gtest.h>

#include <utility>

#include "capture/facts.h"

namespace weir::testing {
namespace {

std::string quoted_event(const event::ChangeEvent& change) {
  std::string out(1, char(change.op));
  out += " " + change.schema + "." + change.table + " " + std::to_string(change.ordinal) + "." +
         std::to_string(change.statement_order) + " " + event::to_text(change.lsn);
  if (change.fidelity != event::Fidelity::row) out += std::string(" ") + event::to_text(change.fidelity);
  if (change.key) out += " key " + *change.key;
  if (change.old_key) out += " old_key " + *change.old_key;
  if (change.before) out += " before " + *change.before;
  if (change.after) out += " after " + *change.after;
  const event::Counts& counts = change.counts;
  if (counts.inserted > 0) out += " inserted " + std::to_string(counts.inserted);
  if (counts.updated > 0) out += " updated " + std::to_string(counts.updated);
  if (counts.deleted > 0) out += " deleted " + std::to_string(counts.deleted);
  if (!change.cause.empty()) out += " cause " + change.cause;
  if (!change.statement.empty()) out += " sql " + change.statement;
  if (!change.tags.empty()) out += " tags " + change.tags;
  return out;
}

std::string quoted_events(const std::vector<event::ChangeEvent>& changes) {
  std::string out;
  for (const auto& change : changes) out += " | " + quoted_event(change);
  return out;
}

const char* name_of(capture::Outcome outcome) {
  switch (outcome) {
    case capture::Outcome::committed:
      return "committed";
    case capture::Outcome::aborted:
      return "aborted";
    case capture::Outcome::unknown:
      return "unknown";
  }
  return "?";
}

std::string said(const Result<std::vector<capture::Question::Row>>& rows) {
  if (!rows) return "error " + rows.error().sqlstate + " " + rows.error().message;
  std::string out = "rows";
  for (const auto& row : *rows) {
    out += &row == &rows->front() ? " " : ", ";
    for (const auto& column : row) out += (&column == &row.front() ? "" : "|") + column.value_or("NULL");
  }
  return out;
}

}  // namespace

std::vector<std::string> FakeGate::take() {
  const std::size_t seen = std::exchange(seen_, calls_.size());
  return {calls_.begin() + std::ptrdiff_t(seen), calls_.end()};
}

FakeGate::~FakeGate() {
  EXPECT_TRUE(holds_events_.empty()) << "a transaction was opened and never ended";
}

std::int64_t FakeGate::open() {
  holds_events_[++last_] = false;
  return last_;
}

bool FakeGate::holds_events(std::int64_t id) {
  EXPECT_TRUE(holds_events_.contains(id)) << "transaction " << id << " is not open";
  return holds_events_[id];
}

void FakeGate::append(std::int64_t id, std::vector<event::ChangeEvent> events) {
  holds_events(id);
  holds_events_[id] = true;
  calls_.push_back("append " + std::to_string(id) + quoted_events(events));
}

void FakeGate::truncate(std::int64_t id, std::uint32_t ordinal) {
  if (holds_events(id)) calls_.push_back("truncate " + std::to_string(id) + " from " + std::to_string(ordinal));
}

bool FakeGate::may_be_told(std::int64_t id) {
  holds_events(id);
  return durable;
}

std::optional<Result<void>> FakeGate::prepare(event::Transaction transaction, std::vector<event::ChangeEvent> rest) {
  holds_events(transaction.id);
  holds_events_[transaction.id] = true;
  server_run_ = transaction.server_run;
  calls_.push_back("prepare " + std::to_string(transaction.id) + " xid " + std::to_string(transaction.xid) + " lsn " +
                   event::to_text(transaction.first_lsn) + "-" + event::to_text(transaction.last_lsn) +
                   quoted_events(rest));
  return answer;
}

void FakeGate::reopen(std::int64_t id) {
  calls_.push_back("reopen " + std::to_string(id));
}

void FakeGate::outcome(std::int64_t id, capture::Outcome outcome) {
  if (holds_events(id) || outcome != capture::Outcome::aborted)
    calls_.push_back("outcome " + std::to_string(id) + " " + name_of(outcome));
  holds_events_.erase(id);
}

void FakeGate::report(event::Transaction transaction, event::ChangeEvent gap) {
  EXPECT_GT(gap.ordinal, 0u) << "nobody would read it";
  const std::string place = transaction.last_lsn == 0 ? "" : " lsn " + event::to_text(transaction.last_lsn);
  calls_.push_back("report xid " + std::to_string(transaction.xid) + place + quoted_events({std::move(gap)}));
}

SessionScript& SessionScript::prepares_by_shape() {
  settings_.prepare_by_shape = true;
  return *this;
}

SessionScript& SessionScript::max_row_bytes(std::size_t bytes) {
  settings_.max_row_bytes = bytes;
  return *this;
}

SessionScript& SessionScript::starts(std::string_view version, std::string_view encoding, std::uint32_t pid) {
  pid_ = pid;
  return upstream_is_relayed(server::parameter_status("server_version", version) +
                             server::parameter_status("server_encoding", "UTF8") +
                             server::parameter_status("client_encoding", encoding) +
                             server::parameter_status("standard_conforming_strings", "on") +
                             frame('K', int32(pid) + "key!") + server::ready('I'));
}

SessionScript& SessionScript::client_sends(std::string bytes) {
  script_.client_sends(std::move(bytes));
  return *this;
}

SessionScript& SessionScript::upstream_sends(std::string bytes) {
  script_.upstream_sends(std::move(bytes));
  return *this;
}

SessionScript& SessionScript::expect_client(std::string bytes) {
  script_.expect_client(std::move(bytes));
  return *this;
}

SessionScript& SessionScript::expect_upstream(std::string bytes) {
  script_.expect_upstream(std::move(bytes));
  return *this;
}

SessionScript& SessionScript::client_is_relayed(const std::string& bytes) {
  return client_sends(bytes).expect_upstream(bytes);
}

SessionScript& SessionScript::upstream_is_relayed(const std::string& bytes) {
  return upstream_sends(bytes).expect_client(bytes);
}

SessionScript& SessionScript::expect_commits(bool commits) {
  script_.on("whether a commit is on its way",
             [commits](wire::Engine& engine, wire::Turn&) { EXPECT_EQ(engine.standing().commits, commits); });
  return *this;
}

SessionScript& SessionScript::expect_stalled(bool stalled) {
  script_.expect_stalled(stalled);
  return *this;
}

SessionScript& SessionScript::expect_close() {
  script_.expect_close();
  return *this;
}

SessionScript& SessionScript::upstream_closes() {
  script_.upstream_closes();
  return *this;
}

SessionScript& SessionScript::client_finishes() {
  script_.client_finishes();
  return *this;
}

SessionScript& SessionScript::asks_facts(std::initializer_list<Table> tables, bool clean, const std::string& before) {
  return asks_facts(capture::FactsText::plain, tables, clean, before);
}

SessionScript& SessionScript::asks_facts(capture::FactsText text, std::initializer_list<Table> tables, bool clean,
                                         const std::string& before) {
  std::string& statement = facts_statements_.at(std::size_t(text));
  std::string asked, answers;
  if (statement.empty()) {
    statement = next_own_name();
    asked += client::parse(statement, capture::facts_query(text));
    answers += server::parse_complete();
  }
  for (const Table& table : tables) {
    asked += client::bind("weir:own", statement, {table.name, ""}) + client::execute("weir:own") +
             client::close('P', "weir:own");
    answers +=
        server::bind_complete() + server::row(table.facts()) + server::complete("SELECT 1") + server::close_complete();
  }
  // It is not known yet whether a pooler stands in between, and the transaction ends before the answer is seen.
  if (pid_ != 0 && clean) {
    asked += client::close('S', statement);
    answers += server::close_complete();
    statement.clear();
  }
  asked += clean ? client::sync() : client::flush();
  if (clean) answers += server::ready('I');
  expect_upstream(asked).expect_stalled();
  if (!before.empty()) upstream_is_relayed(before);
  return upstream_sends(answers);
}

SessionScript& SessionScript::gate(std::vector<std::string> calls) {
  return on("the gate was asked", [calls = std::move(calls)](Stand& stand) {
    const std::vector<std::string> asked = stand.gate.take();
    if (::testing::Test::HasFailure()) return;  // it is told once, not for each of a thousand splits
    EXPECT_EQ(asked, calls);
  });
}

SessionScript& SessionScript::journal_has_it() {
  script_.on("the journal has it", [](wire::Engine& engine, wire::Turn& turn) {
    dynamic_cast<capture::CaptureEngine&>(engine).on_prepared({}, turn);
  });
  return *this;
}

SessionScript& SessionScript::journal_refuses(Error error) {
  script_.on("the journal refuses", [error = std::move(error)](wire::Engine& engine, wire::Turn& turn) {
    dynamic_cast<capture::CaptureEngine&>(engine).on_prepared(error, turn);
  });
  return *this;
}

SessionScript& SessionScript::log_is_durable() {
  script_.on("the log is durable", [this](wire::Engine& engine, wire::Turn&) {
    EXPECT_TRUE(engine.standing().upstream_stalled);
    stand_->gate.durable = true;
    dynamic_cast<capture::CaptureEngine&>(engine).on_durable();
  });
  return *this;
}

capture::Question SessionScript::question() {
  return {"SELECT $1", {"x"}, [heard = &stand_->heard](auto rows) { heard->push_back(said(rows)); }};
}

SessionScript& SessionScript::question_waits() {
  return on("a question waits", [this](Stand& stand) { stand.questions.next = question(); });
}

SessionScript& SessionScript::weir_asks() {
  script_.on("Weir asks", [this](wire::Engine& engine, wire::Turn& turn) {
    capture::Question question = this->question();
    if (!dynamic_cast<capture::CaptureEngine&>(engine).ask(question, turn)) stand_->heard.emplace_back("not asked");
  });
  return *this;
}

SessionScript& SessionScript::weir_heard(std::vector<std::string> answers) {
  return on("Weir heard",
            [answers = std::move(answers)](Stand& stand) { EXPECT_EQ(std::exchange(stand.heard, {}), answers); });
}

SessionScript& SessionScript::on(std::string name, std::function<void(Stand&)> look) {
  script_.on(std::move(name), [this, look = std::move(look)](wire::Engine&, wire::Turn&) { look(*stand_); });
  return *this;
}

RelayScript::MakeEngine SessionScript::maker() {
  return [this] {
    stand_ = std::make_unique<Stand>();
    stand_->settings = settings_;
    capture::SessionOptions options;
    options.statements = &stand_->statements;
    options.settings = &stand_->settings;
    options.gate = &stand_->gate;
    options.catalog_epoch = &stand_->epoch;
    options.questions = &stand_->questions;
    options.clock = [stand = stand_.get()] { return stand->now; };
    options.database = "shop";
    return capture::make_session(options);
  };
}

std::string SessionScript::replay() {
  RelayScript whole = script_;
  whole.on("the gate was asked nothing else", [this](wire::Engine&, wire::Turn&) {
    const std::vector<std::string> asked = stand_->gate.take();
    if (::testing::Test::HasFailure()) return;
    EXPECT_EQ(asked, std::vector<std::string>());
  });
  return whole.replay(maker());
}

std::string SessionScript::replay_whole() {
  return replay_cut_short([](std::size_t, const std::vector<std::string>&) {});
}

std::string SessionScript::replay_cut_short(
    const std::function<void(std::size_t, const std::vector<std::string>&)>& lost) {
  return script_.replay_cut_short(maker(), [this, &lost](std::size_t steps) { lost(steps, stand_->gate.calls()); });
}

void passes(SessionScript& script, const std::string& sql, const std::string& tag, char status) {
  script.client_is_relayed(client::query(sql)).upstream_is_relayed(server::complete(tag) + server::ready(status));
}

const std::string kTwoRows = "INSERT INTO t SELECT 1 UNION ALL SELECT 2 RETURNING id";
const std::vector<std::string> kWithAdded{"id", "row_to_json", "tableoid", "xid", "lsn"};

void open_portal(SessionScript& script) {
  script.starts();
  passes(script, "BEGIN", "BEGIN", 'T');
  script.client_sends(client::parse("", kTwoRows) + client::bind("p", "") + client::execute("p", 1) + client::sync());
  script.asks_facts(Table(), false);
  script
      .expect_upstream(client::parse("", kTwoRows + suffix_of_list()) + client::bind("p", "") +
                       client::execute("p", 1) + client::sync())
      .upstream_sends(server::parse_complete() + server::bind_complete() +
                      server::row(Values{"1"} + written(R"({"id":1,"v":null})", "0/10")) + server::portal_suspended() +
                      server::ready('T'))
      .expect_client(server::parse_complete() + server::bind_complete() + server::row({"1"}) +
                     server::portal_suspended() + server::ready('T'));
}

const std::string kEpilogue =
    "SELECT pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.text, "
    "pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text";

void asks_epilogue(SessionScript& script, const Values& answer) {
  const std::string own = script.next_own_name();
  script
      .expect_upstream(client::parse(own, kEpilogue) + client::bind("weir:own", own) + client::execute("weir:own") +
                       client::close('P', "weir:own") + client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() + server::row(answer) +
                      server::complete("SELECT 1") + server::close_complete());
}

void asks_epilogue_for_id(SessionScript& script, const Values& answer) {
  const std::string question =
      "SELECT pg_catalog.pg_current_xact_id()::pg_catalog.text, "
      "pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text";
  const std::string own = script.next_own_name();
  script
      .expect_upstream(client::parse(own, question) + client::bind("weir:own", own) + client::execute("weir:own") +
                       client::close('P', "weir:own") + client::close('S', own) + client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() + server::row(answer) +
                      server::complete("SELECT 1") + server::close_complete() + server::close_complete());
}

std::string sent_in_part(std::string_view sql) {
  return client::parse("", sql) + client::bind("", "") + client::execute("");
}

std::string part_answered(const std::vector<Values>& rows, std::string_view tag) {
  std::string out = server::parse_complete() + server::bind_complete();
  for (const Values& row : rows) out += server::row(row);
  return out + server::complete(tag);
}

void commits_query(SessionScript& script, const std::string& prepared, const std::string& tag) {
  script.gate({prepared})
      .journal_has_it()
      .expect_upstream(client::sync())
      .upstream_sends(server::ready('I'))
      .expect_client(server::complete(tag) + server::ready('I'))
      .gate({"outcome 1 committed"});
}

void commit_runs_in_part(SessionScript& script) {
  script.journal_has_it()
      .expect_upstream(sent_in_part("COMMIT") + client::flush())
      .upstream_sends(part_answered({}, "COMMIT"))
      .gate({"outcome 1 committed"})
      .expect_upstream(client::sync())
      .upstream_sends(server::ready('I'))
      .expect_client(server::complete("COMMIT") + server::ready('I'));
}

std::string sent_in_group(std::string_view sql) {
  return sent_in_part("BEGIN") + client::query(sql) + client::close('P', "weir:none") + client::flush();
}

std::string group_begun() {
  return part_answered({}, "BEGIN");
}

std::string group_ended(char status) {
  return server::ready(status) + server::close_complete();
}

void commits_group(SessionScript& script, const std::string& prepared, const std::string& tag) {
  script.gate({prepared})
      .journal_has_it()
      .expect_upstream(sent_in_part("COMMIT") + client::sync())
      .upstream_sends(part_answered({}, "COMMIT") + server::ready('I'))
      .expect_client(server::complete(tag) + server::ready('I'))
      .gate({"outcome 1 committed"});
}

std::string query_answered(const std::vector<Values>& rows, std::string_view tag) {
  std::string out = server::row_description({"row_to_json", "tableoid", "xid", "lsn"});
  for (const Values& row : rows) out += server::row(row);
  return out + server::complete(tag);
}

std::string suffix(std::string_view alias) {
  const std::string row = "\"" + std::string(alias) + "\"";
  return "\n/*weir*/RETURNING pg_catalog.row_to_json(" + row + ".*), " + row +
         ".tableoid, pg_catalog.pg_current_xact_id(), pg_catalog.pg_current_wal_insert_lsn()";
}

std::string suffix_of_list(std::string_view alias) {
  const std::string row = "\"" + std::string(alias) + "\"";
  return "\n/*weir*/, pg_catalog.row_to_json(" + row + ".*)::pg_catalog.text, " + row +
         ".tableoid::pg_catalog.text, pg_catalog.pg_current_xact_id()::pg_catalog.text, "
         "pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text";
}

Values written(std::string_view image, std::string_view lsn, std::string_view xid, std::string_view tableoid) {
  return {std::string(image), std::string(tableoid), std::string(xid), std::string(lsn)};
}

Values operator+(Values left, const Values& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

void writes_nothing(SessionScript& script, const std::string& sql, const std::string& tag) {
  script.expect_upstream(sent_in_part(sql + suffix()) + client::flush())
      .upstream_sends(part_answered({}, tag))
      .expect_upstream(client::sync())
      .upstream_sends(server::ready('I'))
      .expect_client(server::complete(tag) + server::ready('I'));
}

void insert_nothing(SessionScript& script) {
  writes_nothing(script, "INSERT INTO t VALUES (1)", "INSERT 0 0");
}

std::string facts_asked(const std::string& own, const std::string& name, bool prepares) {
  return (prepares ? client::parse(own, capture::facts_query(capture::FactsText::plain)) : "") +
         client::bind("weir:own", own, {name, ""}) + client::execute("weir:own") + client::close('P', "weir:own");
}

}  // namespace weir::testing
