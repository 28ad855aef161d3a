// WEIR_…: every setting as an environment variable. Its name is the key's in capitals, with an underscore for each dot:
// WEIR_JOURNAL_PATH; where a flag has a shorter name, that one too (WEIR_JOURNAL). WEIR_CONFIG is --config.
//
// A list is one value, or a YAML list: WEIR_LISTEN='[127.0.0.1:6432, unix:/run/weir]'. What belongs to a destination
// stands beside WEIR_EMIT (WEIR_EMIT_FORMAT, WEIR_EMIT_KAFKA_SASL_PASSWORD) where that is one destination, else inside
// its list. An empty variable is none, as composed containers have it. Pure: variables in, assignments out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "proxy/settings/assignment.h"

namespace weir::proxy {

struct Environment {
  std::vector<Assignment> assignments;
  std::string config;                ///< WEIR_CONFIG
  std::vector<std::string> unknown;  ///< "WEIR_JOURNAL_PTH, which is no setting of Weir; did you mean …"
};

/// `variables` are "NAME=VALUE". Names that begin otherwise are nobody's business; what begins with WEIR_ and is near
/// no setting is left alone too: Kubernetes sets WEIR_PORT and the like for a service of that name.
Result<Environment> read_environment(const std::vector<std::string>& variables);
/// This process's.
std::vector<std::string> process_environment();
/// "WEIR_JOURNAL_PATH" of "journal.path".
std::string variable_of(std::string_view key);

}  // namespace weir::proxy
