// The listening sockets, TCP and Unix, all on worker 0's thread: accepts clients and deals them out to the workers in
// turn.
//
// open() binds and may be called from any thread before start(). start() and close() are for worker 0's thread; close()
// removes a Unix socket's file. While all places for logins are taken (admission.h), or the process is out of file
// descriptors all the same, clients wait in the kernel's queue, and logins that have had their time are asked to give
// way.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "proxy/io/endpoint.h"
#include "proxy/io/poller.h"
#include "proxy/io/socket_file.h"

namespace weir::proxy {

class Worker;

/// What all listeners of a server share, used on worker 0's thread.
struct Dealer {
  std::vector<std::unique_ptr<Worker>>& workers;
  std::uint64_t next_id = 1;
};

class Listener final : public Watcher {
 public:
  static Result<std::unique_ptr<Listener>> open(Worker& worker, Dealer& dealer, const HostPort& address,
                                                const SocketAccess& access);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  void start();
  void close();
  /// With the port that the system chose where it was asked to.
  const HostPort& address() const { return address_; }

 private:
  Listener(Worker& worker, Dealer& dealer, HostPort address);

  Result<void> bind_tcp();
  Result<void> bind_unix(const SocketAccess& access);

  void on_ready(bool readable, bool writable) override;
  bool accept_one();
  void pause(std::chrono::milliseconds time);
  void make_room();

  Worker& worker_;
  Dealer& dealer_;
  int socket_ = -1;
  HostPort address_;
  std::optional<SocketFile> file_;
  boost::asio::steady_timer pause_;
};

}  // namespace weir::proxy
