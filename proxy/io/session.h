// The I/O of one client session, from behind the StartupMessage to the end: both sockets, and between them first the
// authentication, then the engine of the factory.
//
// Both directions are relayed at the same time, always. Bytes go to the engine from the worker's receive buffer and
// from there to the other socket in one write; only what the engine did not take or the socket did not take is kept.
// While a peer has kHighWater bytes unsent the other peer's socket is not read, so a slow client slows the database.
//
// How it ends: the client's end (everything it sent goes through the engine first) half-closes the database's socket,
// and answers are relayed until the database closes; the database's end closes the client's socket behind what was left
// for it. One that is cut off (Weir ends) is told 57P01, and what it ran is cancelled. A client that is gone in both
// directions has its last statements sent all the same. The engine is told upstream_gone() exactly once. Owned by its
// worker, used on that thread; others get in through SessionHandle.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/io/engine_factory.h"
#include "proxy/io/peer.h"
#include "proxy/io/worker.h"
#include "wire/authentication.h"
#include "wire/backend_key.h"
#include "wire/engine.h"

namespace weir::proxy {

/// Above this many bytes unsent to one peer the other one is not read.
constexpr std::size_t kHighWater = 256 * 1024;
/// So many received bytes may wait for an engine that needs more to go on: PostgreSQL's largest message, and what was
/// read with its end.
constexpr std::size_t kKeptLimit = (std::size_t{1} << 30) + ReceiveBuffer::kSize;

class Session final : public Connection, public PeerOwner, public std::enable_shared_from_this<Session> {
 public:
  /// `login_until`: by then the database must have said AuthenticationOk.
  Session(Worker& worker, SessionInfo info, wire::LoginRules rules, std::unique_ptr<Admission::Ticket> ticket,
          Admission::Clock::time_point login_until);

  /// Takes over the client's transport and what was received behind the StartupMessage.
  void start(Peer& client, UpstreamConnection upstream, std::string_view startup_message);
  void abort() override;
  void make_way() override;
  void drain() override;
  void cut_off() override;
  /// What came through a SessionHandle.
  void run(const SessionHandle::Function& function);

 private:
  void on_peer_ready(Peer& peer, bool readable) override;

  void read(Peer& peer);
  bool read_once(Peer& peer);
  bool may_read(Peer& peer) const;
  bool must_keep(Peer& peer) const;
  void use(Peer& peer, std::string_view received);
  void use_kept(Peer& peer);
  std::size_t offer(Peer& peer, std::string_view bytes);
  std::size_t offer_once(Peer& peer, std::string_view bytes);
  bool begin_engine();
  void find_verifier();
  void read_key(std::string_view bytes);
  bool fits(std::string_view bytes) const;
  void log_refusal() const;
  void end_turn(bool was_stalled);
  void send_turn();
  static void put(Peer& peer, wire::Outbox& out, bool hold);

  void give_up_login();
  void say_goodbye(std::string_view sqlstate, std::string_view message);
  void cancel_statement();
  void log_end() const;

  void settle();
  void finish_client();
  void abandon_client();
  bool may_stop();
  void end();
  void tell_upstream_gone();

  wire::Engine& engine() { return engine_ ? *engine_ : *authentication_; }
  const wire::Engine& engine() const { return engine_ ? *engine_ : *authentication_; }

  Worker& worker_;
  const std::string title_;
  const Admission::Clock::time_point since_ = Admission::Clock::now();
  std::unique_ptr<Admission::Ticket> ticket_;
  SessionCounts counts_;
  std::unique_ptr<SessionInfo> info_;  // for the factory; null afterwards
  std::unique_ptr<SessionList::Entry> listed_;
  Peer client_;
  Peer upstream_;
  std::unique_ptr<wire::Authentication> authentication_;  // null once engine_ is there
  std::unique_ptr<wire::Engine> engine_;
  wire::Standing standing_;  // of either of them, behind its last call
  struct Database {
    wire::BackendKeyReader key = {};
    std::optional<UpstreamTarget> target = {};  // where its cancel goes, if there were several
    bool unfit = false;                         // not what target_session_attrs wants
  } database_;
  std::optional<boost::asio::steady_timer> login_timer_;  // until the login is over
  std::optional<boost::asio::steady_timer> abandoned_;    // runs once the client is gone
  bool asked_for_verifier_ = false;
  bool cut_off_ = false;          // as soon as a commit is answered
  bool closing_ = false;          // as soon as the database's last bytes are written
  bool client_finished_ = false;  // the engine knows
  bool ended_ = false;
};

}  // namespace weir::proxy
