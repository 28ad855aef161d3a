#include "proxy/io/dealer.h"

#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <cstring>
#include <string>
#include <utility>

#include "proxy/io/address_range.h"
#include "proxy/io/worker.h"
#include "proxy/process/log.h"

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

/// Logins that are asked to give way at once.
constexpr int kMostVictims = 64;

/// Of a client's address: how the log and events name it, and what its other connections are counted by.
struct ClientName {
  std::string text;
  std::string counted_as;
};

/// As PostgreSQL's log has it; all processes of one user of the machine count as one client.
ClientName local_client(int socket) {
  const auto user = peer_user_id(socket);
  return {"[local]", user ? "[local] " + std::to_string(*user) : "[local]"};
}

ClientName client_name(int socket, const sockaddr_storage& address) {
  if (address.ss_family == AF_UNIX) return local_client(socket);
  asio::ip::tcp::endpoint endpoint;
  const std::size_t size = address.ss_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  std::memcpy(endpoint.data(), &address, size);
  asio::ip::address ip = endpoint.address();
  if (ip.is_v6() && ip.to_v6().is_v4_mapped()) ip = asio::ip::make_address_v4(asio::ip::v4_mapped, ip.to_v6());
  return {HostPort{ip.to_string(), endpoint.port()}.text(), ip.to_string()};
}

}  // namespace

bool Dealer::has_room() {
  ticket_ = shared_.admission->open(Admission::Clock::now());
  if (ticket_) return true;
  log::warn("full logins", "as many clients are logging in as limits.logins allows (" +
                               std::to_string(shared_.admission->limits().logins) +
                               "): others wait, and those that keep silent are dropped");
  make_room();
  return false;
}

void Dealer::connected(const Connected& who) {
  set_session_options(who.socket);
  const std::uint64_t id = next_id_++;
  Worker& worker = *workers_[id % workers_.size()];
  ClientName client = client_name(who.socket, who.address);
  worker.adopt({std::make_unique<PlainTransport>(who.socket), id, std::move(client.text), std::move(client.counted_as),
                who.local, any_contains(shared_.for_new_clients.get()->proxies, who.address), std::move(ticket_)});
}

void Dealer::make_room() {
  for (int i = 0; i < kMostVictims; ++i) {
    const auto give_way = shared_.admission->take_victim(Admission::Clock::now());
    if (!give_way) return;
    give_way();
  }
}

}  // namespace weir::proxy
