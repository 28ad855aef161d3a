#include "proxy/io/listener.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <chrono>
#include <utility>

#include "proxy/io/transport.h"
#include "proxy/process/log.h"

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

constexpr int kAcceptsPerEvent = 64;
/// Out of descriptors.
constexpr std::chrono::milliseconds kPause{100};
/// Until the handler is asked for room again.
constexpr std::chrono::milliseconds kRoomPause{20};

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

}  // namespace

Result<std::unique_ptr<Listener>> Listener::open(const Place& place, const HostPort& address,
                                                 const SocketAccess& access) {
  std::unique_ptr<Listener> listener(new Listener(place, address));
  const Result<void> bound = address.is_unix() ? listener->bind_unix(access) : listener->bind_tcp();
  if (!bound) return bound.error();
  return listener;
}

Listener::Listener(const Place& place, HostPort address)
    : poller_(place.poller), handler_(place.handler), address_(std::move(address)), pause_(place.io) {}

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

Result<std::unique_ptr<Listener>> Listener::take_over(const Place& place, HandedSocket socket) {
  std::unique_ptr<Listener> listener(new Listener(place, socket.address));
  listener->socket_ = socket.socket.take();
  if (!socket.address.is_unix()) return listener;
  listener->file_.emplace(SocketFile::take_over(socket.address, socket.lock.take()));
  return listener;
}

HandedSocket Listener::copy() const {
  const auto duplicate = [](int number) {
    return OwnDescriptor(number < 0 ? -1 : ::fcntl(number, F_DUPFD_CLOEXEC, 0));
  };
  return {address_, duplicate(socket_), duplicate(file_ ? file_->lock() : -1)};
}

void Listener::leave() {
  if (file_) file_->leave();
  close();
}

void Listener::start() {
  if (file_) file_->confirm();
  poller_.watch(*this, socket_, true, false);
}

void Listener::close() {
  if (socket_ < 0) return;
  pause_.cancel();
  poller_.unwatch(*this, socket_);
  ::close(std::exchange(socket_, -1));
  file_.reset();
}

void Listener::on_ready(bool, bool) {
  for (int i = 0; i < kAcceptsPerEvent; ++i) {
    if (!accept_one()) return;
  }
}

bool Listener::accept_one() {
  if (!handler_.has_room()) {
    pause(kRoomPause);
    return false;
  }
  Connected who;
  who.local = address_.is_unix();
  socklen_t size = sizeof who.address;
  who.socket = ::accept4(socket_, reinterpret_cast<sockaddr*>(&who.address), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (who.socket < 0) {
    const int reason = errno;
    handler_.nobody_came();
    if (reason == EMFILE || reason == ENFILE || reason == ENOBUFS || reason == ENOMEM) {
      log::warn("failed accepts",
                "accepting no clients for a moment: " + error_words(reason) + " (raise the limit of open files)");
      handler_.make_room();
      pause(kPause);
    }
    return reason == ECONNABORTED || reason == EINTR;
  }
  handler_.connected(who);
  return true;
}

void Listener::pause(std::chrono::milliseconds time) {
  poller_.unwatch(*this, socket_);
  pause_.expires_after(time);
  pause_.async_wait([this](boost::system::error_code error) {
    if (!error) start();
  });
}

}  // namespace weir::proxy
