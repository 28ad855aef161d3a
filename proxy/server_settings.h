// The server's options as the settings say them: at a start, and what of them may change while it runs.
#pragma once

#include "proxy/io/server.h"
#include "proxy/settings/settings.h"

namespace weir::proxy {

/// All but the engines, verifiers and what is known of the hosts.
ServerOptions server_options(const Settings& settings, unsigned workers);
Server::Change server_change(const Settings& settings);

}  // namespace weir::proxy
