// How long something took, counted in fixed buckets from 10 µs to 10 minutes: enough for a local sync and for a
// broker's outage with one set of bounds, so that all histograms of Weir can be compared.
//
// observe() may be called by any thread and costs two relaxed adds; Histogram::Value is what a reader takes of it, and
// sums can be made of several.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <span>

namespace weir::proxy {

class Histogram {
 public:
  static constexpr std::size_t kBounds = 19;
  /// Upper bounds in microseconds; what is above the last one is in a bucket of its own (+Inf).
  static const std::array<std::uint64_t, kBounds>& bounds_us();

  struct Value {
    std::array<std::uint64_t, kBounds + 1> buckets{};  ///< each by itself, not yet summed up
    std::uint64_t sum_us = 0;

    std::uint64_t count() const;
    Value& operator+=(const Value& other);
    /// The upper bound of the bucket in which this part (0 .. 1) of all lies, in microseconds; 0 where there is none.
    std::uint64_t quantile_us(double part) const;
  };

  /// What is negative (a clock that was set back) counts as nothing.
  void observe_us(std::int64_t us);
  void observe(std::chrono::nanoseconds time) { observe_us(time.count() / 1000); }
  Value value() const;

 private:
  std::array<std::atomic<std::uint64_t>, kBounds + 1> buckets_{};
  std::atomic<std::uint64_t> sum_us_{0};
};

}  // namespace weir::proxy
