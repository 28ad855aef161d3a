#include "capture/scope.h"

#include <algorithm>

namespace weir::capture {
namespace {

bool any_matches(const std::vector<std::string>& patterns, std::string_view name) {
  return std::any_of(patterns.begin(), patterns.end(), [name](const auto& pattern) { return matches(pattern, name); });
}

std::string join(std::string_view schema, std::string_view table) {
  std::string name(schema);
  name.push_back('.');
  name.append(table);
  return name;
}

}  // namespace

bool Scope::captures_database(std::string_view name) const {
  return databases.empty() || any_matches(databases, name);
}

bool Scope::captures(std::string_view schema, std::string_view table) const {
  if (schema == "information_schema" || schema.starts_with("pg_")) return false;
  if (include.empty() && exclude.empty()) return true;
  const std::string name = join(schema, table);
  return (include.empty() || any_matches(include, name)) && !any_matches(exclude, name);
}

bool Scope::excludes(std::string_view schema, std::string_view table) const {
  return !exclude.empty() && any_matches(exclude, join(schema, table));
}

bool Scope::excludes_column(std::string_view schema, std::string_view table, std::string_view column) const {
  return !exclude_columns.empty() && any_matches(exclude_columns, join(join(schema, table), column));
}

bool matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace weir::capture
