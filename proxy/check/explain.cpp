#include "proxy/check/explain.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"

namespace weir::proxy {

namespace {

using capture::Plan;
using capture::StatementKind;
using How = capture::Plan::How;

std::string full_name(const capture::RelationName& name) {
  return name.schema.empty() ? name.table : name.schema + "." + name.table;
}

/// Of statements that need no plan.
std::string why_by_kind(StatementKind kind) {
  switch (kind) {
    case StatementKind::read:
      return "it reads only";
    case StatementKind::begin:
    case StatementKind::savepoint:
    case StatementKind::release:
    case StatementKind::rollback:
    case StatementKind::rollback_to:
      return "transaction control: the events of what it takes back are dropped";
    case StatementKind::commit:
    case StatementKind::prepare_transaction:
      return "transaction control: before it is sent, the events of its transaction are in the journal";
    case StatementKind::finish_prepared:
      return "it decides a prepared transaction, whose events wait in the journal";
    case StatementKind::execute:
      return "EXECUTE: what a statement prepared in SQL writes is told from its command tag, as a gap";
    case StatementKind::opaque:
      return "what CALL and DO write inside the server is not seen";
    case StatementKind::session:
      return "it changes the session: what Weir knows of the catalog is asked anew";
    case StatementKind::ddl:
      return "DDL: what Weir knows of the catalog is asked anew";
    default:
      return "it writes no rows that are captured";
  }
}

std::string why_not_captured(const capture::Scope& scope, const capture::RelationFacts& relation) {
  const auto name = full_name(relation.name);
  if (relation.persistence == 't') return name + " is a temporary table";
  if (scope.excludes(relation.name.schema, relation.name.table)) return name + " is excluded (capture.exclude)";
  const capture::Scope all;
  if (!all.captures(relation.name.schema, relation.name.table)) return name + " is in a schema of the system";
  return name + " is not in capture.include";
}

std::string events_of(const Plan& plan) {
  switch (plan.how) {
    case How::returning:
      return "an event for each row, with its image (fidelity row)";
    case How::input:
      return "an event for each row, with the values that the statement sends (fidelity input)";
    case How::statement:
      return "one event that says what ran and how many rows it wrote (fidelity statement)";
    case How::gap:
      return "a gap event that says what ran and how many rows it wrote";
    case How::none:
      break;
  }
  return "none";
}

/// The cause as it stands in events and the log, and what is behind it.
std::string why_of_cause(const std::string& cause) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kBehind = {{
      {"view", "RETURNING would evaluate the view's columns, which the write does not"},
      {"foreign table", "RETURNING would need more rights on the other server than the write does"},
      {"rule", "what runs in the statement's place is for the rule to say"},
      {"row-level security", "with RETURNING the policies for SELECT would hold too, and the write could fail"},
      {"no SELECT privilege", "RETURNING needs the right to read what the statement writes"},
      {"trigger reads the statement's text", "it would see what Weir adds"},
      {"statement reads its own text", "it would see what Weir adds"},
      {"too many columns", "a RETURNING list ends at 1,664 entries"},
      {"key changed without its old value", "this server gives no old rows, and they cannot be read beforehand unseen"},
      {"a table that the catalog does not know", "if the statement succeeds all the same, that is told"},
      {"only the statement is known", "no row of it crosses the wire"},
  }};
  const auto found = std::find_if(kBehind.begin(), kBehind.end(), [&](const auto& one) { return one.first == cause; });
  return found == kBehind.end() ? cause : cause + ": " + std::string(found->second);
}

void explain_moves(const Plan& plan, int version, Explained& out) {
  if (!plan.moves.possible || plan.how != How::returning) return;
  if (!plan.lock_query.empty()) {
    out.why.push_back("it may change a row's key, and PostgreSQL " + std::to_string(version) +
                      " gives no old rows: they are read and locked just before it, in the same transaction");
  } else {
    out.why.emplace_back("it may change a row's key: old and new rows are paired where that is proven");
  }
}

void explain_plan(const Plan& plan, const std::vector<std::shared_ptr<const capture::RelationFacts>>& relations,
                  const capture::Scope& scope, Explained& out) {
  out.events = events_of(plan);
  if (!plan.cause.empty()) out.why.push_back(why_of_cause(plan.cause));
  if (plan.how == How::none) {
    for (const auto& relation : relations)
      if (relation) out.why.push_back(why_not_captured(scope, *relation));
    if (out.why.empty()) out.why.emplace_back("no table that it names is captured");
  }
  if (plan.how == How::returning)
    out.why.emplace_back("RETURNING gives each row inside the same statement; what is added is taken off the answer");
  for (const auto& inner : plan.inner)
    out.why.push_back("of " + full_name(inner.name) + " only the statement is known");
  if (!plan.wait_query.empty()) out.sent.push_back(plan.wait_query);
  if (!plan.lock_query.empty()) out.sent.push_back(plan.lock_query);
  if (plan.how == How::returning) out.sent.push_back(out.statement + plan.suffix);
}

constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kDim = "\x1b[2m";
constexpr std::string_view kPlain = "\x1b[0m";

std::string indented(const std::string& text, std::size_t column) {
  std::string result;
  for (const char c : text) {
    result += c;
    if (c == '\n') result.append(column, ' ');
  }
  return result;
}

}  // namespace

std::string_view fidelity_of(const Plan& plan) {
  switch (plan.how) {
    case How::returning:
      return "row";
    case How::input:
      return "input";
    case How::statement:
      return "statement";
    case How::gap:
      return "gap";
    case How::none:
      break;
  }
  return "none";
}

std::vector<std::string> image_remarks(const capture::RelationFacts& relation, const capture::Scope& scope) {
  std::vector<std::string> remarks;
  for (const auto& column : relation.columns) {
    if (capture::excludes_column(scope, relation, column.name)) {
      remarks.push_back(column.name + ": left out (capture.exclude_columns)");
    } else if (column.computed) {
      remarks.push_back(column.name + ": left out (a virtual generated column)");
    } else if (column.form == capture::Column::Form::text) {
      remarks.push_back(column.name + ": as text (its type has a cast to json that somebody has defined)");
    }
  }
  return remarks;
}

Explained explain(const capture::ParsedText& text, const capture::Statement& statement, const std::optional<Plan>& plan,
                  const std::vector<std::shared_ptr<const capture::RelationFacts>>& relations,
                  const capture::Scope& scope, int server_version) {
  Explained out;
  out.statement = text.text.substr(statement.begin, statement.end - statement.begin);
  out.statement.erase(std::min(out.statement.find_last_not_of(" \t\r\n") + 1, out.statement.size()));
  if (!plan) {
    out.events = statement.kind == StatementKind::execute ? "a gap event where it wrote rows" : "none";
    out.why.push_back(why_by_kind(statement.kind));
    return out;
  }
  explain_plan(*plan, relations, scope, out);
  explain_moves(*plan, server_version, out);
  for (const auto& relation : relations) {
    if (!relation) continue;
    const auto key = relation->key.empty() ? std::string("no key") : "key: " + joined(relation->key);
    out.tables.push_back(full_name(relation->name) + " (" + key + ")");
  }
  if (plan->relation && plan->how == How::returning) out.columns = image_remarks(*plan->relation, scope);
  return out;
}

Explained explain_unparsed(std::string_view text) {
  Explained out;
  out.statement = text;
  out.events = "a gap event where it wrote rows";
  out.why.emplace_back("PostgreSQL's grammar, as Weir has it, does not take this text");
  return out;
}

std::string explained_text(const Explained& explained, bool colored) {
  constexpr std::size_t kColumn = 11;
  const auto mark = [&](std::string_view code) { return std::string(colored ? code : ""); };
  std::string text = mark(kBold) + explained.statement + mark(kPlain) + "\n";
  const auto line = [&](const std::string& name, const std::string& value) {
    text += "  " + mark(kDim) + name + mark(kPlain) + std::string(kColumn - 2 - name.size(), ' ') +
            indented(value, kColumn) + "\n";
  };
  line("events", explained.events);
  for (std::size_t i = 0; i < explained.why.size(); ++i) line(i == 0 ? "why" : "", explained.why[i]);
  for (std::size_t i = 0; i < explained.tables.size(); ++i) line(i == 0 ? "tables" : "", explained.tables[i]);
  for (std::size_t i = 0; i < explained.columns.size(); ++i) line(i == 0 ? "columns" : "", explained.columns[i]);
  if (explained.sent.empty()) line("sent", "as it is");
  for (std::size_t i = 0; i < explained.sent.size(); ++i) line(i == 0 ? "sent" : "", explained.sent[i]);
  return text;
}

}  // namespace weir::proxy
