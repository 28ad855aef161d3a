// Everything that settings come from, read: weir.yaml where one is named, WEIR_… variables, the command line.
//
// What starts Weir and every command that needs a setting reads them here, so all of them mean the same configuration.
// Reads the file; changes nothing.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "proxy/settings/assignment.h"
#include "proxy/settings/options.h"

namespace weir::proxy {

struct ReadSources {
  Sources sources;
  std::string config;                 ///< path of the file; empty for none
  std::vector<std::string> warnings;  ///< what is most likely not meant so
};

/// `environment` as "NAME=VALUE". --config wins over WEIR_CONFIG.
Result<ReadSources> read_sources(const CommandLine& line, const std::vector<std::string>& environment);

}  // namespace weir::proxy
