#include "wire/error_response.h"

#include "wire/message.h"

namespace weir::wire {

std::optional<ErrorFields> read_error_fields(std::string_view body) {
  Cursor in(body);
  ErrorFields fields;
  while (in.ok()) {
    const char code = char(in.uint8());
    if (code == 0) break;
    fields.emplace_back(code, in.cstring());
  }
  if (!in.done()) return std::nullopt;
  return fields;
}

std::string_view error_field(const ErrorFields& fields, char code) {
  for (const auto& [letter, value] : fields)
    if (letter == code) return value;
  return {};
}

void append_error_fields(std::string& out, char type, const ErrorFields& fields) {
  std::string body;
  for (const auto& [letter, value] : fields) {
    body.push_back(letter);
    body.append(value);
    body.push_back('\0');
  }
  body.push_back('\0');
  append_frame(out, type, body);
}

void append_error(std::string& out, std::string_view severity, const ErrorWords& words) {
  ErrorFields fields{{'S', severity}, {'V', severity}, {'C', words.sqlstate}, {'M', words.message}};
  if (!words.detail.empty()) fields.emplace_back('D', words.detail);
  if (!words.hint.empty()) fields.emplace_back('H', words.hint);
  append_error_fields(out, backend::kErrorResponse, fields);
}

void append_error(std::string& out, std::string_view severity, std::string_view sqlstate, std::string_view message,
                  std::string_view hint) {
  append_error(out, severity, {sqlstate, std::string(message), {}, std::string(hint)});
}

}  // namespace weir::wire
