// Which tables are captured, and which of their columns never leave the database. Made once from the configuration,
// read by all sessions. Patterns are `schema.table` (columns: `schema.table.column`) with * and ? as wildcards, matched
// against the names as the catalog has them (no quotes, case kept).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace weir::capture {

struct Scope {
  std::vector<std::string> databases;  ///< empty: all; one part, dots are ordinary letters
  std::vector<std::string> include;    ///< empty: all tables
  std::vector<std::string> exclude;
  std::vector<std::string> exclude_columns;
  bool statement_text = false;  ///< events carry the client's SQL
  /// Memory for the rows of one statement that may change keys, until it is known which has become which.
  std::size_t moved_bytes = 32u << 20;

  bool captures_database(std::string_view name) const;
  /// False for the system's own schemas whatever the lists say.
  bool captures(std::string_view schema, std::string_view table) const;
  /// True where it is named, by a pattern, as not to be captured.
  bool excludes(std::string_view schema, std::string_view table) const;
  bool excludes_column(std::string_view schema, std::string_view table, std::string_view column) const;
};

/// True where the whole text matches a pattern of literal characters, * (any run) and ? (any one byte).
bool matches(std::string_view pattern, std::string_view text);

}  // namespace weir::capture
