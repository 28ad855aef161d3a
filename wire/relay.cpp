#include "wire/relay.h"

#include <algorithm>

#include "wire/error_response.h"
#include "wire/frame.h"
#include "wire/message.h"

namespace weir::wire {
namespace {

enum class End { received, incomplete_header, malformed_header };

struct Pass {
  std::size_t size = 0;  // how much of the received bytes can be relayed
  End end = End::received;
};

using ReadHeader = FrameHeader (*)(std::string_view);

FrameHeader read_upstream_header(std::string_view received) {
  return read_header(received);
}

/// Walks over the headers. `body` is what is still to come of the frame at hand, before and after.
Pass pass_frames(std::string_view received, std::size_t& body, ReadHeader read) {
  Pass pass;
  for (;;) {
    const std::size_t part = std::min(body, received.size() - pass.size);
    pass.size += part;
    body -= part;
    if (pass.size == received.size()) return pass;
    const FrameHeader header = read(received.substr(pass.size));
    if (header.state != FrameHeader::State::valid) {
      pass.end = header.state == FrameHeader::State::incomplete ? End::incomplete_header : End::malformed_header;
      return pass;
    }
    body = header.size;
  }
}

}  // namespace

std::size_t Relay::from_client(std::string_view received, Turn& turn) {
  if (closed_) return 0;
  if (client_malformed_) return received.size();
  const Pass pass = pass_frames(received, client_body_, read_client_header);
  turn.to_upstream.relay(received.substr(0, pass.size));
  if (pass.end != End::malformed_header) return pass.size;
  turn.to_upstream.relay(received.substr(pass.size, kHeaderSize));
  client_malformed_ = true;
  return received.size();
}

std::size_t Relay::from_upstream(std::string_view received, Turn& turn) {
  if (closed_) return 0;
  const Pass pass = pass_frames(received, upstream_body_, read_upstream_header);
  turn.to_client.relay(received.substr(0, pass.size));
  if (pass.end == End::malformed_header) {
    append_error(turn.to_client.buffer(), "FATAL", "08P01", "the database sent a message with an invalid length",
                 "Check that the upstream address is that of a PostgreSQL server.");
    turn.close = closed_ = true;
  }
  return pass.size;
}

}  // namespace weir::wire
