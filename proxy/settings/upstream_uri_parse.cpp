// libpq reads the URI's form; what its parameters mean is in upstream_uri.cpp.
#include <libpq-fe.h>

#include <algorithm>
#include <map>
#include <string_view>

#include "proxy/settings/upstream_uri.h"

namespace weir::proxy {

namespace {

/// What is wrong with a URI that libpq does not take. Its words may repeat the URI, so no more is shown than the name
/// of a parameter.
std::string complaint_of(std::string_view message) {
  constexpr std::string_view kUnknown = "invalid URI query parameter: \"";
  const auto begin = message.find(kUnknown);
  if (begin == std::string_view::npos) return kUriForm;
  const auto name = message.substr(begin + kUnknown.size());
  return complaint_of_unknown(std::string(name.substr(0, name.find('"'))));
}

bool libpq_knows(std::string_view name) {
  PQconninfoOption* options = PQconndefaults();
  bool known = false;
  for (const auto* option = options; option != nullptr && option->keyword != nullptr; ++option)
    known = known || option->keyword == name;
  PQconninfoFree(options);
  return known;
}

/// Parameters of a later libpq than the one at hand, which would refuse them: taken out of the URI. Their values are
/// plain words, so none is percent-encoded.
std::map<std::string, std::string> take_later_parameters(std::string& uri) {
  std::map<std::string, std::string> taken;
  const std::size_t query = uri.find('?');
  if (query == std::string::npos) return taken;
  std::string kept;
  for (std::size_t at = query + 1; at <= uri.size();) {
    const std::size_t end = std::min(uri.find('&', at), uri.size());
    const std::string part = uri.substr(at, end - at);
    const std::string name = part.substr(0, part.find('='));
    if (takes_parameter(name) && !libpq_knows(name) && name.size() < part.size()) {
      taken[name] = part.substr(name.size() + 1);
    } else {
      kept += (kept.empty() ? "?" : "&") + part;
    }
    at = end + 1;
  }
  uri = uri.substr(0, query) + kept;
  return taken;
}

/// libpq's reading of the URI: only what is written in it, no defaults and no environment.
Result<std::map<std::string, std::string>> read_uri(std::string uri) {
  if (uri.rfind("postgresql://", 0) != 0 && uri.rfind("postgres://", 0) != 0) return Error{kUriForm, ""};
  std::map<std::string, std::string> given = take_later_parameters(uri);
  char* message = nullptr;
  PQconninfoOption* options = PQconninfoParse(uri.c_str(), &message);
  const std::string words = message == nullptr ? "" : message;
  if (message != nullptr) PQfreemem(message);
  if (options == nullptr) return Error{complaint_of(words), ""};
  for (const auto* option = options; option->keyword != nullptr; ++option) {
    if (option->val != nullptr) given[option->keyword] = option->val;
  }
  PQconninfoFree(options);
  return given;
}

}  // namespace

Result<UpstreamUri> parse_upstream_uri(const std::string& uri) {
  const auto given = read_uri(uri);
  if (!given) return given.error();
  UpstreamUri result;
  if (auto complaint = read_parameters(*given, result)) return Error{*complaint, ""};
  return result;
}

}  // namespace weir::proxy
