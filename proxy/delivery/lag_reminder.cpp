#include "proxy/delivery/lag_reminder.h"

namespace weir::proxy {

namespace {

constexpr std::chrono::seconds kLook{1};

}  // namespace

bool LagReminder::is_due(Clock::time_point now) {
  if (now - looked_at_ < kLook) return false;
  looked_at_ = now;
  return true;
}

std::optional<std::string> LagReminder::look(const DestinationCounts::Value& destination, std::int64_t now_us) {
  const std::chrono::microseconds lag(destination.lag_us(now_us));
  if (lag < kWorthALine) return std::nullopt;
  if (std::chrono::microseconds(now_us - said_us_) < kInterval) return std::nullopt;
  said_us_ = now_us;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(lag).count();
  return destination.name + ": " + (destination.paused ? "paused" : "behind") +
         ": the oldest transaction that it does not have committed " + std::to_string(seconds) + " s ago" +
         (destination.trouble.empty() ? "" : " (" + destination.trouble + ")");
}

}  // namespace weir::proxy
