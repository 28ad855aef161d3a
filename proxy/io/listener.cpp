#include "proxy/io/listener.h"

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "proxy/io/address_range.h"
#include "proxy/io/worker.h"
#include "proxy/process/log.h"

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

constexpr int kAcceptsPerEvent = 64;
/// Out of descriptors.
constexpr std::chrono::milliseconds kPause{100};
/// Until a place for a login is looked for again.
constexpr std::chrono::milliseconds kRoomPause{20};
/// Logins that are asked to give way at once.
constexpr int kMostVictims = 64;

Error cannot_listen(const HostPort& address, const std::string& cause) {
  return {"cannot listen on " + address.text() + ": " + cause, {}};
}

Result<asio::ip::tcp::endpoint> resolve(const HostPort& address) {
  asio::io_context io;
  asio::ip::tcp::resolver resolver(io);
  boost::system::error_code error;
  const auto results = resolver.resolve(address.host, std::to_string(address.port), error);
  if (error) return cannot_listen(address, error.message());
  return results.begin()->endpoint();
}

/// Of a client's address: how the log and events name it, and what its other connections are counted by.
struct ClientName {
  std::string text;
  std::string counted_as;
};

/// As PostgreSQL's log has it; all processes of one user of the machine count as one client.
ClientName local_client(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  const bool known = ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
  return {"[local]", known ? "[local] " + std::to_string(peer.uid) : "[local]"};
}

ClientName client_name(int socket, const sockaddr_storage& address) {
  if (address.ss_family == AF_UNIX) return local_client(socket);
  asio::ip::tcp::endpoint endpoint;
  const std::size_t size = address.ss_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  std::memcpy(endpoint.data(), &address, size);
  asio::ip::address ip = endpoint.address();
  if (ip.is_v6() && ip.to_v6().is_v4_mapped()) ip = asio::ip::make_address_v4(asio::ip::v4_mapped, ip.to_v6());
  return {HostPort{ip.to_string(), endpoint.port()}.text(), ip.to_string()};
}

}  // namespace

Result<std::unique_ptr<Listener>> Listener::open(Worker& worker, Dealer& dealer, const HostPort& address,
                                                 const SocketAccess& access) {
  std::unique_ptr<Listener> listener(new Listener(worker, dealer, address));
  const Result<void> bound = address.is_unix() ? listener->bind_unix(access) : listener->bind_tcp();
  if (!bound) return bound.error();
  return listener;
}

Listener::Listener(Worker& worker, Dealer& dealer, HostPort address)
    : worker_(worker), dealer_(dealer), address_(std::move(address)), pause_(worker.io()) {}

Listener::~Listener() {
  if (socket_ >= 0) ::close(socket_);
}

Result<void> Listener::bind_tcp() {
  const Result<asio::ip::tcp::endpoint> endpoint = resolve(address_);
  if (!endpoint) return endpoint.error();
  socket_ = ::socket(endpoint->protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket_ < 0) return cannot_listen(address_, error_words(errno));
  const int on = 1;
  ::setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(socket_, endpoint->data(), static_cast<socklen_t>(endpoint->size())) != 0 ||
      ::listen(socket_, SOMAXCONN) != 0) {
    return cannot_listen(address_, error_words(errno));
  }
  asio::ip::tcp::endpoint bound;
  auto size = static_cast<socklen_t>(bound.capacity());
  if (::getsockname(socket_, bound.data(), &size) == 0) address_.port = bound.port();
  return {};
}

Result<void> Listener::bind_unix(const SocketAccess& access) {
  auto file = SocketFile::claim(address_);
  if (!file) return file.error();
  file_.emplace(std::move(*file));
  socket_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket_ < 0) return cannot_listen(address_, error_words(errno));
  return file_->listen(socket_, access);
}

void Listener::start() {
  worker_.poller().watch(*this, socket_, true, false);
}

void Listener::close() {
  if (socket_ < 0) return;
  pause_.cancel();
  worker_.poller().unwatch(*this, socket_);
  ::close(std::exchange(socket_, -1));
  file_.reset();
}

void Listener::on_ready(bool, bool) {
  for (int i = 0; i < kAcceptsPerEvent; ++i) {
    if (!accept_one()) return;
  }
}

bool Listener::accept_one() {
  Admission& admission = *worker_.shared().admission;
  auto ticket = admission.open(Admission::Clock::now());
  if (!ticket) {
    log::warn("full logins", "as many clients are logging in as limits.logins allows (" +
                                 std::to_string(admission.limits().logins) +
                                 "): others wait, and those that keep silent are dropped");
    make_room();
    pause(kRoomPause);
    return false;
  }
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  const int socket = ::accept4(socket_, reinterpret_cast<sockaddr*>(&address), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (socket < 0) {
    const int reason = errno;
    if (reason == EMFILE || reason == ENFILE || reason == ENOBUFS || reason == ENOMEM) {
      log::warn("failed accepts",
                "accepting no clients for a moment: " + error_words(reason) + " (raise the limit of open files)");
      make_room();
      pause(kPause);
    }
    return reason == ECONNABORTED || reason == EINTR;
  }
  set_session_options(socket);
  const std::uint64_t id = dealer_.next_id++;
  Worker& worker = *dealer_.workers[id % dealer_.workers.size()];
  ClientName client = client_name(socket, address);
  worker.adopt({std::make_unique<PlainTransport>(socket), id, std::move(client.text), std::move(client.counted_as),
                address_.is_unix(), any_contains(worker_.shared().options.proxies, address), std::move(ticket)});
  return true;
}

void Listener::make_room() {
  Admission& admission = *worker_.shared().admission;
  for (int i = 0; i < kMostVictims; ++i) {
    const auto give_way = admission.take_victim(Admission::Clock::now());
    if (!give_way) return;
    give_way();
  }
}

void Listener::pause(std::chrono::milliseconds time) {
  worker_.poller().unwatch(*this, socket_);
  pause_.expires_after(time);
  pause_.async_wait([this](boost::system::error_code error) {
    if (!error) start();
  });
}

}  // namespace weir::proxy
