#include "proxy/counts/histogram.h"

#include <algorithm>
#include <numeric>

namespace weir::proxy {

const std::array<std::uint64_t, Histogram::kBounds>& Histogram::bounds_us() {
  static constexpr std::array<std::uint64_t, kBounds> kBoundsUs = {
      10,     25,     50,      100,     250,       500,       1'000,      2'500,       5'000,      10'000,
      25'000, 50'000, 100'000, 500'000, 1'000'000, 5'000'000, 30'000'000, 120'000'000, 600'000'000};
  return kBoundsUs;
}

void Histogram::observe_us(std::int64_t us) {
  const auto time = static_cast<std::uint64_t>(std::max<std::int64_t>(us, 0));
  const auto& bounds = bounds_us();
  const auto bucket = std::lower_bound(bounds.begin(), bounds.end(), time) - bounds.begin();
  buckets_[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  sum_us_.fetch_add(time, std::memory_order_relaxed);
}

Histogram::Value Histogram::value() const {
  Value value;
  for (std::size_t i = 0; i < buckets_.size(); ++i) value.buckets[i] = buckets_[i].load(std::memory_order_relaxed);
  value.sum_us = sum_us_.load(std::memory_order_relaxed);
  return value;
}

std::uint64_t Histogram::Value::count() const {
  return std::accumulate(buckets.begin(), buckets.end(), std::uint64_t{0});
}

Histogram::Value& Histogram::Value::operator+=(const Value& other) {
  for (std::size_t i = 0; i < buckets.size(); ++i) buckets[i] += other.buckets[i];
  sum_us += other.sum_us;
  return *this;
}

std::uint64_t Histogram::Value::quantile_us(double part) const {
  const auto all = count();
  if (all == 0) return 0;
  const auto wanted = part * static_cast<double>(all);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kBounds; ++i) {
    seen += buckets[i];
    if (static_cast<double>(seen) >= wanted) return bounds_us()[i];
  }
  return bounds_us().back();
}

}  // namespace weir::proxy
