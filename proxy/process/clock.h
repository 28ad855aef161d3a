// The wall clock as events have it.
#pragma once

#include <chrono>
#include <cstdint>

namespace weir::proxy {

/// Microseconds since the epoch, UTC.
inline std::int64_t wall_us() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

}  // namespace weir::proxy
