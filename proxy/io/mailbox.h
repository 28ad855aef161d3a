// How other threads reach a worker's sessions: functions go into one list under a lock, and the worker is woken only
// for the first of them, so that a journal that answers a hundred sessions at once wakes it once.
//
// post() may be called from any thread. Outlives its worker where a SessionHandle does: after close() it drops what it
// is given.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "proxy/io/engine_factory.h"
#include "proxy/io/poller.h"

namespace weir::proxy {

class Mailbox {
 public:
  explicit Mailbox(Poller& poller) : poller_(&poller) {}

  void post(const std::weak_ptr<Session>& session, SessionHandle::Function function);
  /// On the worker's thread: once what is at hand is done.
  void at_rest(std::function<void()> function);
  /// By the worker, on its thread: after a knock, and before its poller goes.
  void deliver();
  void close();

 private:
  struct Letter {
    std::weak_ptr<Session> session;
    SessionHandle::Function function;
  };

  std::mutex mutex_;
  Poller* poller_;  // null once closed
  std::vector<Letter> letters_;
  std::vector<Letter> delivering_;  // the worker's; swapped with letters_
};

}  // namespace weir::proxy
