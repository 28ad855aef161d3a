#include "proxy/settings/values.h"

#include <algorithm>
#include <charconv>
#include <limits>

namespace weir::proxy {

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

namespace {

constexpr std::string_view kUnix = "unix:";

/// A directory's name may hold colons: what stands behind the last one is a port only where it is a number.
Complaint read_socket_directory(const std::string& text, HostPort& value) {
  HostPort address{text, 0};
  const auto colon = text.rfind(':');
  std::uint64_t port = 0;
  if (colon != std::string::npos && !read_number(text.substr(colon + 1), 1, 65535, port))
    address = {text.substr(0, colon), static_cast<std::uint16_t>(port)};
  if (!address.is_unix() || address.host == "@" || address.host.find('\0') != std::string::npos)
    return "must name the socket's directory by its full path, such as unix:/run/weir or unix:/run/weir:6432";
  while (address.host.size() > 1 && address.host.ends_with('/')) address.host.pop_back();
  value = address;
  return std::nullopt;
}

}  // namespace

Complaint read_permissions(const std::string& text, unsigned& value) {
  const bool octal = text.find_first_not_of("01234567") == std::string::npos;
  const bool sized = text.size() == 3 || (text.size() == 4 && text[0] == '0');
  if (!octal || !sized) return "must be three octal digits, as chmod takes them, such as 0777, 0770 or 700";
  value = static_cast<unsigned>(std::stoul(text, nullptr, 8));
  return std::nullopt;
}

Complaint read_listen_address(const std::string& text, HostPort& value) {
  if (text.starts_with(kUnix)) return read_socket_directory(text.substr(kUnix.size()), value);
  const std::string complaint =
      "must be an address and a port, such as 127.0.0.1:6432, [::1]:6432 or *:6432, or a Unix socket's directory, such "
      "as unix:/run/weir";
  const auto colon = text.rfind(':');
  std::string host = colon == std::string::npos ? "127.0.0.1" : text.substr(0, colon);
  const std::string port = colon == std::string::npos ? text : text.substr(colon + 1);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string::npos) {
    return complaint;
  }
  if (host == "*") host = "0.0.0.0";
  std::uint64_t number = 0;
  if (host.empty() || read_number(port, 0, 65535, number)) return complaint;
  value = HostPort{host, static_cast<std::uint16_t>(number)};
  return std::nullopt;
}

Complaint read_choice(const std::string& text, std::string_view allowed) {
  std::string names;
  for (std::string_view rest = allowed; !rest.empty();) {
    const auto name = rest.substr(0, rest.find('|'));
    if (text == name) return std::nullopt;
    rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    names += (names.empty() ? "" : rest.empty() ? " or " : ", ") + std::string(name);
  }
  return "must be " + names;
}

Complaint read_pattern(const std::string& text, int parts, std::string_view form) {
  const bool empty_part = text.empty() || text.front() == '.' || text.back() == '.' || text.find("..") != text.npos;
  if (empty_part || std::count(text.begin(), text.end(), '.') != parts - 1) {
    return "must be a pattern of the form " + std::string(form) + ", where * stands for any characters and ? for one";
  }
  return std::nullopt;
}

}  // namespace weir::proxy
