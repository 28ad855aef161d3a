// Reads the values of settings: numbers with units, choices, addresses, URIs. Text in, value or complaint out.
//
// A complaint says what is allowed ("must be true or false"); the caller says which setting it was and where it stands.
// A URI is never repeated in a complaint: it may hold a password.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/io/endpoint.h"

namespace weir::proxy {

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
/// "127.0.0.1:6432", "[::1]:6432", "*:6432" or "6432"; "unix:/run/weir" or "unix:/run/weir:6432" (else port 0).
Complaint read_listen_address(const std::string& text, HostPort& value);
/// Three or four octal digits, as chmod takes them.
Complaint read_permissions(const std::string& text, unsigned& value);
/// One of the names in `allowed`, which are separated by '|'.
Complaint read_choice(const std::string& text, std::string_view allowed);
/// Parts separated by dots, none of them empty, `parts` of them: "schema.table".
Complaint read_pattern(const std::string& text, int parts, std::string_view form);

}  // namespace weir::proxy
