#include "proxy/process/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <mutex>

#include "base/notice.h"
#include "proxy/process/log_limit.h"

namespace weir::proxy::log {

namespace {

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> instance = [] {
    auto made = std::make_shared<spdlog::logger>("weir", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%-5l%$ %v", spdlog::pattern_time_type::utc);
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  return *instance;
}

std::mutex limit_mutex;

LogLimit& limit() {
  static LogLimit instance;
  return instance;
}

void write_limited(spdlog::level::level_enum level, std::string_view kind, const std::string& text) {
  LogLimit::Verdict verdict;
  {
    const std::lock_guard lock(limit_mutex);
    verdict = limit().note(kind, LogLimit::Clock::now());
  }
  if (!verdict.write) return;
  const std::string more =
      verdict.left_out == 0 ? "" : " (before it, " + counted(verdict.left_out, "line") + " like this left out)";
  logger().log(level, "{}{}", text, more);
}

}  // namespace

void info(std::string_view kind, const std::string& text) {
  write_limited(spdlog::level::info, kind, text);
}
void warn(std::string_view kind, const std::string& text) {
  write_limited(spdlog::level::warn, kind, text);
}
void error(std::string_view kind, const std::string& text) {
  write_limited(spdlog::level::err, kind, text);
}

void tell_left_out() {
  std::vector<std::pair<std::string, std::uint64_t>> untold;
  {
    const std::lock_guard lock(limit_mutex);
    untold = limit().take_untold();
  }
  for (const auto& [kind, count] : untold) info(kind + ": " + counted(count, "line") + " left out of this log");
}

void setup(std::string_view level) {
  auto& log = logger();
  log.set_level(spdlog::level::info);
  if (level == "debug") log.set_level(spdlog::level::debug);
  if (level == "warn") log.set_level(spdlog::level::warn);
  if (level == "error") log.set_level(spdlog::level::err);
}

// The text goes through "{}", so that braces in it stay what they are.
void debug(const std::string& text) {
  logger().debug("{}", text);
}
void info(const std::string& text) {
  logger().info("{}", text);
}
void warn(const std::string& text) {
  logger().warn("{}", text);
}
void error(const std::string& text) {
  logger().error("{}", text);
}

}  // namespace weir::proxy::log
