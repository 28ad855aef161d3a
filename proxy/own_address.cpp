#include "proxy/own_address.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>

namespace weir::proxy {

namespace {

namespace ip = boost::asio::ip;

std::vector<ip::address> addresses_of(const std::string& host) {
  boost::asio::io_context io;
  ip::tcp::resolver resolver(io);
  boost::system::error_code error;
  std::vector<ip::address> addresses;
  for (const auto& entry : resolver.resolve(host, "", error)) {
    ip::address address = entry.endpoint().address();
    if (address.is_v6() && address.to_v6().is_v4_mapped())
      address = ip::make_address_v4(ip::v4_mapped, address.to_v6());
    addresses.push_back(address);
  }
  return addresses;
}

/// An address of this machine is one that a socket can be bound to.
bool is_of_this_machine(const ip::address& address) {
  if (address.is_unspecified() || address.is_loopback()) return true;
  const ip::tcp::endpoint endpoint(address, 0);
  const int socket = ::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return false;
  const bool bound = ::bind(socket, endpoint.data(), static_cast<socklen_t>(endpoint.size())) == 0;
  ::close(socket);
  return bound;
}

/// A client that connects to "any address" reaches the loopback.
bool reaches(const ip::address& target, const ip::address& listening) {
  if (listening.is_unspecified()) return is_of_this_machine(target) && (listening.is_v6() || target.is_v4());
  return target == listening || (target.is_unspecified() && listening.is_loopback());
}

}  // namespace

std::optional<HostPort> find_own_address(const std::vector<HostPort>& upstream,
                                         const std::vector<HostPort>& listening) {
  for (const HostPort& database : upstream) {
    for (const HostPort& own : listening) {
      if (database.is_unix() || database.port != own.port) continue;
      const auto own_addresses = addresses_of(own.host);
      for (const auto& target : addresses_of(database.host)) {
        const bool reached = std::any_of(own_addresses.begin(), own_addresses.end(),
                                         [&](const auto& address) { return reaches(target, address); });
        if (reached) return database;
      }
    }
  }
  return std::nullopt;
}

}  // namespace weir::proxy
