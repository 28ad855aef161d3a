#include "proxy/io/server.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <future>
#include <thread>
#include <utility>

#include "base/text.h"
#include "proxy/io/dealer.h"
#include "proxy/io/listener.h"
#include "proxy/io/own_address.h"
#include "proxy/io/worker.h"
#include "proxy/process/descriptors.h"
#include "proxy/process/log.h"

namespace weir::proxy {

namespace {

/// In the name of a Unix socket where no other is given.
constexpr std::uint16_t kUsualPort = 6432;

}  // namespace

struct Server::Running {
  explicit Running(const ServerOptions& options)
      : shared{options,
               ForNewClientsSlot(options.for_new_clients),
               {},
               {},
               {},
               {},
               std::make_unique<SessionList>(),
               options.login_timeout,
               {}},
        dealer(shared, workers) {}

  Result<void> open_listeners();
  Result<std::unique_ptr<Listener>> take_over_or_open(const HostPort& address);

  Shared shared;
  std::vector<std::unique_ptr<Worker>> workers;
  Dealer dealer;
  std::vector<std::unique_ptr<Listener>> listeners;  // of workers[0]
  std::vector<HostPort> listening;
  std::uint64_t own_descriptors = 0;  // at the start, before clients came
  std::atomic<bool> accepting = false;
  bool started = false;
  bool stopped = false;  // kept for its counters
};

namespace {

bool uses_tcp(const Upstream& upstream) {
  return std::any_of(upstream.hosts.begin(), upstream.hosts.end(), [](const auto& host) { return !host.is_unix(); });
}

/// All or nothing.
Result<void> load_certificates(Shared& shared, const std::optional<ClientTls>& client_tls) {
  std::optional<TlsContext> clients;
  std::optional<TlsContext> upstream;
  if (client_tls) {
    Result<TlsContext> loaded = TlsContext::for_clients(*client_tls);
    if (!loaded) return loaded.error();
    clients = std::move(*loaded);
  }
  if (shared.options.upstream.sslmode != SslMode::disable && uses_tcp(shared.options.upstream)) {
    Result<TlsContext> loaded = TlsContext::for_upstream(shared.options.upstream);
    if (!loaded) return loaded.error();
    upstream = std::move(*loaded);
  }
  if (clients) {
    shared.client_tls.put(std::move(*clients));
  } else {
    shared.client_tls.clear();
  }
  if (upstream) shared.upstream_tls.put(std::move(*upstream));
  return {};
}

/// What the system allows goes to clients and logins; a number that somebody set and that does not fit is told of.
ConnectionLimits limits_of(const ConnectionLimits& wanted, std::uint64_t in_use, std::uint64_t descriptors_kept) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = 1024;
  const auto allowed = static_cast<std::uint64_t>(limit.rlim_cur);
  const ConnectionLimits limits = fit_limits(wanted, allowed, in_use, descriptors_kept);
  const std::string text =
      counted(limits.connections, "client") + ", " + std::to_string(limits.logins) + " of them logging in at once";
  if (limits.connections < wanted.connections || limits.logins < wanted.logins) {
    log::warn("limits.connections or limits.logins is more than the limit of open files (" + std::to_string(allowed) +
              ") has room for: up to " + text);
  } else {
    log::debug("up to " + text);
  }
  return limits;
}

/// Runs `function` on the worker's thread and waits for it.
template <typename Function>
void run_on(Worker& worker, Function function) {
  std::promise<void> done;
  worker.post([&] {
    function();
    done.set_value();
  });
  done.get_future().wait();
}

}  // namespace

Result<std::unique_ptr<Listener>> Server::Running::take_over_or_open(const HostPort& address) {
  const Listener::Place place{workers[0]->io(), workers[0]->poller(), dealer};
  const auto& handed = shared.options.handed;
  const auto found = handed ? std::find_if(handed->begin(), handed->end(),
                                           [&](const HandedSocket& one) { return one.address == address; })
                            : std::vector<HandedSocket>::iterator();
  if (handed && found != handed->end()) return Listener::take_over(place, std::move(*found));
  return Listener::open(place, address, shared.options.socket_access);
}

/// TCP first, for a Unix socket may be named by a port that the system chooses.
Result<void> Server::Running::open_listeners() {
  const auto& wanted = shared.options.listen;
  if (wanted.empty()) return Error{"no address to listen on is given", {}};
  listening = wanted;
  std::uint16_t port = 0;
  for (const bool unix_sockets : {false, true}) {
    for (HostPort& address : listening) {
      if (address.is_unix() != unix_sockets) continue;
      if (unix_sockets && address.port == 0) address.port = port != 0 ? port : kUsualPort;
      auto listener = take_over_or_open(address);
      if (!listener) return listener.error();
      address = (*listener)->address();
      if (!unix_sockets && port == 0) port = address.port;
      listeners.push_back(std::move(*listener));
    }
  }
  return {};
}

Server::Server(ServerOptions options) : options_(std::move(options)) {
  if (options_.workers == 0) options_.workers = std::max(1U, std::thread::hardware_concurrency());
}

Server::~Server() {
  stop(std::chrono::milliseconds(0));
}

unsigned Server::workers() const {
  return options_.workers;
}

std::uint16_t Server::port() const {
  return running_ ? running_->listening.front().port : 0;
}

std::vector<HostPort> Server::listening() const {
  return running_ ? running_->listening : std::vector<HostPort>();
}

Result<void> Server::open() {
  if (options_.upstream.hosts.empty()) return Error{"no address of the database is given", {}};
  auto running = std::make_unique<Running>(options_);
  if (Result<void> loaded = load_certificates(running->shared, options_.client_tls); !loaded) return loaded;
  for (unsigned i = 0; i < options_.workers; ++i) {
    running->workers.push_back(std::make_unique<Worker>(running->shared, i));
  }
  if (Result<void> opened = running->open_listeners(); !opened) return opened;
  if (const auto own = find_own_address(options_.upstream.hosts, running->listening)) {
    return Error{
        "upstream " + own->text() +
            " is an address that Weir itself listens on: every session would come back to it. upstream must be "
            "the database's address",
        {}};
  }
  running->own_descriptors = open_descriptors() + 1;  // one is left for whoever counts them again
  running->shared.admission =
      std::make_unique<Admission>(limits_of(options_.limits, running->own_descriptors, options_.descriptors_kept));
  if (options_.handed) options_.handed->clear();
  running_ = std::move(running);
  return {};
}

Result<void> Server::start() {
  if (!running_) {
    if (Result<void> opened = open(); !opened) return opened;
  }
  for (const auto& listener : running_->listeners) listener->start();
  for (const auto& worker : running_->workers) worker->start();
  running_->accepting = running_->started = true;
  return {};
}

std::vector<HandedSocket> Server::listening_sockets() const {
  std::vector<HandedSocket> sockets;
  if (!accepting()) return sockets;
  for (const auto& listener : running_->listeners) sockets.push_back(listener->copy());
  return sockets;
}

void Server::leave_sockets() {
  if (!running_ || !running_->accepting.exchange(false)) return;
  run_on(*running_->workers[0], [this] {
    for (const auto& listener : running_->listeners) listener->leave();
  });
}

void Server::try_upstream() {
  if (!running_ || running_->stopped) return;
  Worker& worker = *running_->workers[0];
  worker.post([&worker] { worker.try_upstream(); });
}

Result<void> Server::change(const Change& change) {
  if (!running_ || running_->stopped) return {};
  if (Result<void> loaded = load_certificates(running_->shared, change.client_tls); !loaded) return loaded;
  running_->shared.for_new_clients.put(change.for_new_clients);
  running_->shared.login_timeout = change.login_timeout;
  // Of those that were open at the start, for clients come and go.
  running_->shared.admission->change(limits_of(change.limits, running_->own_descriptors, change.descriptors_kept));
  return {};
}

void Server::probe_upstream(std::function<void(Result<void>)> done) {
  if (!running_) return;
  Worker& worker = *running_->workers[0];
  worker.post([&worker, done = std::move(done)]() mutable { worker.probe_upstream(std::move(done)); });
}

std::vector<SessionList::Row> Server::sessions() const {
  return running_ ? running_->shared.sessions->rows() : std::vector<SessionList::Row>();
}

bool Server::accepting() const {
  return running_ && running_->accepting;
}

void Server::stop_accepting() {
  if (!running_ || !running_->accepting.exchange(false)) return;
  run_on(*running_->workers[0], [this] {
    for (const auto& listener : running_->listeners) listener->close();
  });
}

void Server::stop(std::chrono::milliseconds drain) {
  if (!running_ || !running_->started || running_->stopped) return;
  stop_accepting();
  for (const auto& worker : running_->workers) worker->drain(drain);
  for (const auto& worker : running_->workers) worker->join();
  running_->stopped = true;
}

ServerCounters Server::counters() const {
  ServerCounters sum;
  if (!running_) return sum;
  for (const auto& worker : running_->workers) {
    const WorkerCounters& counters = worker->counters();
    sum.sessions_opened += counters.opened.value();
    sum.sessions_closed += counters.closed.value();
    sum.cancel_requests += counters.cancel_requests.value();
    sum.upstream_failures += counters.upstream_failures.value();
    sum.client_bytes += counters.client_bytes.value();
    sum.upstream_bytes += counters.upstream_bytes.value();
    for (std::size_t i = 0; i < sum.refused.size(); ++i) sum.refused[i] += counters.refused[i].value();
  }
  return sum;
}

}  // namespace weir::proxy
