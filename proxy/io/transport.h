// A non-blocking stream of bytes over one connected socket, which it owns and closes. Plain here, TLS in tls.h.
//
// Nothing waits: a call that cannot go on says which readiness of the socket to wait for (with TLS a read may need the
// socket to be writable, and the other way round). An end or an error is final for its direction; error_text() then
// says why. Used on one thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/io/endpoint.h"

namespace weir::proxy {

enum class IoStatus { done, want_read, want_write, end, error };

struct IoResult {
  IoStatus status = IoStatus::done;
  std::size_t bytes = 0;  ///< more than 0 exactly when done
};

class Transport {
 public:
  explicit Transport(int socket) : socket_(socket) {}
  virtual ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  /// Fewer bytes than `size` mean that there is no more for now, except where pending() says so.
  virtual IoResult read_some(char* buffer, std::size_t size) = 0;
  virtual IoResult write_some(std::string_view bytes) = 0;
  /// The peer reads an end of stream behind what was written; reading goes on.
  virtual void shutdown_send() = 0;
  /// Bytes that were taken from the socket and wait in here: the socket does not become readable for them.
  virtual bool pending() const { return false; }

  int socket() const { return socket_; }
  /// Gives the socket away, for a TLS transport to go on with it.
  int release_socket();
  const std::string& error_text() const { return error_text_; }

 protected:
  IoResult failed(std::string text);

 private:
  int socket_;
  std::string error_text_;
};

class PlainTransport final : public Transport {
 public:
  using Transport::Transport;
  IoResult read_some(char* buffer, std::size_t size) override;
  IoResult write_some(std::string_view bytes) override;
  void shutdown_send() override;
};

/// Sets what both legs of a session want of a TCP socket: no delay, keepalive. Harmless on Unix sockets.
void set_session_options(int socket);
/// What the database's URI says of its TCP sockets.
void set_tcp_options(int socket, const TcpOptions& options);
/// The user that the process at the other end of a Unix socket ran as when it began to listen; empty: not known.
std::string peer_user(int socket);
/// The user id of that process; nothing where it is not known.
std::optional<unsigned> peer_user_id(int socket);
/// What waits in this socket for a peer that does not read is little: a sender of megabytes notices soon that nobody
/// takes them, and so hears why before it has sent them all. What is under way to a far peer is not limited.
void limit_unsent(int socket);
/// The words of strerror, from any thread.
std::string error_words(int error);

}  // namespace weir::proxy
