// What `weir check` found, for a person and for a program. Pure.
#pragma once

#include <string>
#include <vector>

#include "proxy/check/table_check.h"

namespace weir::proxy {

struct Finding {
  enum class State { ok, warning, failure };
  State state = State::ok;
  std::string what;  ///< "configuration", "upstream", "login", "tables", "patterns", "certificate", "destination", …
  std::string text;
};

struct Report {
  std::vector<Finding> findings;
  std::vector<TableCheck> tables;

  void ok(std::string what, std::string text) { add(Finding::State::ok, std::move(what), std::move(text)); }
  void warn(std::string what, std::string text) { add(Finding::State::warning, std::move(what), std::move(text)); }
  void fail(std::string what, std::string text) { add(Finding::State::failure, std::move(what), std::move(text)); }
  std::size_t count(Finding::State state) const;
  /// Warnings count where `strict`.
  bool is_good(bool strict) const;

 private:
  void add(Finding::State state, std::string what, std::string text) {
    findings.push_back({state, std::move(what), std::move(text)});
  }
};

/// What is true of the tables together: one finding, and a warning where not all of their writes give rows.
void judge_tables(Report& report);

std::string report_text(const Report& report, bool colored);
/// One object: {"good", "failures", "warnings", "findings": […], "tables": […]}.
std::string report_json(const Report& report, bool strict);

}  // namespace weir::proxy
