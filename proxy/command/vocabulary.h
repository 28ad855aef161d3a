// All that can be written behind `weir`, as plain values for whoever lists it: completions and the man page. Made from
// the table of commands and the table of settings, so it cannot lack any. Pure.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "proxy/command/subcommand.h"

namespace weir::proxy {

struct Flag {
  std::string name;   ///< "--log.level"
  std::string takes;  ///< "debug|info|warn|error", "PATH"; empty: nothing stands behind it
  std::string fallback;
  std::string help;
  bool open = false;  ///< the last part of the name stands for any: "--emit.kafka.PROPERTY"

  std::vector<std::string> choices() const;  ///< where the value is one of a few
  bool takes_path() const { return takes == "PATH"; }
};

struct Command {
  std::string name;       ///< "journal ls"
  std::string arguments;  ///< as --help has them
  std::string help;
  std::vector<Flag> flags;  ///< its own: settings can be given to each command besides
};

/// --config, --help, --version and all settings.
std::vector<Flag> setting_flags();
std::vector<Command> vocabulary(std::span<const Subcommand> commands);

}  // namespace weir::proxy
