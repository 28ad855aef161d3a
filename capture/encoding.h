// From PostgreSQL's encodings to UTF-8, which all events are in. The names of encodings are PostgreSQL's: "LATIN1",
// "SJIS".
//
// What has no certain meaning has none here: bytes that the encoding does not define, encodings that are not known, and
// SQL_ASCII, which says nothing of its bytes, where they are not UTF-8 either. Never a replacement character: two
// values that differ would become one. Any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir::capture {

bool is_ascii(std::string_view text);
std::optional<std::string> decode_hex(std::string_view text);

/// Nothing where a byte has no certain meaning. `encoding` may be empty (not known): then only ASCII has one.
std::optional<std::string> to_utf8(std::string_view text, std::string_view encoding);

/// `"name"` of a UTF-8 name in ASCII alone, with U&"…" where it must be: the same in whatever encoding the client has.
/// Positions and string literals do not matter to it; standard_conforming_strings neither.
std::string ascii_quoted(std::string_view name);

/// True where the server certainly finds a column by ascii_quoted: it converts the name to its own encoding, and some
/// East Asian symbols have two codes there.
bool is_certain_name(std::string_view name, std::string_view server_encoding);

}  // namespace weir::capture
