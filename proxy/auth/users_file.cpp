#include "proxy/auth/users_file.h"

#include <algorithm>
#include <optional>

namespace weir::proxy {

namespace {

constexpr std::string_view kBlanks = " \t\r\v\f";

void skip_blanks(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
}

/// "ann", with "" for a quote; taken off the front of the line.
std::optional<std::string> take_quoted(std::string_view& line) {
  skip_blanks(line);
  if (!line.starts_with('"')) return std::nullopt;
  std::string text;
  for (std::size_t at = 1; at < line.size(); ++at) {
    if (line[at] != '"') {
      text.push_back(line[at]);
    } else if (at + 1 < line.size() && line[at + 1] == '"') {
      text.push_back(line[++at]);
    } else {
      line.remove_prefix(at + 1);
      return text;
    }
  }
  return std::nullopt;
}

}  // namespace

Result<UsersFile> parse_users_file(std::string_view text) {
  UsersFile file;
  for (int number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    skip_blanks(line);
    if (line.empty() || line[0] == ';' || line[0] == '#') continue;
    const auto user = take_quoted(line);
    const auto entry = user ? take_quoted(line) : std::nullopt;
    if (!entry || user->empty())
      return Error{"line " + std::to_string(number) + R"( is not of the form "user" "SCRAM-SHA-256$…")", {}};
    if (const auto verifier = wire::read_scram_verifier(*entry)) {
      file.verifiers[*user] = *verifier;
    } else {
      file.passed_over.push_back(*user);
    }
  }
  return file;
}

}  // namespace weir::proxy
