#include "proxy/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

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

}  // namespace

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
