// The end of a client's connection: writes what is left for the client, half-closes, and waits a little for the client
// to close, so that a reset does not overtake the last message (a kernel resets a connection that is closed with unread
// bytes). Owned by its worker.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string_view>

#include "proxy/io/peer.h"
#include "proxy/io/worker.h"

namespace weir::proxy {

class Closing final : public Connection, public PeerOwner, public std::enable_shared_from_this<Closing> {
 public:
  explicit Closing(Worker& worker);
  /// `ticket` may be null; the place among the clients is kept as long as the socket is.
  void start(std::unique_ptr<Transport> client, std::string_view last_bytes, std::unique_ptr<Admission::Ticket> ticket);
  void abort() override;

 private:
  void on_peer_ready(Peer& peer, bool readable) override;
  void arm_timer();

  Worker& worker_;
  Peer client_;
  boost::asio::steady_timer timer_;
  std::unique_ptr<Admission::Ticket> ticket_;
  std::size_t unsent_before_ = 0;
};

/// `done` is replaced by a Closing of the client that it had.
void close_client(Worker& worker, Connection& done, Peer& client, std::unique_ptr<Admission::Ticket> ticket);

}  // namespace weir::proxy
