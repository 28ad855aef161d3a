#include "proxy/admin/process_numbers.h"

#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

#include "proxy/process/descriptors.h"

namespace weir::proxy {

namespace {

/// Seconds since the epoch at which the machine started.
double boot_time() {
  std::ifstream file("/proc/stat");
  std::string word;
  while (file >> word) {
    double time = 0;
    if (word == "btime" && file >> time) return time;
  }
  return 0;
}

/// The fields of /proc/self/stat behind the program's name, which may hold anything: the first is number 3 of proc(5).
std::istringstream stat_behind_name() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  const auto name_ends = line.rfind(')');
  return std::istringstream(name_ends == std::string::npos ? "" : line.substr(name_ends + 1));
}

}  // namespace

ProcessNumbers process_numbers() {
  ProcessNumbers numbers;
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  auto stat = stat_behind_name();
  std::string field;
  for (int number = 3; number <= 24 && stat >> field; ++number) {
    const double value = std::strtod(field.c_str(), nullptr);
    if (number == 14 || number == 15) numbers.cpu_seconds += value / ticks;
    if (number == 20) numbers.threads = static_cast<std::uint64_t>(value);
    if (number == 22) numbers.started_at = boot_time() + value / ticks;
    if (number == 23) numbers.virtual_bytes = static_cast<std::uint64_t>(value);
    if (number == 24)
      numbers.resident_bytes = static_cast<std::uint64_t>(value) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  }
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) numbers.max_descriptors = limit.rlim_cur;
  numbers.open_descriptors = open_descriptors();
  return numbers;
}

}  // namespace weir::proxy
