// What other threads want done by the main thread: one after the other, in their order, as the signals of an operator
// are. post() may be called from any thread; it wakes the main thread with a signal, which then calls run().
#pragma once

#include <functional>
#include <mutex>
#include <vector>

namespace weir::proxy {

class Errands {
 public:
  /// The signal that means run(); the main thread waits for it, and all threads block it.
  static int signal();

  Errands() = default;
  Errands(const Errands&) = delete;
  Errands& operator=(const Errands&) = delete;

  void post(std::function<void()> errand);
  void run();

 private:
  std::mutex mutex_;
  std::vector<std::function<void()>> waiting_;
};

}  // namespace weir::proxy
