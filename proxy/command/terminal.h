// A terminal that a page is drawn on in place: the alternate screen, keys as they are pressed, and its size.
//
// enter() and leave() may follow each other; leave() puts back what enter() changed, and so does the destructor. What
// is on the terminal before is there again behind it.
#pragma once

#include <termios.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace weir::proxy {

class Terminal {
 public:
  struct Size {
    std::size_t columns = 80;
    std::size_t rows = 24;
  };

  Terminal(int input, int output) : input_(input), output_(output) {}
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal() { leave(); }

  /// Both ends are a terminal that obeys.
  static bool is_one(int input, int output);

  void enter();
  void leave();
  Size size() const;
  /// Lines in the place of what was there. False where the terminal is gone.
  bool draw(const std::string& page) const;
  /// What was pressed, without waiting; empty for nothing, nothing where the terminal is gone.
  std::optional<std::string> keys() const;

 private:
  bool write(std::string_view bytes) const;

  const int input_;
  const int output_;
  std::optional<termios> before_;
};

}  // namespace weir::proxy
