// Base64 as PostgreSQL and SCRAM write it (RFC 4648, section 4): with padding, on one line. Stateless, any thread.
// The decoder is strict: no white space, nothing behind the padding, and no second spelling of the same bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir::wire {

std::string to_base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);

}  // namespace weir::wire
