// Which tables TRUNCATE … CASCADE empties: the question to the catalog, and what it adds to a plan. Follows
// heap_truncate_find_FKs: whatever refers to an emptied table is emptied, partitions and partitioned tables alike.
// Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "capture/facts.h"

namespace weir::capture {

/// facts_query(), with all tables that are emptied in the place of those below the named one (RelationFacts::leaves);
/// partitioned ones, which have no rows, are left out. `only`: TRUNCATE ONLY.
std::string_view cascade_query(bool only);
/// Its answer's name beside quoted_name(table), the name of the facts.
std::string cascade_name(const TableName& table);
struct CascadingTable {
  std::string name;  ///< quoted
  bool only;
};
/// What a name stands for; nothing where it is one of the facts.
std::optional<CascadingTable> cascading_table(std::string_view name);

}  // namespace weir::capture
