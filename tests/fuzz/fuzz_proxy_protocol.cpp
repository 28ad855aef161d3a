// What a load balancer sends first. Input: the bytes. However they are cut, what is read of them is the same, and never
// more is asked for than a header may have.
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/require.h"
#include "wire/proxy_protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using weir::wire::ProxyHeader;
  using Kind = ProxyHeader::Kind;
  const std::string_view input = weir::testing::as_text(data, size);
  const ProxyHeader at_once = weir::wire::read_proxy_header(input);
  WEIR_REQUIRE(at_once.size <= weir::wire::kMaxProxyHeaderSize);
  WEIR_REQUIRE((at_once.kind == Kind::malformed) == !at_once.reason.empty());
  WEIR_REQUIRE((at_once.kind == Kind::client) == !at_once.address.empty());

  std::size_t end = 0;
  ProxyHeader step = weir::wire::read_proxy_header({});
  while (step.kind == Kind::incomplete && end < size) {
    WEIR_REQUIRE(step.size > end);  // or the reader would stand still
    end = std::min(size, end + 1);
    // A copy of its own size, so that a read beyond it is seen.
    const std::vector<char> received(input.begin(), input.begin() + std::ptrdiff_t(end));
    step = weir::wire::read_proxy_header({received.data(), received.size()});
  }
  WEIR_REQUIRE(step.kind == at_once.kind && step.address == at_once.address && step.port == at_once.port);
  if (step.kind == Kind::client || step.kind == Kind::local) WEIR_REQUIRE(step.size == end && end == at_once.size);
  return 0;
}
