#include "proxy/process/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <mutex>
#include <optional>
#include <shared_mutex>

#include "base/text.h"
#include "capture/event/json_members.h"
#include "proxy/process/log_limit.h"

namespace weir::proxy::log {

namespace {

constexpr const char* kTextPattern = "%Y-%m-%dT%H:%M:%S.%eZ %^%-5l%$ %v";
constexpr const char* kJsonPattern = "{\"time\":\"%Y-%m-%dT%H:%M:%S.%eZ\",\"level\":\"%l\",%v}";

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> instance = [] {
    auto made = std::make_shared<spdlog::logger>("weir", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    made->set_pattern(kTextPattern, spdlog::pattern_time_type::utc);
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

/// What is written and how it is framed belong together.
std::shared_mutex format_mutex;
bool as_json = false;

/// The text goes through "{}", so that braces in it stay what they are.
void write(spdlog::level::level_enum level, std::string_view kind, const std::string& text) {
  auto& log = logger();
  if (!log.should_log(level)) return;
  const std::shared_lock lock(format_mutex);
  if (!as_json) return log.log(level, "{}", text);
  std::string members = "\"message\":";
  event::append_json_string(members, text);
  if (!kind.empty()) {
    members += ",\"kind\":";
    event::append_json_string(members, kind);
  }
  log.log(level, "{}", members);
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
  write(level, kind, text + more);
}

std::optional<spdlog::level::level_enum> level_of(std::string_view name) {
  if (name == "debug") return spdlog::level::debug;
  if (name == "info") return spdlog::level::info;
  if (name == "warn") return spdlog::level::warn;
  if (name == "error") return spdlog::level::err;
  return std::nullopt;
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

void setup(std::string_view level, Format format) {
  logger().set_level(level_of(level).value_or(spdlog::level::info));
  set_format(format);
}

void set_format(Format format) {
  const std::unique_lock lock(format_mutex);
  as_json = format == Format::json;
  logger().set_pattern(as_json ? kJsonPattern : kTextPattern, spdlog::pattern_time_type::utc);
}

bool set_level(std::string_view level) {
  const auto known = level_of(level);
  if (known) logger().set_level(*known);
  return known.has_value();
}

void debug(const std::string& text) {
  write(spdlog::level::debug, {}, text);
}
void info(const std::string& text) {
  write(spdlog::level::info, {}, text);
}
void warn(const std::string& text) {
  write(spdlog::level::warn, {}, text);
}
void error(const std::string& text) {
  write(spdlog::level::err, {}, text);
}

}  // namespace weir::proxy::log
