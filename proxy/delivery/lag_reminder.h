// Says once a minute that a destination is behind, for as long as it is. Sans-I/O: time comes in, text goes out.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "proxy/counts/destination_counts.h"

namespace weir::proxy {

class LagReminder {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::minutes kInterval{1};
  /// Behind by less than this is not worth a line.
  static constexpr std::chrono::seconds kWorthALine{60};

  /// Once a second: there may be something to say.
  bool is_due(Clock::time_point now);
  /// What is to be said now, if anything.
  std::optional<std::string> look(const DestinationCounts::Value& destination, std::int64_t now_us);

 private:
  Clock::time_point looked_at_{};
  std::int64_t said_us_ = 0;
};

}  // namespace weir::proxy
