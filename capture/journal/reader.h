// Reads committed transactions in the order of the stream. One thread; several readers do not disturb each other nor
// those who write. Reads what was written, durable or not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "capture/event/change_event.h"

namespace weir::capture {

class JournalReader {
 public:
  virtual ~JournalReader() = default;
  /// The first released transaction with a position > after, if there is one.
  virtual Result<std::optional<event::Transaction>> next(event::Position after) = 0;
  /// At most `limit` events of it with ordinal > after_ordinal, in order. Fewer where they are large: the last one
  /// is that with which they take kMostBytes. Also of a transaction that was written and has no outcome yet.
  virtual Result<std::vector<event::ChangeEvent>> events(std::int64_t id, std::uint32_t after_ordinal,
                                                         std::size_t limit) = 0;

  static constexpr std::size_t kMostBytes = 16u << 20;
  /// Whether nothing can follow what was read with this limit.
  static bool are_last(const std::vector<event::ChangeEvent>& events, std::size_t limit) {
    return events.size() < limit && event::memory_of(events) < kMostBytes;
  }
};

}  // namespace weir::capture
