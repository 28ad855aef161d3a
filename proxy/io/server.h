// The I/O side as a whole: listens, accepts, and relays sessions between clients and the database on worker threads.
//
// start() binds, reads certificates and starts the threads; when it returns success the ports answer. The database need
// not be up: each session connects for itself and a client is told (FATAL, 57P03) if that fails; an upstream that is
// one of the listening addresses is refused. try_upstream() connects once and logs what came of it. stop_accepting()
// closes the listening sockets. stop(drain) does that too, waits until running sessions have ended or `drain` has
// passed, ends what is left (FATAL 57P01, and their statements are cancelled) and joins the threads; afterwards no
// engine exists any more. All may be called from any one thread that is no worker. Worker threads block all signals.
// Does not read configuration and knows nothing of capturing: that is what the EngineFactory is for.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "proxy/io/admission.h"
#include "proxy/io/endpoint.h"
#include "proxy/io/engine_factory.h"
#include "proxy/io/for_new_clients.h"
#include "proxy/io/handed_socket.h"
#include "proxy/io/host_order.h"
#include "proxy/io/login_refusal.h"
#include "proxy/io/session_list.h"

namespace weir::proxy {

struct ServerOptions {
  /// Port 0: any free port (see Server::listening); of a Unix socket that of the first HOST:PORT, else 6432.
  std::vector<HostPort> listen;
  SocketAccess socket_access;
  /// Of these addresses it takes the sockets that another process listened on until now; the others are closed.
  std::shared_ptr<std::vector<HandedSocket>> handed = {};
  ForNewClients for_new_clients;  ///< at first
  Upstream upstream;
  std::optional<ClientTls> client_tls;
  const HostStates* hosts = nullptr;  ///< outlives the server; null: target_session_attrs is only looked at afterwards
  unsigned workers = 0;               ///< 0: as many as there are cores
  std::chrono::milliseconds login_timeout{60'000};  ///< from accept to AuthenticationOk
  ConnectionLimits limits;
  std::uint64_t descriptors_kept = 8;  ///< of the process's limit, for what is no client's
  EngineFactory engine_factory;
};

/// Sums over all workers; each is exact at some moment of the call.
struct ServerCounters {
  std::uint64_t sessions_opened = 0;  ///< accepted connections, cancel requests among them
  std::uint64_t sessions_closed = 0;
  std::uint64_t cancel_requests = 0;
  std::uint64_t upstream_failures = 0;                         ///< sessions that found no database
  std::uint64_t client_bytes = 0;                              ///< received from clients
  std::uint64_t upstream_bytes = 0;                            ///< received from the database
  std::array<std::uint64_t, kLoginRefusals.size()> refused{};  ///< by LoginRefusal
};

class Server {
 public:
  explicit Server(ServerOptions options);
  ~Server();  ///< stop(0) if it was not stopped
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// All of start() that can fail; nobody is accepted yet. May be left out.
  Result<void> open();
  Result<void> start();
  void try_upstream();
  /// What may change while it runs.
  struct Change {
    ForNewClients for_new_clients;
    std::optional<ClientTls> client_tls;
    std::chrono::milliseconds login_timeout{60'000};
    ConnectionLimits limits;
    std::uint64_t descriptors_kept = 8;
  };
  /// New connections go by it. The files of certificates, keys and authorities are read again, of both legs; where one
  /// is wrong all stays as it was, and the error says why. From a thread that is no worker, one at a time.
  Result<void> change(const Change& change);
  /// Connects as a session would, and tells what came of it on a worker's thread; never, where Weir ends meanwhile or
  /// another question came behind it. Any thread, until stop() has returned.
  void probe_upstream(std::function<void(Result<void>)> done);
  void stop_accepting();
  /// For another process, which listens on them from then on.
  std::vector<HandedSocket> listening_sockets() const;
  /// stop_accepting(), but the sockets go on in that process.
  void leave_sockets();
  void stop(std::chrono::milliseconds drain);

  /// How many workers there are: SessionInfo::worker is below it. Known before start().
  unsigned workers() const;
  /// The port of the first listen address; 0 before start().
  std::uint16_t port() const;
  /// The addresses of `listen` as they are bound; empty before start().
  std::vector<HostPort> listening() const;
  ServerCounters counters() const;
  /// Those that are logged in. Any thread, once start() has returned.
  std::vector<SessionList::Row> sessions() const;
  /// New clients are taken. Any thread.
  bool accepting() const;

 private:
  struct Running;
  ServerOptions options_;
  std::unique_ptr<Running> running_;
};

}  // namespace weir::proxy
