#include "proxy/admin/query.h"

#include <charconv>

#include "base/percent.h"

namespace weir::proxy {

namespace {

Result<std::string> decoded(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      result += text[at] == '+' ? ' ' : text[at];
      continue;
    }
    unsigned byte = 0;
    const auto digits = text.substr(at + 1, 2);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    if (digits.size() != 2 || error != std::errc() || end != digits.data() + 2)
      return Error{"a % that begins no escape", ""};
    result += static_cast<char>(byte);
    at += 2;
  }
  return result;
}

}  // namespace

Result<Query> read_query(std::string_view text) {
  Query query;
  while (!text.empty()) {
    const auto part = text.substr(0, text.find('&'));
    text.remove_prefix(part.size() + (part.size() < text.size() ? 1 : 0));
    if (part.empty()) continue;
    const auto equals = part.find('=');
    auto name = decoded(part.substr(0, equals));
    if (!name) return name.error();
    auto value = decoded(equals == part.npos ? std::string_view() : part.substr(equals + 1));
    if (!value) return value.error();
    query.emplace_back(std::move(*name), std::move(*value));
  }
  return query;
}

std::string query_text(const Query& query) {
  std::string text;
  for (const auto& [name, value] : query) {
    if (!text.empty()) text += '&';
    text += percent_encoded(name) + '=' + percent_encoded(value);
  }
  return text;
}

}  // namespace weir::proxy
