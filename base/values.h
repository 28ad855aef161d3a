// Reads the values of settings: numbers with units, choices. Text in, value or complaint out.
//
// A complaint says what is allowed ("must be true or false"); the caller says which setting it was and where it stands.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir {

/// What is wrong with a value; nothing where it is right.
using Complaint = std::optional<std::string>;

/// ASCII letters become small ones.
std::string lower(std::string text);

/// true, yes, on and 1, or false, no, off and 0, in any case.
Complaint read_boolean(const std::string& text, bool& value);
/// A whole number in this range.
Complaint read_number(const std::string& text, std::uint64_t lowest, std::uint64_t highest, std::uint64_t& value);
/// A number of bytes, with kB, MB, GB or TB behind it as in postgresql.conf (units of 1024); "10G" and "10GiB" too.
Complaint read_bytes(const std::string& text, std::uint64_t& value);
/// Milliseconds, or a number with ms, s, min, h or d behind it as in postgresql.conf.
Complaint read_duration(const std::string& text, std::uint64_t lowest_ms, std::uint64_t highest_ms,
                        std::chrono::milliseconds& value);
/// "debezium, flat and readable" of "debezium|flat|readable", with `word` before the last.
std::string listed(std::string_view names, std::string_view word);
/// One of the names in `allowed`, which are separated by '|'.
Complaint read_choice(const std::string& text, std::string_view allowed);

}  // namespace weir
