#include "emitters/json_text.h"

#include <array>
#include <charconv>
#include <chrono>

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

/// Over the `width` characters at `at`.
void put_digits(std::string& text, std::size_t at, std::size_t width, std::int64_t number) {
  for (std::size_t i = width; i > 0; --i, number /= 10) text[at + i - 1] = static_cast<char>('0' + number % 10);
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

void append_times(std::string& out, std::int64_t microseconds) {
  // The digits are made once: those of milliseconds are the first of them, those of nanoseconds have three more.
  std::array<char, 24> digits;
  const auto* const end = std::to_chars(digits.data(), digits.data() + digits.size(), microseconds).ptr;
  const std::string_view us(digits.data(), static_cast<std::size_t>(end - digits.data()));
  if (microseconds < 1000) {
    append_integer(out, "\"ts_ms\":", microseconds / 1000);
  } else {
    out += "\"ts_ms\":";
    out += us.substr(0, us.size() - 3);
  }
  out += ",\"ts_us\":";
  out += us;
  out += ",\"ts_ns\":";
  out += us;
  if (microseconds != 0) out += "000";
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
  using namespace std::chrono;
  const sys_time<std::chrono::microseconds> time{std::chrono::microseconds(microseconds)};
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const auto of_day = (time - day).count();
  const auto seconds = of_day / 1'000'000;
  std::string text = "0000-00-00T00:00:00.000000Z";
  put_digits(text, 0, 4, int{date.year()});
  put_digits(text, 5, 2, unsigned{date.month()});
  put_digits(text, 8, 2, unsigned{date.day()});
  put_digits(text, 11, 2, seconds / 3600);
  put_digits(text, 14, 2, seconds / 60 % 60);
  put_digits(text, 17, 2, seconds % 60);
  put_digits(text, 20, 6, of_day % 1'000'000);
  return text;
}

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
  append_number(prefix, transaction.id);
  prefix += ':';
  return prefix;
}

std::string event_id(std::string_view prefix, const event::ChangeEvent& change) {
  std::string id;
  id.reserve(prefix.size() + 12);  // and ":d" where one becomes two
  id += prefix;
  append_number(id, std::uint64_t{change.ordinal});
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
