#include "proxy/command/shell_commands.h"

#include <cstdio>

#include "proxy/command/completion.h"
#include "proxy/command/man_page.h"
#include "proxy/command/subcommand.h"

namespace weir::proxy {

int run_completion(const std::vector<std::string>& arguments) {
  const std::string shell = arguments.size() == 1 ? arguments.front() : "";
  const auto make = shell == "bash"   ? bash_completion
                    : shell == "zsh"  ? zsh_completion
                    : shell == "fish" ? fish_completion
                                      : nullptr;
  if (make == nullptr) return complain(kCommandUsage, "it is weir completion bash|zsh|fish");
  std::fputs(make(vocabulary(subcommands()), setting_flags()).c_str(), stdout);
  return finish_output();
}

int run_man(const std::vector<std::string>& arguments) {
  if (!arguments.empty()) return complain(kCommandUsage, "it is weir man, as in: weir man | man -l -");
  std::fputs(man_page(vocabulary(subcommands()), setting_flags(), WEIR_VERSION).c_str(), stdout);
  return finish_output();
}

}  // namespace weir::proxy
