// How the log names a session: "session 12 (10.0.0.7:51234, ann@shop, psql)". What clients chose themselves is made
// harmless: control characters would begin lines of their own, and there is no end to what a name may hold.
#pragma once

#include <string>

#include "proxy/io/engine_factory.h"

namespace weir::proxy {

/// Before the StartupMessage there is neither user nor database nor application.
/// A peer's text without what a terminal or a log would trip over, and not longer than a line should be.
std::string printable_text(std::string text);

std::string title_of(const SessionInfo& session);

}  // namespace weir::proxy
