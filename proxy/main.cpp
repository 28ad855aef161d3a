// weir: reads the settings, composes the parts, waits for a signal, and takes it all down again.
//
// Exit codes: 0 after SIGTERM or SIGINT, 2 for a wrong command line or configuration, 1 for anything else that keeps
// Weir from starting, and where its stdout is the only destination and nobody reads it any more. A second SIGTERM or
// SIGINT ends it at once; SIGHUP has it look at its files, and no other signal that programs are told things with ends
// it.
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/text.h"
#include "proxy/admin_room.h"
#include "proxy/auth/verifiers.h"
#include "proxy/capture_service.h"
#include "proxy/command/subcommand.h"
#include "proxy/hosts/host_watch.h"
#include "proxy/inspection.h"
#include "proxy/io/server.h"
#include "proxy/process/log.h"
#include "proxy/process/memory.h"
#include "proxy/process/notices.h"
#include "proxy/process/service_manager.h"
#include "proxy/reload.h"
#include "proxy/running_weir.h"
#include "proxy/server_settings.h"
#include "proxy/settings/options.h"
#include "proxy/succession.h"
#include "wire/relay.h"

namespace weir::proxy {

namespace {

constexpr int kUsage = 2;
constexpr int kFailed = 1;
/// What destinations get to take the rest, even where the sessions used all of shutdown.timeout_ms.
constexpr std::chrono::milliseconds kLeastForDestinations{1'000};
/// Until the hosts of `upstream` have said what they are.
constexpr std::chrono::milliseconds kFirstAnswers{2'000};
/// What Weir writes holds the data of tables: the journal too is nobody's but its user's and group's.
constexpr mode_t kNotForOthers = 0007;

std::atomic<bool> output_gone = false;
std::atomic<bool> handed_over = false;
std::atomic<bool> failed = false;

/// Ends Weir where it cannot go on.
void end_failed(const Error& error) {
  failed = true;
  log::error(error.message + ": ending");
  ::kill(::getpid(), SIGTERM);
}

/// Ends Weir the same way as an operator would.
void on_output_gone() {
  output_gone = true;
  log::error("stdout: nobody reads it any more, and it is the only destination: ending");
  ::kill(::getpid(), SIGTERM);
}

int say(int code, const std::string& text) {
  std::fprintf(stderr, "weir: %s\n", text.c_str());
  return code;
}

int print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  return 0;
}

Result<Reload::Read> read_settings(const CommandLine& line) {
  auto read = Reload(line).read();
  for (const auto& warning : read ? read->warnings : std::vector<std::string>()) log::warn(warning);
  return read;
}

/// Every session takes two descriptors: as many as the system allows.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

/// From here on these are waited for, and no thread is interrupted by them.
sigset_t take_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, drain_signal(), Errands::signal()})
    sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  // A pipe without a reader and a file that may not grow are errors of the write.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  return signals;
}

bool is_to_end(int signal) {
  return signal == SIGTERM || signal == SIGINT;
}

void answer_signal(int signal, RunningWeir& running, Server& server, Errands& errands) {
  if (signal == drain_signal()) {
    server.stop_accepting();
    log::info("draining: no new clients; sessions that are there go on, and SIGTERM ends Weir");
  } else if (signal == SIGHUP) {
    (void)running.look_at_files("SIGHUP");
  } else if (signal == Errands::signal()) {
    errands.run();
  } else {
    log::info(std::string(signal == SIGUSR1 ? "SIGUSR1" : "SIGUSR2") + ": means nothing to Weir, which goes on");
  }
}

int wait_for_end(const sigset_t& signals, RunningWeir& running, Server& server, Errands& errands) {
  for (;;) {
    int signal = 0;
    sigwait(&signals, &signal);
    if (is_to_end(signal)) return signal;
    answer_signal(signal, running, server, errands);
  }
}

void end_at_second(const sigset_t& signals) {
  std::thread([signals] {
    int signal = 0;
    while (!is_to_end(signal)) sigwait(&signals, &signal);
    log::warn("second signal: ending at once; what is unfinished is resolved at the next start");
    _exit(kFailed);
  }).detach();
}

/// `inspection` and `running` are there before the server starts.
EngineFactory engine_factory(CaptureService* capturing, const std::optional<Inspection>& inspection,
                             std::optional<RunningWeir>& running) {
  return [capturing, &inspection, &running](const SessionInfo& info) -> std::unique_ptr<wire::Engine> {
    if (info.console) return make_console(running->console_users(), info, *inspection, capturing, running->orders());
    if (capturing == nullptr || info.replication || !capturing->captures(info.database))
      return std::make_unique<wire::Relay>();
    return capturing->make_engine(info);
  };
}

void log_listening(const Server& server) {
  const auto text = joined(server.listening(), ", ", [](const auto& address) { return address.text(); });
  log::info("listening on " + text);
  tell_service_manager("READY=1\nSTATUS=listening on " + text);
}

/// Null where nothing is captured. `later`: what another Weir has still is opened when that has ended.
Result<std::unique_ptr<CaptureService>> start_capturing(const Settings& settings, unsigned workers, Notices& notices,
                                                        bool later) {
  if (!settings.capture_enabled) return std::unique_ptr<CaptureService>();
  if (later) return CaptureService::make(settings, workers, notices, on_output_gone);
  return CaptureService::start(settings, workers, notices, on_output_gone);
}

/// Clients are served; the journal is opened when the Weir before this one has ended. `capturing` may be null.
std::unique_ptr<Heir> inherit(Takeover before, std::chrono::milliseconds patience, Errands& errands,
                              CaptureService* capturing, std::function<void()> complete) {
  log::info("takeover: clients come here from now on; writes wait until the Weir before this one has ended");
  const auto late = [capturing] {
    log::error("takeover: the Weir before this one has not ended in time: writes are refused until it has");
    if (capturing != nullptr) capturing->open_is_late();
  };
  const auto ended = [capturing, complete = std::move(complete)] {
    if (auto opened = capturing != nullptr ? capturing->open() : Result<void>(); !opened)
      return end_failed(opened.error());
    log::info("takeover: complete");
    complete();
  };
  return std::make_unique<Heir>(std::move(before), patience, errands, late, ended);
}

/// Takes it all down.
int finish(int signal, const sigset_t& signals, Server& server, std::unique_ptr<AdminServer>& admin,
           CaptureService* capturing, RunningWeir& running) {
  log::info(handed_over
                ? "takeover: another Weir takes the clients; sessions that are here finish"
                : std::string(signal == SIGINT ? "SIGINT" : "SIGTERM") + ": finishing; a second one ends Weir at once");
  tell_service_manager("STOPPING=1\nSTATUS=sessions and destinations finish");
  end_at_second(signals);
  const auto deadline = std::chrono::steady_clock::now() + running.shutdown_timeout();
  if (handed_over) leave_clients_a_moment(server);
  server.stop(running.shutdown_timeout());
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  // Behind the sessions, so that their end can be watched; before what it looks at.
  admin.reset();
  if (handed_over && capturing) capturing->hand_over(kLeastForDestinations);
  const bool kept = !capturing || capturing->stop(std::max(left, kLeastForDestinations));
  log::tell_left_out();
  log::info("ended");
  return kept && !output_gone && !failed ? 0 : kFailed;
}

int run(const CommandLine& line, const Reload::Read& read, const sigset_t& signals) {
  const Settings& settings = read.settings;
  Counters counters;
  Notices notices(counters);
  raise_descriptor_limit();
  const unsigned workers = settings.workers != 0 ? settings.workers : std::max(1u, std::thread::hardware_concurrency());

  std::optional<Takeover> before;
  if (!settings.takeover.empty()) {
    auto asked = Takeover::ask(settings.takeover);
    if (!asked) return say(kFailed, asked.error().message);
    before = std::move(*asked);
  }
  // Its connection says that the journal is free: it outlives that.
  std::unique_ptr<TakeoverDesk> desk;
  auto started = start_capturing(settings, workers, notices, before.has_value());
  if (!started) return say(kFailed, started.error().message);
  const auto capturing = std::move(*started);
  auto verifiers = start_verifiers(settings, settings.upstream, settings.credentials);
  if (!verifiers) return say(kFailed, verifiers.error().message);
  std::unique_ptr<HostWatch> hosts;
  if (settings.upstream.target != TargetSession::any) {
    hosts = std::make_unique<HostWatch>(settings.upstream, settings.credentials);
    hosts->start(kFirstAnswers);
  }
  std::optional<Inspection> inspection;
  Errands errands;
  std::optional<RunningWeir> running;
  auto options = server_options(settings, workers, *verifiers);
  options.engine_factory = engine_factory(capturing.get(), inspection, running);
  options.hosts = hosts.get();
  if (before) options.handed = std::make_shared<std::vector<HandedSocket>>(before->take_sockets());
  Server server(std::move(options));
  inspection.emplace(server, capturing.get(), counters, read.shown);
  if (auto opened = server.open(); !opened) return say(kFailed, opened.error().message);
  if (before) {
    if (auto done = before->go(); !done) return say(kFailed, done.error().message);
  }
  auto admin = open_admin(settings.admin, *inspection, capturing.get());
  if (!admin) return say(kFailed, admin.error().message);
  running.emplace(settings, Reload(line, read),
                  RunningWeir::Parts{server, capturing.get(), *inspection, admin->get(), errands},
                  std::move(*verifiers));
  if (auto started = server.start(); !started) {
    return say(kFailed, started.error().message);
  }
  log_listening(server);
  if (*admin) {
    (*admin)->start();
    log::info("admin listener on http://" + (*admin)->address().text());
  }
  server.try_upstream();
  const auto open_own_desk = [&] {
    auto opened = open_desk(settings.takeover, server, admin->get(), handed_over);
    if (!opened) log::error(opened.error().message);
    if (opened) desk = std::move(*opened);
  };
  const auto heir = before ? inherit(std::move(*before), settings.hold_timeout, errands, capturing.get(), open_own_desk)
                           : std::unique_ptr<Heir>();
  if (!before) open_own_desk();

  const int signal = wait_for_end(signals, *running, server, errands);
  if (!handed_over) desk.reset();
  return finish(signal, signals, server, *admin, capturing.get(), *running);
}

int main(const std::vector<std::string>& arguments) {
  if (const auto code = run_subcommand(arguments)) return *code;
  const auto line = parse_command_line(arguments);
  if (!line) return say(kUsage, line.error().message);
  if (line->help) return print(help_text(subcommands_help()));
  if (line->version) return print("weir " WEIR_VERSION "\n");
  if (line->reference) return print(reference());
  const auto signals = take_signals();
  const auto read = read_settings(*line);
  if (!read) return say(kUsage, read.error().message);
  log::setup(read->settings.log_level, log_format(read->settings));
  ::umask(::umask(kNotForOthers) | kNotForOthers);
  give_back_large_memory();
  try {
    return run(*line, *read, signals);
  } catch (const std::exception& error) {
    // What a start asks of the system and has no other way to refuse: descriptors, threads, memory.
    return say(kFailed, std::string("cannot start: ") + error.what());
  }
}

}  // namespace

}  // namespace weir::proxy

int main(int count, char** arguments) {
  return weir::proxy::main(std::vector<std::string>(arguments + 1, arguments + count));
}
