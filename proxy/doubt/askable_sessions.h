// The sessions of clients, as places where Weir's own questions can be asked: between two transactions of theirs, with
// their rights. For what Weir must know where it has no user and password of its own.
//
// A question goes to the sessions that are there, one after the other; where none stands between two transactions it
// waits for the next that does, or that logs in.
//
// add, remove and the QuestionSource may be used from any thread; query by one that is no worker.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "capture/session/session.h"
#include "proxy/doubt/askable_database.h"

namespace weir::proxy {

class AskableSessions final : public AskableDatabase, public capture::QuestionSource {
 public:
  /// Takes the question to the session's own thread. Where it cannot be asked there now, it is destroyed unanswered.
  using Ask = std::function<void(capture::Question)>;

  /// `id` is the session's, unique within one run of Weir.
  void add(std::uint64_t id, Ask ask);
  void remove(std::uint64_t id);

  /// Blocks until there is an answer, or nobody to give one within kWait: then the error has no SQLSTATE.
  Result<std::vector<Row>> query(const std::string& sql, const std::vector<std::string>& parameters) override;
  bool alive() const override { return true; }
  /// From another thread: a query that waits gives up, and so does every later one.
  void close();

  bool has_question() const override { return waits_.load(std::memory_order_relaxed); }
  std::optional<capture::Question> take_question() override;

  /// How long a question waits for a session.
  static constexpr std::chrono::seconds kWait{1};

 private:
  std::vector<Ask> sessions_that_are_there();
  void let_wait(capture::Question question);

  std::mutex mutex_;
  std::map<std::uint64_t, Ask> sessions_;
  std::optional<capture::Question> waiting_;
  std::atomic<bool> waits_ = false;
  bool closed_ = false;
};

}  // namespace weir::proxy
