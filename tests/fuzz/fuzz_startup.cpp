// What a client sends first. Input: one byte (bit 0: TLS is available, the others: bytes per read), then the bytes.
// Whatever they are, the negotiation ends the same however they are cut, and consumes only what is there.
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/require.h"
#include "wire/startup.h"

namespace {

using weir::testing::within;
using weir::wire::CancelRequestView;
using weir::wire::FirstMessage;
using weir::wire::StartupMessageView;
using weir::wire::StartupNegotiation;
using weir::wire::StartupStep;

void check_startup_message(const StartupMessageView& startup, std::string_view bytes) {
  for (const std::string_view view : {startup.user(), startup.database(), startup.application_name(), startup.options(),
                                      startup.parameter("_pq_.x").value_or(std::string_view())})
    WEIR_REQUIRE(within(view, bytes));
  if (startup.replication()) WEIR_REQUIRE(startup.parameter("replication"));
}

void check_first_message(std::string_view received) {
  const FirstMessage first = weir::wire::read_first_message(received);
  WEIR_REQUIRE(within(first.bytes, received));
  WEIR_REQUIRE(first.bytes.empty() || first.bytes.data() == received.data());
  WEIR_REQUIRE(first.bytes.size() <= 4 + weir::wire::kMaxStartupPacketSize);
  switch (first.kind) {
    case FirstMessage::Kind::startup_message:
      check_startup_message(first.startup, first.bytes);
      break;
    case FirstMessage::Kind::cancel_request:
      WEIR_REQUIRE(within(first.cancel.key, first.bytes) && first.bytes.ends_with(first.cancel.key));
      WEIR_REQUIRE(first.cancel.key.size() >= weir::wire::kMinCancelKeySize);
      WEIR_REQUIRE(first.cancel.key.size() <= weir::wire::kMaxCancelKeySize);
      break;
    case FirstMessage::Kind::malformed:
      WEIR_REQUIRE((first.sqlstate.empty() || first.sqlstate.size() == 5) && !first.message.empty());
      break;
    case FirstMessage::Kind::incomplete:
      WEIR_REQUIRE(received.size() < 4 + weir::wire::kMaxStartupPacketSize);
      break;
    case FirstMessage::Kind::ssl_request:
    case FirstMessage::Kind::gssenc_request:
    case FirstMessage::Kind::direct_tls:
      break;
  }
}

/// Reads of `piece` bytes until the negotiation is over. A client waits for each answer before it sends more, as the
/// rules about unencrypted bytes want it; so a read never goes beyond the end of a message that is answered.
std::string negotiate(std::string_view input, bool tls_available, std::size_t piece) {
  StartupNegotiation negotiation(tls_available);
  std::string trace;
  std::size_t start = 0;  // of what was not consumed
  std::size_t end = 0;
  while (end < input.size()) {
    const std::size_t whole = weir::wire::read_first_message(input.substr(start)).bytes.size();
    end = std::min(end + piece, whole != 0 ? start + whole : input.size());
    const std::vector<char> received(input.begin() + std::ptrdiff_t(start), input.begin() + std::ptrdiff_t(end));
    const StartupStep step = negotiation.advance({received.data(), received.size()});
    WEIR_REQUIRE(step.consumed <= received.size());
    if (step.kind == StartupStep::Kind::need_more) continue;
    trace += char('0' + int(step.kind)) + step.answer;
    if (step.kind == StartupStep::Kind::start_tls) negotiation.tls_started();
    if (step.kind != StartupStep::Kind::proceed && step.kind != StartupStep::Kind::start_tls) break;
    start += step.consumed;
    end = start;
  }
  return trace;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view input = weir::testing::as_text(data + 1, size - 1);
  check_first_message(input);
  const bool tls_available = (data[0] & 1) != 0;
  const std::size_t piece = std::size_t(data[0] >> 1) + 1;
  WEIR_REQUIRE(negotiate(input, tls_available, piece) == negotiate(input, tls_available, input.size()));
  weir::wire::read_ssl_answer(input);
  return 0;
}
