#include "proxy/replay_request.h"

#include "proxy/admin/json_text.h"
#include "proxy/admin/query.h"

namespace weir::proxy {

namespace {

Result<void> take(ReplayRequest& request, const std::string& name, const std::string& value) {
  if (name == "destination") {
    request.destination = value;
  } else if (name == "from" || name == "to") {
    const auto point = read_replay_point(value);
    if (!point) return Error{name + ": " + point.error().message, ""};
    if (name == "from") {
      request.from = *point;
    } else {
      request.to = *point;
    }
  } else if (name == "table") {
    request.tables.push_back(value);
  } else if (name == "dry_run" && (value == "true" || value == "false")) {
    request.dry_run = value == "true";
  } else {
    return Error{"there are destination, from, to, table and dry_run=true, not \"" + name + "\"", ""};
  }
  return {};
}

}  // namespace

Result<ReplayRequest> read_replay_request(const std::string& text) {
  const auto query = read_query(text);
  if (!query) return query.error();
  ReplayRequest request;
  for (const auto& [name, value] : *query)
    if (auto taken = take(request, name, value); !taken) return taken.error();
  if (request.destination.empty()) return Error{"say which destination", ""};
  if (request.from.position == 0 && !request.from.at_us) return Error{"say from where: a position or a time", ""};
  return request;
}

std::string replay_answer(const std::string& destination, const Replay& replay, bool dry_run) {
  JsonText json;
  json.open('{').member("destination", destination).member("from", replay.from).member("to", replay.to);
  json.member("transactions", replay.to - replay.from + 1).member("dry_run", dry_run).close('}');
  return json.text() + "\n";
}

}  // namespace weir::proxy
