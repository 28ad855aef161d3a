// Weir's I/O with nothing but a relay between the sockets, as a program: for measuring what the I/O alone costs.
//
//   relay_main LISTEN_PORT UPSTREAM_PORT [WORKERS [SSLMODE [CERTIFICATE KEY]]]
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <memory>

#include "proxy/io/server.h"
#include "wire/relay.h"

using namespace weir::proxy;

namespace {

ServerOptions read_options(int count, char** arguments) {
  ServerOptions options;
  options.listen.push_back({"127.0.0.1", static_cast<std::uint16_t>(std::atoi(arguments[1]))});
  options.upstream.hosts.push_back({"127.0.0.1", static_cast<std::uint16_t>(std::atoi(arguments[2]))});
  if (count > 3) options.workers = static_cast<unsigned>(std::atoi(arguments[3]));
  if (count > 4) options.upstream.sslmode = parse_sslmode(arguments[4]).value_or(SslMode::prefer);
  if (count > 6) options.client_tls = ClientTls{arguments[5], arguments[6], false};
  options.engine_factory = [](const SessionInfo&) { return std::make_unique<weir::wire::Relay>(); };
  return options;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) return EXIT_FAILURE;
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);

  Server server(read_options(count, arguments));
  if (const auto started = server.start(); !started) {
    std::cerr << started.error().message << '\n';
    return EXIT_FAILURE;
  }
  std::cerr << "relaying on port " << server.port() << '\n';
  int received = 0;
  ::sigwait(&ends, &received);
  server.stop(std::chrono::seconds(1));
  return EXIT_SUCCESS;
}
