#include "base/values.h"

#include <algorithm>
#include <charconv>
#include <limits>

namespace weir {

namespace {

constexpr std::uint64_t kMostBytes = std::numeric_limits<std::int64_t>::max();

/// The digits at the front of `text`, or nothing where there are none or too many; moves `text` behind them.
std::optional<std::uint64_t> take_digits(std::string_view& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

/// "G" of "G", "GB", "gb" and "GiB"; all are units of 1024, as in postgresql.conf.
std::optional<unsigned> shift_of(std::string unit) {
  unit = lower(unit);
  if (unit.empty() || unit == "b") return 0;
  const std::string rest = unit.substr(1);
  const auto power = std::string_view("kmgt").find(unit[0]);
  if (power == std::string_view::npos || !(rest.empty() || rest == "b" || rest == "ib")) return std::nullopt;
  return static_cast<unsigned>(10 * (power + 1));
}

std::optional<std::uint64_t> milliseconds_of(const std::string& unit) {
  if (unit.empty() || unit == "ms") return 1;
  if (unit == "s") return 1'000;
  if (unit == "min") return 60'000;
  if (unit == "h") return 3'600'000;
  if (unit == "d") return 86'400'000;
  return std::nullopt;
}

/// What stands behind the number: "64 MB" is written with a space in postgresql.conf's comments, and meant so here.
std::string unit_behind(std::string_view rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  return std::string(rest);
}

}  // namespace

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = char(c - 'A' + 'a');
  }
  return text;
}

Complaint read_boolean(const std::string& text, bool& value) {
  const std::string word = lower(text);
  const bool yes = word == "true" || word == "yes" || word == "on" || word == "1";
  const bool no = word == "false" || word == "no" || word == "off" || word == "0";
  if (!yes && !no) return "must be true or false";
  value = yes;
  return std::nullopt;
}

Complaint read_number(const std::string& text, std::uint64_t lowest, std::uint64_t highest, std::uint64_t& value) {
  std::string_view rest = text;
  const auto number = take_digits(rest);
  if (!number || !rest.empty() || *number < lowest || *number > highest) {
    return "must be a whole number from " + std::to_string(lowest) + " to " + std::to_string(highest);
  }
  value = *number;
  return std::nullopt;
}

Complaint read_bytes(const std::string& text, std::uint64_t& value) {
  const std::string complaint = "must be a number of bytes, such as 1048576, 512kB, 64MB or 10GB";
  std::string_view rest = text;
  const auto number = take_digits(rest);
  const auto shift = shift_of(unit_behind(rest));
  if (!number || !shift || *number > (kMostBytes >> *shift)) return complaint;
  value = *number << *shift;
  return std::nullopt;
}

Complaint read_duration(const std::string& text, std::uint64_t lowest_ms, std::uint64_t highest_ms,
                        std::chrono::milliseconds& value) {
  std::string_view rest = text;
  const auto number = take_digits(rest);
  const auto unit = milliseconds_of(unit_behind(rest));
  const bool fits = number && unit && *number <= highest_ms / *unit && *number * *unit >= lowest_ms;
  if (!fits) {
    return "must be a time from " + std::to_string(lowest_ms) + " to " + std::to_string(highest_ms) +
           " ms, such as 1500, 1500ms, 30s or 5min";
  }
  value = std::chrono::milliseconds(*number * *unit);
  return std::nullopt;
}

std::string listed(std::string_view names, std::string_view word) {
  std::string text;
  for (std::string_view rest = names; !rest.empty();) {
    const auto name = rest.substr(0, rest.find('|'));
    rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    if (!text.empty()) text += rest.empty() ? " " + std::string(word) + " " : ", ";
    text += name;
  }
  return text;
}

Complaint read_choice(const std::string& text, std::string_view allowed) {
  for (std::string_view rest = allowed; !rest.empty();) {
    const auto name = rest.substr(0, rest.find('|'));
    if (text == name) return std::nullopt;
    rest.remove_prefix(std::min(rest.size(), name.size() + 1));
  }
  return "must be " + listed(allowed, "or");
}

}  // namespace weir
