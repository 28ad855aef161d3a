// The encoding JSON: pieces that the formats write it from: text appended to a string, no tree in between, so that the
// server's own JSON passes through byte by byte.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "capture/event/change_event.h"

namespace weir::emitters {

void append_number(std::string& out, std::int64_t number);
void append_number(std::string& out, std::uint64_t number);
/// JSON that is there, or null.
void append_or_null(std::string& out, const std::optional<std::string>& json);
/// `name` is the text before the value: `,"schema":`. The value becomes a JSON string.
void append_text(std::string& out, std::string_view name, std::string_view value);
void append_integer(std::string& out, std::string_view name, std::int64_t value);
/// `"ts_ms":…,"ts_us":…,"ts_ns":…`
void append_times(std::string& out, std::int64_t microseconds);

/// `,"last":true,"event_count":3` into the value of a transaction's last record.
void mark_last(std::string& value, std::size_t at, std::int64_t count);

/// `,"rows":3` of a statement event; null where the server did not say how many (TRUNCATE, inside WITH).
void append_rows(std::string& out, const event::ChangeEvent& change);

/// `,"inserted":3,"updated":0,"deleted":1` of a gap; all null where nobody counted (or nobody knows of which kind).
void append_counts(std::string& out, const event::ChangeEvent& change);

/// "2026-11-21T05:33:18.699393Z", of the years 0 to 9999.
std::string utc_time(std::int64_t microseconds);

}  // namespace weir::emitters
