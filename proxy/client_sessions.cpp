#include "proxy/client_sessions.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <utility>
#include <vector>

namespace weir::proxy {

namespace {

/// The database has this long to answer, the session's thread included.
constexpr std::chrono::seconds kAnswerTime{5};
/// Sessions that are tried for one question. Those that cannot be asked are in a transaction, most likely.
constexpr std::size_t kMostTries = 100;

class SessionQuestions final : public Questions {
 public:
  explicit SessionQuestions(std::vector<ClientSessions::Ask> sessions) : sessions_(std::move(sessions)) {}

  Result<std::vector<Row>> query(const std::string& sql, const std::vector<std::string>& parameters) override {
    const std::size_t tries = std::min(sessions_.size(), kMostTries);
    for (std::size_t i = 0; i < tries; ++i) {
      auto rows = ask(sessions_[last_], sql, parameters);
      if (rows || !rows.error().sqlstate.empty()) return rows;
      last_ = (last_ + 1) % sessions_.size();
    }
    alive_ = false;
    return Error{"none of " + std::to_string(tries) + " client sessions could be asked between two transactions", ""};
  }
  bool alive() const override { return alive_; }

 private:
  static Result<std::vector<Row>> ask(const ClientSessions::Ask& session, const std::string& sql,
                                      const std::vector<std::string>& parameters) {
    // Owned by the question alone: a question that is destroyed unanswered ends the wait.
    auto promise = std::make_shared<std::promise<Result<std::vector<Row>>>>();
    auto answer = promise->get_future();
    session({sql, parameters, [promise = std::move(promise)](auto rows) { promise->set_value(std::move(rows)); }});
    if (answer.wait_for(kAnswerTime) != std::future_status::ready) return Error{"no answer in time", ""};
    try {
      return answer.get();
    } catch (const std::future_error&) {
      return Error{"not between two transactions", ""};
    }
  }

  std::vector<ClientSessions::Ask> sessions_;
  std::size_t last_ = 0;  // the one that was asked last
  bool alive_ = true;
};

}  // namespace

void ClientSessions::add(std::uint64_t id, const std::string& database, Ask ask) {
  const std::lock_guard lock(mutex_);
  sessions_.insert_or_assign(id, Entry{database, std::move(ask)});
}

void ClientSessions::remove(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  sessions_.erase(id);
}

std::unique_ptr<Questions> ClientSessions::of(const std::string& database) const {
  std::vector<Ask> found;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, session] : sessions_)
      if (session.database == database) found.push_back(session.ask);
  }
  if (found.empty()) return nullptr;
  return std::make_unique<SessionQuestions>(std::move(found));
}

}  // namespace weir::proxy
