// Bytes on their way to one peer within one turn (one call of the engine).
//
// Bytes that are only relayed stay where they were received: the first run of them is kept as a view, so a turn that
// changes nothing costs no copy and one write. As soon as anything is added to such a run, all is copied into one
// buffer. The view is valid until the turn is over: whoever does the I/O writes `bytes()` or keeps a copy, then
// `clear`s.
#pragma once

#include <string>
#include <string_view>

namespace weir::wire {

class Outbox {
 public:
  /// Bytes of a receive buffer that outlives the turn.
  void relay(std::string_view received) {
    if (received.empty()) return;
    if (buffer_.empty() && view_.empty()) {
      view_ = received;
    } else if (buffer_.empty() && view_.data() + view_.size() == received.data()) {
      view_ = {view_.data(), view_.size() + received.size()};
    } else {
      buffer().append(received);
    }
  }
  /// The buffer, to append made bytes to. Never holds less than what was added before.
  std::string& buffer() {
    if (!view_.empty()) {
      buffer_.append(view_);
      view_ = {};
    }
    return buffer_;
  }
  /// The memory of `bytes()`, where that is a buffer of its own and no view; to be cleared after it.
  std::string* owned() { return view_.empty() && !buffer_.empty() ? &buffer_ : nullptr; }
  std::string_view bytes() const { return view_.empty() ? std::string_view(buffer_) : view_; }
  bool empty() const { return view_.empty() && buffer_.empty(); }
  void clear() {
    view_ = {};
    buffer_.clear();
  }

 private:
  std::string_view view_;  // not empty only while buffer_ is
  std::string buffer_;
};

}  // namespace weir::wire
