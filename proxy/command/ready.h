// Whether the Weir that runs with these settings takes clients: it answers on what it listens on, and its admin
// listener, where there is one, says that it is ready. For a container's HEALTHCHECK: short, and needs no shell.
#pragma once

#include "proxy/check/report.h"
#include "proxy/settings/sources.h"

namespace weir::proxy {

Report check_ready(const ReadSources& read);

}  // namespace weir::proxy
