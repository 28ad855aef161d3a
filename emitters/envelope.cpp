#include "emitters/envelope.h"

#include <array>
#include <charconv>
#include <cstdint>

#include "capture/event/json_members.h"

namespace weir::emitters {

namespace {

/// Of the journal's random 128 bits in hex, so many digits are enough to tell journals apart.
constexpr std::size_t kInstanceInId = 16;

template <typename Number>
void append_digits(std::string& out, Number number) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

}  // namespace

std::string prefix_of(const std::string& prefix, const std::string& database) {
  constexpr std::string_view place = "{db}";
  const std::string name = database.empty() ? "unknown" : database;
  std::string result = prefix;
  for (auto at = result.find(place); at != std::string::npos; at = result.find(place, at + name.size()))
    result.replace(at, place.size(), name);
  return result;
}

bool has_row(const event::ChangeEvent& change) {
  return change.fidelity != event::Fidelity::statement && change.op != event::Op::truncate &&
         change.op != event::Op::gap;
}

std::string transaction_name(const event::Transaction& transaction, const std::string& instance) {
  // A number below zero is a place of the stream: what was there is erased.
  if (transaction.id < 0) return instance + "-erased-" + std::to_string(-transaction.id);
  if (transaction.xid == 0) return instance + "-" + std::to_string(transaction.id);
  return std::to_string(transaction.xid);
}

std::string event_id_prefix(const event::Transaction& transaction, std::string_view instance) {
  std::string prefix(instance.substr(0, kInstanceInId));
  prefix += '-';
  append_digits(prefix, transaction.id);
  prefix += ':';
  return prefix;
}

std::string event_id(std::string_view prefix, const event::ChangeEvent& change) {
  std::string id;
  id.reserve(prefix.size() + 12);  // and ":d" where one becomes two
  id += prefix;
  append_digits(id, change.ordinal);
  return id;
}

std::vector<std::pair<std::string, std::string>> record_headers(std::string_view xid, const event::ChangeEvent& change,
                                                                const std::string& id) {
  std::vector<std::pair<std::string, std::string>> headers;
  headers.reserve(change.tags.empty() ? 3 : 5);
  headers.emplace_back("weir-id", id);
  if (!xid.empty()) headers.emplace_back("weir-txid", xid);
  if (change.op != event::Op::gap) headers.emplace_back("weir-fidelity", event::to_text(change.fidelity));
  if (change.tags.empty()) return headers;
  for (const char* name : {"traceparent", "tracestate"}) {
    const auto found = event::find_member(change.tags, name);
    if (!found || found->size() < 2 || found->front() != '"') continue;
    headers.emplace_back(name, event::unescape_json(found->substr(1, found->size() - 2)));
  }
  return headers;
}

}  // namespace weir::emitters
