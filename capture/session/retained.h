// The client's messages behind a question about old facts. The question is asked in front of the write that uses them,
// in the same exchange; until it is answered what the client sends behind it is kept, and where the answer is another
// one all of that is taken as if it came only now. Used on the session's thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace weir::capture {

class Retained {
 public:
  /// Messages behind a question that may have to be sent again.
  static constexpr std::size_t kMost = 1u << 20;

  void check_began() { ++checks_; }
  /// Answered, or skipped with what stands behind it.
  void check_ended() {
    if (--checks_ == 0) kept_.clear();
  }
  bool checks() const { return checks_ > 0; }
  void keep(std::string_view message) {
    if (checks()) kept_ += message;
  }
  bool is_full() const { return kept_.size() > kMost; }

  /// What was kept comes once more, before all that is new.
  void take_again() { again_.insert(0, kept_); }
  bool has_again() const { return !again_.empty(); }
  /// Offers it to `feed`, which says how much of it was taken. False where that was nothing.
  template <typename Feed>
  bool feed_again(Feed feed) {
    const std::string again = std::exchange(again_, {});
    feeds_again_ = true;
    const std::size_t used = feed(again);
    feeds_again_ = false;
    again_.insert(0, again, used);
    return used > 0;
  }
  /// The message at hand is one of those: its bytes are gone before the turn is over.
  bool feeds_again() const { return feeds_again_; }

 private:
  std::string kept_;
  std::string again_;
  int checks_ = 0;
  bool feeds_again_ = false;
};

}  // namespace weir::capture
