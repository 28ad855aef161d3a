#include "proxy/transport.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

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

void limit_unsent(int socket) {
  const int bytes = 128 * 1024;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes);
}

std::string error_words(int error) {
  return std::generic_category().message(error);
}

}  // namespace weir::proxy
