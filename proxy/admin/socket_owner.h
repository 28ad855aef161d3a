// Whose the other end of a connection within this machine is: the user id that the kernel's tables of TCP sockets
// (/proc/net/tcp, /proc/net/tcp6) have for it, proc(5). In a container: of the sockets of its network namespace.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::proxy {

/// Of the socket that is bound to `own` and connected to `other`; nothing where the table has none. Pure.
std::optional<std::uint32_t> owner_in(std::string_view table, const sockaddr_storage& own,
                                      const sockaddr_storage& other);

/// Of the peer of this connected socket; nothing where it is not known. Reads the tables: not for every request.
std::optional<std::uint32_t> owner_of_peer(int socket);

}  // namespace weir::proxy
