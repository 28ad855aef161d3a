// Weir's log: lines on stderr, so that stdout belongs to the events. spdlog is known to log.cpp alone.
//
// May be called from any thread once setup() has run; before that, lines of level info and above go to stderr as well.
// Whoever logs sees to it that no password is in the text: settings are logged by their keys, never whole.
#pragma once

#include <string>
#include <string_view>

namespace weir::proxy::log {

/// "debug", "info", "warn" or "error": lines below it are not written. Other text counts as "info".
void setup(std::string_view level);

void debug(const std::string& text);
void info(const std::string& text);
void warn(const std::string& text);
void error(const std::string& text);

}  // namespace weir::proxy::log
