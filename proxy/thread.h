// How Weir's own threads begin: with a name that `top -H` and a debugger show, and without signals, which are for the
// main thread. What a thread starts in turn (librdkafka's, libpq's) inherits both.
#pragma once

#include <functional>
#include <string>
#include <thread>

namespace weir::proxy {

/// The system keeps the first 15 bytes of the name.
std::thread start_thread(const std::string& name, std::function<void()> run);

}  // namespace weir::proxy
