// Bytes that wait, first in first out, in one piece of memory: taken from the front without moving the rest each time.
// Holds no memory while it is empty.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace weir::proxy {

class ByteQueue {
 public:
  bool empty() const { return taken_ == bytes_.size(); }
  std::size_t size() const { return bytes_.size() - taken_; }
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
    if (empty()) clear();
  }
  /// Makes room for `total` bytes in all, but never for much more than what is there: `total` is a peer's claim.
  void expect(std::size_t total) {
    constexpr std::size_t kUnproven = 1024 * 1024;
    const std::size_t wanted = taken_ + std::min(total, 2 * size() + kUnproven);
    if (wanted > bytes_.capacity()) bytes_.reserve(wanted);
  }
  void clear() {
    bytes_ = std::string();
    taken_ = 0;
  }

 private:
  std::string bytes_;
  std::size_t taken_ = 0;
};

}  // namespace weir::proxy
