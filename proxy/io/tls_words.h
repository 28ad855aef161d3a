// What OpenSSL says, in words for the log. Only for the files that know OpenSSL. Any thread; each thread has a queue of
// its own there.
#pragma once

#include <string>

namespace weir::proxy {

/// The oldest entry of OpenSSL's queue of errors (the cause), and empties the queue.
std::string openssl_words();

}  // namespace weir::proxy
