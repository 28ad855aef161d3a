// From the Weir before this one, and to the next: what proxy/takeover hands over, and what this one does with it.
//
// The next one gets the listening sockets, this one's admin listener goes, and the process ends as by SIGTERM, with the
// journal left to the next. An heir serves clients at once, and opens its journal when the one before has ended.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "proxy/admin/admin_server.h"
#include "proxy/io/server.h"
#include "proxy/process/errands.h"
#include "proxy/takeover/takeover.h"

namespace weir::proxy {

/// What the next Weir is given; null where `path` is empty. `handed_over` is set, then SIGTERM sent, on the desk's
/// thread. `admin` may be null.
Result<std::unique_ptr<TakeoverDesk>> open_desk(const std::string& path, Server& server, AdminServer* admin,
                                                std::atomic<bool>& handed_over);

/// Clients that have just come look idle until they send their first statement: waits until they have gone, at most
/// for a moment.
void leave_clients_a_moment(const Server& server);

/// Waits for the end of the Weir before this one.
class Heir {
 public:
  /// Both are done by the main thread: `late` once `patience` is over, `ended` when the other has ended.
  Heir(Takeover before, std::chrono::milliseconds patience, Errands& errands, std::function<void()> late,
       std::function<void()> ended);
  ~Heir();
  Heir(const Heir&) = delete;
  Heir& operator=(const Heir&) = delete;

 private:
  void run(std::chrono::milliseconds patience, Errands& errands, const std::function<void()>& late,
           const std::function<void()>& ended);

  const Takeover before_;
  std::atomic<bool> ending_ = false;
  std::thread thread_;
};

}  // namespace weir::proxy
