#include "proxy/settings/secret.h"

#include <algorithm>
#include <array>

#include "proxy/settings/values.h"

namespace weir::proxy {

namespace {

constexpr std::string_view kHidden = "***";

/// Names of what only its owner may know; "ssl.key.location" and the like say where it is, not what.
bool names_secret(std::string_view name) {
  constexpr std::array kWords = {"password",   "passphrase", "passwd",     "secret", "token",
                                 "credential", "jaas",       "access_key", "pem"};
  const std::string small = lower(std::string(name));
  const bool is_place = small.ends_with("location") || small.ends_with("file") || small.ends_with("url");
  return !is_place && std::any_of(kWords.begin(), kWords.end(),
                                  [&](const char* word) { return small.find(word) != std::string::npos; });
}

bool is_reference(std::string_view value) {
  return value.starts_with("${") && value.find('}') == value.size() - 1;
}

std::string hidden(std::string_view value) {
  return value.empty() || is_reference(value) ? std::string(value) : std::string(kHidden);
}

/// "Authorization: ***" of what a collector asks for: the value may be a key.
std::string hide_header(std::string_view line) {
  const auto value = line.find_first_not_of(" \t", std::min(line.find(':'), line.size() - 1) + 1);
  return line.empty() || value == line.npos ? std::string(line)
                                            : std::string(line.substr(0, value)) + hidden(line.substr(value));
}

/// "user:***" of "user:password".
std::string hide_user_info(std::string_view text) {
  const auto colon = text.starts_with("${") ? text.find(':', std::min(text.find('}'), text.size())) : text.find(':');
  if (colon == text.npos) return std::string(text);
  return std::string(text.substr(0, colon + 1)) + hidden(text.substr(colon + 1));
}

/// "a=1&password=***".
std::string hide_parameters(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const auto part = text.substr(0, text.find('&'));
    const auto equals = std::min(part.find('='), part.size());
    result += part.substr(0, equals);
    if (equals < part.size())
      result += "=" + (names_secret(part.substr(0, equals)) ? hidden(part.substr(equals + 1))
                                                            : std::string(part.substr(equals + 1)));
    text.remove_prefix(part.size());
    if (text.empty()) break;
    result += '&';
    text.remove_prefix(1);
  }
  return result;
}

/// The user's part ends at the last @ before the path: a password that holds one unencoded is hidden whole. A slash
/// inside of ${file:…} is none of the path's.
std::size_t end_of_authority(std::string_view text) {
  bool inside = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("${")) inside = true;
    if (text[i] == '}') inside = false;
    if (!inside && (text[i] == '/' || text[i] == '?')) return i;
  }
  return text.size();
}

std::string hide_in_uri(std::string_view uri) {
  const auto scheme = uri.find("://");
  if (scheme == uri.npos) return std::string(uri);
  std::string result(uri.substr(0, scheme + 3));
  std::string_view rest = uri.substr(scheme + 3);
  auto end = end_of_authority(rest);
  // A password may hold what ends the authority, wrongly: then the @ comes behind it.
  const auto question = std::min(rest.find('?', end), rest.size());
  const auto at = rest.substr(0, question).rfind('@');
  if (at != rest.npos) {
    result += hide_user_info(rest.substr(0, at)) + "@";
    rest.remove_prefix(at + 1);
  }
  const auto parameters = rest.find('?');
  if (parameters == rest.npos) return result + std::string(rest);
  return result + std::string(rest.substr(0, parameters + 1)) + hide_parameters(rest.substr(parameters + 1));
}

}  // namespace

std::string without_secrets(std::string_view key, const std::string& value) {
  if (key == "tracing.headers") return hide_header(value);
  return names_secret(key) ? hidden(value) : hide_in_uri(value);
}

bool holds_secret(std::string_view key, const std::string& value) {
  return without_secrets(key, value) != value;
}

}  // namespace weir::proxy
