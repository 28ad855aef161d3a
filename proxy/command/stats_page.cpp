#include "proxy/command/stats_page.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>
#include <vector>

#include "base/text.h"
#include "emitters/readable.h"

namespace weir::proxy {

namespace {

enum class Style { plain, head, dim, good, warning, bad };

const char* escape(Style style) {
  switch (style) {
    case Style::head:
      return "\x1b[1m";
    case Style::dim:
      return "\x1b[2m";
    case Style::good:
      return "\x1b[32m";
    case Style::warning:
      return "\x1b[33m";
    case Style::bad:
      return "\x1b[1;31m";
    case Style::plain:
      break;
  }
  return "";
}

template <typename... Values>
std::string format(const char* form, Values... values) {
  std::array<char, 256> text{};
  std::snprintf(text.data(), text.size(), form, values...);
  return text.data();
}

/// "0", "0.3", "12.3", "123", "12.3k", "4.5M": at most five characters.
std::string short_number(double number) {
  constexpr std::array<const char*, 5> kUnits = {"", "k", "M", "G", "T"};
  std::size_t unit = 0;
  for (; number >= 9'999.5 && unit + 1 < kUnits.size(); ++unit) number /= 1000;
  if (unit > 0) return format(number >= 99.95 ? "%.0f%s" : "%.1f%s", number, kUnits[unit]);
  return format(number == std::floor(number) || number >= 99.95 ? "%.0f" : "%.1f", number);
}

std::string bytes(double amount) {
  constexpr std::array<const char*, 5> kUnits = {"B", "kB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  for (; amount >= 1024 && unit + 1 < kUnits.size(); ++unit) amount /= 1024;
  return format(unit == 0 || amount >= 100 ? "%.0f %s" : "%.1f %s", amount, kUnits[unit]);
}

/// "0", "0.4 ms", "12 ms", "3.4 s", "12 min", "5 h", "3 d".
std::string time_text(double seconds) {
  if (seconds <= 0) return "0";
  if (seconds < 0.01) return format("%.1f ms", seconds * 1e3);
  if (seconds < 0.9995) return format("%.0f ms", seconds * 1e3);
  if (seconds < 99.5) return format(seconds < 9.95 ? "%.1f s" : "%.0f s", seconds);
  if (seconds < 90 * 60) return format("%.0f min", seconds / 60);
  return seconds < 48 * 3600 ? format("%.0f h", seconds / 3600) : format("%.0f d", seconds / 86400);
}

std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string_view first(std::string_view text, std::size_t characters) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if ((static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) continue;
    if (characters-- == 0) return text.substr(0, at);
  }
  return text;
}

/// One line, which ends where there is no more room.
class Line {
 public:
  explicit Line(const StatsLook& look) : look_(look) {}

  Line& add(std::string_view given, Style style = Style::plain) {
    const auto text = emitters::printable(given);
    const auto room = look_.columns == 0 ? text.size() : look_.columns - std::min(look_.columns, width_);
    const auto fitting = first(text, room);
    const bool styled = look_.colour && style != Style::plain && !fitting.empty();
    if (styled) text_ += escape(style);
    text_ += fitting;
    if (styled) text_ += "\x1b[0m";
    width_ += width(fitting);
    return *this;
  }
  /// Right-aligned; a blank stands before it.
  Line& right(std::string_view text, std::size_t columns, Style style = Style::plain) {
    const auto blanks = columns - std::min(columns, width(text));
    return add(std::string(blanks + 1, ' ')).add(text, style);
  }
  /// Left-aligned; a blank stands behind it.
  Line& left(std::string_view text, std::size_t columns, Style style = Style::plain) {
    const auto blanks = columns - std::min(columns, width(text));
    return add(text, style).add(std::string(blanks + 1, ' '));
  }
  std::string take() {
    while (text_.ends_with(' ')) text_.pop_back();
    return std::move(text_) + "\n";
  }

 private:
  const StatsLook& look_;
  std::size_t width_ = 0;
  std::string text_;
};

class Page {
 public:
  Page(const std::optional<StatsReading>& before, const StatsReading& now, const StatsLook& look)
      : now_(now), look_(look) {
    const bool same_run = before && before->started == now.started && now.time > before->time;
    if (same_run) before_ = &*before;
  }

  std::string text(const std::string& trouble) {
    heading(trouble);
    connections();
    if (!now_.capturing) {
      lines_.push_back(line().add("nothing is captured (capture.enabled: false)", Style::warning).take());
      return finish();
    }
    transactions();
    journal();
    doubts();
    destinations();
    const auto gap_rows = std::min<std::size_t>(now_.gaps.size(), kMostGaps);
    tables(gap_rows == 0 ? 0 : gap_rows + 2);
    gaps();
    return finish();
  }

 private:
  static constexpr std::size_t kMostGaps = 5;
  static constexpr std::size_t kLabel = 13;
  static constexpr std::size_t kNumber = 9;

  Line line() const { return Line(look_); }
  Line labelled(std::string_view label) const {
    Line begun = line();
    begun.left(label, kLabel, Style::dim);
    return begun;
  }
  double elapsed() const { return now_.time - before_->time; }
  static double growth(std::uint64_t before, std::uint64_t now) {
    return now > before ? static_cast<double>(now - before) : 0;
  }
  /// Of the whole reading's member.
  template <typename Member>
  std::string rate(Member member) const {
    return before_ == nullptr ? "-" : short_number(growth(before_->*member, now_.*member) / elapsed());
  }
  template <typename Member>
  std::string byte_rate(Member member) const {
    return before_ == nullptr ? "-" : bytes(growth(before_->*member, now_.*member) / elapsed());
  }
  const StatsReading::Destination* earlier(const StatsReading::Destination& one) const;
  const StatsReading::Table* earlier(const StatsReading::Table& one) const;

  void heading(const std::string& trouble);
  void connections();
  void transactions();
  void journal();
  void doubts();
  void destinations();
  void destination(const StatsReading::Destination& one);
  void tables(std::size_t rows_kept);
  void gaps();
  std::string cpu() const;
  std::string finish() const;

  const StatsReading* before_ = nullptr;
  const StatsReading& now_;
  const StatsLook& look_;
  std::vector<std::string> lines_;
};

std::string Page::cpu() const {
  if (before_ == nullptr) return "-";
  return format("%.0f %%", std::max(0.0, (now_.cpu_seconds - before_->cpu_seconds) / elapsed() * 100));
}

void Page::heading(const std::string& trouble) {
  auto first_line = line();
  first_line.add("weir " + now_.version, Style::head).add("  up " + time_text(now_.time - now_.started));
  first_line.add("  cpu " + cpu() + "  memory " + bytes(static_cast<double>(now_.memory)) + "  ");
  first_line.add(now_.listening ? "listening on " + now_.addresses : "takes no new clients",
                 now_.listening ? Style::plain : Style::warning);
  lines_.push_back(first_line.take());
  if (!trouble.empty()) lines_.push_back(line().add(trouble, Style::bad).take());
  if (!now_.upstream_trouble.empty())
    lines_.push_back(labelled("database").add(now_.upstream_trouble, Style::bad).take());
}

void Page::connections() {
  lines_.push_back(
      labelled("sessions")
          .right(std::to_string(now_.sessions), kNumber)
          .add(" now   ")
          .add(rate(&StatsReading::opened) + " new/s   ")
          .add(std::to_string(now_.opened) + " opened, ")
          .add(std::to_string(now_.refused) + " refused", now_.refused == 0 ? Style::plain : Style::warning)
          .take());
  lines_.push_back(labelled("traffic")
                       .right(byte_rate(&StatsReading::client_bytes), kNumber)
                       .add("/s from clients   " + byte_rate(&StatsReading::upstream_bytes) + "/s from the database")
                       .take());
}

void Page::transactions() {
  lines_.push_back(
      labelled("transactions")
          .right(rate(&StatsReading::committed), kNumber)
          .add("/s   " + std::to_string(now_.committed) + " committed, " + std::to_string(now_.aborted) + " aborted, ")
          .add(std::to_string(now_.commits_refused) + " refused", now_.commits_refused == 0 ? Style::plain : Style::bad)
          .take());
  std::uint64_t missed = 0;
  std::uint64_t gaps = 0;
  for (const auto& table : now_.tables) missed += table.missed;
  for (const auto& table : now_.tables) gaps += table.gaps;
  lines_.push_back(labelled("events")
                       .right(rate(&StatsReading::events), kNumber)
                       .add("/s   " + std::to_string(now_.events) + " in all   ")
                       .add(counted(gaps, "gap") + ", " + counted(missed, "row") + " missed",
                            gaps == 0 ? Style::plain : Style::warning)
                       .take());
  lines_.push_back(labelled("commit")
                       .add(" before it is sent " + time_text(now_.gate.p50) + " (p99 " + time_text(now_.gate.p99) +
                            ")   journal's sync " + time_text(now_.sync.p50) + " (p99 " + time_text(now_.sync.p99) +
                            ")")
                       .take());
}

void Page::journal() {
  auto text = labelled("journal");
  text.right(bytes(static_cast<double>(now_.journal_bytes)), kNumber);
  if (now_.journal_max_bytes > 0) {
    const auto part = static_cast<double>(now_.journal_bytes) / static_cast<double>(now_.journal_max_bytes) * 100;
    const auto style = part >= 90 ? Style::bad : part >= 50 ? Style::warning : Style::plain;
    text.add(" of " + bytes(static_cast<double>(now_.journal_max_bytes)), style);
    text.add(format(" (%.0f %%)", part), style);
  }
  text.add("   " + now_.journal, Style::dim);
  lines_.push_back(text.take());
  if (!now_.journal_trouble.empty()) lines_.push_back(labelled("").add(now_.journal_trouble, Style::bad).take());
}

void Page::doubts() {
  if (now_.in_doubt == 0) return;
  lines_.push_back(labelled("in doubt")
                       .right(std::to_string(now_.in_doubt), kNumber, Style::warning)
                       .add("   for " + time_text(now_.time - now_.in_doubt_since) + ": " + now_.in_doubt_reason)
                       .take());
}

const StatsReading::Destination* Page::earlier(const StatsReading::Destination& one) const {
  if (before_ == nullptr) return nullptr;
  const auto& all = before_->destinations;
  const auto found = std::find_if(all.begin(), all.end(), [&](const auto& other) { return other.name == one.name; });
  return found == all.end() ? nullptr : &*found;
}

const StatsReading::Table* Page::earlier(const StatsReading::Table& one) const {
  if (before_ == nullptr) return nullptr;
  const auto& all = before_->tables;
  const auto found = std::find_if(all.begin(), all.end(), [&](const auto& other) {
    return other.database == one.database && other.table == one.table;
  });
  return found == all.end() ? nullptr : &*found;
}

void Page::destinations() {
  auto head = line();
  head.left("STATE", 9, Style::head).right("TX/S", 5, Style::head).right("BYTES/S", 8, Style::head);
  head.right("BEHIND", 6, Style::head).right("LAG", 7, Style::head).right("P50", 7, Style::head);
  lines_.push_back("\n");
  lines_.push_back(head.right("P99", 7, Style::head).add("  DESTINATION", Style::head).take());
  for (const auto& one : now_.destinations) destination(one);
}

void Page::destination(const StatsReading::Destination& one) {
  const auto* before = earlier(one);
  const auto per_second = [&](std::uint64_t was, std::uint64_t is) { return growth(was, is) / elapsed(); };
  const auto style = one.state == "failing" ? Style::bad : one.state == "streaming" ? Style::good : Style::warning;
  auto text = line();
  text.left(one.state, 9, style);
  text.right(before == nullptr ? "-" : short_number(per_second(before->transactions, one.transactions)), 5);
  text.right(before == nullptr ? "-" : bytes(per_second(before->bytes, one.bytes)), 8);
  text.right(short_number(static_cast<double>(one.lag)), 6, one.lag_seconds > 1 ? Style::warning : Style::plain);
  text.right(time_text(one.lag_seconds), 7, one.lag_seconds > 1 ? Style::warning : Style::plain);
  text.right(time_text(one.delivery.p50), 7).right(time_text(one.delivery.p99), 7).add("  " + one.name);
  lines_.push_back(text.take());
  if (!one.trouble.empty()) lines_.push_back(line().add("  " + one.trouble, Style::bad).take());
  if (one.dead_letters > 0)
    lines_.push_back(
        line().add("  " + counted(one.dead_letters, "dead letter") + ": weir journal dead-letters", Style::bad).take());
}

/// The busiest first; as many as leave room for `rows_kept` lines.
void Page::tables(std::size_t rows_kept) {
  if (now_.tables.empty()) return;
  std::vector<std::pair<double, const StatsReading::Table*>> all;
  for (const auto& one : now_.tables) {
    const auto* before = earlier(one);
    const auto written = one.captured + one.counted + one.missed;
    const auto was = before == nullptr ? 0 : before->captured + before->counted + before->missed;
    all.emplace_back(before_ == nullptr ? 0 : growth(was, written) / elapsed(), &one);
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& one, const auto& other) {
    return std::make_pair(one.first, one.second->captured) > std::make_pair(other.first, other.second->captured);
  });
  auto head = line();
  head.right("ROWS/S", 5, Style::head).right("CAPTURED", 10, Style::head).right("COUNTED", 8, Style::head);
  lines_.push_back("\n");
  lines_.push_back(
      head.right("MISSED", 8, Style::head).right("GAPS", 5, Style::head).add("  TABLE", Style::head).take());
  const auto taken = lines_.size() + rows_kept;
  std::size_t shown = all.size();
  if (look_.rows > 0) shown = std::min(shown, look_.rows > taken + 2 ? look_.rows - taken - 1 : 1);
  for (std::size_t i = 0; i < shown; ++i) {
    const auto& one = *all[i].second;
    auto text = line();
    text.right(before_ == nullptr ? "-" : short_number(all[i].first), 6).right(std::to_string(one.captured), 10);
    text.right(std::to_string(one.counted), 8);
    text.right(std::to_string(one.missed), 8, one.missed == 0 ? Style::plain : Style::warning);
    text.right(std::to_string(one.gaps), 5, one.gaps == 0 ? Style::plain : Style::warning);
    lines_.push_back(text.add("  " + one.database + "." + one.table).take());
  }
  if (shown < all.size())
    lines_.push_back(line().add("  and " + counted(all.size() - shown, "more table"), Style::dim).take());
}

void Page::gaps() {
  if (now_.gaps.empty()) return;
  auto head = line();
  head.right("GAPS", 6, Style::head).right("MISSED", 8, Style::head).right("LAST", 8, Style::head);
  lines_.push_back("\n");
  lines_.push_back(head.add("  CAUSE, TABLE, AND WHAT TO DO", Style::head).take());
  for (std::size_t i = 0; i < std::min(now_.gaps.size(), kMostGaps); ++i) {
    const auto& one = now_.gaps[i];
    auto text = line();
    text.right(std::to_string(one.gaps), 6).right(std::to_string(one.missed), 8);
    text.right(time_text(std::max(0.0, now_.time - one.last)), 8).add("  " + one.cause, Style::warning);
    text.add(" in " + one.database + "." + one.table);
    if (!one.advice.empty()) text.add(": " + one.advice, Style::dim);
    lines_.push_back(text.take());
  }
}

std::string Page::finish() const {
  const auto shown = look_.rows == 0 ? lines_.size() : std::min(lines_.size(), look_.rows);
  std::string text;
  for (std::size_t i = 0; i < shown; ++i) text += lines_[i];
  return text;
}

}  // namespace

std::string stats_page(const std::optional<StatsReading>& before, const StatsReading& now, const StatsLook& look,
                       const std::string& trouble) {
  return Page(before, now, look).text(trouble);
}

}  // namespace weir::proxy
