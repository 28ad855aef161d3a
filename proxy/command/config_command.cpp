#include "proxy/command/config_command.h"

#include <cstdio>

#include "proxy/command/subcommand.h"
#include "proxy/settings/config_text.h"
#include "proxy/settings/schema.h"

namespace weir::proxy {

int run_config(const std::vector<std::string>& arguments) {
  std::vector<std::string> flags = arguments;
  if (std::erase(flags, "--schema") > 0) {
    std::fputs(json_schema().c_str(), stdout);
    return finish_output();
  }
  int code = 0;
  const auto read = read_command_sources("config", flags, code);
  if (!read) return code;
  if (const auto settings = settle(read->sources); !settings) return complain(kCommandUsage, settings.error().message);
  for (const auto& warning : read->warnings) complain(0, warning);
  std::fputs(config_text(read->sources).c_str(), stdout);
  return finish_output();
}

}  // namespace weir::proxy
