// What threads said, in order, and a wait until something was said.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

namespace weir::proxy {

class Heard {
 public:
  void add(const std::string& what) {
    const std::lock_guard lock(mutex_);
    said_.push_back(what);
    changed_.notify_all();
  }
  bool has(const std::string& what) const { return count(what) > 0; }
  std::ptrdiff_t count(const std::string& what) const {
    const std::lock_guard lock(mutex_);
    return std::count(said_.begin(), said_.end(), what);
  }
  std::vector<std::string> all() const {
    const std::lock_guard lock(mutex_);
    return said_;
  }
  /// False: it was not said in twenty seconds, and will not be.
  bool hears(const std::string& what, std::ptrdiff_t times = 1) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20),
                             [&] { return std::count(said_.begin(), said_.end(), what) >= times; });
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> said_;
};

}  // namespace weir::proxy
