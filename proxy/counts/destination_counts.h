// What one destination's thread tells of itself: where it stands, how long events took to get there, and what went
// wrong. The delivery loop tells it as it tells the log, and asks it nothing.
//
// The loop's calls come from one thread; value() from any. Positions are told in their order.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>

#include "capture/event/change_event.h"
#include "proxy/counts/histogram.h"

namespace weir::proxy {

class DestinationCounts {
 public:
  using Clock = std::function<std::int64_t()>;  ///< microseconds since the epoch

  struct Value {
    std::string name;
    event::Position durable = 0;     ///< the destination has everything up to here
    std::int64_t oldest_us = 0;      ///< when the oldest transaction it does not have committed; 0: none is known
    std::uint64_t transactions = 0;  ///< that it has, since this start
    std::uint64_t records = 0;       ///< that were handed to it
    std::uint64_t bytes = 0;
    std::uint64_t errors = 0;   ///< failures, of the destination's and of reading for it
    std::uint64_t retries = 0;  ///< attempts behind a failure
    std::uint64_t dead_letters = 0;
    std::string trouble;  ///< what is wrong now; empty: nothing
    std::int64_t trouble_since_us = 0;
    bool paused = false;
    bool left_out = false;       ///< of the configuration, since a reload: the journal keeps its events
    Histogram::Value delivered;  ///< from the commit until the destination had it

    /// "streaming", "behind" (more than a second), "failing", "paused" or "left out".
    const char* state(std::int64_t now_us) const;
    /// How old the oldest transaction is that it does not have.
    std::int64_t lag_us(std::int64_t now_us) const;
  };

  DestinationCounts(std::string name, Clock clock) : clock_(std::move(clock)) { value_.name = std::move(name); }

  /// Again where it is opened anew: what was not confirmed before counts as not sent.
  void start(event::Position after);
  /// The next transaction is being read.
  void begun(const event::Transaction& transaction);
  /// The next one is not being read: while it is paused.
  void waits(const event::Transaction& transaction);
  bool knows_oldest() const;
  void offered(std::size_t records, std::size_t bytes);
  void durable(event::Position position);
  void failed(const std::string& text);
  void retried();
  void goes_on();
  void dead_letter();
  void paused(bool is_paused);
  void left_out(bool is_left_out);
  Value value() const;

 private:
  struct Sent {
    event::Position position;
    std::int64_t committed_us;
  };

  const Clock clock_;
  mutable std::mutex mutex_;
  Value value_;
  Histogram delivered_;
  std::deque<Sent> sent_;  // what the destination does not have yet
  Sent next_{};            // what waits behind that, where it was looked at
};

}  // namespace weir::proxy
