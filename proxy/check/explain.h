// What becomes of a statement, in words: its plan, the text that the database gets, and why. Pure.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "capture/plan.h"

namespace weir::proxy {

struct Explained {
  std::string statement;             ///< the client's own text
  std::string events;                ///< what is known of its rows: "a row event for each row"
  std::vector<std::string> why;      ///< each one reason, beginning with the cause as events name it
  std::vector<std::string> tables;   ///< "public.t (key: id)"
  std::vector<std::string> columns;  ///< not as they are in the events: "password: left out (capture.exclude_columns)"
  std::vector<std::string> sent;     ///< statements that the database gets in its place; empty: it is relayed as it is
};

/// `plan` where needs_plan(statement), with the relations that it was made from.
Explained explain(const capture::ParsedText& text, const capture::Statement& statement,
                  const std::optional<capture::Plan>& plan,
                  const std::vector<std::shared_ptr<const capture::RelationFacts>>& relations,
                  const capture::Scope& scope, int server_version);
/// Where the grammar did not take it.
Explained explain_unparsed(std::string_view text);

/// For a terminal; a mark for each kind of line where `colored`.
std::string explained_text(const Explained& explained, bool colored);

/// "row", "input", "statement", "gap" or "none", as events and README call it.
std::string_view fidelity_of(const capture::Plan& plan);
/// What about the table's images differs from its rows: excluded and virtual columns, values that become text.
std::vector<std::string> image_remarks(const capture::RelationFacts& relation, const capture::Scope& scope);

}  // namespace weir::proxy
