#include "proxy/io/own_address.h"

#include <sys/socket.h>
#include <sys/stat.h>
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

/// By any path: directories are linked to each other (/var/run is /run).
bool is_same_socket(const HostPort& database, const HostPort& own) {
  if (database.is_abstract() || own.is_abstract()) return database.text() == own.text();
  struct stat theirs {};
  struct stat ours {};
  return ::stat(database.text().c_str(), &theirs) == 0 && ::stat(own.text().c_str(), &ours) == 0 &&
         theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

bool is_same_address(const HostPort& database, const HostPort& own) {
  if (database.is_unix() || own.is_unix()) return database.is_unix() && own.is_unix() && is_same_socket(database, own);
  if (database.port != own.port) return false;
  const auto own_addresses = addresses_of(own.host);
  const auto targets = addresses_of(database.target());
  return std::any_of(targets.begin(), targets.end(), [&](const auto& target) {
    return std::any_of(own_addresses.begin(), own_addresses.end(),
                       [&](const auto& address) { return reaches(target, address); });
  });
}

}  // namespace

std::optional<HostPort> find_own_address(const std::vector<HostPort>& upstream,
                                         const std::vector<HostPort>& listening) {
  for (const HostPort& database : upstream) {
    for (const HostPort& own : listening) {
      if (is_same_address(database, own)) return database;
    }
  }
  return std::nullopt;
}

}  // namespace weir::proxy
