// What a command tag says, and what is told of a write whose rows were not returned. Functions: plan, statement and tag
// in, what to tell out. The tag is the truth, never the client's text alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "capture/event/change_event.h"
#include "capture/plan.h"
#include "capture/sql/statement.h"

namespace weir::capture {

/// "UPDATE 3" -> 3, "INSERT 0 2" -> 2, "TRUNCATE TABLE" -> nothing.
std::optional<std::int64_t> rows_of(std::string_view tag);
std::optional<event::Op> op_of_tag(std::string_view tag);
/// Whether the tag is one that a spliced statement ends with. Counting tags alone would give its rows to its neighbour.
bool ends(StatementKind kind, std::string_view tag);
/// The written table as the statement names it, where the catalog was not asked.
RelationName written_name(const Statement& statement, const ServerSettings& server);

/// One event without an image: a statement event, or a gap.
struct Told {
  bool is_gap = false;
  RelationName table;
  event::Op op;
  std::int64_t rows = 0;
  std::string cause;
};
/// Of the statement's target. `relayed`: it ran in a Query that could not be sent in parts.
std::optional<Told> tell_target(const Plan& plan, const Statement& statement, std::string_view tag, bool relayed,
                                const ServerSettings& server);
/// Of the tables that it wrote beside it: inside WITH, by COPY, TRUNCATE, CREATE TABLE AS.
std::vector<Told> tell_inner(const Plan& plan, const Statement& statement, std::string_view tag, bool relayed);

}  // namespace weir::capture
