// The session engine. Input: two bytes that decide what the server does, a byte that says how many bytes of pace
// follow, those, and a client's messages (tests/capture/session/session_model.h). Played straight to a model of the
// server and through a session, the client sees the same bytes, the same rows are committed, and each of them is told
// once and in order. Played once more with an answer out of place, the client sees nothing of what Weir added.
#include <algorithm>
#include <cstdio>

#include "tests/capture/session/session_model.h"
#include "tests/fuzz/require.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const std::uint32_t seed = std::uint32_t(data[0]) << 8 | data[1];
  const std::string_view rest = weir::testing::as_text(data + 3, size - 3);
  const std::string_view pace = rest.substr(0, data[2]);
  const auto messages = weir::testing::client_messages(rest.substr(pace.size()));
  std::string wrong = weir::testing::play(messages, pace, seed);
  if (wrong.empty()) wrong = weir::testing::stray(messages, pace, seed);
  if (!wrong.empty()) std::fputs(wrong.c_str(), stderr);
  WEIR_REQUIRE(wrong.empty());
  return 0;
}
