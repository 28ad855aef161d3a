#include "capture/event/json_members.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace weir::event {

namespace {

// Every captured row is read here, and its pieces are short: a loop over the bytes is several times as fast as
// find_first_of, which calls memchr for each of them.

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

void skip_space(std::string_view& rest) {
  while (!rest.empty() && is_space(rest.front())) rest.remove_prefix(1);
}

bool take(std::string_view& rest, char expected) {
  skip_space(rest);
  if (rest.empty() || rest.front() != expected) return false;
  rest.remove_prefix(1);
  return true;
}

/// Takes a string that starts at the front, quotes included. Empty where it is not closed.
std::string_view take_string(std::string_view& rest) {
  std::size_t at = 1;
  while (at < rest.size() && rest[at] != '"') at += rest[at] == '\\' ? 2 : 1;  // the backslash and what it escapes
  if (at >= rest.size()) return {};
  const std::string_view string = rest.substr(0, at + 1);
  rest.remove_prefix(at + 1);
  return string;
}

/// Takes an object or array that starts at the front, with everything in it.
std::string_view take_nested(std::string_view& rest) {
  std::string_view inside = rest;
  std::size_t depth = 0;
  do {
    if (inside.empty()) return {};
    const char c = inside.front();
    if (c == '"') {
      if (take_string(inside).empty()) return {};
      continue;
    }
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    inside.remove_prefix(1);
  } while (depth != 0);
  const std::string_view nested = rest.substr(0, rest.size() - inside.size());
  rest = inside;
  return nested;
}

/// A number, true, false or null.
std::string_view take_scalar(std::string_view& rest) {
  static constexpr auto kMayBePart = [] {
    std::array<bool, 256> may{};
    for (const char c : std::string_view("0123456789+-.eEaflnrstu")) may[static_cast<unsigned char>(c)] = true;
    return may;
  }();
  std::size_t size = 0;
  while (size < rest.size() && kMayBePart[static_cast<unsigned char>(rest[size])]) ++size;
  const std::string_view scalar = rest.substr(0, size);
  rest.remove_prefix(size);
  return scalar;
}

std::string_view take_value(std::string_view& rest) {
  skip_space(rest);
  if (rest.empty()) return {};
  if (rest.front() == '"') return take_string(rest);
  if (rest.front() == '{' || rest.front() == '[') return take_nested(rest);
  return take_scalar(rest);
}

std::optional<std::uint32_t> hex4(std::string_view text) {
  if (text.size() < 4) return std::nullopt;
  std::uint32_t value = 0;
  for (const char digit : text.substr(0, 4)) {
    value <<= 4;
    if (digit >= '0' && digit <= '9') {
      value |= static_cast<std::uint32_t>(digit - '0');
    } else if ((digit | 32) >= 'a' && (digit | 32) <= 'f') {
      value |= static_cast<std::uint32_t>((digit | 32) - 'a' + 10);
    } else {
      return std::nullopt;
    }
  }
  return value;
}

/// A few decoded bytes, without allocation.
struct Decoded {
  std::array<char, 4> bytes{};
  std::size_t size = 0;
  std::string_view view() const { return {bytes.data(), size}; }
  void add(std::uint32_t byte) { bytes[size++] = static_cast<char>(byte); }
};

Decoded encode_utf8(std::uint32_t code) {
  Decoded out;
  if (code < 0x80) {
    out.add(code);
  } else if (code < 0x800) {
    out.add(0xC0 | code >> 6);
    out.add(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out.add(0xE0 | code >> 12);
    out.add(0x80 | (code >> 6 & 0x3F));
    out.add(0x80 | (code & 0x3F));
  } else {
    out.add(0xF0 | code >> 18);
    out.add(0x80 | (code >> 12 & 0x3F));
    out.add(0x80 | (code >> 6 & 0x3F));
    out.add(0x80 | (code & 0x3F));
  }
  return out;
}

/// `\uXXXX` at the front, or a pair of them for a character beyond the first plane.
Decoded take_unicode(std::string_view& rest) {
  const auto first = hex4(rest.substr(2));
  if (!first) return {};
  if (*first < 0xD800 || *first > 0xDFFF) {
    rest.remove_prefix(6);
    return encode_utf8(*first);
  }
  const auto second = rest.substr(6, 2) == "\\u" ? hex4(rest.substr(8)) : std::nullopt;
  if (*first > 0xDBFF || !second || *second < 0xDC00 || *second > 0xDFFF) return {};
  rest.remove_prefix(12);
  return encode_utf8(0x10000 + ((*first - 0xD800) << 10) + (*second - 0xDC00));
}

/// The character that the escape at the front stands for; nothing (and nothing taken) where it is malformed.
Decoded take_escape(std::string_view& rest) {
  constexpr std::string_view letters = "\"\\/bfnrt";
  constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
  if (rest.size() < 2) return {};
  if (rest[1] == 'u') return take_unicode(rest);
  const std::size_t at = letters.find(rest[1]);
  if (at == std::string_view::npos) return {};
  rest.remove_prefix(2);
  return encode_utf8(static_cast<unsigned char>(meanings[at]));
}

/// Of the UTF-8 character that the text begins with (RFC 3629); 0: none.
std::size_t character_size(std::string_view text) {
  const auto byte = [text](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const unsigned first = byte(0), second = byte(1);
  const std::size_t size = first < 0x80   ? 1
                           : first < 0xC2 ? 0
                           : first < 0xE0 ? 2
                           : first < 0xF0 ? 3
                           : first < 0xF5 ? 4
                                          : 0;
  for (std::size_t i = 1; i < size; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool surrogate = first == 0xED && second >= 0xA0;
  return overlong || surrogate || (first == 0xF4 && second >= 0x90) ? 0 : size;
}

}  // namespace

MemberScanner::MemberScanner(std::string_view object) : rest_(object) {
  if (take(rest_, '{')) state_ = State::first;
}

std::optional<Member> MemberScanner::next() {
  if (state_ == State::done || state_ == State::malformed) return std::nullopt;
  if (take(rest_, '}')) {
    skip_space(rest_);
    state_ = rest_.empty() ? State::done : State::malformed;
    return std::nullopt;
  }
  const bool separated = state_ == State::first || take(rest_, ',');
  const std::optional<Member> member = separated ? read_member() : std::nullopt;
  state_ = member ? State::more : State::malformed;
  return member;
}

std::optional<Member> MemberScanner::read_member() {
  skip_space(rest_);
  if (rest_.empty() || rest_.front() != '"') return std::nullopt;
  const std::string_view name = take_string(rest_);
  if (name.empty() || !take(rest_, ':')) return std::nullopt;
  const std::string_view value = take_value(rest_);
  if (value.empty()) return std::nullopt;
  return Member{name.substr(1, name.size() - 2), value};
}

std::optional<std::string_view> find_member(std::string_view object, std::string_view name) {
  MemberScanner scanner(object);
  std::optional<std::string_view> found;
  while (const auto member = scanner.next()) {
    if (!found && equals_unescaped(member->name, name)) found = member->value;
  }
  if (!scanner.well_formed()) return std::nullopt;
  return found;
}

std::optional<std::string> select_members(std::string_view object, std::span<const std::string> names) {
  std::string selected = "{";
  for (const std::string& name : names) {
    const auto value = find_member(object, name);
    if (!value) return std::nullopt;
    if (selected.size() > 1) selected += ',';
    append_json_string(selected, name);
    selected += ':';
    selected += *value;
  }
  selected += '}';
  return selected;
}

bool equals_unescaped(std::string_view escaped, std::string_view plain) {
  // No escape is shorter than what it stands for.
  if (escaped.size() < plain.size()) return false;
  while (!escaped.empty()) {
    const std::size_t run = std::min(escaped.find('\\'), escaped.size());
    if (plain.substr(0, run) != escaped.substr(0, run)) return false;
    plain.remove_prefix(run);
    escaped.remove_prefix(run);
    if (escaped.empty()) break;
    const Decoded character = take_escape(escaped);
    if (character.size == 0 || !plain.starts_with(character.view())) return false;
    plain.remove_prefix(character.size);
  }
  return plain.empty();
}

std::string unescape_json(std::string_view escaped) {
  std::string plain;
  plain.reserve(escaped.size());
  while (!escaped.empty()) {
    const std::size_t run = std::min(escaped.find('\\'), escaped.size());
    plain += escaped.substr(0, run);
    escaped.remove_prefix(run);
    if (escaped.empty()) break;
    const Decoded character = take_escape(escaped);
    plain += character.size == 0 ? std::string_view("\\") : character.view();
    if (character.size == 0) escaped.remove_prefix(1);
  }
  return plain;
}

bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    std::uint64_t eight = 0;
    if (at + sizeof eight <= text.size()) std::memcpy(&eight, text.data() + at, sizeof eight);
    if (at + sizeof eight <= text.size() && (eight & 0x8080'8080'8080'8080) == 0) {
      at += sizeof eight;
      continue;
    }
    const std::size_t size = static_cast<unsigned char>(text[at]) < 0x80 ? 1 : character_size(text.substr(at));
    if (size == 0) return false;
    at += size;
  }
  return true;
}

void append_json_string(std::string& out, std::string_view text) {
  constexpr std::string_view letters = "btn?fr";  // from 0x08 on
  out += '"';
  std::size_t kept = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\') continue;
    const std::size_t size = byte < 0x80 ? 0 : character_size(text.substr(at));
    if (size > 0) {
      at += size - 1;
      continue;
    }
    out += text.substr(kept, at - kept);
    kept = at + 1;
    if (byte >= 0x80) {
      out += "\xEF\xBF\xBD";  // U+FFFD: a client of another encoding, or bytes that a comment's tag spells out
      continue;
    }
    out += '\\';
    if (byte >= 0x20) {
      out += text[at];
    } else if (byte >= 0x08 && byte <= 0x0D && byte != 0x0B) {
      out += letters[byte - 0x08u];
    } else {
      out += "u00";
      out += static_cast<char>('0' + (byte >> 4));
      out += "0123456789abcdef"[byte & 15];
    }
  }
  out += text.substr(kept);
  out += '"';
}

}  // namespace weir::event
