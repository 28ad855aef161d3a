// Spans on their way to the collector: collected into batches, tried again where the collector asks for it, and dropped
// where it does not keep up. Memory has bounds, and what is dropped is counted.
//
// Sans-I/O, for one thread: next() says what to send, answered() what became of it. One batch is under way at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/notice.h"
#include "proxy/tracing/collector_answer.h"
#include "proxy/tracing/span.h"

namespace weir::proxy {

class SpanQueue {
 public:
  using Clock = std::chrono::steady_clock;

  static constexpr std::size_t kMostWaiting = 4'096;
  static constexpr std::size_t kBatch = 512;
  /// How long spans wait for others.
  static constexpr std::chrono::milliseconds kCollect{1'000};
  static constexpr int kAttempts = 5;
  static constexpr std::chrono::milliseconds kFirstBackoff{1'000};
  static constexpr std::chrono::seconds kLongestBackoff{30};
  /// A trouble that lasts is told again after so long.
  static constexpr std::chrono::minutes kTold{1};

  /// `collector` is what it is called in messages.
  explicit SpanQueue(std::string collector) : collector_(std::move(collector)) {}

  /// Where there is no room the oldest are dropped.
  void add(std::vector<Span> spans, Clock::time_point now);
  /// Were not sent, for another reason.
  void count_dropped(std::uint64_t spans) { dropped_ += spans; }
  /// A batch to be sent now; null: there is none. Valid until answered(). `last`: nothing more is waited for.
  const std::vector<Span>* next(Clock::time_point now, bool last = false);
  /// When next() may have one; nothing: not before something happens.
  std::optional<Clock::time_point> due() const;
  void answered(const CollectorAnswer& answer, Clock::time_point now);

  bool empty() const { return waiting_.empty() && batch_.empty(); }
  std::uint64_t sent() const { return sent_; }
  std::uint64_t dropped() const { return dropped_; }
  /// What whoever runs Weir should hear since the last call.
  std::vector<Notice> take_notices() { return std::exchange(notices_, {}); }

 private:
  void taken(const CollectorAnswer& answer, Clock::time_point now);
  void try_again(const CollectorAnswer& answer, Clock::time_point now);
  void drop_batch();
  void tell_trouble(const std::string& why, Clock::time_point now);

  const std::string collector_;
  std::deque<Span> waiting_;
  Clock::time_point waiting_since_{};
  std::vector<Span> batch_;
  bool under_way_ = false;
  int attempts_ = 0;
  Clock::time_point not_before_{};
  Clock::time_point told_at_{};
  bool troubled_ = false;
  std::uint64_t sent_ = 0;
  std::uint64_t dropped_ = 0;
  std::vector<Notice> notices_;
};

}  // namespace weir::proxy
