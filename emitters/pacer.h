// When to send to a destination that pays for each request: at once while little comes, in batches while much comes.
//
// Whoever sends asks `rest` before each sending and collects for so long; once it has sent, it says `sent`. Nothing
// waits if nothing was sent for one pace, or if a full batch has come; else what comes is collected until one pace
// since the last sending is over. A few sendings may come early, paid for by those behind them: writes that come about
// as often as the pace, but not like a clock, would else all be held back to the latest of them (seen with Kafka at 200
// writes/s: 1 ms more in the median). So in any stretch of time there are at most as many sendings as paces in it, and
// `most_early` and one more. Pure: the time comes in. For one thread.
#pragma once

#include <chrono>
#include <cstddef>

namespace weir::emitters {

class Pacer {
 public:
  using Clock = std::chrono::steady_clock;

  static constexpr int most_early = 10;

  /// A pace of 0 never waits. `full`: so many waiting make a batch that does not.
  Pacer(Clock::duration pace, std::size_t full) : pace_(pace), full_(full) {}

  /// How long to collect from now on; zero: send.
  Clock::duration rest(Clock::time_point now, std::size_t waiting) const;
  void sent(Clock::time_point now);
  /// So many more make a full batch.
  std::size_t room(std::size_t waiting) const { return waiting < full_ ? full_ - waiting : 0; }

 private:
  Clock::duration pace_;
  std::size_t full_;
  Clock::time_point paid_until_ = Clock::time_point::min();
};

}  // namespace weir::emitters
