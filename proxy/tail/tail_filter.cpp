#include "proxy/tail/tail_filter.h"

#include <algorithm>
#include <optional>

#include "capture/event/json_members.h"

namespace weir::proxy {

namespace {

void leave_out(std::optional<std::string>& image, const event::ChangeEvent& change, const capture::Scope& scope) {
  if (!image) return;
  image = event::without_members(
      *image, [&](const std::string& column) { return scope.excludes_column(change.schema, change.table, column); });
}

}  // namespace

bool TailFilter::wants(const event::ChangeEvent& change) const {
  if (tables_.empty() || (change.op == event::Op::gap && change.table.empty())) return true;
  const auto table = event::qualified_table(change);
  return std::any_of(tables_.begin(), tables_.end(),
                     [&](const auto& pattern) { return capture::matches(pattern, table); });
}

bool has_excluded(const capture::Scope& scope) {
  return !scope.exclude_columns.empty();
}

event::ChangeEvent without_excluded(event::ChangeEvent change, const capture::Scope& scope) {
  for (auto* image : {&change.key, &change.old_key, &change.before, &change.after}) leave_out(*image, change, scope);
  return change;
}

}  // namespace weir::proxy
