// Which tables the settings say are captured: one reading of them for the sessions and for what is asked beforehand.
#pragma once

#include "capture/scope.h"
#include "proxy/settings/settings.h"

namespace weir::proxy {

capture::Scope scope_of(const Settings& settings);

}  // namespace weir::proxy
