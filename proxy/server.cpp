#include "proxy/server.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <future>
#include <thread>
#include <utility>

#include "proxy/listener.h"
#include "proxy/worker.h"

namespace weir::proxy {

struct Server::Running {
  explicit Running(const ServerOptions& options) : shared{options, {}, {}}, dealer{workers} {}

  Shared shared;
  std::vector<std::unique_ptr<Worker>> workers;
  Dealer dealer;
  std::vector<std::unique_ptr<Listener>> listeners;  // of workers[0]
  std::uint16_t port = 0;
  bool accepting = false;
  bool stopped = false;  // kept for its counters
};

namespace {

Result<void> load_certificates(Shared& shared) {
  if (shared.options.client_tls) {
    Result<TlsContext> clients = TlsContext::for_clients(*shared.options.client_tls);
    if (!clients) return clients.error();
    shared.client_tls = std::move(*clients);
  }
  if (shared.options.upstream.sslmode != SslMode::disable) {
    Result<TlsContext> upstream = TlsContext::for_upstream(shared.options.upstream);
    if (!upstream) return upstream.error();
    shared.upstream_tls = std::move(*upstream);
  }
  return {};
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
  return running_ ? running_->port : 0;
}

Result<void> Server::start() {
  if (options_.upstream.hosts.empty()) return Error{"no address of the database is given", {}};
  auto running = std::make_unique<Running>(options_);
  if (Result<void> loaded = load_certificates(running->shared); !loaded) return loaded;
  for (unsigned i = 0; i < options_.workers; ++i) {
    running->workers.push_back(std::make_unique<Worker>(running->shared, i));
  }
  for (const HostPort& address : options_.listen) {
    Result<std::unique_ptr<Listener>> listener = Listener::open(*running->workers[0], running->dealer, address);
    if (!listener) return listener.error();
    running->listeners.push_back(std::move(*listener));
  }
  if (running->listeners.empty()) return Error{"no address to listen on is given", {}};
  running->port = running->listeners[0]->port();
  for (const auto& listener : running->listeners) listener->start();
  for (const auto& worker : running->workers) worker->start();
  running->accepting = true;
  running_ = std::move(running);
  return {};
}

void Server::stop_accepting() {
  if (!running_ || !std::exchange(running_->accepting, false)) return;
  run_on(*running_->workers[0], [this] {
    for (const auto& listener : running_->listeners) listener->close();
  });
}

void Server::stop(std::chrono::milliseconds drain) {
  if (!running_ || running_->stopped) return;
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
  }
  return sum;
}

}  // namespace weir::proxy
