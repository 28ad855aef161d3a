// SCRAM's decoders. Input: one byte (which), then a message. What a decoder accepts lies within the message and says
// the same when it is put together again; what it refuses is refused in words. An exchange with any bytes in it gives
// no key.
#include <string>
#include <string_view>

#include "tests/fuzz/require.h"
#include "wire/base64.h"
#include "wire/scram_exchange.h"

namespace {

using namespace weir::wire;
using weir::testing::within;

void require_words(const ErrorWords& words) {
  WEIR_REQUIRE(words.sqlstate.size() == 5 && !words.message.empty());
  // A client's bytes come back only where they can be shown.
  for (const char c : words.message + words.detail) WEIR_REQUIRE(c >= 0x20 && c <= 0x7e);
}

void fuzz_client_first(std::string_view message, bool plus) {
  ClientFirst read;
  if (const auto error = read_client_first(message, plus, read)) return require_words(*error);
  WEIR_REQUIRE((read.flag == 'p') == plus);
  WEIR_REQUIRE(read.header.data() == message.data());
  WEIR_REQUIRE(std::string(read.header) + std::string(read.bare) == message);
  WEIR_REQUIRE(within(read.nonce, read.bare));
}

void fuzz_server_first(std::string_view message) {
  const auto read = read_server_first(message);
  if (!read) return;
  const std::string again = "r=" + std::string(read->nonce) + ",s=" + std::string(read->salt) + ",i=";
  WEIR_REQUIRE(message.starts_with(again));
  WEIR_REQUIRE(read->iterations > 0 && from_base64(read->salt));
}

void fuzz_client_final(std::string_view message) {
  ClientFinal read;
  if (const auto error = read_client_final(message, read)) return require_words(*error);
  WEIR_REQUIRE(message.starts_with("c=" + std::string(read.channel_binding) + ",r=" + std::string(read.nonce)));
  WEIR_REQUIRE(std::string(read.without_proof) + ",p=" + to_base64(bytes_of(read.proof)) ==
               message.substr(0, read.without_proof.size() + 47));
}

void fuzz_verifier(std::string_view text) {
  const auto read = read_scram_verifier(text);
  if (!read) return;
  WEIR_REQUIRE(read_scram_verifier(to_text(*read)) == read);
  WEIR_REQUIRE(to_text(*read).size() <= text.size());
}

void fuzz_base64(std::string_view text) {
  const auto bytes = from_base64(text);
  if (bytes) WEIR_REQUIRE(to_base64(*bytes) == text);
  WEIR_REQUIRE(from_base64(to_base64(text)) == text);
}

/// Any last message behind a good first one: whatever it is taken for, it proves no key.
void fuzz_exchange(std::string_view message) {
  ScramServer server({}, "server");
  WEIR_REQUIRE(!server.read_first(kScramSha256, "n,,n=,r=client"));
  server.first("c2FsdA==", 4096);
  if (const auto error = server.read_final(message)) return require_words(*error);
  const Digest stored = sha256("a key that nobody has");
  WEIR_REQUIRE(sha256(bytes_of(server.client_key(stored))) != stored);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view message = weir::testing::as_text(data + 1, size - 1);
  switch (data[0] % 7) {
    case 0:
    case 1:
      fuzz_client_first(message, data[0] % 7 == 1);
      break;
    case 2:
      fuzz_server_first(message);
      break;
    case 3:
      fuzz_client_final(message);
      break;
    case 4:
      fuzz_verifier(message);
      break;
    case 5:
      fuzz_base64(message);
      break;
    default:
      fuzz_exchange(message);
  }
  return 0;
}
