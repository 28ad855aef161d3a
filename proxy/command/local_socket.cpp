#include "proxy/command/local_socket.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

namespace weir::proxy {

namespace {

Error failed(const std::string& what) {
  return Error{what + ": " + std::strerror(errno), ""};
}

void limit_time(int descriptor, std::chrono::milliseconds patience) {
  timeval time{};
  time.tv_sec = patience.count() / 1000;
  time.tv_usec = (patience.count() % 1000) * 1000;
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) ::setsockopt(descriptor, SOL_SOCKET, option, &time, sizeof time);
}

Result<int> connect_unix(const HostPort& address, std::chrono::milliseconds patience) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  const bool is_abstract = address.host.starts_with("@");
  const std::string path = address.host + "/.s.PGSQL." + std::to_string(address.port);
  if (path.size() >= sizeof name.sun_path) return Error{path + ": too long", ""};
  std::memcpy(name.sun_path, path.data(), path.size());
  if (is_abstract) name.sun_path[0] = '\0';
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return failed(path);
  limit_time(descriptor, patience);
  const auto size = offsetof(sockaddr_un, sun_path) + path.size() + (is_abstract ? 0 : 1);
  if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&name), socklen_t(size)) == 0) return descriptor;
  const auto error = failed(path);
  ::close(descriptor);
  return error;
}

std::string reachable(const std::string& host) {
  if (host == "0.0.0.0") return "127.0.0.1";
  return host == "::" ? "::1" : host;
}

Result<int> connect_tcp(const HostPort& address, std::chrono::milliseconds patience) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int resolved =
      ::getaddrinfo(reachable(address.host).c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (resolved != 0) return Error{address.text() + ": " + ::gai_strerror(resolved), ""};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all(found, &::freeaddrinfo);
  Error error{address.text() + ": no address", ""};
  for (const auto* one = found; one != nullptr; one = one->ai_next) {
    const int descriptor = ::socket(one->ai_family, one->ai_socktype | SOCK_CLOEXEC, one->ai_protocol);
    if (descriptor < 0) continue;
    limit_time(descriptor, patience);
    if (::connect(descriptor, one->ai_addr, one->ai_addrlen) == 0) return descriptor;
    error = failed(address.text());
    ::close(descriptor);
  }
  return error;
}

}  // namespace

Result<LocalSocket> LocalSocket::connect(const HostPort& address, std::chrono::milliseconds patience) {
  const auto descriptor = address.is_unix() ? connect_unix(address, patience) : connect_tcp(address, patience);
  if (!descriptor) return descriptor.error();
  return LocalSocket(*descriptor);
}

LocalSocket::LocalSocket(LocalSocket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

LocalSocket::~LocalSocket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<void> LocalSocket::send(std::string_view bytes) const {
  while (!bytes.empty()) {
    const auto sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return failed("sending");
    bytes.remove_prefix(std::size_t(sent));
  }
  return {};
}

Result<std::string> LocalSocket::receive(std::size_t most) const {
  std::string bytes(most, '\0');
  for (;;) {
    const auto got = ::recv(descriptor_, bytes.data(), bytes.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return Error{"no answer in time", ""};
    if (got < 0) return failed("receiving");
    bytes.resize(std::size_t(got));
    return bytes;
  }
}

}  // namespace weir::proxy
