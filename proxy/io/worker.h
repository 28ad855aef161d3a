// One worker: a thread, its io_context, and the connections that live on it from their first byte to their last.
//
// All members but start, adopt, drain, join and counters are for the worker's own thread. Connections are owned here;
// one that is done calls release() and is destroyed when the event at hand is over. drain() lets the connections end by
// themselves until the deadline, then cuts the rest off (they have a moment to say so), and then the thread ends;
// join() waits for that.
#pragma once

#include <array>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "proxy/io/admission.h"
#include "proxy/io/counter.h"
#include "proxy/io/login_refusal.h"
#include "proxy/io/mailbox.h"
#include "proxy/io/poller.h"
#include "proxy/io/server.h"
#include "proxy/io/session_list.h"
#include "proxy/io/tls_context.h"
#include "proxy/io/upstream.h"
#include "wire/engine.h"

namespace weir::proxy {

/// What a worker owns: something with a client's socket.
class Connection {
 public:
  virtual ~Connection() = default;
  /// End now; calls Worker::release.
  virtual void abort() = 0;
  /// The login's place is wanted by others (admission.h): end, unless the login is over.
  virtual void make_way() { abort(); }
  /// The drain's time is over: say so to the client where it can be told, and end.
  virtual void cut_off() { abort(); }
  /// The worker is draining: end as soon as nothing would be lost.
  virtual void drain() {}
};

/// What all workers share and none changes. The slots may be given other contexts while they run.
struct Shared {
  ServerOptions options;
  ForNewClientsSlot for_new_clients;
  TlsSlot client_tls;
  TlsSlot upstream_tls;
  std::unique_ptr<Admission> admission;                                                ///< has a lock of its own
  mutable CancelTargets cancel_targets;                                                ///< as well
  std::unique_ptr<SessionList> sessions;                                               ///< the same
  std::atomic<std::chrono::milliseconds> login_timeout{std::chrono::milliseconds(0)};  ///< it may change
  mutable std::atomic<bool> told_of_binding = false;                                   ///< once is enough
  mutable std::atomic<bool> told_of_trust = false;                                     ///< as well
};

struct WorkerCounters {
  Counter opened;
  Counter closed;
  Counter cancel_requests;
  Counter upstream_failures;
  Counter client_bytes;
  Counter upstream_bytes;
  std::array<Counter, kLoginRefusals.size()> refused;  ///< by LoginRefusal

  void refuse(LoginRefusal why) { refused[static_cast<std::size_t>(why)].add(1); }
};

/// A client's socket as the listener accepted it.
struct Accepted {
  std::unique_ptr<Transport> transport;
  std::uint64_t id = 0;
  std::string client;      ///< "10.0.0.7:51234"; "[local]" by a Unix socket
  std::string counted_as;  ///< limits.connections_per_client: "10.0.0.7", or "[local] 1000", the user of the machine
  bool local = false;      ///< by a Unix socket
  bool proxied = false;    ///< a load balancer's, which says first whom it connects (wire/proxy_protocol.h)
  std::unique_ptr<Admission::Ticket> ticket;
};

/// Lent to whoever handles an event, for the time of that event. Room in front lets a few kept bytes be put before what
/// is received next, so that a long stream of frames is not copied.
struct ReceiveBuffer {
  static constexpr std::size_t kFront = 4096;
  static constexpr std::size_t kSize = 64 * 1024;
  char* space() { return bytes + kFront; }
  char bytes[kFront + kSize];
};

class Worker {
 public:
  Worker(const Shared& shared, unsigned index);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Any thread.
  void start();
  void adopt(Accepted accepted);
  /// Runs `function` on the worker's thread.
  template <typename Function>
  void post(Function function) {
    boost::asio::post(io_, std::move(function));
    poller_.interrupt();
  }
  void drain(std::chrono::milliseconds at_most);
  void join();
  const WorkerCounters& counters() const { return counters_; }
  boost::asio::io_context& io() { return io_; }

  // The worker's thread.
  const Shared& shared() const { return shared_; }
  unsigned index() const { return index_; }
  Poller& poller() { return poller_; }
  const std::shared_ptr<Mailbox>& mailbox() { return mailbox_; }
  ReceiveBuffer& receive_buffer() { return *receive_buffer_; }
  /// Empty between events.
  wire::Turn& turn() { return turn_; }
  WorkerCounters& counters() { return counters_; }
  bool draining() const { return draining_; }
  /// Whoever holds the ticket is told make_way() on this thread, as long as it is there.
  void may_have_to_make_way(Admission::Ticket& ticket, std::weak_ptr<Connection> holder);
  /// Connects to the database once and logs what came of it.
  void try_upstream();
  /// Of a login that goes to this connection; what is the client's is not in it.
  LoginFacts login_facts(const UpstreamConnection& upstream) const;
  /// Once, where clients cannot log in with what libpq does by itself.
  void tell_of_binding(const LoginFacts& facts) const;
  /// Once, where somebody of another machine came in and the database asked for no proof of who it is.
  void tell_of_trust(const SessionInfo& info) const;
  /// The same without a word in the log; what was asked before and has no answer yet is given up.
  void probe_upstream(std::function<void(Result<void>)> done);
  /// A started connector; `done` as UpstreamConnector has it.
  std::shared_ptr<UpstreamConnector> connect_upstream(UpstreamConnector::Done done);
  /// The same to a session's own database, for its cancel: any, where that is not known.
  std::shared_ptr<UpstreamConnector> connect_for_cancel(const std::string& request, UpstreamConnector::Done done);
  void own(std::shared_ptr<Connection> connection);
  /// `next` goes on with the client's socket that `done` had.
  void replace(Connection& done, std::shared_ptr<Connection> next);
  /// The client's socket is closed, or about to be with the connection.
  void release(Connection& connection);
  /// Like release, for what never had a client.
  void dismiss(Connection& connection) { bury(connection); }

 private:
  void run();
  void open(Accepted accepted);
  void begin_drain(std::chrono::milliseconds at_most);
  void cut_off_all();
  void abort_all();
  void bury(Connection& connection);
  void finish_if_drained();

  const Shared& shared_;
  const unsigned index_;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  Poller poller_;
  boost::asio::steady_timer drain_timer_;
  std::shared_ptr<Mailbox> mailbox_;
  std::unique_ptr<ReceiveBuffer> receive_buffer_;
  wire::Turn turn_;
  WorkerCounters counters_;
  std::unordered_map<Connection*, std::shared_ptr<Connection>> connections_;
  std::vector<std::shared_ptr<Connection>> released_;
  std::shared_ptr<UpstreamConnector> trial_;
  std::shared_ptr<UpstreamConnector> probe_;
  bool draining_ = false;
  std::thread thread_;
};

}  // namespace weir::proxy
