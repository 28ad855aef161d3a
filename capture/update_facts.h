// What the catalog says about UPDATEs of a table: which columns may change without being assigned, and what proves that
// a row's key did not. Part of RelationFacts; the question is part of theirs. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "capture/sql/statement.h"
#include "capture/sql/trigger_source.h"

namespace weir::capture {

struct ColumnType {
  std::string column;
  Sameness sameness = Sameness::unknown;
  bool built_in = false;  ///< the server's own operators work on it, unless others were defined for its own types
};

struct UpdateFacts {
  bool key_deferrable = false;                ///< two rows may have one key while a statement runs
  std::vector<std::string> generated = {};    ///< columns computed from others, of the table or of one below it
  std::vector<std::string> key_sources = {};  ///< columns that a key column is computed from
  std::vector<ColumnType> types = {};
  TriggerEffects triggers = {};             ///< of all BEFORE UPDATE triggers for each row
  std::vector<std::string> operators = {};  ///< that somebody defined between types of the server's own, by name
  bool casts = false;                       ///< somebody defined implicit casts between such types

  const ColumnType* type_of(std::string_view column) const;
};

/// The expression that gives the facts of the relation `c` and the tables of `tree`, as a part of facts_query().
std::string_view update_facts_query();
/// Reads its value. What cannot be read is not known, so nothing is proven.
UpdateFacts read_update_facts(const std::optional<std::string_view>& value);

}  // namespace weir::capture
