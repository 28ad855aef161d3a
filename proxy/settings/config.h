// weir.yaml: the settings' table as a YAML file. yaml-cpp is known to config.cpp alone.
//
// A key that is not in the table is refused with file, line and the nearest right name; so are a value where a list or
// a map belongs, and a key given twice. Nothing is stored here: see assignment.h.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "proxy/settings/assignment.h"

namespace weir::proxy {

Result<std::vector<Assignment>> read_config(const std::string& path);
/// The same from text; `name` stands where the path would in complaints.
Result<std::vector<Assignment>> parse_config(const std::string& text, const std::string& name);

}  // namespace weir::proxy
