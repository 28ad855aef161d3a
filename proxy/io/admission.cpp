#include "proxy/io/admission.h"

#include <algorithm>
#include <utility>

namespace weir::proxy {

namespace {

constexpr std::uint64_t kMostLogins = 1'000;
constexpr std::uint64_t kLeastLogins = 4;

/// How long a login may keep a place that somebody else waits for; one that waits for the database is not asked.
std::chrono::milliseconds patience(Admission::Stage stage) {
  using Stage = Admission::Stage;
  switch (stage) {
    case Stage::silent:
      return std::chrono::milliseconds(100);
    case Stage::refused:
      return std::chrono::milliseconds(200);
    case Stage::negotiating:
      return std::chrono::milliseconds(1'000);
    case Stage::authenticating:
      return std::chrono::milliseconds(5'000);
    case Stage::connecting:
      break;
  }
  return {};
}

}  // namespace

ConnectionLimits fit_limits(const ConnectionLimits& wanted, std::uint64_t allowed, std::uint64_t in_use,
                            std::uint64_t kept_free) {
  const std::uint64_t taken = in_use + kept_free;
  const std::uint64_t pairs = allowed > taken ? (allowed - taken) / 2 : 0;
  ConnectionLimits limits = wanted;
  const std::uint64_t most_logins = pairs > 1 ? pairs - 1 : 1;
  const std::uint64_t usual_logins = std::clamp(pairs / 4, kLeastLogins, kMostLogins);
  limits.logins = std::min(wanted.logins != 0 ? wanted.logins : usual_logins, most_logins);
  const std::uint64_t most = pairs > limits.logins ? pairs - limits.logins : 1;
  limits.connections = wanted.connections != 0 ? std::min(wanted.connections, most) : most;
  return limits;
}

ConnectionLimits Admission::limits() const {
  const std::lock_guard lock(mutex_);
  return limits_;
}

void Admission::change(const ConnectionLimits& limits) {
  const std::lock_guard lock(mutex_);
  limits_ = limits;
}

std::unique_ptr<Admission::Ticket> Admission::open(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (logins_.size() >= limits_.logins) return nullptr;
  std::unique_ptr<Ticket> ticket(new Ticket(*this));
  logins_.push_back({now, Stage::silent, false, {}});
  ticket->login_ = std::prev(logins_.end());
  return ticket;
}

std::function<void()> Admission::take_victim(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  for (auto& login : logins_) {
    if (login.chosen || !login.give_way || login.stage == Stage::connecting) continue;
    if (now - login.since < patience(login.stage)) continue;
    login.chosen = true;
    return login.give_way;
  }
  return {};
}

Admission::Ticket::~Ticket() {
  logged_in();
  const std::lock_guard lock(admission_.mutex_);
  if (!has_place_) return;
  --admission_.connections_;
  const auto found = admission_.of_address_.find(address_);
  if (found != admission_.of_address_.end() && --found->second == 0) admission_.of_address_.erase(found);
}

Admission::Verdict Admission::Ticket::begin_session(const std::string& address) {
  const std::lock_guard lock(admission_.mutex_);
  const auto& limits = admission_.limits_;
  if (admission_.connections_ >= limits.connections) return Verdict::too_many;
  if (limits.connections_per_client != 0) {
    auto& count = admission_.of_address_[address];
    if (count >= limits.connections_per_client) return Verdict::too_many_of_address;
    ++count;
    address_ = address;
  }
  ++admission_.connections_;
  has_place_ = true;
  return Verdict::welcome;
}

void Admission::Ticket::enter(Stage stage) {
  const std::lock_guard lock(admission_.mutex_);
  if (!logging_in_) return;
  login_->stage = stage;
}

void Admission::Ticket::logged_in() {
  std::function<void()> unused;  // destroyed without the lock
  const std::lock_guard lock(admission_.mutex_);
  if (!std::exchange(logging_in_, false)) return;
  unused = std::move(login_->give_way);
  admission_.logins_.erase(login_);
}

void Admission::Ticket::on_victim(std::function<void()> give_way) {
  const std::lock_guard lock(admission_.mutex_);
  if (!logging_in_) return;
  std::swap(login_->give_way, give_way);
}

}  // namespace weir::proxy
