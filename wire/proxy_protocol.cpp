#include "wire/proxy_protocol.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace weir::wire {

namespace {

constexpr std::string_view kSignature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::string_view kSignatureOfVersion1 = "PROXY ";
constexpr std::size_t kFixedPart = 16;
constexpr std::size_t kIpv4Addresses = 12;  // both addresses, both ports
constexpr std::size_t kIpv6Addresses = 36;
constexpr std::string_view kMappedIpv4{"\0\0\0\0\0\0\0\0\0\0\xff\xff", 12};

enum Command { kLocal = 0, kProxy = 1 };
enum Family { kUnspecified = 0, kIpv4 = 1, kIpv6 = 2, kUnix = 3 };
enum Transport { kAnyTransport = 0, kStream = 1 };

std::uint8_t byte_at(std::string_view bytes, std::size_t place) {
  return static_cast<std::uint8_t>(bytes[place]);
}

std::uint16_t number_at(std::string_view bytes, std::size_t place) {
  return static_cast<std::uint16_t>(byte_at(bytes, place) << 8 | byte_at(bytes, place + 1));
}

ProxyHeader malformed(std::string_view reason) {
  ProxyHeader header;
  header.kind = ProxyHeader::Kind::malformed;
  header.reason = reason;
  return header;
}

std::string address_text(std::string_view address) {
  if (address.size() == 16 && address.starts_with(kMappedIpv4)) address.remove_prefix(kMappedIpv4.size());
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(address.size() == 4 ? AF_INET : AF_INET6, address.data(), text.data(), text.size());
  return text.data();
}

/// The source's address comes first, then the destination's, then the ports in this order.
ProxyHeader client_at(std::string_view addresses, std::size_t address_size, ProxyHeader header) {
  if (addresses.size() < 2 * address_size + 4) return malformed("it is shorter than its addresses");
  header.kind = ProxyHeader::Kind::client;
  header.address = address_text(addresses.substr(0, address_size));
  header.port = number_at(addresses, 2 * address_size);
  return header;
}

ProxyHeader read_addresses(std::string_view whole, ProxyHeader header) {
  const unsigned command = byte_at(whole, 12) & 0x0fu;
  const unsigned family = byte_at(whole, 13) >> 4;
  const unsigned transport = byte_at(whole, 13) & 0x0fu;
  header.kind = ProxyHeader::Kind::local;
  if (command == kLocal) return header;
  if (command != kProxy) return malformed("its command is unknown");
  if (family > kUnix) return malformed("its address family is unknown");
  if (transport != kStream && !(family == kUnspecified && transport == kAnyTransport))
    return malformed("it is not about a stream");
  const std::string_view addresses = whole.substr(kFixedPart);
  if (family == kIpv4) return client_at(addresses, (kIpv4Addresses - 4) / 2, std::move(header));
  if (family == kIpv6) return client_at(addresses, (kIpv6Addresses - 4) / 2, std::move(header));
  return header;
}

}  // namespace

ProxyHeader read_proxy_header(std::string_view received) {
  const std::size_t seen = std::min(received.size(), kSignature.size());
  if (received.substr(0, seen) != kSignature.substr(0, seen)) {
    const bool version1 = received.starts_with(kSignatureOfVersion1.substr(0, received.size()));
    return malformed(version1 ? "it is of version 1, only 2 is known here (HAProxy: send-proxy-v2)"
                              : "there is none (HAProxy: send-proxy-v2)");
  }
  ProxyHeader header;
  header.size = kFixedPart;
  if (received.size() < kFixedPart) return header;
  if (byte_at(received, 12) >> 4 != 2) return malformed("its version is not 2");
  header.size = kFixedPart + number_at(received, 14);
  if (header.size > kMaxProxyHeaderSize) return malformed("it is too long");
  if (received.size() < header.size) return header;
  return read_addresses(received.substr(0, header.size), std::move(header));
}

}  // namespace weir::wire
