// A number that one thread writes and any may read: cheaper than an atomic addition, for what every message counts.
#pragma once

#include <atomic>
#include <cstdint>

namespace weir::proxy {

class Counter {
 public:
  void add(std::uint64_t count = 1) { value_.store(value_.load(kOrder) + count, kOrder); }
  std::uint64_t value() const { return value_.load(kOrder); }

 private:
  static constexpr std::memory_order kOrder = std::memory_order_relaxed;
  std::atomic<std::uint64_t> value_ = 0;
};

}  // namespace weir::proxy
