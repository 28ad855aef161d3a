#include "tests/proxy/io/tcp_end.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace weir::proxy {

namespace {

constexpr int kPatienceMs = 10'000;

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

std::pair<sockaddr_un, socklen_t> unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) throw std::runtime_error("too long for a socket: " + path);
  path.copy(address.sun_path, path.size());
  const bool abstract = path.starts_with('@');
  if (abstract) address.sun_path[0] = '\0';
  return {address, static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1))};
}

int check(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

void wait_until(int socket, short events) {
  pollfd entry{socket, events, 0};
  if (check(::poll(&entry, 1, kPatienceMs), "poll") == 0) throw std::runtime_error("nothing came for ten seconds");
}

}  // namespace

TcpEnd::TcpEnd(TcpEnd&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}

TcpEnd& TcpEnd::operator=(TcpEnd&& other) noexcept {
  std::swap(socket_, other.socket_);
  return *this;
}

TcpEnd TcpEnd::connect(int port) {
  TcpEnd end(check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  const sockaddr_in address = loopback(port);
  check(::connect(end.socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address), "connect");
  return end;
}

void TcpEnd::wait_for(short events) const {
  wait_until(socket_, events);
}

void TcpEnd::send(std::string_view bytes) {
  while (!bytes.empty()) {
    wait_for(POLLOUT);
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EAGAIN) continue;
    bytes.remove_prefix(static_cast<std::size_t>(check(static_cast<int>(sent), "send")));
  }
}

std::string TcpEnd::receive(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t filled = 0; filled < size;) {
    wait_for(POLLIN);
    const ssize_t received = ::recv(socket_, bytes.data() + filled, size - filled, 0);
    if (received <= 0) throw std::runtime_error("the peer closed after " + std::to_string(filled) + " bytes");
    filled += static_cast<std::size_t>(received);
  }
  return bytes;
}

std::string TcpEnd::receive_all() {
  std::string bytes;
  char buffer[65536];
  for (;;) {
    wait_for(POLLIN);
    const ssize_t received = ::recv(socket_, buffer, sizeof buffer, 0);
    if (received <= 0) return bytes;
    bytes.append(buffer, static_cast<std::size_t>(received));
  }
}

bool TcpEnd::readable() const {
  pollfd entry{socket_, POLLIN, 0};
  return check(::poll(&entry, 1, 0), "poll") > 0;
}

TcpEnd TcpEnd::connect(const std::string& path) {
  const auto [address, size] = unix_address(path);
  TcpEnd end(check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  check(::connect(end.socket_, reinterpret_cast<const sockaddr*>(&address), size), "connect");
  return end;
}

void TcpEnd::half_close() {
  ::shutdown(socket_, SHUT_WR);
}

void TcpEnd::close() {
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
}

void TcpEnd::reset() {
  const linger now{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close();
}

TcpPort::TcpPort() : socket_(check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket")) {
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  check(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), size), "bind");
  check(::listen(socket_, 64), "listen");
  check(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
  port_ = ntohs(address.sin_port);
}

TcpPort::TcpPort(const std::string& path, int backlog)
    : socket_(check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket")) {
  const auto [address, size] = unix_address(path);
  check(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), size), "bind");
  check(::listen(socket_, backlog), "listen");
}

TcpEnd TcpPort::accept() {
  wait_until(socket_, POLLIN);
  return TcpEnd(check(::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC), "accept"));
}

void TcpPort::close() {
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
}

}  // namespace weir::proxy
