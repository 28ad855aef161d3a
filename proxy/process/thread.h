// How Weir's own threads begin: with a name that `top -H` and a debugger show, without signals, which are for the main
// thread, and without preempting whoever wakes them (sched(7), SCHED_BATCH; see "Decisions" in the README). What a
// thread starts in turn (librdkafka's, libpq's) inherits all three.
#pragma once

#include <functional>
#include <string>
#include <thread>

namespace weir::proxy {

/// The system keeps the first 15 bytes of the name.
std::thread start_thread(const std::string& name, std::function<void()> run);

}  // namespace weir::proxy
