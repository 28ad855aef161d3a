// A listening socket, TCP or Unix: takes those who come and gives each to a handler, which makes a session of it, or an
// HTTP connection. Knows nothing of either.
//
// open() binds and may be called from any thread before start(). start() and close() are for the thread of `io` and
// `poller`, on which the handler is called too; close() removes a Unix socket's file. While the handler has no room, or
// the process is out of file descriptors all the same, clients wait in the kernel's queue.
#pragma once

#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>

#include "base/result.h"
#include "proxy/io/endpoint.h"
#include "proxy/io/handed_socket.h"
#include "proxy/io/poller.h"
#include "proxy/io/socket_file.h"

namespace weir::proxy {

/// One who has come.
struct Connected {
  int socket = -1;             ///< the handler's from now on; non-blocking, closed on exec
  sockaddr_storage address{};  ///< of the peer
  bool local = false;          ///< by a Unix socket
};

class ConnectionHandler {
 public:
  virtual ~ConnectionHandler() = default;
  /// Asked before one is taken. False: nobody is for a moment, and then it is asked again. True: `connected` or
  /// `nobody_came` follows.
  virtual bool has_room() { return true; }
  virtual void connected(const Connected& who) = 0;
  virtual void nobody_came() {}
  /// The process is out of descriptors.
  virtual void make_room() {}
};

class Listener final : public Watcher {
 public:
  /// What runs it; all of them outlive it.
  struct Place {
    boost::asio::io_context& io;
    Poller& poller;
    ConnectionHandler& handler;
  };
  static Result<std::unique_ptr<Listener>> open(const Place& place, const HostPort& address,
                                                const SocketAccess& access);
  /// Of a socket that another process listened on until now.
  static Result<std::unique_ptr<Listener>> take_over(const Place& place, HandedSocket socket);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  void start();
  void close();
  /// close(), but the socket is another process's from now on.
  void leave();
  /// The same socket for another process. Any thread, between open() and the end.
  HandedSocket copy() const;
  /// With the port that the system chose where it was asked to.
  const HostPort& address() const { return address_; }

 private:
  Listener(const Place& place, HostPort address);

  Result<void> bind_tcp();
  Result<void> bind_unix(const SocketAccess& access);

  void on_ready(bool readable, bool writable) override;
  bool accept_one();
  void pause(std::chrono::milliseconds time);

  Poller& poller_;
  ConnectionHandler& handler_;
  int socket_ = -1;
  HostPort address_;
  std::optional<SocketFile> file_;
  boost::asio::steady_timer pause_;
};

}  // namespace weir::proxy
