#include "emitters/json_text.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>

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

void append_number(std::string& out, std::int64_t number) {
  append_digits(out, number);
}

void append_number(std::string& out, std::uint64_t number) {
  append_digits(out, number);
}

void append_or_null(std::string& out, const std::optional<std::string>& json) {
  if (json) {
    out += *json;
  } else {
    out += "null";
  }
}

void append_text(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  event::append_json_string(out, value);
}

void append_integer(std::string& out, std::string_view name, std::int64_t value) {
  out += name;
  append_number(out, value);
}

void append_rows(std::string& out, const event::ChangeEvent& change) {
  const std::int64_t rows = change.counts.inserted + change.counts.updated + change.counts.deleted;
  // One that is known to have written none is no event.
  if (rows == 0) {
    out += ",\"rows\":null";
  } else {
    append_integer(out, ",\"rows\":", rows);
  }
}

void append_counts(std::string& out, const event::ChangeEvent& change) {
  const event::Counts& counts = change.counts;
  const bool counted = counts.inserted + counts.updated + counts.deleted > 0;
  if (!counted) {
    out += ",\"inserted\":null,\"updated\":null,\"deleted\":null";
    return;
  }
  append_integer(out, ",\"inserted\":", counts.inserted);
  append_integer(out, ",\"updated\":", counts.updated);
  append_integer(out, ",\"deleted\":", counts.deleted);
}

std::string utc_time(std::int64_t microseconds) {
  const std::time_t seconds = static_cast<std::time_t>(microseconds / 1'000'000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 64> text;
  const int size = std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", parts.tm_year + 1900,
                                 parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                                 static_cast<int>(microseconds % 1'000'000));
  return {text.data(), static_cast<std::size_t>(size)};
}

std::string prefix_of(const std::string& prefix, const event::Transaction& transaction) {
  constexpr std::string_view place = "{db}";
  const std::string database = transaction.database.empty() ? "unknown" : transaction.database;
  std::string result = prefix;
  for (auto at = result.find(place); at != std::string::npos; at = result.find(place, at + database.size()))
    result.replace(at, place.size(), database);
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

std::string event_id(const event::Transaction& transaction, const event::ChangeEvent& change,
                     std::string_view instance) {
  std::string id(instance.substr(0, kInstanceInId));
  id += '-';
  append_number(id, transaction.id);
  id += ':';
  append_number(id, std::uint64_t{change.ordinal});
  return id;
}

std::vector<std::pair<std::string, std::string>> record_headers(const event::Transaction& transaction,
                                                                const event::ChangeEvent& change,
                                                                const std::string& id) {
  std::vector<std::pair<std::string, std::string>> headers;
  headers.reserve(change.tags.empty() ? 3 : 5);
  headers.emplace_back("weir-id", id);
  if (transaction.xid != 0) headers.emplace_back("weir-txid", std::to_string(transaction.xid));
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
