// What of a setting's value may be shown: passwords and tokens become ***. Pure.
//
// A reference (${NAME}, ${file:PATH}) is no secret and stays. Where it is not sure that something is none, it is
// hidden.
#pragma once

#include <string>
#include <string_view>

namespace weir::proxy {

/// Of this setting: "upstream", "journal.path", "kafka.sasl.password".
std::string without_secrets(std::string_view key, const std::string& value);
/// Whether something of it would be hidden.
bool holds_secret(std::string_view key, const std::string& value);

}  // namespace weir::proxy
