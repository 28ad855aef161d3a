// Bytes that wait, first in first out, in one piece of memory: taken from the front without moving the rest each time.
// Holds no memory while it is empty.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "base/memory.h"

namespace weir::proxy {

class ByteQueue {
 public:
  bool empty() const { return taken_ == bytes_.size(); }
  std::size_t size() const { return bytes_.size() - taken_; }
  /// How much it holds.
  std::size_t memory() const { return bytes_.capacity(); }
  /// Valid until the queue is changed.
  std::string_view bytes() const { return std::string_view(bytes_).substr(taken_); }

  void append(std::string_view more) {
    // Moving what is left pays for itself once as much was taken.
    if (taken_ > 0 && taken_ >= size()) {
      bytes_.erase(0, taken_);
      taken_ = 0;
    }
    bytes_.append(more);
  }
  void take(std::size_t count) {
    taken_ += count;
    if (empty()) return clear();
    // What is left of a large message's piece is mostly the beginning of the next one.
    if (taken_ >= kLarge && size() <= bytes_.capacity() / 8) {
      bytes_.erase(0, taken_);
      taken_ = 0;
      fit(bytes_);
    }
  }
  /// Takes over memory that somebody has no use for any more, of which the first `taken` bytes are gone. Only where it
  /// is empty.
  void adopt(std::string&& bytes, std::size_t taken) {
    bytes_ = std::move(bytes);
    taken_ = taken;
  }
  /// Makes room for `total` bytes in all and some behind them, but never for much more than what is there: `total` is a
  /// peer's claim.
  void expect(std::size_t total) {
    constexpr std::size_t kBehind = 128 * 1024;
    const std::size_t wanted = std::min(total + kBehind, 2 * size() + kLarge);
    if (taken_ + wanted <= bytes_.capacity()) return;
    // reserve() would at least double it.
    std::string more;
    more.reserve(wanted);
    more += bytes();
    bytes_.swap(more);
    taken_ = 0;
  }
  void clear() {
    give_back(bytes_);
    taken_ = 0;
  }

 private:
  static constexpr std::size_t kLarge = 1024 * 1024;

  std::string bytes_;
  std::size_t taken_ = 0;
};

}  // namespace weir::proxy
