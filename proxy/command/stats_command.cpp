#include "proxy/command/stats_command.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "proxy/command/admin_client.h"
#include "proxy/command/arguments.h"
#include "proxy/command/signals.h"
#include "proxy/command/stats_page.h"
#include "proxy/command/subcommand.h"
#include "proxy/command/terminal.h"

namespace weir::proxy {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct Wish {
  milliseconds interval{1'000};
  bool once = false;
  bool json = false;
};

Result<milliseconds> read_interval(const std::string& text) {
  constexpr double kLeast = 0.1;
  constexpr double kMost = 3600;
  if (text.empty()) return milliseconds(1'000);
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size() || !(seconds >= kLeast && seconds <= kMost))
    return Error{"--interval takes seconds, from 0.1 to 3600", ""};
  return milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

/// The answer of /stats as it came, which is one object in one line.
Result<std::string> ask(const AdminTarget& target) {
  auto reply = ask_admin(target, "GET", "/stats");
  if (!reply) return reply.error();
  if (reply->status != 200) return Error{refusal_text(target, *reply), ""};
  return std::move(reply->body);
}

/// What there is to be drawn, and what it was before.
class Readings {
 public:
  explicit Readings(const AdminTarget& target) : target_(target) {}

  /// False: there is no newer one, and trouble() says why.
  bool look() {
    const auto text = ask(target_);
    auto reading = text ? read_stats(*text) : Result<StatsReading>(text.error());
    trouble_ = reading ? "" : reading.error().message;
    if (!reading) return false;
    before_ = std::move(now_);
    now_ = std::move(*reading);
    return true;
  }
  bool any() const { return now_.has_value(); }
  const std::string& trouble() const { return trouble_; }
  std::string page(const StatsLook& look) const {
    return now_ ? stats_page(before_, *now_, look, trouble_) : trouble_ + "\n";
  }

 private:
  const AdminTarget& target_;
  std::optional<StatsReading> before_;
  std::optional<StatsReading> now_;
  std::string trouble_;
};

/// True: a signal that ends a command has come, or stdout is closed.
bool is_told_to_end(const Signals& signals, milliseconds wait) {
  std::array<pollfd, 2> polled = {{{signals.descriptor(), POLLIN, 0}, {STDOUT_FILENO, 0, 0}}};
  const auto came = ::poll(polled.data(), polled.size(), static_cast<int>(wait.count()));
  return came > 0;
}

bool print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  return std::fflush(stdout) == 0;
}

/// Page after page, for a pipe or a file; or what Weir said, line after line.
int print_pages(const AdminTarget& target, const Wish& wish) {
  const Signals signals({SIGINT, SIGTERM, SIGHUP, SIGPIPE});
  Readings readings(target);
  const StatsLook look{0, 0, ::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr};
  bool is_first = true;
  for (;; is_first = false) {
    if (!is_first && is_told_to_end(signals, wish.interval)) return 0;
    std::string page;
    if (wish.json) {
      auto text = ask(target);
      if (!text) return complain(kCommandFailed, text.error().message);
      page = std::move(*text);
    } else {
      if (!readings.look()) return complain(kCommandFailed, readings.trouble());
      // The first one is there for the rates of the second.
      if (is_first) continue;
      page = readings.page(look) + (wish.once ? "" : "\n");
    }
    if (!print(page)) return errno == EPIPE ? 0 : finish_output();
    if (wish.once) return 0;
  }
}

/// On a terminal, in place.
class Screen {
 public:
  Screen(const AdminTarget& target, const Wish& wish) : readings_(target), wish_(wish) {}

  int run() {
    if (!readings_.look()) return complain(kCommandFailed, readings_.trouble());
    terminal_.enter();
    auto next = Clock::now() + std::min(wish_.interval, kFirstRates);
    while (draw() && !ended_) {
      wait(std::chrono::ceil<milliseconds>(std::max(next - Clock::now(), Clock::duration::zero())));
      if (Clock::now() < next) continue;
      readings_.look();
      next = Clock::now() + wish_.interval;
    }
    return 0;
  }

 private:
  /// Nobody waits long for the first rates.
  static constexpr milliseconds kFirstRates{1'000};

  bool draw() const {
    const auto size = terminal_.size();
    return terminal_.draw(readings_.page({size.columns, size.rows, std::getenv("NO_COLOR") == nullptr}));
  }
  void wait(milliseconds at_most) {
    std::array<pollfd, 2> polled = {{{signals_.descriptor(), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}}};
    ::poll(polled.data(), polled.size(), static_cast<int>(at_most.count()));
    while (const auto signal = signals_.next()) take(*signal);
    const auto keys = terminal_.keys();
    ended_ = ended_ || !keys || keys->find_first_of("qQ") != keys->npos;
  }
  void take(int signal) {
    if (signal == SIGWINCH) return;  // it is drawn anew
    ended_ = ended_ || signal != SIGTSTP;
    if (signal != SIGTSTP) return;
    terminal_.leave();
    ::raise(SIGSTOP);
    terminal_.enter();
  }

  Signals signals_{SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP};
  Terminal terminal_{STDIN_FILENO, STDOUT_FILENO};
  Readings readings_;
  const Wish& wish_;
  bool ended_ = false;
};

}  // namespace

int run_stats(const std::vector<std::string>& given) {
  std::vector<std::string> arguments = given;
  Wish wish;
  wish.once = take_switch(arguments, "--once");
  wish.json = take_switch(arguments, "--json");
  const auto text = take_flag(arguments, "--interval");
  const auto interval = text ? read_interval(*text) : Result<milliseconds>(text.error());
  if (!interval) return complain(kCommandUsage, interval.error().message);
  wish.interval = *interval;
  int code = 0;
  const auto target = read_admin_target("stats", arguments, code);
  if (!target) return code;
  if (wish.once || wish.json || !Terminal::is_one(STDIN_FILENO, STDOUT_FILENO)) return print_pages(*target, wish);
  return Screen(*target, wish).run();
}

}  // namespace weir::proxy
