// Tells the simplest reads without parsing: key-value SELECTs sent with their values in the text are new texts every
// time, and parsing each would cost more than relaying it.
#pragma once

#include <string_view>

namespace weir::capture {

/// True only for a text that the server either refuses or takes as one SELECT that parse() calls a plain read. Looks at
/// each byte once. Anything that could hide a word from it (escapes, bytes beyond ASCII) or begin something else (a
/// parenthesis, a second statement) makes it say false, which only costs a parse.
bool is_plain_read(std::string_view text);

}  // namespace weir::capture
