// Names that tell by themselves what a statement looks at or changes, whatever schema they stand in.
#pragma once

#include <strings.h>

#include <algorithm>
#include <cstddef>
#include <iterator>

namespace weir::capture {

/// Names whose answer would show a text or a statement that the client did not send.
inline constexpr const char* kShowsText[] = {"current_query", "pg_stat_activity", "pg_stat_get_activity", "pg_cursors",
                                             "pg_cursor"};
inline constexpr const char* kShowsStatements[] = {"pg_prepared_statements", "pg_prepared_statement"};

/// Settings that change what the bytes of a text mean.
inline constexpr const char* kLexerSettings[] = {"client_encoding", "standard_conforming_strings", "backslash_quote",
                                                 "escape_string_warning"};
/// What decides which table a name means and who may do what with it.
inline constexpr const char* kCatalogSettings[] = {"search_path", "role", "session_authorization", "row_security",
                                                   "client_encoding"};

/// An option's value that turns it off.
inline constexpr const char* kOff[] = {"false", "off"};

template <std::size_t N>
bool is_one_of(const char* name, const char* const (&names)[N]) {
  return std::any_of(std::begin(names), std::end(names), [name](const char* n) { return strcasecmp(n, name) == 0; });
}

}  // namespace weir::capture
