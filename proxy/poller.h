// Says which sockets of a worker can be read or written: a level-triggered epoll set, itself watched by the worker's
// io_context.
//
// Asio's own async_wait costs an epoll_ctl for every wait, so a relayed message would pay for one more system call;
// here a socket is registered once and asked again for free. One poller per worker, used on its thread only. A Watcher
// may do anything while it is called, also unwatch and destroy itself or others: events of a socket that is no longer
// watched are dropped. It stops being called when it is unwatched, which must happen before its socket is closed.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <vector>

namespace weir::proxy {

class Watcher {
 public:
  /// Errors and hang-ups are reported as both: the next read or write says what happened.
  virtual void on_ready(bool readable, bool writable) = 0;

 protected:
  ~Watcher() = default;

 private:
  friend class Poller;
  std::uint32_t interest_ = 0;
};

class Poller {
 public:
  explicit Poller(boost::asio::io_context& io);
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  /// Changes what `watcher` is called for; with neither it is not called at all, not even for errors.
  void watch(Watcher& watcher, int socket, bool read, bool write);
  void unwatch(Watcher& watcher, int socket);
  /// Calls the (watched) watcher as readable once more soon, though its socket may have nothing: for bytes that a TLS
  /// library has taken from the socket already.
  void call_again(Watcher& watcher);

 private:
  void wait();
  void handle_ready();
  int handle_batch();
  void handle_again();
  void forget(Watcher& watcher);

  boost::asio::posix::stream_descriptor epoll_;
  std::array<epoll_event, 128> batch_;
  int batch_size_ = 0;
  int batch_next_ = 0;
  std::vector<Watcher*> again_;
  std::vector<Watcher*> again_now_;
};

}  // namespace weir::proxy
