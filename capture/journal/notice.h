// What whoever runs Weir should hear, as a value: the place that made the decision does not log.
#pragma once

#include <cstdint>
#include <string>

namespace weir::capture {

struct Notice {
  enum class Level { info, warning, error };
  Level level = Level::info;
  std::string text;
};

/// "1 transaction", "2 transactions".
inline std::string counted(std::uint64_t count, const char* what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

}  // namespace weir::capture
