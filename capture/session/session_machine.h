// The engine behind capture/session/session.h. One class, in eleven files by what they do:
//   session_client.cpp    messages from the client: what to splice, when to wait
//   session_upstream.cpp  answers of the database: what the client sees of them
//   session_error.cpp     errors of the database: what they undo, and what the client sees of them
//   session_complete.cpp  what a completed statement means for the transaction and its events
//   session_query.cpp     a Query: relayed as it is, or with a splice, or begun as a Run
//   session_run.cpp       a Query that writes, sent in steps and shown as a Query's answer
//   session_shape.cpp     the same for a single write, as an execution of its shape
//   session_input.cpp     events of INSERT … VALUES where rows cannot be returned
//   session_commit.cpp    the commit point: everything that must be safe before the bytes that may commit are sent
//   session_copy.cpp      a COPY that a Query commits by itself, told with its transaction
//   session_catalog.cpp   plans, the facts they need, and other statements of Weir's own
//
// Waiting works by coming back: a handler that cannot go on sends what it needs, sets wait_ and consumes nothing. When
// the answers are in, the same frame is offered again and the handler finds the next thing to do. So every
// handler is a list of conditions, and there is no state for "where were we" but what the conditions look at.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "capture/plan.h"
#include "capture/scope.h"
#include "capture/session/block.h"
#include "capture/session/command_queue.h"
#include "capture/session/copy_in.h"
#include "capture/session/gated_transaction.h"
#include "capture/session/lock_query.h"
#include "capture/session/own_statements.h"
#include "capture/session/row_events.h"
#include "capture/session/sender.h"
#include "capture/session/session.h"
#include "capture/session/shape.h"
#include "capture/sql/statement_cache.h"
#include "wire/error_response.h"
#include "wire/message.h"

namespace weir::capture {

class SessionMachine final : public CaptureSession {
 public:
  explicit SessionMachine(const SessionOptions& options);

  std::size_t from_client(std::string_view received, wire::Turn& turn) override;
  std::size_t from_upstream(std::string_view received, wire::Turn& turn) override;
  bool stalled() const override { return wait_ != Wait::nothing; }
  bool idle() const override;
  bool upstream_stalled() const override;
  bool holds_for_client() const override { return transaction_.gathers(); }
  bool holds_for_upstream() const override { return wait_ == Wait::journal; }
  bool between_messages() const override { return upstream_skip_ == 0; }
  std::size_t client_frame_size() const override { return client_frame_size_; }
  std::size_t upstream_frame_size() const override { return upstream_frame_size_; }
  void upstream_gone() override;
  void on_prepared(Result<void> result, wire::Turn& turn) override;
  void on_durable() override;
  bool ask(Question& question, wire::Turn& turn) override;

 private:
  enum class Wait { nothing, answers, journal };
  /// What a handler did with the frame at the front: all there is of it (the rest of a long one is then passed through
  /// as it comes), or nothing, because it is incomplete or must wait.
  enum class Took { frame, nothing };

  struct Frame {
    char type;
    std::size_t size;           ///< of the whole frame
    std::string_view received;  ///< what there is of it, header included
    bool whole() const { return received.size() == size; }
    std::string_view body() const { return received.substr(wire::kHeaderSize); }
  };

  // -- session_client.cpp
  std::size_t feed(std::string_view received, wire::Turn& turn);
  void feed_replay(wire::Turn& turn);
  bool passes_behind_check(const Frame& frame) const;
  Took take_client(const Frame& frame, wire::Turn& turn);
  bool plans_now(const Statement* statement) const;
  Took take_parse(const Frame& frame, wire::Turn& turn);
  Took relay_unread_parse(const Frame& frame, wire::Turn& turn);
  Took take_bind(const Frame& frame, wire::Turn& turn);
  Took bind_plain(const Frame& frame, const wire::BindNames& names, const Prepared& spliced, wire::Turn& turn);
  Names::PortalPtr make_portal(const Names::PreparedPtr& prepared) const;
  Pending binding(std::string_view name, const Names::PortalPtr& portal);
  Took bind_captured(const Frame& frame, const wire::BindNames& names, const Names::PreparedPtr& prepared,
                     wire::Turn& turn);
  Took bind_cursor(const Frame& frame, const wire::BindNames& names, const Names::PreparedPtr& prepared,
                   wire::Turn& turn);
  Names::PortalPtr spliced_portal(std::string_view name) const;
  Took take_describe(const Frame& frame, wire::Turn& turn);
  std::shared_ptr<Execution> described_portal(std::string_view name) const;
  std::shared_ptr<Execution> described_statement(std::string_view name) const;
  bool is_doubtful(const wire::TargetView& target) const;
  bool describe_refused(const wire::TargetView& target, const Statement& statement, wire::Turn& turn);
  Took take_execute(const Frame& frame, wire::Turn& turn);
  Took execute_captured(const Frame& frame, const Names::PortalPtr& portal, wire::ExecuteView execute,
                        wire::Turn& turn);
  Took execute_cursor(const Frame& frame, const Names::PortalPtr& portal, wire::ExecuteView execute, wire::Turn& turn);
  static void reads_cursor(Portal& cursor);
  std::shared_ptr<Execution> execution_of(const Names::PortalPtr& portal) const;
  Took take_close(const Frame& frame, wire::Turn& turn);
  Took take_sync(const Frame& frame, wire::Turn& turn);
  Took take_flush(const Frame& frame, wire::Turn& turn);
  Took take_function_call(const Frame& frame, wire::Turn& turn);
  Took relay_client(const Frame& frame, wire::Turn& turn);
  Took relay_expecting(const Frame& frame, Pending pending, wire::Turn& turn);
  Sender send(wire::Turn& turn) { return {turn.to_upstream, queue_, copy_, transaction_, catalog_}; }
  std::int64_t apply_session_statement(const Statement& statement, wire::Turn& turn);
  bool drop_own_unnamed(char kind, wire::Turn& turn);
  bool drain(std::string_view name, const Names::PortalPtr& portal, wire::Turn& turn);
  void provoke(std::shared_ptr<Execution> execution, wire::Turn& turn, Purpose purpose = Purpose::provoke);
  void close_twin(const Names::PreparedPtr& prepared, wire::Turn& turn);
  void ensure_twin(const Names::PreparedPtr& prepared, const Plan& plan, wire::Turn& turn);

  // -- session_query.cpp
  Took take_query(const Frame& frame, wire::Turn& turn);
  bool relay_plain_read(std::string_view query, const Frame& frame, wire::Turn& turn);
  using Plans = std::vector<std::shared_ptr<const Plan>>;
  std::optional<Plans> plan_query(const std::shared_ptr<const ParsedText>& text, wire::Turn& turn);
  bool can_splice(const ParsedText& text, const Plans& plans) const;
  Took splice_query(std::shared_ptr<const ParsedText> text, Plans plans, wire::Turn& turn);
  Took relay_query(const Frame& frame, std::shared_ptr<const ParsedText> text, Plans plans, wire::Turn& turn);
  Pending replacing_unnamed(bool runs);
  bool drain_unnamed(const ParsedText& text, wire::Turn& turn);
  bool drain_closed(const Statement& statement, wire::Turn& turn);
  void find_cursors(const ParsedText& text, Execution& execution) const;
  bool read_cursors(Execution& execution, wire::Turn& turn);

  // -- session_run.cpp
  bool can_run(const ParsedText& text, const Plans& plans) const;
  bool reaches_captured_portal(const Statement& statement) const;
  Took step_run(const Frame& frame, wire::Turn& turn);
  Took commit_run(const Frame& frame, wire::Turn& turn);
  bool plan_step(wire::Turn& turn);
  bool joins_group(std::size_t index) const;
  std::size_t group_end() const;
  void send_group(std::size_t end, wire::Turn& turn);
  void begin_statement(Pending& group);
  void stay_busy(wire::Turn& turn);
  void open_block(wire::Turn& turn);
  void send_block(std::string_view text, Purpose purpose, wire::Turn& turn);
  std::size_t begin_of_step() const;
  void send_step(wire::Turn& turn);
  Took finish_run(wire::Turn& turn);
  void show_run_description(wire::Turn& turn);
  bool at_end_of_run() const;
  void show_held(wire::Turn& turn);
  bool hold_status(const Frame& frame);
  void show_statuses(wire::Turn& turn);
  bool tell_setting(std::string_view name, std::string_view value);
  std::size_t position_in_run(const Pending& pending, std::size_t position) const;

  // -- session_shape.cpp
  bool send_shape(wire::Turn& turn);
  void prepare_shape(const Shapes::StatementPtr& shape, std::string_view text, std::string_view types,
                     wire::Turn& turn);
  bool shape_refused(std::string_view sqlstate, wire::Turn& turn);

  // -- session_commit.cpp
  /// Something is to be committed that was not yet sent to be.
  bool holds_writes() const {
    if (queue_.under_way().captured > 0 || queue_.names().has_suspended_portals()) return true;
    return transaction_.waits_for_commit();
  }
  /// Those, and writes whose commit is on its way: it may fail, or be none, and the block go on.
  bool holds_writes_of_block() const { return holds_writes() || transaction_.is_sent(); }
  bool ready_to_commit(bool ends_block, wire::Turn& turn, bool surely = true);
  std::optional<Took> pass_commit_point(bool ends_block, const Frame& frame, wire::Turn& turn);
  bool knows_enough_to_commit() const;
  bool wait_for_answers(wire::Turn& turn);
  bool learn_outcome(wire::Turn& turn);
  void heard_outcome(std::string_view status);
  bool prepare();
  bool must_hold(char type);
  Took refuse_commit(const Frame& frame, wire::Turn& turn);
  void roll_back_refused(wire::Turn& turn);
  void transaction_ended(Outcome outcome);
  void leave(const char* why);

  // -- session_copy.cpp
  bool can_tell_transaction(const ParsedText& text, const Plans& plans) const;
  Took relay_copy(std::shared_ptr<const ParsedText> text, Plans plans, wire::Turn& turn);
  void take_told_transaction(std::string_view body);
  void take_copy_complete(const Frame& frame, std::string_view tag);

  // -- session_catalog.cpp
  std::shared_ptr<const Plan> find_plan(const std::shared_ptr<const ParsedText>& text, const Statement& statement,
                                        wire::Turn& turn);
  bool may_check_along(const Plan& plan) const;
  void check_facts(const std::string& name, wire::Turn& turn);
  void facts_changed(wire::Turn& turn);
  void check_ended();
  bool ask_facts(const std::vector<WantedFacts>& wanted, wire::Turn& turn);
  std::vector<std::string> drop_shapes();
  bool hide_own_statements(wire::Turn& turn);
  void note_server_run(std::string_view answer);
  bool own_row(const Pending& pending, std::string_view body);
  void own_complete(const Pending& pending);
  void ask_what_waits(wire::Turn& turn);
  void question_failed(Error error);
  void question_ended();

  // -- session_upstream.cpp
  void take_upstream(const Frame& frame, wire::Turn& turn);
  bool may_be_ready() const;
  bool is_running() const;
  bool take_asynchronous(const Frame& frame, wire::Turn& turn);
  void show_no_data(const Pending& pending, wire::Turn& turn);
  void take_row_description(const Frame& frame, wire::Turn& turn);
  void take_data_row(const Frame& frame, wire::Turn& turn);
  void take_complete(const Frame& frame, wire::Turn& turn);
  void take_ready(const Frame& frame, wire::Turn& turn);
  void relay_upstream(const Frame& frame, wire::Turn& turn);
  bool needs_whole(const Frame& frame) const;
  void show_scrubbed(const Frame& frame, wire::Turn& turn);
  void complete_in_group(const Frame& frame, std::string_view tag, wire::Turn& turn);
  static Execution* spliced_rows(const Pending& pending);
  void answers_nothing(const Frame& frame, wire::Turn& turn);
  void lose_track(std::string_view why, wire::Turn& turn);
  void heed_rules(wire::Turn& turn);
  void answered();
  void pop_front();
  void note_setting(std::string_view body);

  // -- session_error.cpp
  void take_error(const Frame& frame, wire::Turn& turn);
  bool is_of_no_portal(const std::optional<wire::ErrorFields>& fields) const;
  void query_failed(const Pending& front, std::string_view sqlstate);
  void cursors_failed(const Execution& execution, bool refused);
  void statement_missing(const Pending& front);
  void skip_to_sync(bool refused);
  void facts_skipped(const Pending& skipped);
  void show_error(const Frame& frame, const Pending& front, wire::Turn& turn);

  // -- session_complete.cpp
  void completed(Execution& execution, const Statement* statement, const Plan* plan, std::string_view tag);
  void completed_unread(std::string_view tag);

  // From the options.
  StatementCache* statements_;
  std::size_t max_row_bytes_;
  QuestionSource* questions_;

  // Relaying.
  std::size_t client_skip_ = 0;  // bytes of a frame that is only passed through
  std::size_t upstream_skip_ = 0;
  bool upstream_drops_ = false;  // the client does not see it either
  std::size_t client_frame_size_ = 0;
  std::size_t upstream_frame_size_ = 0;
  bool client_broken_ = false;  // it sent a frame that cannot be; nothing behind it has a meaning
  bool lost_ = false;           // an answer made no sense: only relay from here on
  bool closed_ = false;         // and what the client may not see could be among the rest: nothing more is shown

  // The session as the server sees it.
  Rules rules_;
  CommandQueue queue_{rules_};
  CopyIn copy_{queue_};
  Block block_;
  SessionCatalog catalog_;
  OwnStatements own_;
  bool idle_error_ = false;  // the server failed with nothing under way, and says that it is ready again
  wire::RowView row_;        // reused

  // The open transaction.
  Wait wait_ = Wait::nothing;
  GatedTransaction transaction_;
  RowEvents rows_{transaction_, catalog_, queue_};
  bool must_roll_back_ = false;  // at the Sync behind a COMMIT that was refused

  // A Query that runs in steps.
  std::string told_settings_;  // name and value, each with a zero behind it, of all ParameterStatus the client has seen
  struct Run {
    std::shared_ptr<const ParsedText> text;
    Plans plans;
    std::size_t next = 0;  // statement to send next
    bool failed = false;
    bool own_block = false;   // Weir has opened a block for it
    bool finished = false;    // its Sync was sent
    std::string description;  // RowDescription that is shown with the first row
    std::string held;         // the last CommandComplete, kept until the commit is known
    std::size_t offset = 0;   // characters before the running step, for positions in errors
    std::vector<std::pair<std::string, std::string>> statuses;  // ParameterStatus that came meanwhile, by name
    std::string notifications = {};                             // NotificationResponses, kept until the end
  };
  std::unique_ptr<Run> run_;

  // The catalog.
  // Old facts are asked for in front of the write that uses them. Until they are known to be the same, the client's
  // messages behind them are kept; if they are not, these are taken once more.
  int checks_pending_ = 0;
  std::string retained_;
  std::string replay_;
  bool replaying_ = false;
  bool whole_frame_ = false;    // the message at hand is there in full
  bool will_be_whole_ = false;  // or can be waited for
  bool asks_alone_ = false;     // facts for the message at hand are asked for in an exchange of their own
  struct Asked {
    Question question;
    Result<std::vector<Question::Row>> answer;
  };
  std::unique_ptr<Asked> asked_;
  std::uint64_t own_text_message_ = 0;  // a message whose shape was refused
};

}  // namespace weir::capture
