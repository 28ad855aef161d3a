// What the parts of a session require of themselves and of their callers, in every build. A part whose rule does not
// hold says so here and goes on as well as it can; the session looks after each turn, and loses track of what it
// relays: that is a gap and the end of capturing, never the end of the process.
#pragma once

#include <string_view>

namespace weir::capture {

class Rules {
 public:
  /// `rule` says what holds, and lives as long as the program. True where it does.
  bool require(bool holds, std::string_view rule) {
    if (!holds && broken_.empty()) broken_ = rule;
    return holds;
  }
  /// The first that did not hold; empty: all did.
  std::string_view broken() const { return broken_; }

 private:
  std::string_view broken_;
};

}  // namespace weir::capture
