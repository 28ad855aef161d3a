// The text of one JSON object, as row_to_json prints it, seen as a list of members whose values stay untouched text.
//
// Nothing is parsed and printed again, so every digit is kept, and nothing is allocated but the result. Takes any
// bytes: where they are no JSON object the answer is "nothing". A nested value is only delimited, not validated.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weir::event {

/// Views into the scanned text.
struct Member {
  std::string_view name;   ///< between its quotes, still escaped
  std::string_view value;  ///< raw: a string with its quotes, a number, an object, …
};

/// Walks the members of an object in their order.
class MemberScanner {
 public:
  explicit MemberScanner(std::string_view object);
  /// Nothing at the end, and from where on the text is malformed.
  std::optional<Member> next();
  /// To be asked after the end: the text was one whole JSON object and nothing more.
  bool well_formed() const { return state_ == State::done; }

 private:
  enum class State { first, more, done, malformed };
  std::optional<Member> read_member();

  std::string_view rest_;
  State state_ = State::malformed;
};

/// An object of the members with these (unescaped) names, in this order: `{"id":1,"line":2}`. Nothing where one of them
/// is missing or the text is malformed.
std::optional<std::string> select_members(std::string_view object, std::span<const std::string> names);
/// The raw value of one member.
std::optional<std::string_view> find_member(std::string_view object, std::string_view name);

/// True where the escaped text of a JSON string stands for `plain`.
bool equals_unescaped(std::string_view escaped, std::string_view plain);
/// What the escaped text of a JSON string (without its quotes) stands for. A malformed escape is kept as it is.
std::string unescape_json(std::string_view escaped);
/// As the server takes it: no overlong forms, no surrogates.
bool is_utf8(std::string_view text);
/// Appends text as a JSON string with its quotes (RFC 8259). What is no UTF-8 becomes U+FFFD, byte by byte.
void append_json_string(std::string& out, std::string_view text);
/// The object without the members whose (unescaped) names are left out; names are written as select_members does.
/// Nothing where the text is malformed.
template <typename IsLeftOut>
std::optional<std::string> without_members(std::string_view object, IsLeftOut is_left_out) {
  std::string kept = "{";
  MemberScanner members(object);
  while (const auto member = members.next()) {
    const std::string name = unescape_json(member->name);
    if (is_left_out(name)) continue;
    if (kept.size() > 1) kept += ',';
    append_json_string(kept, name);
    kept.append(":").append(member->value);
  }
  return members.well_formed() ? std::optional(kept + "}") : std::nullopt;
}

}  // namespace weir::event
