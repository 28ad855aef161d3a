// A client's connection from its first byte until the database is reached: a load balancer's PROXY header, SSLRequest
// and its like, TLS, the StartupMessage or CancelRequest, connecting to the database. Then a Session, a Cancel or a
// Closing takes over. Owned by its worker.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/io/peer.h"
#include "proxy/io/tls_context.h"
#include "proxy/io/upstream.h"
#include "proxy/io/worker.h"
#include "wire/authentication.h"
#include "wire/startup.h"

namespace weir::proxy {

class Login final : public Connection, public PeerOwner, public std::enable_shared_from_this<Login> {
 public:
  Login(Worker& worker, Accepted accepted);
  void start();
  void abort() override;
  void make_way() override;
  void drain() override;
  void cut_off() override { drain(); }

 private:
  enum class Step { proxy_header, negotiating, tls_handshake, connecting };

  void on_peer_ready(Peer& peer, bool readable) override;
  void read_proxy_header();
  void read_client();
  bool begins_with_tls();
  void negotiate();
  /// Whether negotiation goes on with what was received already.
  bool take(const wire::StartupStep& step);
  void start_tls(TlsStart start);
  void handshake();
  void on_startup_message(const wire::StartupStep& step);
  void on_cancel_request(std::string request);
  void connect();
  void on_connected(Result<UpstreamConnection> connected);
  void refuse(std::string_view sqlstate, std::string_view message, std::string_view hint);
  void refuse(Admission::Verdict verdict);
  void on_timeout();
  void give_way();
  bool check_encryption();
  bool check_client_certificate();
  void refuse_login(const std::string& message, std::string_view hint, const std::string& remark);
  wire::LoginRules rules(const UpstreamConnection& upstream) const;

  Worker& worker_;
  Peer client_;
  const bool local_;  // by a Unix socket
  // Of this connection, whatever is loaded meanwhile; null where there is no TLS, as on Unix sockets.
  const std::shared_ptr<const TlsContext> tls_context_;
  wire::StartupNegotiation negotiation_;
  std::string counted_as_;
  std::string proxy_header_;  // what has come of it
  SessionInfo info_;
  std::string startup_message_;
  TlsTransport* tls_ = nullptr;  // client_'s transport, where it is one
  Step step_ = Step::negotiating;
  bool received_any_ = false;
  bool verified_ = false;  // its certificate has the user's name
  boost::asio::steady_timer timeout_;
  std::unique_ptr<Admission::Ticket> ticket_;
  std::shared_ptr<UpstreamConnector> connector_;
};

}  // namespace weir::proxy
