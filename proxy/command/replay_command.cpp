#include "proxy/command/replay_command.h"

#include <algorithm>
#include <cstdio>

#include "capture/event/json_members.h"
#include "capture/journal/folder.h"
#include "proxy/command/admin_client.h"
#include "proxy/command/arguments.h"
#include "proxy/command/subcommand.h"
#include "proxy/settings/expand.h"

namespace weir::proxy {

namespace {

/// The journal that is named, where no Weir has it.
Result<std::optional<std::string>> free_journal(const ReadSources& read) {
  for (const auto& one : effective(read.sources)) {
    if (one.row->key != "journal.path") continue;
    const auto& assignment = *one.assignments.front();
    const auto path = expand(assignment.value, false);
    if (!path) return Error{assignment.place + " " + path.error().message, ""};
    if (path->empty() || capture::owner_of(*path)) return std::optional<std::string>();
    return std::optional(*path);
  }
  return std::optional<std::string>();
}

int replay_running(const AdminTarget& target, const ReplayWish& wish) {
  const auto reply = ask_admin(target, "POST", "/replay?" + query_text(wish.query()));
  if (!reply) return complain(kCommandFailed, reply.error().message);
  if (reply->status != 200)
    return complain(reply->status == 400 ? kCommandUsage : kCommandFailed, refusal_text(target, *reply));
  const auto member = [&](std::string_view name) {
    return std::string(event::find_member(reply->body, name).value_or("?"));
  };
  std::printf("positions %s to %s of the stream (%s transactions) %s again to %s%s\n", member("from").c_str(),
              member("to").c_str(), member("transactions").c_str(), wish.dry_run ? "would be sent" : "are sent",
              wish.destination.c_str(), wish.dry_run ? "" : "; Weir's log says when all of it is there");
  return finish_output();
}

/// A Weir that runs is meant, whatever journal there is.
bool has_admin(const std::vector<std::string>& arguments) {
  return std::any_of(arguments.begin(), arguments.end(),
                     [](const std::string& one) { return one == "--admin" || one.starts_with("--admin="); });
}

}  // namespace

Query ReplayWish::query() const {
  Query query = {{"destination", destination}, {"from", from}};
  if (!to.empty()) query.emplace_back("to", to);
  for (const auto& table : tables) query.emplace_back("table", table);
  if (dry_run) query.emplace_back("dry_run", "true");
  return query;
}

Result<ReplayWish> take_replay_wish(std::vector<std::string>& arguments) {
  ReplayWish wish;
  wish.dry_run = take_switch(arguments, "--dry-run");
  auto tables = take_flags(arguments, "--table");
  if (!tables) return tables.error();
  wish.tables = std::move(*tables);
  for (const auto& [flag, value] :
       {std::pair("--destination", &wish.destination), std::pair("--from", &wish.from), std::pair("--to", &wish.to)}) {
    auto taken = take_flag(arguments, flag);
    if (!taken) return taken.error();
    *value = std::move(*taken);
  }
  if (wish.destination.empty())
    return Error{"say which destination: --destination NAME, as weir journal ls has it", ""};
  if (wish.from.empty()) return Error{"say from where: --from POSITION, or --from 2026-11-21T07:53:37Z", ""};
  return wish;
}

int run_replay(const std::vector<std::string>& given) {
  std::vector<std::string> arguments = given;
  const bool is_help = std::find(arguments.begin(), arguments.end(), "--help") != arguments.end();
  const auto wish = is_help ? Result<ReplayWish>(ReplayWish()) : take_replay_wish(arguments);
  if (!wish) return complain(kCommandUsage, wish.error().message);
  int code = 0;
  if (!has_admin(arguments)) {
    const auto read = read_command_sources("replay", arguments, code);
    if (!read) return code;
    const auto path = free_journal(*read);
    if (!path) return complain(kCommandUsage, path.error().message);
    if (*path) return replay_stopped(*read, **path, *wish);
  }
  const auto target = read_admin_target("replay", arguments, code);
  return target ? replay_running(*target, *wish) : code;
}

}  // namespace weir::proxy
