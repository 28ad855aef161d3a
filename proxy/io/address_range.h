// A range of addresses as administrators write it: 10.0.0.0/8, 2001:db8::/32, or one address. A plain value.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weir::proxy {

class AddressRange {
 public:
  /// Nothing where the text is none; bits set behind the mask (10.0.0.7/8) are a mistake, too.
  static std::optional<AddressRange> parse(const std::string& text);
  /// IPv4, also inside IPv6, and IPv6; nothing else is in any range.
  bool contains(const sockaddr_storage& address) const;
  bool operator==(const AddressRange&) const = default;

 private:
  using Bytes = std::array<std::uint8_t, 16>;  // IPv4 as ::ffff:a.b.c.d
  static std::optional<Bytes> bytes_of(const sockaddr_storage& address);
  Bytes masked(Bytes address) const;

  Bytes network_{};
  unsigned bits_ = 128;
};

bool any_contains(const std::vector<AddressRange>& ranges, const sockaddr_storage& address);

}  // namespace weir::proxy
