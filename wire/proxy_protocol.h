// The PROXY protocol, version 2 (HAProxy's specification, section 2.2): what a load balancer sends in front of a
// client's first byte, to say whom it connects. Sans-I/O.
//
// Read as many bytes as `size` says and not one more, and call again with all of them, until the header is whole: what
// lies behind it is the client's, and may be TLS that only the socket's next reader can take. Whether a peer may send
// such a header at all is the I/O's to know; from everybody else it would be a lie about the client's address.
// Additional fields (TLVs) are passed over. Version 1, which is text, is told apart and refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::wire {

/// The specification's own advice to receivers; addresses take at most 216 of it.
constexpr std::size_t kMaxProxyHeaderSize = 2'048;

struct ProxyHeader {
  enum class Kind {
    incomplete,  ///< `size` bytes are needed to go on
    local,       ///< the balancer speaks for itself (a health check), or of a client that has no address
    client,      ///< `address` and `port` are the client's
    malformed,   ///< `reason` says why
  };
  Kind kind = Kind::incomplete;
  std::size_t size = 0;  ///< of the header, where it is whole
  std::string address;   ///< "203.0.113.9", "2001:db8::1"; an IPv4 address inside IPv6 as IPv4
  std::uint16_t port = 0;
  std::string_view reason;
};

ProxyHeader read_proxy_header(std::string_view received);

}  // namespace weir::wire
