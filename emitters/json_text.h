// Pieces that the formats write JSON from: text appended to a string, no tree in between, so that the server's own JSON
// passes through byte by byte.
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

/// `,"rows":3` of a statement event; null where the server did not say how many (TRUNCATE, inside WITH).
void append_rows(std::string& out, const event::ChangeEvent& change);

/// `,"inserted":3,"updated":0,"deleted":1` of a gap; all null where nobody counted (or nobody knows of which kind).
void append_counts(std::string& out, const event::ChangeEvent& change);

/// "2026-11-21T05:33:18.699393Z", of the years 0 to 9999.
std::string utc_time(std::int64_t microseconds);

/// The prefix with the transaction's database in the place of {db}; "unknown" where it is empty.
std::string prefix_of(const std::string& prefix, const std::string& database);
/// False for what is known only by its statement, for TRUNCATE and for gaps.
bool has_row(const event::ChangeEvent& change);

/// "80795", or where the transaction is not known, the journal's instance and its number for it: "c0ffee…-17".
std::string transaction_name(const event::Transaction& transaction, const std::string& instance);
/// What the ids of its events begin with: "c0ffee5eed1dea00-17:".
std::string event_id_prefix(const event::Transaction& transaction, std::string_view instance);
/// The stable id of an event: "c0ffee5eed1dea00-17:1", which is the first half of the journal's instance, the journal's
/// number of the transaction, and the event's place in it. Not of the database's transaction id: after a crash of the
/// database the same one can be given out again.
std::string event_id(std::string_view prefix, const event::ChangeEvent& change);
/// weir-id, weir-txid (the transaction's, as text; none where it is empty), weir-fidelity, and traceparent and
/// tracestate where the SQL carried them.
std::vector<std::pair<std::string, std::string>> record_headers(std::string_view xid, const event::ChangeEvent& change,
                                                                const std::string& id);

}  // namespace weir::emitters
