#include "proxy/io/transport.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

namespace weir::proxy {

Transport::~Transport() {
  if (socket_ >= 0) ::close(socket_);
}

int Transport::release_socket() {
  return std::exchange(socket_, -1);
}

IoResult Transport::failed(std::string text) {
  error_text_ = std::move(text);
  return {IoStatus::error, 0};
}

IoResult PlainTransport::read_some(char* buffer, std::size_t size) {
  for (;;) {
    const ssize_t received = ::recv(socket(), buffer, size, 0);
    if (received > 0) return {IoStatus::done, static_cast<std::size_t>(received)};
    if (received == 0) return {IoStatus::end, 0};
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {IoStatus::want_read, 0};
    if (errno != EINTR) return failed(error_words(errno));
  }
}

IoResult PlainTransport::write_some(std::string_view bytes) {
  for (;;) {
    const ssize_t sent = ::send(socket(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) return {IoStatus::done, static_cast<std::size_t>(sent)};
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {IoStatus::want_write, 0};
    if (errno != EINTR) return failed(error_words(errno));
  }
}

void PlainTransport::shutdown_send() {
  ::shutdown(socket(), SHUT_WR);
}

void set_session_options(int socket) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

void set_tcp_options(int socket, const TcpOptions& options) {
  const auto set = [&](int level, int name, int value) { ::setsockopt(socket, level, name, &value, sizeof value); };
  if (!options.keepalives) set(SOL_SOCKET, SO_KEEPALIVE, 0);
  if (options.keepalives_idle > 0) set(IPPROTO_TCP, TCP_KEEPIDLE, options.keepalives_idle);
  if (options.keepalives_interval > 0) set(IPPROTO_TCP, TCP_KEEPINTVL, options.keepalives_interval);
  if (options.keepalives_count > 0) set(IPPROTO_TCP, TCP_KEEPCNT, options.keepalives_count);
  if (options.user_timeout_ms > 0) set(IPPROTO_TCP, TCP_USER_TIMEOUT, options.user_timeout_ms);
}

std::optional<unsigned> peer_user_id(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
  return peer.uid;
}

std::string peer_user(int socket) {
  const auto id = peer_user_id(socket);
  if (!id) return {};
  std::vector<char> buffer(16 * 1024);
  struct passwd entry {};
  struct passwd* found = nullptr;
  ::getpwuid_r(*id, &entry, buffer.data(), buffer.size(), &found);
  return found == nullptr ? std::string() : found->pw_name;
}

void limit_unsent(int socket) {
  const int bytes = 128 * 1024;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes);
}

std::string error_words(int error) {
  return std::generic_category().message(error);
}

}  // namespace weir::proxy
