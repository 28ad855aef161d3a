#include "proxy/tail/tail_request.h"

#include <algorithm>
#include <limits>

#include "base/values.h"
#include "emitters/format.h"
#include "proxy/admin/query.h"

namespace weir::proxy {

namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();

Error wrong(const std::string& name, const std::string& takes) {
  return Error{name + " takes " + takes, ""};
}

Result<void> take_from(TailRequest& request, const std::string& value) {
  request.from = value == "now" ? TailRequest::From::now : TailRequest::From::beginning;
  if (value == "now" || value == "beginning") return {};
  request.from = TailRequest::From::position;
  std::uint64_t position = 0;
  if (read_number(value, 1, kMost, position)) return wrong("from", "now, beginning, or a position in the stream");
  request.position = static_cast<event::Position>(position);
  return {};
}

Result<void> take(TailRequest& request, const std::string& name, const std::string& value) {
  if (name == "table") {
    const bool is_pattern = std::count(value.begin(), value.end(), '.') >= 1 && !value.starts_with('.');
    if (!is_pattern) return wrong("table", "a pattern schema.table");
    request.tables.push_back(value);
  } else if (name == "format") {
    const auto names = "|" + tail_formats() + "|";
    if (value.empty() || names.find("|" + value + "|") == names.npos) return wrong("format", tail_formats());
    request.format = value;
  } else if (name == "from") {
    return take_from(request, value);
  } else if (name == "count") {
    std::uint64_t count = 0;
    if (read_number(value, 1, kMost, count)) return wrong("count", "a number from 1 on");
    request.count = count;
  } else if (name == "colour") {
    if (value != "true" && value != "false") return wrong("colour", "true|false");
    request.colour = value == "true";
  } else {
    return Error{"there are table, format, from, count and colour, not \"" + name + "\"", ""};
  }
  return {};
}

}  // namespace

std::string tail_formats() {
  return "pretty|" + emitters::format_names();
}

Result<TailRequest> read_tail_request(const std::string& text) {
  const auto query = read_query(text);
  if (!query) return query.error();
  TailRequest request;
  for (const auto& [name, value] : *query)
    if (auto taken = take(request, name, value); !taken) return taken.error();
  return request;
}

}  // namespace weir::proxy
