// Words put together for people to read. Text in, text out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir {

/// "a, b": what `text_of` says of each, with `between` between two of them.
template <typename Parts, typename TextOf>
std::string joined(const Parts& parts, std::string_view between, TextOf text_of) {
  std::string text;
  bool first = true;
  for (const auto& part : parts) {
    if (!first) text += between;
    first = false;
    text += text_of(part);
  }
  return text;
}

template <typename Parts>
std::string joined(const Parts& parts, std::string_view between = ", ") {
  return joined(parts, between, [](std::string_view part) { return part; });
}

/// "1 transaction", "2 transactions".
inline std::string counted(std::uint64_t count, std::string_view one) {
  return std::to_string(count).append(" ").append(one).append(count == 1 ? "" : "s");
}

/// Sixteen hexadecimal digits, small letters.
inline std::string hex(std::uint64_t number) {
  std::string text(16, '0');
  for (auto digit = text.rbegin(); digit != text.rend(); ++digit, number >>= 4)
    *digit = "0123456789abcdef"[number & 15];
  return text;
}

}  // namespace weir
