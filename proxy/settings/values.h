// Reads the values of settings that only the proxy has: addresses, modes, patterns. Text in, value or complaint out, as
// in base/values.h. A URI is never repeated in a complaint: it may hold a password.
#pragma once

#include <string>
#include <string_view>

#include "base/values.h"
#include "proxy/io/endpoint.h"

namespace weir::proxy {

/// "127.0.0.1:6432", "[::1]:6432", "*:6432" or "6432"; "unix:/run/weir" or "unix:/run/weir:6432" (else port 0).
Complaint read_listen_address(const std::string& text, HostPort& value);
/// Three or four octal digits, as chmod takes them.
Complaint read_permissions(const std::string& text, unsigned& value);
/// Parts separated by dots, none of them empty, `parts` of them: "schema.table".
Complaint read_pattern(const std::string& text, int parts, std::string_view form);

}  // namespace weir::proxy
