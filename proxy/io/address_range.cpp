#include "proxy/io/address_range.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace weir::proxy {

namespace {

constexpr unsigned kIpv6Bits = 128;
constexpr unsigned kIpv4Bits = 32;

}  // namespace

std::optional<AddressRange> AddressRange::parse(const std::string& text) {
  const std::size_t slash = text.find('/');
  const std::string address = text.substr(0, slash);
  AddressRange range;
  const bool ipv4 = address.find(':') == std::string::npos;
  if (ipv4) range.network_[10] = range.network_[11] = 0xff;
  if (::inet_pton(ipv4 ? AF_INET : AF_INET6, address.c_str(), range.network_.data() + (ipv4 ? 12 : 0)) != 1) return {};
  if (slash != std::string::npos) {
    const unsigned most = ipv4 ? kIpv4Bits : kIpv6Bits;
    const char* end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data() + slash + 1, end, range.bits_);
    if (error != std::errc() || stopped != end || range.bits_ > most) return {};
    range.bits_ += kIpv6Bits - most;
  }
  if (range.masked(range.network_) != range.network_) return {};
  return range;
}

AddressRange::Bytes AddressRange::masked(Bytes address) const {
  for (unsigned i = 0; i < address.size(); ++i) {
    const unsigned kept = std::clamp(static_cast<int>(bits_) - static_cast<int>(8 * i), 0, 8);
    address[i] = static_cast<std::uint8_t>(address[i] & (0xff00u >> kept));
  }
  return address;
}

std::optional<AddressRange::Bytes> AddressRange::bytes_of(const sockaddr_storage& address) {
  Bytes bytes{};
  if (address.ss_family == AF_INET6) {
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, bytes.size());
  } else if (address.ss_family == AF_INET) {
    bytes[10] = bytes[11] = 0xff;
    std::memcpy(bytes.data() + 12, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, 4);
  } else {
    return {};
  }
  return bytes;
}

bool AddressRange::contains(const sockaddr_storage& address) const {
  const auto bytes = bytes_of(address);
  return bytes && masked(*bytes) == network_;
}

bool any_contains(const std::vector<AddressRange>& ranges, const sockaddr_storage& address) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const AddressRange& range) { return range.contains(address); });
}

}  // namespace weir::proxy
