#include "proxy/doubt/askable_sessions.h"

#include <algorithm>
#include <future>
#include <memory>
#include <utility>

namespace weir::proxy {

namespace {

/// The database has this long to answer, the session's thread included.
constexpr std::chrono::seconds kAnswerTime{5};
/// Sessions that are tried for one question. Those that cannot be asked are in a transaction, most likely.
constexpr std::size_t kMostTries = 100;

using Answer = Result<std::vector<AskableDatabase::Row>>;

/// A question and what will be its answer. The promise is owned by the question alone: one that is destroyed unanswered
/// ends the wait.
struct Asked {
  capture::Question question;
  std::future<Answer> answer;
};

Asked make_question(const std::string& sql, const std::vector<std::string>& parameters) {
  auto promise = std::make_shared<std::promise<Answer>>();
  auto answer = promise->get_future();
  return {{sql, parameters, [promise = std::move(promise)](auto rows) { promise->set_value(std::move(rows)); }},
          std::move(answer)};
}

Answer wait_for(std::future<Answer>& answer) {
  if (answer.wait_for(kAnswerTime) != std::future_status::ready) return Error{"no answer in time", ""};
  try {
    return answer.get();
  } catch (const std::future_error&) {
    return Error{"not between two transactions", ""};
  }
}

}  // namespace

void AskableSessions::add(std::uint64_t id, Ask ask) {
  const std::lock_guard lock(mutex_);
  sessions_.insert_or_assign(id, std::move(ask));
}

void AskableSessions::remove(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  sessions_.erase(id);
}

/// Those that came last come first: one that is in a long transaction is not asked again and again.
std::vector<AskableSessions::Ask> AskableSessions::sessions_that_are_there() {
  const std::lock_guard lock(mutex_);
  std::vector<Ask> found;
  for (auto session = sessions_.rbegin(); session != sessions_.rend() && found.size() < kMostTries; ++session)
    found.push_back(session->second);
  return found;
}

void AskableSessions::let_wait(capture::Question question) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  waiting_ = std::move(question);
  waits_ = true;
}

std::optional<capture::Question> AskableSessions::take_question() {
  const std::lock_guard lock(mutex_);
  waits_ = false;
  return std::exchange(waiting_, std::nullopt);
}

Result<std::vector<AskableSessions::Row>> AskableSessions::query(const std::string& sql,
                                                                 const std::vector<std::string>& parameters) {
  for (const Ask& session : sessions_that_are_there()) {
    Asked asked = make_question(sql, parameters);
    session(std::move(asked.question));
    auto rows = wait_for(asked.answer);
    if (rows || !rows.error().sqlstate.empty()) return rows;
    const std::lock_guard lock(mutex_);
    if (closed_) return rows;
  }
  Asked asked = make_question(sql, parameters);
  let_wait(std::move(asked.question));
  const bool answered = asked.answer.wait_for(kWait) == std::future_status::ready;
  // One that a session has taken by now is waited for.
  if (answered || !take_question()) {
    auto rows = wait_for(asked.answer);
    if (rows || !rows.error().sqlstate.empty()) return rows;
  }
  return Error{"no client's session came to stand between two transactions", ""};
}

void AskableSessions::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  waits_ = false;
  waiting_.reset();
}

}  // namespace weir::proxy
