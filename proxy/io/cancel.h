// One CancelRequest, a client's or of Weir's own for a session that is cut off: sent to the database on a connection of
// its own. The client's connection is closed only after the database closed its one, because a client takes that for
// "the cancel was processed". Owned by its worker.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>

#include "proxy/io/peer.h"
#include "proxy/io/upstream.h"
#include "proxy/io/worker.h"

namespace weir::proxy {

class Cancel final : public Connection, public PeerOwner, public std::enable_shared_from_this<Cancel> {
 public:
  /// `client` and `ticket` are null where Weir itself wants it.
  Cancel(Worker& worker, std::unique_ptr<Transport> client, std::unique_ptr<Admission::Ticket> ticket,
         std::string request);
  void start();
  void abort() override;
  /// It has the time that is left.
  void cut_off() override {}

 private:
  void on_connected(Result<UpstreamConnection> connected);
  void on_peer_ready(Peer& peer, bool readable) override;

  Worker& worker_;
  const bool own_;
  std::unique_ptr<Transport> client_;
  std::unique_ptr<Admission::Ticket> ticket_;
  std::string request_;
  Peer upstream_;
  boost::asio::steady_timer timeout_;
  std::shared_ptr<UpstreamConnector> connector_;
};

}  // namespace weir::proxy
