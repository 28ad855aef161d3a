// The configuration that counts, as a weir.yaml: behind each value where it is from (a default, a line of the file, a
// variable, a flag), in place of each secret ***. What a ${…} stands for is not shown. Pure.
//
// Without its secrets it is read back as the same settings. What is not set and has no default is not in it.
#pragma once

#include <string>

#include "proxy/settings/assignment.h"

namespace weir::proxy {

std::string config_text(const Sources& sources);

}  // namespace weir::proxy
