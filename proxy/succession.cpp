#include "proxy/succession.h"

#include <unistd.h>

#include <csignal>
#include <utility>

#include "proxy/process/thread.h"

namespace weir::proxy {

namespace {

using Clock = std::chrono::steady_clock;

/// Clients that have just come to a Weir that hands over get so long to send their first statement.
constexpr std::chrono::milliseconds kMomentForClients{1'000};
constexpr std::chrono::milliseconds kLookAtClients{10};
constexpr std::chrono::milliseconds kLookAtEnd{100};

}  // namespace

Result<std::unique_ptr<TakeoverDesk>> open_desk(const std::string& path, Server& server, AdminServer* admin,
                                                std::atomic<bool>& handed_over) {
  if (path.empty()) return std::unique_ptr<TakeoverDesk>();
  TakeoverDesk::Options options;
  options.path = path;
  options.sockets = [&server] { return server.listening_sockets(); };
  options.taken = [&server, &handed_over, admin] {
    server.leave_sockets();
    if (admin != nullptr) admin->stop();
    handed_over = true;
    ::kill(::getpid(), SIGTERM);
  };
  return TakeoverDesk::open(std::move(options));
}

void leave_clients_a_moment(const Server& server) {
  const auto until = Clock::now() + kMomentForClients;
  const auto has_clients = [&] {
    const auto counters = server.counters();
    return counters.sessions_opened > counters.sessions_closed;
  };
  while (has_clients() && Clock::now() < until) std::this_thread::sleep_for(kLookAtClients);
}

Heir::Heir(Takeover before, std::chrono::milliseconds patience, Errands& errands, std::function<void()> late,
           std::function<void()> ended)
    : before_(std::move(before)),
      thread_(start_thread("weir-heir", [this, patience, &errands, late = std::move(late), ended = std::move(ended)] {
        run(patience, errands, late, ended);
      })) {}

Heir::~Heir() {
  ending_ = true;
  thread_.join();
}

void Heir::run(std::chrono::milliseconds patience, Errands& errands, const std::function<void()>& late,
               const std::function<void()>& ended) {
  const auto late_at = Clock::now() + patience;
  bool told = false;
  while (!before_.wait_for_end(kLookAtEnd)) {
    if (ending_) return;
    if (told || Clock::now() < late_at) continue;
    errands.post(late);
    told = true;
  }
  errands.post(ended);
}

}  // namespace weir::proxy
