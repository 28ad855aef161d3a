// One CancelRequest: sent to the database on a connection of its own. The client's connection is closed only after the
// database closed its one, because a client takes that for "the cancel was processed". Owned by its worker.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>

#include "proxy/peer.h"
#include "proxy/upstream.h"
#include "proxy/worker.h"

namespace weir::proxy {

class Cancel final : public Connection, public PeerOwner, public std::enable_shared_from_this<Cancel> {
 public:
  Cancel(Worker& worker, std::unique_ptr<Transport> client, std::string request);
  void start();
  void abort() override;

 private:
  void on_connected(Result<UpstreamConnection> connected);
  void on_peer_ready(Peer& peer, bool readable) override;

  Worker& worker_;
  std::unique_ptr<Transport> client_;
  std::string request_;
  Peer upstream_;
  boost::asio::steady_timer timeout_;
  std::shared_ptr<UpstreamConnector> connector_;
};

}  // namespace weir::proxy
