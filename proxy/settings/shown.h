// The settings as they count, as rows for whoever shows them in a table: each with where it is from, and no secret
// among them (secret.h). Text as it was written, so what a ${...} stands for is not shown either. Pure.
#pragma once

#include <string>
#include <vector>

#include "proxy/settings/assignment.h"

namespace weir::proxy {

struct ShownSetting {
  std::string key;
  std::string value;
  std::string source;  ///< "default", or its place: "weir.yaml:12: prefix", "WEIR_PREFIX", "--prefix"
};

/// In the order of the table of settings; a list has a row for each entry.
std::vector<ShownSetting> shown_settings(const Sources& sources);

}  // namespace weir::proxy
