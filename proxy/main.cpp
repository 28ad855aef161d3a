// weir: reads the settings, composes the parts, waits for a signal, and takes it all down again.
//
// Exit codes: 0 after SIGTERM or SIGINT, 2 for a wrong command line or configuration, 1 for anything else that keeps
// Weir from starting. A second signal ends it at once.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "proxy/capturing.h"
#include "proxy/config.h"
#include "proxy/log.h"
#include "proxy/options.h"
#include "proxy/server.h"
#include "proxy/subcommand.h"
#include "wire/relay.h"

namespace weir::proxy {

namespace {

constexpr int kUsage = 2;
constexpr int kFailed = 1;
/// What destinations get to take the rest, even where the sessions used all of shutdown.timeout_ms.
constexpr std::chrono::milliseconds kLeastForDestinations{1'000};

int say(int code, const std::string& text) {
  std::fprintf(stderr, "weir: %s\n", text.c_str());
  return code;
}

int print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  return 0;
}

Result<Settings> read_settings(const CommandLine& line) {
  std::vector<Assignment> file;
  if (!line.config.empty()) {
    auto read = read_config(line.config);
    if (!read) return read.error();
    file = std::move(*read);
  }
  return settle(file, line.assignments);
}

/// Every session takes two descriptors: as many as the system allows.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

/// From here on SIGTERM and SIGINT are waited for, and no thread is interrupted by them.
sigset_t take_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return signals;
}

void end_at_second(const sigset_t& signals) {
  std::thread([signals] {
    int signal = 0;
    sigwait(&signals, &signal);
    log::warn("second signal: ending at once; what is unfinished is resolved at the next start");
    _exit(kFailed);
  }).detach();
}

EngineFactory engine_factory(Capturing* capturing) {
  return [capturing](const SessionInfo& info) -> std::unique_ptr<wire::Engine> {
    if (capturing == nullptr || info.replication) return std::make_unique<wire::Relay>();
    return capturing->make_engine(info);
  };
}

ServerOptions server_options(const Settings& settings, unsigned workers, Capturing* capturing) {
  ServerOptions options;
  options.listen = settings.listen;
  options.upstream = settings.upstream;
  if (!settings.tls.certificate.empty()) options.client_tls = settings.tls;
  options.workers = workers;
  options.engine_factory = engine_factory(capturing);
  return options;
}

void log_listening(const Settings& settings, const Server& server) {
  std::string text;
  for (auto address : settings.listen) {
    if (text.empty()) address.port = server.port();
    text += (text.empty() ? "" : ", ") + address.text();
  }
  log::info("listening on " + text);
}

int run(const Settings& settings) {
  const auto signals = take_signals();
  raise_descriptor_limit();
  const unsigned workers = settings.workers != 0 ? settings.workers : std::max(1u, std::thread::hardware_concurrency());

  std::unique_ptr<Capturing> capturing;
  if (settings.capture_enabled) {
    auto started = Capturing::start(settings, workers);
    if (!started) return say(kFailed, started.error().message);
    capturing = std::move(*started);
  }
  Server server(server_options(settings, workers, capturing.get()));
  if (auto started = server.start(); !started) {
    return say(kFailed, started.error().message);
  }
  log_listening(settings, server);

  int signal = 0;
  sigwait(&signals, &signal);
  log::info(std::string(signal == SIGINT ? "SIGINT" : "SIGTERM") + ": finishing; a second signal ends Weir at once");
  end_at_second(signals);
  const auto deadline = std::chrono::steady_clock::now() + settings.shutdown_timeout;
  server.stop(settings.shutdown_timeout);
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  const bool kept = !capturing || capturing->stop(std::max(left, kLeastForDestinations));
  log::info("ended");
  return kept ? 0 : kFailed;
}

int main(const std::vector<std::string>& arguments) {
  if (const auto code = run_subcommand(arguments)) return *code;
  const auto line = parse_command_line(arguments);
  if (!line) return say(kUsage, line.error().message);
  if (line->help) return print(help_text());
  if (line->version) return print("weir " WEIR_VERSION "\n");
  if (line->reference) return print(reference());
  const auto settings = read_settings(*line);
  if (!settings) return say(kUsage, settings.error().message);
  log::setup(settings->log_level);
  return run(*settings);
}

}  // namespace

}  // namespace weir::proxy

int main(int count, char** arguments) {
  return weir::proxy::main(std::vector<std::string>(arguments + 1, arguments + count));
}
