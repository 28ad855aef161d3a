// Connecting to the database for one session: resolve, connect, negotiate TLS as sslmode says; first address that
// answers wins.
//
// Lives on one worker, kept alive by its owner alone; `done` is called once, from the event loop (never from start),
// and not at all when the connector was destroyed before. The connector may be destroyed within `done`. The error names
// every address that was tried and why it failed; causes() says the same without addresses, for clients. Its SQLSTATE
// is 57P03 (cannot_connect_now), for which libpq tries the next host and pg_isready says "rejecting connections".
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "proxy/io/cancel_targets.h"
#include "proxy/io/endpoint.h"
#include "proxy/io/poller.h"
#include "proxy/io/tls_context.h"
#include "proxy/io/transport.h"

namespace weir::proxy {

struct UpstreamConnection {
  std::unique_ptr<Transport> transport;
  bool tls = false;
  CertificateHashes certificate;         ///< the database's
  std::optional<UpstreamTarget> target;  ///< which it is, where there were several
};

class UpstreamConnector final : public Watcher, public std::enable_shared_from_this<UpstreamConnector> {
 public:
  using Done = std::function<void(Result<UpstreamConnection>)>;

  /// All references must outlive the connector. `tls` is null exactly with sslmode disable.
  /// `order`: places of hosts, the first to be tried first.
  UpstreamConnector(boost::asio::io_context& io, Poller& poller, const Upstream& upstream,
                    std::shared_ptr<const TlsContext> tls, std::vector<std::size_t> order, Done done);
  /// To this one alone.
  UpstreamConnector(boost::asio::io_context& io, Poller& poller, const Upstream& upstream,
                    std::shared_ptr<const TlsContext> tls, const UpstreamTarget& only, Done done);
  ~UpstreamConnector();

  void start();
  /// Each cause once: "Connection refused; no answer within 10 s".
  const std::string& causes() const { return causes_; }

 private:
  enum class Step { resolving, connecting, awaiting_ssl_answer, tls_handshake };

  const HostPort& host() const { return upstream_.hosts[order_[host_]]; }
  bool wants_tls() const;

  void next_host();
  void finish_without();
  void use_unix_socket();
  void on_resolved(boost::system::error_code error, const boost::asio::ip::tcp::resolver::results_type& results);
  void next_address();
  void connect();
  void try_connect();
  void connect_later();
  bool is_wrong_peer();
  void on_ready(bool readable, bool writable) override;
  void on_connected();
  void ask_for_tls();
  void on_ssl_answer();
  void start_handshake();
  void on_handshake();
  const char* flaw_of_handshake() const;
  void retry_without_tls();
  void give_up_address(const std::string& cause);
  void arm_timeout();
  void watch(bool read, bool write);
  void drop_transport();
  void finish_connection(UpstreamConnection connection);
  void finish(Result<UpstreamConnection> result);

  boost::asio::io_context& io_;
  Poller& poller_;
  std::optional<Poller::Hurry> hurry_;  // from start to finish
  const Upstream& upstream_;
  std::shared_ptr<const TlsContext> tls_;
  Done done_;
  boost::asio::ip::tcp::resolver resolver_;
  boost::asio::steady_timer timeout_;
  boost::asio::steady_timer retry_;  // while a Unix socket's queue is full
  std::vector<boost::asio::generic::stream_protocol::endpoint> addresses_;
  std::vector<std::size_t> order_;  // in which the hosts are tried
  std::optional<UpstreamTarget> only_;
  std::size_t host_ = 0;  // of order_
  std::size_t address_ = 0;
  Step step_ = Step::resolving;
  bool plain_retry_ = false;  // sslmode prefer, after TLS failed at this address
  std::unique_ptr<Transport> transport_;
  TlsTransport* handshaking_ = nullptr;  // transport_, in step tls_handshake
  std::string failures_;
  std::string causes_;
};

}  // namespace weir::proxy
