// What the envelopes share whatever they are encoded in: ids, names, prefixes and headers. How values become bytes is
// the encoding's (json_text.h). Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "capture/event/change_event.h"

namespace weir::emitters {

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
