// The command line: flags of the settings' table, and --config, --help, --version, --reference.
//
// `--flag value` and `--flag=value` are the same; `true` may be left out behind a true|false flag. `--emit.KEY value`
// belongs to the --emit before it. Nothing is stored here: see assignment.h. Pure: text in, values out.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "proxy/settings/assignment.h"

namespace weir::proxy {

struct CommandLine {
  bool help = false;
  bool version = false;
  bool reference = false;  ///< print README.md's table of settings
  std::string config;      ///< path of weir.yaml; empty for none
  std::vector<Assignment> assignments;
};

/// `arguments` without the program's name.
Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments);
/// What --help prints; `commands` is its part about `weir COMMAND …`.
std::string help_text(const std::string& commands);

}  // namespace weir::proxy
