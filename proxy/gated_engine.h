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
#include "proxy/commit/committer.h"
#include "proxy/doubt/askable_sessions.h"
#include "proxy/io/engine_factory.h"
#include "proxy/io/session_title.h"
#include "proxy/process/log.h"

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
  GatedEngine(Committer& committer, AskableSessions& sessions, PatternCheck& patterns, const SessionInfo& info,
              capture::SessionOptions options)
      : id_(info.id),
        database_(info.database),
        sessions_(sessions),
        patterns_(patterns),
        about_patterns_(patterns.take(info.database)),
        gate_(committer.make_gate(answers_through(info), info.counts, info.worker)) {
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
    return session_->from_client(received, turn);
  }
  std::size_t from_upstream(std::string_view received, wire::Turn& turn) override {
    const std::size_t taken = session_->from_upstream(received, turn);
    // Asked as soon as the session stands between two transactions; the login's end is the first such moment.
    if (about_patterns_ && session_->ask(*about_patterns_, turn)) about_patterns_.reset();
    return taken;
  }
  wire::Standing standing() const override { return session_->standing(); }
  void client_finished(wire::Turn& turn) override { session_->client_finished(turn); }
  void upstream_gone() override { session_->upstream_gone(); }

 private:
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
};

}  // namespace weir::proxy
