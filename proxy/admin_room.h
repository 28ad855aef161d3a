// The admin listener and the console of this Weir: made from the settings, over an Inspection. What it is told to do
// becomes a signal of the process, so that it is done by the main thread, and as an operator would have it done.
#pragma once

#include <memory>
#include <optional>

#include "base/result.h"
#include "proxy/admin/admin_server.h"
#include "proxy/admin/show.h"
#include "proxy/inspection.h"
#include "proxy/io/engine_factory.h"
#include "proxy/settings/settings.h"

namespace weir::proxy {

/// To the main thread: take no new clients.
int drain_signal();

/// Bound, and to be started once what it looks at runs; null where it is off, and where the default's port is taken,
/// which is a warning. An address that the user named must be had. `capturing` may be null.
Result<std::unique_ptr<AdminServer>> open_admin(const AdminSettings& settings, Inspection& inspection,
                                                CaptureService* capturing);

/// The engine of a session that asked for it: the console, or what refuses it. `capturing` may be null; `orders` has
/// those of the main thread.
std::unique_ptr<wire::Engine> make_console(const std::vector<std::string>& users, const SessionInfo& info,
                                           const Inspection& inspection, CaptureService* capturing,
                                           ConsoleOrders orders);

/// Why this session gets no console; nothing where it does. A name alone proves nothing.
std::optional<Error> refusal_of_console(const std::vector<std::string>& users, const SessionInfo& info,
                                        unsigned own_user);

}  // namespace weir::proxy
