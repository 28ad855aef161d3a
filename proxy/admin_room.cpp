#include "proxy/admin_room.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "proxy/admin/console.h"
#include "proxy/io/session_title.h"
#include "proxy/process/log.h"

namespace weir::proxy {

int drain_signal() {
  return SIGRTMIN;
}

namespace {

/// Rows leave here: whoever reads them is in the log.
OpenLines open_lines(const AdminSettings& settings, CaptureService* capturing) {
  const bool is_off = settings.events == "false";
  return
      [is_off, capturing](const std::string& query, std::function<void()> wake) -> Result<std::unique_ptr<LineStream>> {
        if (is_off) return Error{"no events are shown here (admin.events: false)", "42501"};
        if (capturing == nullptr) return Error{"nothing is captured (capture.enabled: false)", "55000"};
        auto lines = capturing->open_lines(query, std::move(wake));
        if (lines)
          log::info("readers of /tail", "admin listener: somebody reads events (/tail?" + printable_text(query) + ")");
        return lines;
      };
}

Result<std::string> order_replay(CaptureService& capturing, const std::string& query) {
  const auto request = read_replay_request(query);
  if (!request) return request.error();
  const auto replay = capturing.replay(*request);
  if (!replay) return replay.error();
  return replay_answer(request->destination, *replay, request->dry_run);
}

}  // namespace

Result<std::unique_ptr<AdminServer>> open_admin(const AdminSettings& settings, Inspection& inspection,
                                                CaptureService* capturing) {
  if (!settings.listen) return std::unique_ptr<AdminServer>();
  AdminServer::Options options;
  options.listen = *settings.listen;
  options.token = settings.token;
  options.look = [&inspection] { return inspection.look(); };
  options.ask_upstream = [&inspection](std::function<void()> asked) { inspection.ask_upstream(std::move(asked)); };
  options.drain = [] { ::kill(::getpid(), drain_signal()); };
  options.quit = [] { ::kill(::getpid(), SIGTERM); };
  options.open_lines = open_lines(settings, capturing);
  if (capturing != nullptr)
    options.replay = [capturing](const std::string& query) { return order_replay(*capturing, query); };
  if (capturing != nullptr) options.watched = [capturing] { capturing->watched(); };
  auto server = std::make_unique<AdminServer>(std::move(options));
  if (const auto opened = server->open(); !opened) {
    if (settings.named) return Error{"admin.listen: " + opened.error().message, {}};
    log::warn("no admin listener: " + opened.error().message + ". Give it another address (--admin.listen), or off");
    return std::unique_ptr<AdminServer>();
  }
  return server;
}

std::optional<Error> refusal_of_console(const std::vector<std::string>& users, const SessionInfo& info,
                                        unsigned own_user) {
  if (std::find(users.begin(), users.end(), info.user) == users.end())
    return Error{"user \"" + info.user + "\" may not use the console: it is not in admin.users", "28000"};
  // Who runs Weir, or root, may do as Weir does anyway.
  const bool owns_it = info.local_user && (*info.local_user == own_user || *info.local_user == 0);
  if (info.proved || owns_it) return std::nullopt;
  return Error{
      "the database asked for no password, so nothing proves who this is: the console needs a login with one, or "
      "Weir's Unix socket and the user that Weir runs as",
      "28000"};
}

std::unique_ptr<wire::Engine> make_console(const std::vector<std::string>& users, const SessionInfo& info,
                                           const Inspection& inspection, CaptureService* capturing,
                                           ConsoleOrders orders) {
  Console::Options options;
  options.look = [&inspection] { return inspection.look(); };
  options.orders = std::move(orders);
  options.later = [handle = info.handle](std::function<void(wire::Turn&)> function) {
    handle.post(std::move(function));
  };
  options.orders.drain = [] {
    ::kill(::getpid(), drain_signal());
    return Result<void>();
  };
  options.orders.pause = [capturing](const std::string& destination, bool is_paused) -> Result<void> {
    if (capturing == nullptr) return Error{"nothing is captured, so there are no destinations", "55000"};
    return capturing->pause(destination, is_paused);
  };
  options.orders.set_log_level = [](const std::string& level) -> Result<void> {
    if (log::set_level(level)) return {};
    return Error{"there are the levels debug, info, warn and error", "22023"};
  };
  options.refusal = refusal_of_console(users, info, ::geteuid());
  if (options.refusal)
    log::info("refused consoles",
              "console: refused from " + info.client + ": " + printable_text(options.refusal->message));
  if (!options.refusal) log::info("console: user \"" + printable_text(info.user) + "\" from " + info.client);
  return std::make_unique<Console>(std::move(options));
}

}  // namespace weir::proxy
