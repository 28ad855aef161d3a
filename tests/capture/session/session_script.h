// A relay script of a capturing session: client, database and journal. Plays the catalog too: what the session asks
// about a table is answered from a Table.
//
//     SessionScript script;
//     script.starts();
//     script.client_sends(client::query("INSERT INTO t VALUES (1)")).asks_facts(Table());
//     …
//     script.gate({"prepare 1 xid 800 lsn 0/10-0/10 | c public.t 1.1 0/10 key {\"id\":1} after {\"id\":1}"});
//     EXPECT_EQ(script.replay(), "");
//
// Each replay has a session, a gate and a statement cache of its own. A script must name every call of the gate.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "capture/capture_settings.h"
#include "capture/facts.h"
#include "capture/session/session.h"
#include "capture/sql/statement_cache.h"
#include "tests/capture/session/catalog_table.h"
#include "tests/capture/session/messages.h"
#include "tests/support/relay_script.h"

namespace weir::testing {

/// Records what it is asked, one line per call that means something: that a transaction is opened and in the end
/// forgotten is only checked, once per transaction, when the session is gone.
class FakeGate : public capture::CommitGate {
 public:
  ~FakeGate() override;
  std::int64_t open() override;
  void append(std::int64_t id, std::vector<event::ChangeEvent> events) override;
  void truncate(std::int64_t id, std::uint32_t ordinal) override;
  std::optional<Result<void>> prepare(event::Transaction transaction, std::vector<event::ChangeEvent> rest) override;
  bool may_be_told(std::int64_t id) override;
  void reopen(std::int64_t id) override;
  void outcome(std::int64_t id, capture::Outcome outcome) override;
  void report(event::Transaction transaction, event::ChangeEvent gap) override;

  /// The calls since the last look.
  std::vector<std::string> take();
  const std::vector<std::string>& calls() const { return calls_; }
  /// Of the last transaction that was prepared.
  const std::string& server_run() const { return server_run_; }
  std::size_t open_transactions() const { return holds_events_.size(); }

  std::optional<Result<void>> answer;  ///< to prepare, at once; nothing: the script says when
  bool durable = true;                 ///< what was prepared may be told

 private:
  bool holds_events(std::int64_t id);

  std::vector<std::string> calls_;
  std::string server_run_;
  std::size_t seen_ = 0;
  std::int64_t last_ = 0;
  std::map<std::int64_t, bool> holds_events_;  // of transactions without an outcome
};

/// Questions that wait for a session.
struct FakeQuestions final : capture::QuestionSource {
  bool has_question() const override { return next.has_value(); }
  std::optional<capture::Question> take_question() override { return std::exchange(next, std::nullopt); }
  std::optional<capture::Question> next;
};

/// What a session stands on.
struct Stand {
  capture::StatementCache statements;
  capture::CaptureSettings settings;
  FakeGate gate;
  std::atomic<std::uint64_t> epoch{0};
  FakeQuestions questions;
  std::chrono::milliseconds now{1};
  std::vector<std::string> heard;  ///< answers to Weir's own questions
};

class SessionScript {
 public:
  explicit SessionScript(capture::Scope scope = {}) { settings_.scope = std::move(scope); }
  SessionScript(const SessionScript&) = delete;
  SessionScript& operator=(const SessionScript&) = delete;

  /// CaptureSettings::max_row_bytes.
  SessionScript& max_row_bytes(std::size_t bytes);
  /// CaptureSettings::prepare_by_shape.
  SessionScript& prepares_by_shape();
  /// The database's greeting, relayed as it is. With a process id in BackendKeyData the session asks for that, too.
  SessionScript& starts(std::string_view version = "15.20", std::string_view encoding = "UTF8", std::uint32_t pid = 0);

  SessionScript& client_sends(std::string bytes);
  SessionScript& upstream_sends(std::string bytes);
  SessionScript& expect_client(std::string bytes);
  SessionScript& expect_upstream(std::string bytes);
  /// Sent by one peer and seen by the other as it is.
  SessionScript& client_is_relayed(const std::string& bytes);
  SessionScript& upstream_is_relayed(const std::string& bytes);
  SessionScript& expect_stalled(bool stalled = true);
  /// wire::Standing::commits.
  SessionScript& expect_commits(bool commits);
  SessionScript& expect_close();
  SessionScript& upstream_closes();
  SessionScript& client_finishes();

  /// The session asks about the tables, in an exchange of its own (clean) or behind what the client sent before, whose
  /// answers are `before`.
  SessionScript& asks_facts(std::initializer_list<Table> tables, bool clean = true, const std::string& before = {});
  SessionScript& asks_facts(capture::FactsText text, std::initializer_list<Table> tables, bool clean = true,
                            const std::string& before = {});
  SessionScript& asks_facts(const Table& table, bool clean = true, const std::string& before = {}) {
    return asks_facts({table}, clean, before);
  }
  /// Also for what only some UPDATEs have to know: by a second question, because of what the first one said.
  SessionScript& asks_all_facts(const Table& table) {
    return asks_facts(capture::FactsText::plain, {table.without_updates()})
        .asks_facts(capture::FactsText::updates, {table});
  }
  /// Calls of the gate since the last look, all of them.
  SessionScript& gate(std::vector<std::string> calls);
  SessionScript& journal_has_it();
  SessionScript& journal_refuses(Error error);
  SessionScript& log_is_durable();
  /// Weir asks a question of its own, "SELECT $1", with "x".
  SessionScript& weir_asks();
  /// The same question waits for a moment in which the session can be asked.
  SessionScript& question_waits();
  /// What weir_asks led to since the last look: "rows x|y, z|NULL", "error SQLSTATE message", or "not asked".
  SessionScript& weir_heard(std::vector<std::string> answers);
  /// Anything with the fixtures.
  SessionScript& on(std::string name, std::function<void(Stand&)> look);

  [[nodiscard]] std::string replay();
  /// Whole reads alone, for scripts too long to be split at every byte.
  [[nodiscard]] std::string replay_whole();
  /// See RelayScript; `lost` sees what the gate was told in all.
  [[nodiscard]] std::string replay_cut_short(
      const std::function<void(std::size_t steps, const std::vector<std::string>& calls)>& lost);

  /// The name of the statement that Weir prepares next for itself: "weir:1", "weir:2", …
  std::string next_own_name() { return "weir:" + std::to_string(++own_names_); }
  /// The facts' statement must be prepared anew.
  void own_statements_are_gone() { facts_statements_ = {}; }

 private:
  capture::Question question();
  RelayScript::MakeEngine maker();

  RelayScript script_;
  std::unique_ptr<Stand> stand_;
  std::array<std::string, capture::kFactsTexts> facts_statements_;  // by FactsText
  std::uint32_t pid_ = 0;
  int own_names_ = 0;
  capture::CaptureSettings settings_;
};

/// A Query that only goes through, with its answer.
void passes(SessionScript& script, const std::string& sql, const std::string& tag, char status);

/// A write of two rows with a RETURNING of its own, and the columns of its rows as the database sends them.
extern const std::string kTwoRows;
extern const std::vector<std::string> kWithAdded;
/// In a block, portal "p" of kTwoRows; one row was fetched, whose image has id 1 and v null.
void open_portal(SessionScript& script);

/// A captured write, sent as a Query of its own, that hits no row: nothing for the journal.
void writes_nothing(SessionScript& script, const std::string& sql, const std::string& tag);
/// The same of "INSERT INTO t VALUES (1)".
void insert_nothing(SessionScript& script);
/// What asks for a table's facts, by the statement `own`.
std::string facts_asked(const std::string& own, const std::string& name, bool prepares);

/// What Weir asks before a commit whose rows did not say it: the transaction's id and version.
extern const std::string kEpilogue;
void asks_epilogue(SessionScript& script, const Values& answer = {"800", "0/30"});
/// The same where the transaction may have no id yet, and needs one.
void asks_epilogue_for_id(SessionScript& script, const Values& answer = {"800", "0/30"});

/// What is sent for one statement of a Query that runs in parts, and its answer. Without Describe.
std::string sent_in_part(std::string_view sql);
std::string part_answered(const std::vector<Values>& rows, std::string_view tag);
/// A Query that is one statement, sent in parts: committed, and shown with its tag.
void commits_query(SessionScript& script, const std::string& prepared, const std::string& tag);
/// COMMIT, last of a Query that runs in parts: the journal takes transaction 1, and the commit succeeds.
void commit_runs_in_part(SessionScript& script);
/// What is sent for the statements of a Query that go as one in a block of Weir's, and what surrounds their answers.
std::string sent_in_group(std::string_view sql);
std::string group_begun();
std::string group_ended(char status = 'T');
/// A Query whose last group has been answered: its block is committed, and shown with the last tag.
void commits_group(SessionScript& script, const std::string& prepared, const std::string& tag);
/// The answer of a Query with `suffix`, without ReadyForQuery.
std::string query_answered(const std::vector<Values>& rows, std::string_view tag);

/// The text Weir appends to a plain write of a table that is called `alias` in it.
std::string suffix(std::string_view alias = "t");
/// The same where the client has a RETURNING of its own.
std::string suffix_of_list(std::string_view alias = "t");
/// The values that the added columns of `suffix` have.
Values written(std::string_view image, std::string_view lsn, std::string_view xid = "800",
               std::string_view tableoid = "16400");
/// Columns side by side.
Values operator+(Values left, const Values& right);

}  // namespace weir::testing
