// What the settings mean for the server, the verifiers and the log: at a start, and what of them may change while Weir
// runs.
#pragma once

#include <memory>

#include "base/result.h"
#include "proxy/auth/verifiers.h"
#include "proxy/io/server.h"
#include "proxy/process/log.h"
#include "proxy/settings/settings.h"

namespace weir::proxy {

/// All but the engines, and what is known of the hosts. `verifiers` may be null.
ServerOptions server_options(const Settings& settings, unsigned workers, std::shared_ptr<VerifierSource> verifiers);
Server::Change server_change(const Settings& settings, std::shared_ptr<VerifierSource> verifiers);
/// Null where logins are only relayed. `upstream` and `credentials` are those that Weir runs with.
Result<std::shared_ptr<Verifiers>> start_verifiers(const Settings& settings, const Upstream& upstream,
                                                   const Credentials& credentials);
log::Format log_format(const Settings& settings);

}  // namespace weir::proxy
