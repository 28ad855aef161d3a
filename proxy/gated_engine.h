// A capturing session with the gate it needs: what the I/O side sees is one engine.
//
// The gate's answers come from the journal's thread, and Weir's questions from the resolver's, through the
// SessionHandle: so they reach the engine on its own thread, and only while it exists.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "capture/session/session.h"
#include "proxy/check/pattern_check.h"
#include "proxy/coming_journal.h"
#include "proxy/commit/committer.h"
#include "proxy/doubt/askable_sessions.h"
#include "proxy/early_reads.h"
#include "proxy/io/engine_factory.h"
#include "proxy/io/session_title.h"
#include "proxy/process/log.h"
#include "wire/error_response.h"

namespace weir::proxy {

/// What any client may read: neither a path nor an address nor the name of a destination. SQLSTATE as it came: 53100 or
/// 58030.
inline Error refusal_for_client(const Error& error) {
  const std::string cause = error.sqlstate == "53100" ? "is full" : "cannot be written";
  return {"the journal of the proxy " + cause +
              ", so this transaction is not committed; the cause stands in the proxy's log",
          error.sqlstate};
}

class GatedEngine final : public wire::Engine {
 public:
  /// `options.gate` and `options.questions` are filled in here.
  GatedEngine(ComingJournal& journal, AskableSessions& sessions, PatternCheck& patterns, const SessionInfo& info,
              capture::SessionOptions options)
      : id_(info.id),
        database_(info.database),
        sessions_(sessions),
        patterns_(patterns),
        about_patterns_(patterns.take(info.database)),
        gate_(make_gate(journal, info)) {
    if (journal.get() == nullptr) wait_for(journal, info, *options.statements);
    options.gate = gate_.get();
    options.questions = &sessions_;
    session_ = capture::make_session(options);
    sessions_.add(id_, ask_through(info.handle));
  }
  ~GatedEngine() override {
    sessions_.remove(id_);
    if (about_patterns_) patterns_.give_back(database_);
  }
  GatedEngine(const GatedEngine&) = delete;
  GatedEngine& operator=(const GatedEngine&) = delete;

  std::size_t from_client(std::string_view received, wire::Turn& turn) override {
    if (!early_) return session_->from_client(received, turn);
    const auto look = early_->look(received);
    const auto used = look.passes > 0 ? session_->from_client(received.substr(0, look.passes), turn) : 0;
    // Where the session itself has not taken all, it is asked again, and the look is taken again.
    held_ = used == look.passes && look.holds;
    early_frame_ = used == look.passes ? look.frame_size : 0;
    if (held_ && late_) refuse_late(turn);
    return used;
  }
  std::size_t from_upstream(std::string_view received, wire::Turn& turn) override {
    const std::size_t taken = session_->from_upstream(received, turn);
    // Asked as soon as the session stands between two transactions; the login's end is the first such moment.
    if (about_patterns_ && session_->ask(*about_patterns_, turn)) about_patterns_.reset();
    return taken;
  }
  wire::Standing standing() const override {
    auto standing = session_->standing();
    standing.stalled = standing.stalled || held_;
    if (early_frame_ > 0) standing.client_frame_size = early_frame_;
    return standing;
  }
  void client_finished(wire::Turn& turn) override { session_->client_finished(turn); }
  void upstream_gone() override { session_->upstream_gone(); }

 private:
  std::unique_ptr<capture::CommitGate> make_gate(ComingJournal& journal, const SessionInfo& info) {
    const auto make = [this, info](Committer& committer) {
      return committer.make_gate(answers_through(info), info.counts, info.worker);
    };
    if (auto* committer = journal.get(); committer != nullptr) return make(*committer);
    return std::make_unique<ComingGate>(journal, make);
  }

  void wait_for(ComingJournal& journal, const SessionInfo& info, capture::StatementCache& statements) {
    early_.emplace(statements);
    journal.when_known([this, handle = info.handle](bool there) {
      handle.post([this, there](wire::Turn& turn) {
        late_ = !there;
        if (held_ && late_) refuse_late(turn);
        if (!there) return;
        early_.reset();
        held_ = false;
        early_frame_ = 0;
      });
    });
  }

  /// Its statement has not begun.
  void refuse_late(wire::Turn& turn) {
    if (turn.close) return;
    if (session_->standing().between_messages)
      wire::append_error(turn.to_client.buffer(), "FATAL", "57P03",
                         "the journal of the proxy is not there yet, so nothing is written", {});
    turn.close = true;
  }

  /// The log gets the whole cause, the client what it may know. The handle runs nothing when the session is gone.
  GateAnswers answers_through(const SessionInfo& info) {
    GateAnswers answers;
    answers.refusal = [title = title_of(info)](const Error& error) {
      log::warn("refused commits", title + ": a commit is refused (" + error.sqlstate + "): " + error.message);
      return refusal_for_client(error);
    };
    answers.reported = [title = title_of(info)](const event::ChangeEvent& gap) {
      log::warn("lost sessions", title + ": from here on nothing of it is captured: " + gap.cause);
    };
    answers.prepared = [this, handle = info.handle, refusal = answers.refusal](std::int64_t, Result<void> result) {
      if (!result) result = refusal(result.error());
      handle.post([this, result = std::move(result)](wire::Turn& turn) { session_->on_prepared(result, turn); });
    };
    answers.durable = [this, handle = info.handle] { handle.post([this](wire::Turn&) { session_->on_durable(); }); };
    answers.later = [handle = info.handle](std::function<void()> function) { handle.at_rest(std::move(function)); };
    return answers;
  }

  AskableSessions::Ask ask_through(const SessionHandle& handle) {
    return [this, handle](capture::Question question) {
      handle.post([this, question = std::move(question)](wire::Turn& turn) mutable { session_->ask(question, turn); });
    };
  }

  const std::uint64_t id_;
  const std::string database_;
  AskableSessions& sessions_;
  PatternCheck& patterns_;
  std::optional<capture::Question> about_patterns_;  // where this session is to ask it
  std::unique_ptr<capture::CommitGate> gate_;        // outlives the session
  std::unique_ptr<capture::CaptureEngine> session_;
  std::optional<EarlyReads> early_;  // while the journal is not there
  bool held_ = false;                // a message waits for it
  bool late_ = false;                // it does not come in time
  std::size_t early_frame_ = 0;
};

}  // namespace weir::proxy
