#include "proxy/check/plan_preview.h"

#include <cstdlib>

#include "capture/cascade.h"

namespace weir::proxy {

namespace {

using capture::FactsText;
using Facts = std::shared_ptr<const capture::RelationFacts>;

wire::RowView view_of(const AskableDatabase::Row& row) {
  wire::RowView view;
  for (const auto& field : row) view.push_back(field ? std::optional<std::string_view>(*field) : std::nullopt);
  return view;
}

}  // namespace

Result<PlanPreview> PlanPreview::begin(AskableDatabase& database, const capture::Scope& scope) {
  const auto rows = database.query(
      "SELECT pg_catalog.current_setting('server_version_num'), pg_catalog.current_setting('server_encoding'),"
      " pg_catalog.current_setting('client_encoding')",
      {});
  if (!rows) return rows.error();
  if (rows->size() != 1 || rows->front().size() != 3) return Error{"the server's version could not be asked", ""};
  const auto& row = rows->front();
  PlanPreview preview(database, scope);
  preview.server_.version = std::atoi(row[0].value_or("").c_str()) / 10'000;
  preview.server_.server_encoding = row[1].value_or("UTF8");
  preview.server_.client_encoding = row[2].value_or("UTF8");
  return preview;
}

Result<void> PlanPreview::ask(const std::string& name, FactsText text) {
  const auto found = facts_.find(name);
  if (found != facts_.end() && found->second.text >= text) return {};
  const auto rows = database_.query(std::string(capture::facts_query(text)), {name, ""});
  if (!rows) return rows.error();
  Known known{text, nullptr};
  if (!rows->empty()) {
    const auto row = view_of(rows->front());
    server_.creation_schema = capture::read_creation_schema(row, server_.server_encoding);
    if (auto facts = capture::read_facts(row, server_.server_encoding))
      known.relation = std::make_shared<const capture::RelationFacts>(std::move(*facts));
  }
  facts_[name] = std::move(known);
  return {};
}

Result<void> PlanPreview::ask_cascade(const capture::TableName& table) {
  const auto name = capture::cascade_name(table);
  if (facts_.contains(name)) return {};
  const auto rows = database_.query(std::string(capture::cascade_query(table.only)), {capture::quoted_name(table), ""});
  if (!rows) return rows.error();
  Known known;
  if (!rows->empty()) {
    if (auto facts = capture::read_facts(view_of(rows->front()), server_.server_encoding))
      known.relation = std::make_shared<const capture::RelationFacts>(std::move(*facts));
  }
  facts_[name] = std::move(known);
  return {};
}

Facts PlanPreview::known(const std::string& name) const {
  const auto found = facts_.find(name);
  return found == facts_.end() ? nullptr : found->second.relation;
}

std::vector<Facts> PlanPreview::relations(const capture::Statement& statement) const {
  std::vector<Facts> all;
  for (const auto& table : statement.tables) all.push_back(known(capture::quoted_name(table)));
  return all;
}

Result<capture::Plan> PlanPreview::plan(const capture::ParsedText& text, const capture::Statement& statement) {
  for (const auto& table : statement.tables) {
    if (auto asked = ask(capture::quoted_name(table), FactsText::plain); !asked) return asked.error();
    if (!table.cascades) continue;
    if (auto asked = ask_cascade(table); !asked) return asked.error();
  }
  // What is known so far says whether more of the target is needed; that is said once.
  if (!statement.tables.empty()) {
    const auto target = relations(statement).front();
    const auto needed = capture::needed_facts({text.text, statement, {target}, server_, scope_});
    if (auto asked = ask(capture::quoted_name(statement.tables.front()), needed); !asked) return asked.error();
  }
  std::vector<Facts> emptied;
  for (const auto& table : statement.tables)
    if (table.cascades) emptied.push_back(known(capture::cascade_name(table)));
  return capture::make_plan({text.text, statement, relations(statement), server_, scope_, std::move(emptied)});
}

}  // namespace weir::proxy
