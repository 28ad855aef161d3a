// How other threads reach a worker's sessions: functions go into one list under a lock, and the worker is woken only
// for the first of them, so that a journal that answers a hundred sessions at once wakes it once.
//
// post() may be called from any thread. Outlives its worker where a SessionHandle does: after close() it drops what it
// is given.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <mutex>
#include <vector>

#include "proxy/engine_factory.h"

namespace weir::proxy {

class Mailbox : public std::enable_shared_from_this<Mailbox> {
 public:
  explicit Mailbox(boost::asio::io_context& io) : io_(&io) {}

  void post(const std::weak_ptr<Session>& session, SessionHandle::Function function);
  /// By the worker, on its thread, before its io_context goes.
  void close();

 private:
  struct Letter {
    std::weak_ptr<Session> session;
    SessionHandle::Function function;
  };

  void deliver();

  std::mutex mutex_;
  boost::asio::io_context* io_;  // null once closed
  std::vector<Letter> letters_;
  std::vector<Letter> delivering_;  // the worker's; swapped with letters_
};

}  // namespace weir::proxy
