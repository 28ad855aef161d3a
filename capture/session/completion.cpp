#include "capture/session/completion.h"

#include <charconv>

#include "capture/event/gap_cause.h"

namespace weir::capture {

std::optional<std::int64_t> rows_of(std::string_view tag) {
  const std::size_t space = tag.rfind(' ');
  if (space == std::string_view::npos) return std::nullopt;
  std::int64_t rows = 0;
  const char* end = tag.data() + tag.size();
  const auto [stop, error] = std::from_chars(tag.data() + space + 1, end, rows);
  if (error != std::errc() || stop != end) return std::nullopt;
  return rows;
}

std::optional<event::Op> op_of_tag(std::string_view tag) {
  if (tag.starts_with("INSERT ")) return event::Op::create;
  if (tag.starts_with("UPDATE ")) return event::Op::update;
  if (tag.starts_with("MERGE ")) return event::Op::gap;
  if (tag.starts_with("DELETE ")) return event::Op::remove;
  return std::nullopt;
}

RelationName written_name(const Statement& statement, const ServerSettings& server) {
  return statement.tables.empty() ? RelationName{} : utf8_name(statement.tables[0], server);
}

bool ends(StatementKind kind, std::string_view tag) {
  switch (kind) {
    case StatementKind::insert:
      return tag.starts_with("INSERT ");
    case StatementKind::update:
      return tag.starts_with("UPDATE ");
    case StatementKind::remove:
      return tag.starts_with("DELETE ");
    case StatementKind::merge:
      return tag.starts_with("MERGE ");
    default:
      return true;
  }
}

std::optional<Told> tell_target(const Plan& plan, const Statement& statement, std::string_view tag, bool relayed,
                                const ServerSettings& server) {
  const std::int64_t rows = rows_of(tag).value_or(0);
  if (plan.how == Plan::How::gap || relayed) {
    const RelationName table = plan.relation ? plan.relation->name : written_name(statement, server);
    // A rule may do something else instead, and then the tag counts nothing.
    const bool by_rule = plan.relation && plan.relation->has_rules;
    if ((rows == 0 || (!plan.relation && !plan.inner.empty())) && !by_rule) return std::nullopt;
    return Told{true, table, plan.op, rows, plan.cause.empty() ? to_text(event::GapCause::not_split) : plan.cause};
  }
  if (rows <= 0) return std::nullopt;
  if (plan.unknown) return Told{true, *plan.unknown, plan.op, rows, plan.cause};
  const bool told = plan.how == Plan::How::input || plan.how == Plan::How::statement;
  if (!told || !plan.relation) return std::nullopt;
  return Told{false, plan.relation->name, plan.op, rows, plan.cause};
}

/// They have no count of their own, nor has TRUNCATE; but where there is nothing else the tag counts them.
std::vector<Told> tell_inner(const Plan& plan, const Statement& statement, std::string_view tag, bool relayed) {
  std::vector<Told> told;
  const auto tagged = rows_of(tag);
  const std::int64_t rows = tagged.value_or(0);
  const bool counted = plan.inner.size() == 1 && !plan.relation && !statement.modifying_with &&
                       statement.kind != StatementKind::truncate;
  for (const auto& [table, op] : plan.inner) {
    if (counted && rows == 0 && tagged) continue;
    // There already, or WITH NO DATA; EXPLAIN ANALYZE does not say.
    if (statement.creates_table && !tagged && tag != "EXPLAIN") continue;
    const std::string cause = !relayed         ? plan.cause
                              : statement.copy ? to_text(event::GapCause::copy)
                                               : to_text(event::GapCause::not_split);
    told.push_back({relayed, table, op, counted ? rows : 0, cause});
  }
  return told;
}

}  // namespace weir::capture
