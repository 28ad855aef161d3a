// What systemd (Type=notify) is told of this process: that it is ready, that it ends, and one line for `systemctl
// status`. See sd_notify(3): a datagram to the Unix socket that NOTIFY_SOCKET names.
//
// Nothing happens where there is no NOTIFY_SOCKET, and nothing waits: a manager that does not read is no reason for a
// proxy to stand still. May be called from any thread.
#pragma once

#include <string>

namespace weir::proxy {

/// `state` is lines of NAME=value, such as "READY=1\nSTATUS=listening". False where there is nobody to be told, or it
/// could not be.
bool tell_service_manager(const std::string& state);

}  // namespace weir::proxy
