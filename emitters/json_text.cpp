#include "emitters/json_text.h"

#include <array>
#include <charconv>
#include <chrono>

#include "capture/event/json_members.h"

namespace weir::emitters {

namespace {

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

void mark_last(std::string& value, std::size_t at, std::int64_t count) {
  value.insert(at, ",\"last\":true,\"event_count\":" + std::to_string(count));
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

}  // namespace weir::emitters
