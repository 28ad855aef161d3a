// The name of a table that a row came from although the facts do not know it: a partition that somebody past Weir has
// made or attached meanwhile, a table that inherits, or one that a function's search_path has found. Asked in the
// transaction that wrote the row, before its commit: until then nobody can rename the table. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "capture/event/change_event.h"
#include "capture/facts.h"
#include "capture/scope.h"
#include "wire/message.h"

namespace weir::capture {

/// With two text parameters: the table's oid, and that of the table which the statement named. It reads no name of the
/// client's, opens no table but those of the catalog, and sees what the write saw, whatever snapshot the transaction
/// has.
std::string_view late_name_query();

struct LateName {
  std::uint32_t oid = 0;
  RelationName name;
  bool is_below = false;  ///< it is a partition of the table that was named, or inherits from it
  bool temporary = false;
  bool logged = false;  ///< in the server's log; false: unlogged, or not known
};

/// Reads the answer's row; `encoding` is the database's. Nothing where it cannot be read.
std::optional<LateName> read_late_name(const wire::RowView& row, std::string_view encoding);

/// What is told of a row of it, where `written` is the table that was named: nothing where it is not captured, and a
/// gap where it is not below that one, for of its key nothing is known. Columns that are excluded of it alone are cut
/// out.
std::optional<event::ChangeEvent> tell_named(event::ChangeEvent change, const LateName& table,
                                             const RelationFacts& written, const Scope& scope);

}  // namespace weir::capture
