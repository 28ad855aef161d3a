// Weir's log: lines on stderr, so that stdout belongs to the events. spdlog is known to log.cpp alone.
//
// May be called from any thread once setup() has run; before that, lines of level info and above go to stderr as well.
// Whoever logs sees to it that no password is in the text: settings are logged by their keys, never whole.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::proxy::log {

enum class Format {
  text,  ///< for people
  json   ///< one object for each line: time, level, message, and of what may come often its kind
};

/// "debug", "info", "warn" or "error": lines below it are not written. Other text counts as "info".
void setup(std::string_view level, Format format);
/// While Weir runs; any thread. False: there is no such level.
bool set_level(std::string_view level);

/// The same of the form of lines.
void set_format(Format format);

/// For what every client or every retry may say again: of one `kind` (a few words, "failed logins") no more than a few
/// lines are written in ten seconds, and then how many were left out (log_limit.h).
void info(std::string_view kind, const std::string& text);
void warn(std::string_view kind, const std::string& text);
void error(std::string_view kind, const std::string& text);
/// Before the end: what was left out and not told of.
void tell_left_out();

void debug(const std::string& text);
void info(const std::string& text);
void warn(const std::string& text);
void error(const std::string& text);

}  // namespace weir::proxy::log
