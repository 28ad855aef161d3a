// The fields of ErrorResponse and NoticeResponse (PostgreSQL manual, "Error and Notice Message Fields").
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::wire {

/// In the order the server sent them; the code is the field's letter. Views into the frame.
using ErrorFields = std::vector<std::pair<char, std::string_view>>;

std::optional<ErrorFields> read_error_fields(std::string_view body);
/// The value of one field, or empty.
std::string_view error_field(const ErrorFields& fields, char code);
/// Appends a whole frame of the given type ('E' or 'N').
void append_error_fields(std::string& out, char type, const ErrorFields& fields);

/// What an ErrorResponse says; detail and hint may be empty.
struct ErrorWords {
  std::string_view sqlstate;  ///< of a constant
  std::string message;
  std::string detail;
  std::string hint;
  bool operator==(const ErrorWords&) const = default;
};
void append_error(std::string& out, std::string_view severity, const ErrorWords& words);

/// An ErrorResponse of Weir's own. Severity "ERROR" or "FATAL"; detail and hint may be empty.
void append_error(std::string& out, std::string_view severity, std::string_view sqlstate, std::string_view message,
                  std::string_view hint = {});

}  // namespace weir::wire
