#include "capture/sql/comment_tags.h"

#include <charconv>
#include <optional>
#include <vector>

#include "capture/event/json_members.h"

namespace weir::capture {
namespace {

void trim_end(std::string_view& text) {
  while (!text.empty() && (std::string_view(" \t\r\n;").find(text.back()) != std::string_view::npos))
    text.remove_suffix(1);
}

/// %XX as in URLs; anything else stays.
std::string decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    const bool escape = text[i] == '%' && i + 2 < text.size() &&
                        std::from_chars(text.data() + i + 1, text.data() + i + 3, code, 16).ptr == text.data() + i + 3;
    out.push_back(escape ? char(code) : text[i]);
    if (escape) i += 2;
  }
  return out;
}

/// Reads up to the quote that ends a value; \' is a quote inside it.
std::optional<std::string> read_value(std::string_view& rest) {
  std::string value;
  while (!rest.empty()) {
    const char c = rest.front();
    rest.remove_prefix(1);
    if (c == '\'') return value;
    if (c == '\\' && !rest.empty()) {
      value.push_back(rest.front());
      rest.remove_prefix(1);
    } else {
      value.push_back(c);
    }
  }
  return std::nullopt;
}

bool append_tag(std::string& out, std::string_view& rest) {
  const std::size_t equals = rest.find("='");
  if (equals == std::string_view::npos || equals == 0) return false;
  std::string_view key = rest.substr(0, equals);
  while (!key.empty() && (key.front() == ' ' || key.front() == ',')) key.remove_prefix(1);
  if (key.empty() || key.find_first_of(" '\"") != std::string_view::npos) return false;
  rest.remove_prefix(equals + 2);
  const auto value = read_value(rest);
  if (!value) return false;
  out += out.empty() ? "{" : ",";
  event::append_json_string(out, decode(key));
  out += ":";
  event::append_json_string(out, decode(*value));
  return rest.empty() || rest.front() == ',';
}

}  // namespace

std::string comment_tags(std::string_view text) {
  trim_end(text);
  if (!text.ends_with("*/")) return {};
  text.remove_suffix(2);
  const std::size_t begin = text.rfind("/*");
  if (begin == std::string_view::npos) return {};
  std::string_view rest = text.substr(begin + 2);
  while (!rest.empty() && rest.back() == ' ') rest.remove_suffix(1);
  std::string tags;
  while (!rest.empty())
    if (!append_tag(tags, rest)) return {};
  return tags.empty() ? tags : tags + "}";
}

}  // namespace weir::capture
