// `${NAME}` and `${file:PATH}` in the value of a setting: an environment variable's value, or what a file holds,
// without the newlines at its end. So a password needs to stand neither in weir.yaml nor on a command line, where `ps`
// shows it.
//
// `$${` stands for `${` itself. Each is replaced once: what comes in is not looked at again. A complaint names the
// variable or the file and never shows a value. Reads the environment and files; changes nothing.
#pragma once

#include <string>

#include "base/result.h"

namespace weir::proxy {

/// `in_uri`: what stands for a part of the text is percent-encoded, so that a password may hold any character; what
/// stands for all of it is a URI itself and comes in as it is.
Result<std::string> expand(const std::string& text, bool in_uri);

}  // namespace weir::proxy
