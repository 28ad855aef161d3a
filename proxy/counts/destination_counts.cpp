#include "proxy/counts/destination_counts.h"

#include <algorithm>

namespace weir::proxy {

namespace {

constexpr std::int64_t kBehindUs = 1'000'000;

}  // namespace

const char* DestinationCounts::Value::state(std::int64_t now_us) const {
  if (left_out) return "left out";
  if (paused) return "paused";
  if (!trouble.empty()) return "failing";
  return lag_us(now_us) > kBehindUs ? "behind" : "streaming";
}

std::int64_t DestinationCounts::Value::lag_us(std::int64_t now_us) const {
  return oldest_us == 0 ? 0 : std::max<std::int64_t>(now_us - oldest_us, 0);
}

void DestinationCounts::start(event::Position after) {
  const std::lock_guard lock(mutex_);
  value_.durable = after;
  value_.trouble.clear();
  value_.trouble_since_us = 0;
  sent_.clear();
}

void DestinationCounts::begun(const event::Transaction& transaction) {
  const std::lock_guard lock(mutex_);
  sent_.push_back({transaction.position, transaction.committed_us});
}

void DestinationCounts::waits(const event::Transaction& transaction) {
  const std::lock_guard lock(mutex_);
  next_ = {transaction.position, transaction.committed_us};
}

bool DestinationCounts::knows_oldest() const {
  return value().oldest_us != 0;
}

void DestinationCounts::offered(std::size_t records, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  value_.records += records;
  value_.bytes += bytes;
}

void DestinationCounts::durable(event::Position position) {
  const auto now = clock_();
  const std::lock_guard lock(mutex_);
  value_.durable = std::max(value_.durable, position);
  while (!sent_.empty() && sent_.front().position <= position) {
    ++value_.transactions;
    delivered_.observe_us(now - sent_.front().committed_us);
    sent_.pop_front();
  }
}

void DestinationCounts::failed(const std::string& text) {
  const auto now = clock_();
  const std::lock_guard lock(mutex_);
  ++value_.errors;
  if (value_.trouble.empty()) value_.trouble_since_us = now;
  value_.trouble = text;
}

void DestinationCounts::retried() {
  const std::lock_guard lock(mutex_);
  ++value_.retries;
}

void DestinationCounts::goes_on() {
  const std::lock_guard lock(mutex_);
  value_.trouble.clear();
  value_.trouble_since_us = 0;
}

void DestinationCounts::dead_letter() {
  const std::lock_guard lock(mutex_);
  ++value_.dead_letters;
}

void DestinationCounts::paused(bool is_paused) {
  const std::lock_guard lock(mutex_);
  value_.paused = is_paused;
}

void DestinationCounts::left_out(bool is_left_out) {
  const std::lock_guard lock(mutex_);
  value_.left_out = is_left_out;
}

DestinationCounts::Value DestinationCounts::value() const {
  const std::lock_guard lock(mutex_);
  Value value = value_;
  if (!sent_.empty()) value.oldest_us = sent_.front().committed_us;
  if (sent_.empty() && next_.position > value_.durable) value.oldest_us = next_.committed_us;
  value.delivered = delivered_.value();
  return value;
}

}  // namespace weir::proxy
