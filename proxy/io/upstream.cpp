#include "proxy/io/upstream.h"

#include <sys/socket.h>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "proxy/io/shuffle.h"
#include "wire/startup.h"

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

constexpr const char* kCannotConnect = "57P03";
/// Until a Unix socket whose queue was full is tried again.
constexpr std::chrono::milliseconds kRetry{5};

std::string seconds_text(std::chrono::milliseconds time) {
  return time.count() % 1000 == 0 ? std::to_string(time.count() / 1000) + " s" : std::to_string(time.count()) + " ms";
}

}  // namespace

UpstreamConnector::UpstreamConnector(asio::io_context& io, Poller& poller, const Upstream& upstream,
                                     std::shared_ptr<const TlsContext> tls, std::vector<std::size_t> order, Done done)
    : io_(io),
      poller_(poller),
      upstream_(upstream),
      tls_(std::move(tls)),
      done_(std::move(done)),
      resolver_(io),
      timeout_(io),
      retry_(io),
      order_(std::move(order)) {}

UpstreamConnector::UpstreamConnector(asio::io_context& io, Poller& poller, const Upstream& upstream,
                                     std::shared_ptr<const TlsContext> tls, const UpstreamTarget& only, Done done)
    : UpstreamConnector(io, poller, upstream, std::move(tls), std::vector<std::size_t>{only.host}, std::move(done)) {
  only_ = only;
}

UpstreamConnector::~UpstreamConnector() {
  drop_transport();
}

void UpstreamConnector::start() {
  asio::post(io_, [weak = weak_from_this()] {
    if (auto self = weak.lock()) self->next_host();
  });
  poller_.yield();
  hurry_.emplace(poller_);
}

bool UpstreamConnector::wants_tls() const {
  return tls_ != nullptr && !host().is_unix() && !plain_retry_;
}

void UpstreamConnector::next_host() {
  if (host_ == order_.size()) return finish_without();
  step_ = Step::resolving;
  addresses_.clear();
  address_ = 0;
  if (only_) {
    addresses_.push_back(only_->address);
    return next_address();
  }
  if (host().is_unix()) return use_unix_socket();
  boost::system::error_code no_address;
  const asio::ip::address numeric = asio::ip::make_address(host().target(), no_address);
  if (!no_address) {
    addresses_.emplace_back(asio::ip::tcp::endpoint(numeric, host().port));
    return next_address();
  }
  arm_timeout();
  resolver_.async_resolve(
      host().host, std::to_string(host().port),
      [weak = weak_from_this(), asked = host_](boost::system::error_code error, const auto& results) {
        auto self = weak.lock();
        // A result may have been on its way when its time was over.
        if (!self || self->host_ != asked || error == asio::error::operation_aborted) return;
        self->on_resolved(error, results);
      });
}

/// Nothing was tried where no host is what was wanted.
void UpstreamConnector::finish_without() {
  if (order_.empty()) failures_ = causes_ = "no host is what target_session_attrs wants";
  finish(Error{failures_, kCannotConnect});
}

void UpstreamConnector::use_unix_socket() {
  constexpr std::size_t kPathLimit = sizeof(sockaddr_un::sun_path) - 1;
  std::string path = host().text();
  if (path.size() > kPathLimit) {
    return give_up_address("the socket's path is longer than " + std::to_string(kPathLimit) + " bytes");
  }
  if (host().is_abstract()) path[0] = '\0';
  addresses_.emplace_back(asio::local::stream_protocol::endpoint(path));
  next_address();
}

void UpstreamConnector::on_resolved(boost::system::error_code error,
                                    const asio::ip::tcp::resolver::results_type& results) {
  if (step_ != Step::resolving) return;
  if (error) return give_up_address(error.message());
  for (const auto& entry : results) addresses_.emplace_back(entry.endpoint());
  if (upstream_.load_balance) shuffle_at_random(addresses_);
  next_address();
}

void UpstreamConnector::next_address() {
  plain_retry_ = false;
  if (address_ < addresses_.size()) return connect();
  timeout_.cancel();
  ++host_;
  next_host();
}

void UpstreamConnector::connect() {
  arm_timeout();
  step_ = Step::connecting;
  try_connect();
}

void UpstreamConnector::try_connect() {
  const auto& address = addresses_[address_];
  const int socket = ::socket(address.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) {
    return give_up_address(error_words(errno));
  }
  transport_ = std::make_unique<PlainTransport>(socket);
  if (!host().is_unix()) {
    set_session_options(socket);
    set_tcp_options(socket, upstream_.tcp);
    limit_unsent(socket);
  }
  const int result = ::connect(socket, address.data(), static_cast<socklen_t>(address.size()));
  if (result == 0 || errno == EINPROGRESS) return watch(false, true);
  if (errno == EAGAIN && host().is_unix()) return connect_later();
  give_up_address(error_words(errno));
}

/// The server's queue of a Unix socket is full, which is no error of TCP: there the system tries again by itself.
void UpstreamConnector::connect_later() {
  drop_transport();
  retry_.expires_after(kRetry);
  retry_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
    auto self = weak.lock();
    if (self && !error && self->step_ == Step::connecting && !self->transport_) self->try_connect();
  });
}

/// Its words name no user: clients are told them too.
bool UpstreamConnector::is_wrong_peer() {
  if (upstream_.requirepeer.empty() || !host().is_unix()) return false;
  if (peer_user(transport_->socket()) == upstream_.requirepeer) return false;
  give_up_address("the server does not run as the user that requirepeer names");
  return true;
}

void UpstreamConnector::on_ready(bool, bool) {
  switch (step_) {
    case Step::resolving:
      break;
    case Step::connecting:
      return on_connected();
    case Step::awaiting_ssl_answer:
      return on_ssl_answer();
    case Step::tls_handshake:
      return on_handshake();
  }
}

void UpstreamConnector::on_connected() {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(transport_->socket(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    return give_up_address(error_words(error));
  }
  if (is_wrong_peer()) return;
  if (!wants_tls()) return finish_connection({});
  if (upstream_.direct_tls) return start_handshake();
  ask_for_tls();
}

void UpstreamConnector::ask_for_tls() {
  // Eight bytes always fit into the empty buffer of a new connection; a failure shows in the answer.
  transport_->write_some(wire::kSslRequest);
  step_ = Step::awaiting_ssl_answer;
  watch(true, false);
}

void UpstreamConnector::on_ssl_answer() {
  // One byte more than the answer is looked at, and only the answer is taken: what follows belongs to TLS.
  char bytes[2];
  const ssize_t count = ::recv(transport_->socket(), bytes, sizeof bytes, MSG_PEEK);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  const bool prefer = upstream_.sslmode == SslMode::prefer;
  const char* cause = nullptr;
  switch (count > 0 ? wire::read_ssl_answer({bytes, static_cast<std::size_t>(count)}) : wire::SslAnswer::incomplete) {
    case wire::SslAnswer::accepted:
      transport_->read_some(bytes, 1);
      return start_handshake();
    case wire::SslAnswer::declined:
      transport_->read_some(bytes, 1);
      if (prefer) return finish_connection({});
      cause = "the server does not support TLS, but sslmode requires it";
      break;
    case wire::SslAnswer::error_response:
      if (prefer) return retry_without_tls();
      cause = "the server answered SSLRequest with an error";
      break;
    case wire::SslAnswer::incomplete:
      cause = "the server closed the connection when asked for TLS";
      break;
    case wire::SslAnswer::unencrypted_data:
      cause = "the server sent unencrypted data behind its answer to SSLRequest";
      break;
    case wire::SslAnswer::malformed:
      cause = "the answer to SSLRequest is none of PostgreSQL's";
      break;
  }
  give_up_address(cause);
}

void UpstreamConnector::start_handshake() {
  watch(false, false);
  std::unique_ptr<TlsTransport> tls = tls_->connect(transport_->release_socket(), host().host);
  handshaking_ = tls.get();
  transport_ = std::move(tls);
  step_ = Step::tls_handshake;
  on_handshake();
}

void UpstreamConnector::on_handshake() {
  switch (handshaking_->handshake()) {
    case IoStatus::want_read:
      return watch(true, false);
    case IoStatus::want_write:
      return watch(false, true);
    case IoStatus::done:
      break;
    case IoStatus::end:
    case IoStatus::error:
      if (upstream_.sslmode == SslMode::prefer) return retry_without_tls();
      return give_up_address("TLS: " + transport_->error_text());
  }
  if (const char* flaw = flaw_of_handshake()) return give_up_address(flaw);
  UpstreamConnection connection;
  connection.tls = true;
  connection.certificate = handshaking_->peer_certificate();
  finish_connection(std::move(connection));
}

/// What libpq, too, looks at behind a handshake; null: nothing is wrong.
const char* UpstreamConnector::flaw_of_handshake() const {
  if (upstream_.direct_tls && !handshaking_->agreed_on_alpn())
    return "TLS: the server does not agree to ALPN \"postgresql\", which sslnegotiation=direct needs";
  if (upstream_.sslcertmode == SslCertMode::require && !handshaking_->was_asked_for_certificate())
    return "TLS: the server asks for no certificate, but sslcertmode requires it";
  return nullptr;
}

void UpstreamConnector::finish_connection(UpstreamConnection connection) {
  watch(false, false);
  connection.transport = std::move(transport_);
  if (upstream_.hosts.size() > 1 || addresses_.size() > 1)
    connection.target = UpstreamTarget{order_[host_], addresses_[address_]};
  finish(std::move(connection));
}

void UpstreamConnector::retry_without_tls() {
  drop_transport();
  plain_retry_ = true;
  connect();
}

void UpstreamConnector::give_up_address(const std::string& cause) {
  drop_transport();
  retry_.cancel();
  if (!failures_.empty()) failures_ += "; ";
  failures_ += "cannot connect to the database at " + host().text();
  if (addresses_.size() > 1) {
    const auto& address = addresses_[address_];
    asio::ip::tcp::endpoint endpoint;
    std::memcpy(endpoint.data(), address.data(), address.size());
    failures_ += " (" + endpoint.address().to_string() + ")";
  }
  failures_ += ": " + cause;
  if (causes_.find(cause) == std::string::npos) causes_ += (causes_.empty() ? "" : "; ") + cause;
  ++address_;
  next_address();
}

void UpstreamConnector::arm_timeout() {
  timeout_.expires_after(upstream_.connect_timeout);
  timeout_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
    auto self = weak.lock();
    if (!self || error || !self->done_ || self->timeout_.expiry() > asio::steady_timer::clock_type::now()) return;
    if (self->step_ == Step::resolving) self->resolver_.cancel();
    self->give_up_address("no answer within " + seconds_text(self->upstream_.connect_timeout));
  });
}

void UpstreamConnector::watch(bool read, bool write) {
  poller_.watch(*this, transport_->socket(), read, write);
}

void UpstreamConnector::drop_transport() {
  if (transport_) poller_.unwatch(*this, transport_->socket());
  transport_.reset();
  handshaking_ = nullptr;
}

void UpstreamConnector::finish(Result<UpstreamConnection> result) {
  timeout_.cancel();
  hurry_.reset();
  const auto keep_alive = shared_from_this();
  const Done done = std::exchange(done_, nullptr);
  done(std::move(result));
}

}  // namespace weir::proxy
