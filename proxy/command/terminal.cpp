#include "proxy/command/terminal.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace weir::proxy {

namespace {

// ECMA-48, and the two of xterm's private modes that every terminal has.
constexpr std::string_view kAlternateScreen = "\x1b[?1049h\x1b[?25l";
constexpr std::string_view kUsualScreen = "\x1b[?25h\x1b[?1049l";
constexpr std::string_view kHome = "\x1b[H";
constexpr std::string_view kEraseLine = "\x1b[K";
constexpr std::string_view kEraseBelow = "\x1b[J";

}  // namespace

bool Terminal::is_one(int input, int output) {
  const char* kind = std::getenv("TERM");
  const bool obeys = kind != nullptr && std::strcmp(kind, "dumb") != 0 && *kind != '\0';
  return obeys && ::isatty(input) == 1 && ::isatty(output) == 1;
}

void Terminal::enter() {
  termios settings{};
  if (before_ || ::tcgetattr(input_, &settings) != 0) return;
  before_ = settings;
  settings.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  settings.c_cc[VMIN] = 0;
  settings.c_cc[VTIME] = 0;
  ::tcsetattr(input_, TCSADRAIN, &settings);
  write(kAlternateScreen);
}

void Terminal::leave() {
  if (!before_) return;
  write(kUsualScreen);
  ::tcsetattr(input_, TCSADRAIN, &*before_);
  before_.reset();
}

Terminal::Size Terminal::size() const {
  winsize window{};
  if (::ioctl(output_, TIOCGWINSZ, &window) != 0 || window.ws_col == 0 || window.ws_row == 0) return {};
  return {window.ws_col, window.ws_row};
}

bool Terminal::draw(const std::string& page) const {
  std::string bytes(kHome);
  std::size_t from = 0;
  for (auto end = page.find('\n'); end != page.npos; end = page.find('\n', from)) {
    bytes.append(page, from, end - from).append(kEraseLine);
    from = end + 1;
    if (from < page.size()) bytes += "\r\n";
  }
  return write(bytes.append(page, from).append(kEraseBelow));
}

std::optional<std::string> Terminal::keys() const {
  pollfd one{input_, POLLIN, 0};
  if (::poll(&one, 1, 0) <= 0) return std::string();
  std::array<char, 64> pressed{};
  const auto got = ::read(input_, pressed.data(), pressed.size());
  if (got <= 0) return std::nullopt;
  return std::string(pressed.data(), static_cast<std::size_t>(got));
}

bool Terminal::write(std::string_view bytes) const {
  while (!bytes.empty()) {
    const auto written = ::write(output_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace weir::proxy
