// What whoever runs Weir should hear, as a value: the place that made the decision does not log. Where notices arrive
// they become lines of the log and counts (proxy/process/notices.h).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace weir {

struct Notice {
  enum class Level { info, warning, error };
  Level level = Level::info;
  std::string text;
  /// A few words from the source, "dead letters", where every client or every retry may say the same again: of one kind
  /// only so many lines are logged in a time, and all are counted. Empty: each is logged.
  std::string_view kind = {};
};

/// Whoever hears of it may be asked from any thread, and must not block for long.
using Tell = std::function<void(const Notice&)>;

}  // namespace weir
