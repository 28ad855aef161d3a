// The messages of both peers as tests of capture/ write them, in the manual's words. Spelled out field by field, so
// that no test takes its expectations from the builders that the engine uses. In namespaces named after who sends them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/wire/bytes.h"

namespace weir::testing {

using Values = std::vector<std::optional<std::string>>;

inline std::string values(const Values& columns) {
  std::string out = int16(int(columns.size()));
  for (const auto& column : columns) out += column ? int32(std::int64_t(column->size())) + *column : int32(-1);
  return out;
}

inline std::string int16_list(const std::vector<int>& numbers) {
  std::string out = int16(int(numbers.size()));
  for (const int number : numbers) out += int16(number);
  return out;
}

namespace client {

inline std::string query(std::string_view sql) {
  return frame('Q', cstring(sql));
}

inline std::string parse(std::string_view name, std::string_view sql, const std::vector<std::int64_t>& types = {}) {
  std::string oids = int16(int(types.size()));
  for (const std::int64_t type : types) oids += int32(type);
  return frame('P', cstring(name) + cstring(sql) + oids);
}

struct BindFormats {
  std::vector<int> parameters = {};
  std::vector<int> results = {};
};

inline std::string bind(std::string_view portal, std::string_view statement, const Values& parameters = {},
                        const BindFormats& formats = {}) {
  return frame('B', cstring(portal) + cstring(statement) + int16_list(formats.parameters) + values(parameters) +
                        int16_list(formats.results));
}

inline std::string describe(char kind, std::string_view name) {
  return frame('D', kind + cstring(name));
}

inline std::string execute(std::string_view portal, std::int32_t row_limit = 0) {
  return frame('E', cstring(portal) + int32(row_limit));
}

inline std::string close(char kind, std::string_view name) {
  return frame('C', kind + cstring(name));
}

inline std::string sync() {
  return frame('S');
}

inline std::string flush() {
  return frame('H');
}

inline std::string terminate() {
  return frame('X');
}

}  // namespace client

namespace server {

inline std::string parse_complete() {
  return frame('1');
}

inline std::string bind_complete() {
  return frame('2');
}

inline std::string close_complete() {
  return frame('3');
}

inline std::string no_data() {
  return frame('n');
}

inline std::string portal_suspended() {
  return frame('s');
}

inline std::string complete(std::string_view tag) {
  return frame('C', cstring(tag));
}

/// ReadyForQuery: 'I' idle, 'T' in a block, 'E' in a failed one.
inline std::string ready(char status) {
  return frame('Z', std::string(1, status));
}

inline std::string row(const Values& columns) {
  return frame('D', values(columns));
}

inline std::string row_description(const std::vector<std::string>& names) {
  std::string fields = int16(int(names.size()));
  for (const std::string& name : names)
    fields += cstring(name) + int32(0) + int16(0) + int32(25) + int16(-1) + int32(-1) + int16(0);
  return frame('T', fields);
}

inline std::string parameter_description(const std::vector<std::int64_t>& types) {
  std::string oids = int16(int(types.size()));
  for (const std::int64_t type : types) oids += int32(type);
  return frame('t', oids);
}

inline std::string parameter_status(std::string_view name, std::string_view value) {
  return frame('S', cstring(name) + cstring(value));
}

using Fields = std::vector<std::pair<char, std::string>>;

/// ErrorResponse ('E') or NoticeResponse ('N') with fields behind severity, SQLSTATE and message.
inline std::string report(char type, std::string_view severity, std::string_view sqlstate, std::string_view message,
                          const Fields& more = {}) {
  std::string body =
      "S" + cstring(severity) + "V" + cstring(severity) + "C" + cstring(sqlstate) + "M" + cstring(message);
  for (const auto& [code, value] : more) body += code + cstring(value);
  return frame(type, body + '\0');
}

inline std::string error(std::string_view sqlstate, std::string_view message, const Fields& more = {}) {
  return report('E', "ERROR", sqlstate, message, more);
}

inline std::string notice(std::string_view message, const Fields& more = {}) {
  return report('N', "NOTICE", "00000", message, more);
}

}  // namespace server
}  // namespace weir::testing
