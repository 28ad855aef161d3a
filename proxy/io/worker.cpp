#include "proxy/io/worker.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "proxy/io/login.h"
#include "proxy/io/session_title.h"
#include "proxy/io/shuffle.h"
#include "proxy/process/log.h"
#include "proxy/process/thread.h"

namespace weir::proxy {

namespace {

// The io_context is used by one thread only; SAFE_IO keeps what other threads post to it correct.
constexpr int kOneThread = 1;
/// For the last words to clients that are cut off, and for the cancels of what their sessions ran.
constexpr std::chrono::milliseconds kCutOffTime{1'000};

bool is_of_this_machine(std::string_view client) {
  return client.starts_with("127.") || client.starts_with("[::1]") || client.starts_with("[local]");
}

}  // namespace

Worker::Worker(const Shared& shared, unsigned index)
    : shared_(shared),
      index_(index),
      io_(kOneThread),
      work_(io_.get_executor()),
      poller_(io_, [this] { mailbox_->deliver(); }),
      drain_timer_(io_),
      mailbox_(std::make_shared<Mailbox>(poller_)),
      receive_buffer_(std::make_unique<ReceiveBuffer>()) {}

Worker::~Worker() {
  join();
}

void Worker::start() {
  thread_ = start_thread("weir-worker-" + std::to_string(index_), [this] { run(); });
}

void Worker::run() {
  io_.run();
  mailbox_->close();
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

void Worker::adopt(Accepted accepted) {
  post([this, accepted = std::move(accepted)]() mutable { open(std::move(accepted)); });
}

void Worker::open(Accepted accepted) {
  counters_.opened.add(1);
  if (draining_) {
    counters_.closed.add(1);
    return;
  }
  auto login = std::make_shared<Login>(*this, std::move(accepted));
  own(login);
  login->start();
}

void Worker::may_have_to_make_way(Admission::Ticket& ticket, std::weak_ptr<Connection> holder) {
  ticket.on_victim([this, holder = std::move(holder)] {
    post([holder] {
      if (const auto connection = holder.lock()) connection->make_way();
    });
  });
}

void Worker::try_upstream() {
  trial_ = connect_upstream([this](const Result<UpstreamConnection>& connected) {
    if (connected) {
      log::info("the database can be reached");
      LoginFacts facts = login_facts(*connected);
      if (const auto tls = shared_.client_tls.get()) facts.client_sees = tls->certificate();
      tell_of_binding(facts);
    } else {
      log::warn(connected.error().message + ". Clients are refused (57P03) until it can be reached");
    }
    trial_.reset();
  });
}

LoginFacts Worker::login_facts(const UpstreamConnection& upstream) const {
  const ServerOptions& options = shared_.options;
  LoginFacts facts;
  const auto rules = shared_.for_new_clients.get();
  facts.mode = rules->auth;
  facts.has_verifiers = rules->verifiers != nullptr;
  facts.upstream_tls = upstream.tls;
  facts.upstream_shows = upstream.certificate;
  facts.shows_certificate = upstream.tls && options.upstream.shows_certificate();
  facts.upstream_binding = options.upstream.channel_binding;
  return facts;
}

void Worker::tell_of_binding(const LoginFacts& facts) const {
  if (!binding_fails(facts) || shared_.told_of_binding.exchange(true)) return;
  log::warn(
      "TLS on both sides: SCRAM with channel binding, which libpq and most drivers choose by themselves, cannot pass. "
      "Give Weir verifiers of the passwords (auth.query or auth.users_file), or show clients the database's own "
      "certificate (tls.cert), or let clients set channel_binding=disable");
}

void Worker::tell_of_trust(const SessionInfo& info) const {
  if (info.proved || is_of_this_machine(info.client) || shared_.told_of_trust.exchange(true)) return;
  log::warn("user \"" + printable_text(info.user) + "\" came in from " + info.client +
            " without a password: the database asks for none of logins from Weir's address (trust in pg_hba.conf), so "
            "whoever reaches Weir's port is whoever they say they are. Have the database ask for scram-sha-256, or ask "
            "for certificates here (tls.client_ca with tls.client_cert: verify-full)");
}

void Worker::probe_upstream(std::function<void(Result<void>)> done) {
  if (draining_) return;
  probe_ = connect_upstream([this, done = std::move(done)](const Result<UpstreamConnection>& connected) {
    const auto result = connected ? Result<void>() : Result<void>(connected.error());
    const auto tell = done;  // what is called here goes with the connector
    probe_.reset();
    tell(result);
  });
}

std::shared_ptr<UpstreamConnector> Worker::connect_upstream(UpstreamConnector::Done done) {
  const ServerOptions& options = shared_.options;
  const auto states = options.hosts == nullptr ? std::vector<HostState>() : options.hosts->states();
  auto order = order_of_hosts(options.upstream, states, shuffle_at_random<std::vector<std::size_t>>);
  auto connector = std::make_shared<UpstreamConnector>(io_, poller_, options.upstream, shared_.upstream_tls.get(),
                                                       std::move(order), std::move(done));
  connector->start();
  return connector;
}

std::shared_ptr<UpstreamConnector> Worker::connect_for_cancel(const std::string& request,
                                                              UpstreamConnector::Done done) {
  const auto target = shared_.cancel_targets.find(request);
  if (!target) return connect_upstream(std::move(done));
  auto connector = std::make_shared<UpstreamConnector>(io_, poller_, shared_.options.upstream,
                                                       shared_.upstream_tls.get(), *target, std::move(done));
  connector->start();
  return connector;
}

void Worker::own(std::shared_ptr<Connection> connection) {
  Connection* key = connection.get();
  connections_.emplace(key, std::move(connection));
}

void Worker::replace(Connection& done, std::shared_ptr<Connection> next) {
  own(std::move(next));
  bury(done);
}

void Worker::release(Connection& connection) {
  if (!connections_.contains(&connection)) return;
  counters_.closed.add(1);
  bury(connection);
}

void Worker::bury(Connection& connection) {
  const auto found = connections_.find(&connection);
  if (found == connections_.end()) return;
  released_.push_back(std::move(found->second));
  connections_.erase(found);
  if (released_.size() > 1) return;
  boost::asio::post(io_, [this] {
    released_.clear();
    finish_if_drained();
  });
  poller_.yield();
}

void Worker::drain(std::chrono::milliseconds at_most) {
  post([this, at_most] { begin_drain(at_most); });
}

void Worker::begin_drain(std::chrono::milliseconds at_most) {
  draining_ = true;
  drain_timer_.expires_after(at_most);
  drain_timer_.async_wait([this](boost::system::error_code error) {
    if (!error) cut_off_all();
  });
  trial_.reset();
  probe_.reset();
  std::vector<std::shared_ptr<Connection>> all;
  for (const auto& [key, connection] : connections_) all.push_back(connection);
  for (const auto& connection : all) connection->drain();
  finish_if_drained();
}

void Worker::cut_off_all() {
  drain_timer_.expires_after(kCutOffTime);
  drain_timer_.async_wait([this](boost::system::error_code error) {
    if (!error) abort_all();
  });
  std::vector<std::shared_ptr<Connection>> all;
  for (const auto& [key, connection] : connections_) all.push_back(connection);
  for (const auto& connection : all) connection->cut_off();
}

void Worker::abort_all() {
  while (!connections_.empty()) {
    Connection& connection = *connections_.begin()->second;
    connection.abort();
  }
}

void Worker::finish_if_drained() {
  if (!draining_ || !connections_.empty()) return;
  // Nothing is left that could want the loop: what still waits in it (the poller, timers) waits in vain.
  io_.stop();
}

}  // namespace weir::proxy
