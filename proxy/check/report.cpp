#include "proxy/check/report.h"

#include <algorithm>
#include <boost/json.hpp>
#include <set>

#include "base/text.h"

namespace weir::proxy {

namespace {

namespace json = boost::json;
using State = Finding::State;

std::string_view word(State state) {
  return state == State::ok ? "ok" : state == State::warning ? "warning" : "failure";
}

std::string colored_word(State state, bool colored) {
  constexpr std::size_t kWidth = 9;
  std::string text(word(state));
  text.resize(kWidth, ' ');
  if (!colored) return text;
  const char* color = state == State::ok ? "\x1b[32m" : state == State::warning ? "\x1b[33m" : "\x1b[1;31m";
  return color + text + "\x1b[0m";
}

/// "insert, update, delete: row; update of the key: statement (key changed without its old value)".
std::string writes_of(const TableCheck& table) {
  std::vector<std::pair<std::string, std::string>> groups;  // what they give, and which
  for (const auto& write : table.writes) {
    const auto gives = write.fidelity + (write.cause.empty() ? "" : " (" + write.cause + ")");
    const auto group = std::find_if(groups.begin(), groups.end(), [&](const auto& one) { return one.first == gives; });
    if (group == groups.end()) {
      groups.emplace_back(gives, write.what);
    } else {
      group->second += ", " + write.what;
    }
  }
  if (groups.size() == 1) return groups.front().first;
  std::string text;
  for (const auto& [gives, which] : groups) text += (text.empty() ? "" : "; ") + which + ": " + gives;
  return text;
}

json::object to_json(const TableCheck& table) {
  json::array writes;
  for (const auto& write : table.writes) {
    json::object one{{"write", write.what}, {"fidelity", write.fidelity}};
    if (!write.cause.empty()) one["cause"] = write.cause;
    writes.push_back(std::move(one));
  }
  return {{"database", table.database},
          {"table", table.name},
          {"key", json::array(table.key.begin(), table.key.end())},
          {"writes", std::move(writes)},
          {"notes", json::array(table.notes.begin(), table.notes.end())}};
}

}  // namespace

std::size_t Report::count(State state) const {
  return std::size_t(
      std::count_if(findings.begin(), findings.end(), [&](const auto& one) { return one.state == state; }));
}

bool Report::is_good(bool strict) const {
  return count(State::failure) == 0 && (!strict || count(State::warning) == 0);
}

void judge_tables(Report& report) {
  const auto all = report.tables.size();
  const auto whole = std::size_t(
      std::count_if(report.tables.begin(), report.tables.end(), [](const auto& table) { return table.is_whole(); }));
  const auto number = [](std::size_t count) { return std::to_string(count) + (count == 1 ? " table" : " tables"); };
  if (all == 0) return report.warn("tables", "none is captured");
  if (whole == all) return report.ok("tables", number(all) + ", row events of each");
  report.warn("tables", number(all) + ", row events of all writes of " + std::to_string(whole));
}

std::string report_text(const Report& report, bool colored) {
  constexpr std::size_t kColumn = 15;
  std::string text;
  for (const auto& finding : report.findings) {
    std::string what = finding.what;
    what.resize(std::max(what.size() + 1, kColumn), ' ');
    text += colored_word(finding.state, colored) + what + finding.text + "\n";
    if (finding.what != "tables") continue;
    std::set<std::string> databases;
    for (const auto& table : report.tables) databases.insert(table.database);
    for (const auto& table : report.tables) {
      const auto name = (databases.size() > 1 ? table.database + ": " : "") + table.name;
      const auto key = table.key.empty() ? "" : " (key: " + joined(table.key) + ")";
      text += "           " + name + key + ": " + writes_of(table) + "\n";
      for (const auto& note : table.notes) text += "             " + note + "\n";
    }
  }
  return text;
}

std::string report_json(const Report& report, bool strict) {
  json::array findings;
  for (const auto& finding : report.findings)
    findings.push_back({{"check", finding.what}, {"state", word(finding.state)}, {"text", finding.text}});
  json::array tables;
  for (const auto& table : report.tables) tables.push_back(to_json(table));
  const json::object all{{"good", report.is_good(strict)},
                         {"failures", report.count(State::failure)},
                         {"warnings", report.count(State::warning)},
                         {"findings", std::move(findings)},
                         {"tables", std::move(tables)}};
  return json::serialize(all) + "\n";
}

}  // namespace weir::proxy
