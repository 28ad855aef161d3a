#include "proxy/settings/sources.h"

#include <sys/stat.h>

#include "proxy/settings/config.h"
#include "proxy/settings/environment.h"

namespace weir::proxy {

namespace {

bool everybody_may_read(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && (status.st_mode & S_IRWXO) != 0;
}

}  // namespace

Result<ReadSources> read_sources(const CommandLine& line, const std::vector<std::string>& environment) {
  auto variables = read_environment(environment);
  if (!variables) return variables.error();
  ReadSources read;
  read.config = line.config.empty() ? variables->config : line.config;
  if (!read.config.empty()) {
    auto file = read_config(read.config);
    if (!file) return file.error();
    read.sources.file = std::move(*file);
  }
  read.sources.environment = std::move(variables->assignments);
  read.sources.command_line = line.assignments;
  if (hold_password(read.sources.file) && everybody_may_read(read.config)) {
    read.warnings.push_back(read.config +
                            " holds a password and everybody may read it: chmod 0600 it, or write ${file:PATH} or "
                            "${NAME} (an environment variable) in its place");
  }
  for (const auto& unknown : variables->unknown) read.warnings.push_back("the environment has " + unknown);
  return read;
}

}  // namespace weir::proxy
