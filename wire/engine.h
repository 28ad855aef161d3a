// What stands between the two sockets of a session once the StartupMessage has gone to the database: bytes of either
// peer in, bytes for either peer out. Sans-I/O; one engine per session, used by one thread.
//
// Contract (Relay): for every byte from a peer exactly one of: forwarded in order, replaced by bytes of the same
// meaning, answered with an ErrorResponse. Never silently dropped.
//
// The I/O keeps what was not consumed and calls again with it and more behind it. An engine consumes part of a frame
// that it only relays, however large; it asks for a whole frame (consumes nothing of it) only where it must read it.
// wire::Relay only frames and counts; capture::CaptureEngine captures.
#pragma once

#include <cstddef>
#include <string_view>

#include "wire/outbox.h"

namespace weir::wire {

struct Turn {
  Outbox to_client;
  Outbox to_upstream;
  /// Set when the session must end after what is in the outboxes was written (malformed input, for example).
  bool close = false;
};

/// What an engine waits for and holds between two calls.
struct Standing {
  /// It waits for the database or the journal before it takes more from the client. After any turn that ends a stall
  /// the I/O calls from_client again with the bytes it kept. Do not read the client's socket meanwhile beyond one
  /// buffer.
  bool stalled = false;

  /// It wants nothing more from the database: what it has of it still waits for the journal. A turn ends it. Do not
  /// read the database's socket meanwhile.
  bool upstream_stalled = false;

  /// That peer cannot act on what the engine gives out before something else follows (rows before the commit's answer,
  /// say): the I/O may keep a few kB of it and write all at once. A turn ends it, and it never outlives a stall for
  /// long.
  bool holds_for_client = false;
  bool holds_for_upstream = false;

  /// The session could end now and nothing would be lost: no transaction is open and nothing is under way. An engine
  /// that cannot know says false.
  bool idle = false;

  /// What commits a transaction is on its way, and its answer will come soon. Whoever ends the session waits for it, as
  /// the server does: a client that was not told cannot know what became of it.
  bool commits = false;

  /// Every message that was given out to the client is whole, so that another one may stand behind it.
  bool between_messages = true;

  /// How large the incomplete frame at the front of the kept bytes is in all (header included), or 0: how much to
  /// reserve.
  std::size_t client_frame_size = 0;
  std::size_t upstream_frame_size = 0;

  bool operator==(const Standing&) const = default;
};

class Engine {
 public:
  virtual ~Engine() = default;

  /// Bytes from the client; returns how many were consumed. Fewer than given means: a frame is incomplete, or the
  /// client's side is stalled (see Standing).
  virtual std::size_t from_client(std::string_view received, Turn& turn) = 0;
  virtual std::size_t from_upstream(std::string_view received, Turn& turn) = 0;

  /// As it is now. Whoever does the I/O asks once after each call, also after one by the session's handle.
  virtual Standing standing() const { return {}; }

  /// The client has sent its last byte and all of it was consumed: the I/O half-closes the database's socket.
  virtual void client_finished(Turn&) {}
  /// The database's socket is gone; what was in flight is in doubt. Also called when the session is torn down for
  /// another reason. Called once, last.
  virtual void upstream_gone() {}
};

}  // namespace weir::wire
