// Percent-encoding of URIs, RFC 3986. Text in, text out.
#pragma once

#include <string>
#include <string_view>

namespace weir {

/// Everything but letters, digits and "-._~" as %XX, byte by byte.
std::string percent_encoded(std::string_view text);

}  // namespace weir
