#include "proxy/io/session_title.h"

#include <algorithm>

namespace weir::proxy {

namespace {

constexpr std::size_t kLongestName = 63;  // PostgreSQL's own

std::string printable(std::string name) {
  name.resize(std::min(name.size(), kLongestName));
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return c < ' ' || c == 127; }, '?');
  return name;
}

}  // namespace

std::string title_of(const SessionInfo& session) {
  std::string title = "session " + std::to_string(session.id) + " (" + session.client;
  if (!session.user.empty()) title += ", " + printable(session.user) + "@" + printable(session.database);
  if (!session.application_name.empty()) title += ", " + printable(session.application_name);
  return title + ")";
}

}  // namespace weir::proxy
