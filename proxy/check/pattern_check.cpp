#include "proxy/check/pattern_check.h"

#include <algorithm>
#include <set>
#include <utility>

namespace weir::proxy {

namespace {

constexpr std::string_view kTables = "capture.include";
constexpr std::string_view kTablesNot = "capture.exclude";
constexpr std::string_view kColumns = "capture.exclude_columns";
constexpr std::string_view kDatabases = "capture.databases";

// Bytes are compared with bytes: LIKE of text would need the names in the database's encoding, and its collation. What
// comes back are the patterns that match nothing, as they went there.
constexpr const char* kQuestion =
    "SELECT 't'::pg_catalog.text, p.hex FROM (SELECT pg_catalog.unnest(pg_catalog.string_to_array("
    "$1::pg_catalog.text, ',')) AS hex) p WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_class c"
    " JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace"
    " WHERE c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,v,f}'::pg_catalog.\"char\"[])"
    " AND pg_catalog.convert_to(n.nspname::pg_catalog.text OPERATOR(pg_catalog.||) '.' OPERATOR(pg_catalog.||)"
    " c.relname::pg_catalog.text, 'UTF8') OPERATOR(pg_catalog.~~) pg_catalog.decode(p.hex, 'hex'))"
    " UNION ALL SELECT 'c', p.hex FROM (SELECT pg_catalog.unnest(pg_catalog.string_to_array("
    "$2::pg_catalog.text, ',')) AS hex) p WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_class c"
    " JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace"
    " JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) c.oid"
    " WHERE c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,v,f}'::pg_catalog.\"char\"[])"
    " AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped"
    " AND pg_catalog.convert_to(n.nspname::pg_catalog.text OPERATOR(pg_catalog.||) '.' OPERATOR(pg_catalog.||)"
    " c.relname::pg_catalog.text OPERATOR(pg_catalog.||) '.' OPERATOR(pg_catalog.||) a.attname::pg_catalog.text,"
    " 'UTF8') OPERATOR(pg_catalog.~~) pg_catalog.decode(p.hex, 'hex'))"
    " UNION ALL SELECT 'd', p.hex FROM (SELECT pg_catalog.unnest(pg_catalog.string_to_array("
    "$3::pg_catalog.text, ',')) AS hex) p WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_database d"
    " WHERE pg_catalog.convert_to(d.datname::pg_catalog.text, 'UTF8')"
    " OPERATOR(pg_catalog.~~) pg_catalog.decode(p.hex, 'hex'))";

char kind_of(std::string_view setting) {
  if (setting == kColumns) return 'c';
  return setting == kDatabases ? 'd' : 't';
}

const char* noun(std::string_view setting) {
  if (setting == kColumns) return "column";
  return setting == kDatabases ? "database" : "table";
}

std::string in_hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    text += "0123456789abcdef"[static_cast<unsigned char>(byte) >> 4];
    text += "0123456789abcdef"[static_cast<unsigned char>(byte) & 15];
  }
  return text;
}

}  // namespace

std::string like_pattern(const std::string& pattern) {
  std::string like;
  for (const char c : pattern) {
    if (c == '%' || c == '_' || c == '\\') like += '\\';
    like += c == '*' ? '%' : c == '?' ? '_' : c;
  }
  return like;
}

PatternCheck::PatternCheck(const capture::Scope& scope, Tell tell) : tell_(std::move(tell)) {
  add(std::string(kDatabases), scope.databases);
  add(std::string(kTables), scope.include);
  add(std::string(kTablesNot), scope.exclude);
  add(std::string(kColumns), scope.exclude_columns);
}

void PatternCheck::add(const std::string& setting, const std::vector<std::string>& patterns) {
  for (const auto& text : patterns)
    patterns_.push_back({.setting = setting, .text = text, .hex = in_hex(like_pattern(text))});
}

std::string PatternCheck::listed(std::string_view setting) const {
  std::string list;
  for (const auto& pattern : patterns_) {
    if (kind_of(pattern.setting) == kind_of(setting)) list += (list.empty() ? "" : ",") + pattern.hex;
  }
  return list;
}

std::optional<capture::Question> PatternCheck::take(const std::string& database) {
  const std::lock_guard lock(mutex_);
  if (patterns_.empty() || !asked_.try_emplace(database, false).second) return std::nullopt;
  capture::Question question;
  question.sql = kQuestion;
  question.parameters = {listed(kTables), listed(kColumns), listed(kDatabases)};
  question.answered = [this, database](const auto& rows) { answered(database, rows); };
  return question;
}

void PatternCheck::give_back(const std::string& database) {
  const std::lock_guard lock(mutex_);
  const auto found = asked_.find(database);
  if (found != asked_.end() && !found->second) asked_.erase(found);
}

void PatternCheck::answered(const std::string& database, const Result<std::vector<capture::Question::Row>>& rows) {
  if (!rows && rows.error().sqlstate.empty()) return give_back(database);  // the session ended
  const std::lock_guard lock(mutex_);
  asked_[database] = true;
  if (!rows) {
    tell_({Notice::Level::warning, "whether the patterns of capture match anything in database " + database +
                                       " is not known: " + rows.error().message});
    return;
  }
  std::set<std::pair<char, std::string>> unmatched;
  for (const auto& row : *rows) {
    if (row.size() == 2 && row[0] && row[1] && row[0]->size() == 1) unmatched.emplace(row[0]->front(), *row[1]);
  }
  for (auto& pattern : patterns_) {
    if (unmatched.count({kind_of(pattern.setting), pattern.hex}) > 0) {
      // Which databases there are is the same everywhere.
      if (pattern.setting == kDatabases && std::exchange(pattern.said, true)) continue;
      tell_({Notice::Level::warning, warning(pattern, database)});
    } else if (pattern.matched_in.empty()) {
      pattern.matched_in = database;
    }
  }
}

std::string PatternCheck::warning(const Pattern& pattern, const std::string& database) const {
  std::string text = pattern.setting + " \"" + pattern.text + "\" matches no " + noun(pattern.setting);
  if (pattern.setting != kDatabases) text += " of database " + database;
  if (!pattern.matched_in.empty()) return text + " (but of database " + pattern.matched_in + ")";
  return text + ": check its spelling; names are compared as the catalog has them, with case";
}

}  // namespace weir::proxy
