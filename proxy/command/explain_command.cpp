#include "proxy/command/explain_command.h"

#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <iterator>

#include "proxy/check/explain.h"
#include "proxy/check/plan_preview.h"
#include "proxy/check/scope_of.h"
#include "proxy/command/database.h"
#include "proxy/command/subcommand.h"

namespace weir::proxy {

namespace {

/// The SQL is the first word; "-" is what stdin has.
std::string take_sql(std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments.front().starts_with("--help")) return "";
  std::string sql = arguments.front();
  arguments.erase(arguments.begin());
  if (sql != "-") return sql;
  return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
}

Result<void> print(PlanPreview& preview, const std::string& sql) {
  const bool colored = ::isatty(STDOUT_FILENO) == 1;
  const auto text = capture::parse(sql, {});
  if (!text.parsed) {
    std::fputs(explained_text(explain_unparsed(sql), colored).c_str(), stdout);
    return {};
  }
  for (const auto& statement : text.statements) {
    std::optional<capture::Plan> plan;
    if (capture::needs_plan(statement)) {
      auto made = preview.plan(text, statement);
      if (!made) return made.error();
      plan = std::move(*made);
    }
    const auto explained =
        explain(text, statement, plan, preview.relations(statement), preview.scope(), preview.server().version);
    std::fputs(((&statement == &text.statements.front() ? "" : "\n") + explained_text(explained, colored)).c_str(),
               stdout);
  }
  return {};
}

}  // namespace

int run_explain(const std::vector<std::string>& given) {
  std::vector<std::string> arguments = given;
  const auto sql = take_sql(arguments);
  const auto choice = take_database(arguments);
  if (!choice) return complain(kCommandUsage, choice.error().message);
  int code = 0;
  const auto read = read_command_sources("explain", arguments, code);
  if (!read) return code;
  if (sql.empty()) return complain(kCommandUsage, "it is " + subcommand_usage("explain"));
  // Where events go does not matter here.
  auto settings = settle_for_upstream(read->sources);
  if (!settings) return complain(kCommandUsage, settings.error().message);
  auto database = open_read_only(*settings, *choice);
  if (!database)
    return complain(kCommandFailed, "cannot ask the database, which needs a login of Weir's own in upstream: " +
                                        database.error().message);
  const auto scope = scope_of(*settings);
  auto preview = PlanPreview::begin(*database, scope);
  if (!preview) return complain(kCommandFailed, preview.error().message);
  if (auto printed = print(*preview, sql); !printed) return complain(kCommandFailed, printed.error().message);
  return finish_output();
}

}  // namespace weir::proxy
