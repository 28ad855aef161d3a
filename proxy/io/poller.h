// Says which sockets of a worker can be read or written: a level-triggered epoll set, itself watched by the worker's
// io_context.
//
// Asio's own async_wait costs an epoll_ctl for every wait, and its reactor a second epoll_wait; here a socket is
// registered once, and while there is traffic the thread sleeps in this set: one system call per wake-up. The price is
// that whoever posts to the io_context says so, with yield() on the worker's thread and interrupt() on any other;
// what comes to the io_context by itself may wait for kLongestTurn, or for kHurriedTurn while somebody holds a Hurry.
//
// One poller per worker. All members but interrupt() and knock() are for its thread. A Watcher may do anything while it
// is called, also unwatch and destroy itself or others: events of a socket that is no longer watched are dropped. It
// stops being called when it is unwatched, which must happen before its socket is closed.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
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
  /// How long quiet sockets keep the thread from the io_context, whose timers are of seconds.
  static constexpr std::chrono::milliseconds kLongestTurn{50};
  /// And where somebody waits for what the io_context does: a name that is resolved, a timer of milliseconds.
  static constexpr std::chrono::milliseconds kHurriedTurn{5};

  /// Somebody waits, as long as it lives. On the poller's thread, which it does not outlive.
  class Hurry {
   public:
    explicit Hurry(Poller& poller) : poller_(poller) { ++poller_.hurries_; }
    ~Hurry() { --poller_.hurries_; }
    Hurry(const Hurry&) = delete;
    Hurry& operator=(const Hurry&) = delete;

   private:
    Poller& poller_;
  };

  /// `on_knock` is called on the poller's thread after every knock, and sometimes without one.
  Poller(boost::asio::io_context& io, std::function<void()> on_knock);
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  /// Changes what `watcher` is called for; with neither it is not called at all, not even for errors.
  void watch(Watcher& watcher, int socket, bool read, bool write);
  void unwatch(Watcher& watcher, int socket);
  /// Calls the (watched) watcher as readable once more soon, though its socket may have nothing: for bytes that a TLS
  /// library has taken from the socket already.
  void call_again(Watcher& watcher);

  /// `function` is called once what is at hand is done, before the thread may sleep. It runs on the poller's thread.
  void at_rest(std::function<void()> function);

  /// The io_context has something to do: it gets its turn after the events at hand.
  void yield() { yielding_ = true; }
  /// The same from any thread.
  void interrupt();
  /// From any thread: calls on_knock soon.
  void knock() { ring(); }

 private:
  /// What is watched like a socket to be woken by other threads; edge-triggered, so it is never read.
  class Bell final : public Watcher {
   public:
    explicit Bell(Poller& poller) : poller_(poller) {}
    void on_ready(bool readable, bool writable) override;

   private:
    Poller& poller_;
  };

  void wait();
  void handle_ready();
  int handle_batch(std::chrono::milliseconds at_most);
  void handle_again();
  void rest();
  void forget(Watcher& watcher);
  void ring();

  boost::asio::posix::stream_descriptor epoll_;
  std::function<void()> on_knock_;
  Bell bell_{*this};
  int bell_socket_;
  std::atomic<bool> interrupted_ = false;
  unsigned hurries_ = 0;
  bool yielding_ = false;
  bool handling_ = false;
  std::array<epoll_event, 128> batch_;
  int batch_size_ = 0;
  int batch_next_ = 0;
  std::vector<std::function<void()>> at_rest_;
  std::vector<Watcher*> again_;
  std::vector<Watcher*> again_now_;
};

}  // namespace weir::proxy
