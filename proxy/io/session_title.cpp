#include "proxy/io/session_title.h"

#include <algorithm>
#include <utility>

namespace weir::proxy {

namespace {

constexpr std::size_t kLongestName = 63;  // PostgreSQL's own
constexpr std::size_t kLongestText = 500;

std::string without_controls(std::string text, std::size_t longest) {
  text.resize(std::min(text.size(), longest));
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 127; }, '?');
  return text;
}

std::string printable(std::string name) {
  return without_controls(std::move(name), kLongestName);
}

}  // namespace

std::string printable_text(std::string text) {
  return without_controls(std::move(text), kLongestText);
}

std::string title_of(const SessionInfo& session) {
  std::string title = "session " + std::to_string(session.id) + " (" + session.client;
  if (!session.user.empty()) title += ", " + printable(session.user) + "@" + printable(session.database);
  if (!session.application_name.empty()) title += ", " + printable(session.application_name);
  return title + ")";
}

}  // namespace weir::proxy
