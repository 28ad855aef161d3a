// Messages as bytes, for tests: what wire's own builders do not make, spelled out field by field so that no test takes
// its expectations from the code it tests.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace weir::testing {

inline std::string int16(int value) {
  return {char(value >> 8 & 0xff), char(value & 0xff)};
}

inline std::string int32(std::int64_t value) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(char(value >> shift & 0xff));
  return out;
}

inline std::string cstring(std::string_view text) {
  return std::string(text) + '\0';
}

inline std::string frame(char type, std::string_view body = {}) {
  return type + int32(std::int64_t(body.size()) + 4) + std::string(body);
}

/// What has no type byte: a length, a code or version, and what follows.
inline std::string startup_packet(std::int64_t code, std::string_view rest = {}) {
  return int32(std::int64_t(rest.size()) + 8) + int32(code) + std::string(rest);
}

/// "name", "value", "name", "value" and the closing zero.
inline std::string parameters(std::initializer_list<std::string_view> names_and_values) {
  std::string out;
  for (const std::string_view text : names_and_values) out += cstring(text);
  return out + '\0';
}

/// Severity, SQLSTATE, message as the database sends them.
inline std::string error_response(std::string_view severity, std::string_view sqlstate, std::string_view message) {
  return frame(
      'E', "S" + cstring(severity) + "V" + cstring(severity) + "C" + cstring(sqlstate) + "M" + cstring(message) + '\0');
}

}  // namespace weir::testing
