// When an operator hears that the journal fills up: at 50 and at 80 % of journal.max_bytes, each once, and again only
// after the journal was clearly below in between. Sans-I/O.
#pragma once

#include <cstdint>
#include <optional>

namespace weir::capture {

class FillLevel {
 public:
  /// The per cent that were reached just now. `max` 0 is no limit.
  std::optional<unsigned> note(std::uint64_t bytes, std::uint64_t max) {
    if (max == 0) return std::nullopt;
    const double level = 100.0 * static_cast<double>(bytes) / static_cast<double>(max);
    if (told_ > kFirst && level < kSecond - kClearlyBelow) told_ = kFirst;
    if (told_ > 0 && level < kFirst - kClearlyBelow) told_ = 0;
    const unsigned reached = level >= kSecond ? kSecond : level >= kFirst ? kFirst : 0;
    if (reached <= told_) return std::nullopt;
    told_ = reached;
    return reached;
  }

 private:
  static constexpr unsigned kFirst = 50;
  static constexpr unsigned kSecond = 80;
  static constexpr unsigned kClearlyBelow = 10;

  unsigned told_ = 0;
};

}  // namespace weir::capture
