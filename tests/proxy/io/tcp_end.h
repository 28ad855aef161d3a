// One end of a connection (TCP, or a Unix socket) that a test drives by hand, as a client of Weir or as the database
// behind it.
//
// Calls block, and throw where nothing comes for ten seconds: a test that hangs fails and says where.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace weir::proxy {

class TcpEnd {
 public:
  explicit TcpEnd(int socket) : socket_(socket) {}
  TcpEnd(TcpEnd&& other) noexcept;
  TcpEnd& operator=(TcpEnd&& other) noexcept;
  ~TcpEnd() { close(); }

  static TcpEnd connect(int port);
  /// By a Unix socket; "@name" is one of the abstract namespace.
  static TcpEnd connect(const std::string& path);

  void send(std::string_view bytes);
  /// Exactly so many bytes.
  std::string receive(std::size_t size);
  /// All up to the peer's end of stream (or its reset).
  std::string receive_all();
  /// Whether something, bytes or an end, is there to be read now.
  bool readable() const;
  void half_close();
  void close();
  /// Closes with a reset.
  void reset();
  int socket() const { return socket_; }

 private:
  void wait_for(short events) const;

  int socket_ = -1;
};

/// A listening port of 127.0.0.1, or a Unix socket, in the database's place.
class TcpPort {
 public:
  TcpPort();
  /// The file stays when this is closed, as that of a process that was killed.
  explicit TcpPort(const std::string& path, int backlog = 64);
  TcpPort(const TcpPort&) = delete;
  TcpPort& operator=(const TcpPort&) = delete;
  ~TcpPort() { close(); }

  int port() const { return port_; }
  TcpEnd accept();
  /// From now on connections are refused.
  void close();

 private:
  int socket_ = -1;
  int port_ = 0;
};

}  // namespace weir::proxy
