// What stands between the two sockets of a session once the StartupMessage has gone to the database: bytes of either
// peer in, bytes for either peer out. Sans-I/O; one engine per session, used by one thread.
//
// Contract (Relay): for every byte from a peer exactly one of: forwarded in order, replaced by bytes of the same
// meaning, answered with an ErrorResponse. Never silently dropped.
//
// The I/O keeps what was not consumed and calls again with it and more behind it. An engine consumes part of a frame
// that it only relays, however large; it asks for a whole frame (consumes nothing of it) only where it must read it.
// Two implementations: wire::Relay (only framing and byte counts) and capture::Session.
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

class Engine {
 public:
  virtual ~Engine() = default;

  /// Bytes from the client; returns how many were consumed. Fewer than given means: a frame is incomplete, or the
  /// client's side is stalled (see stalled).
  virtual std::size_t from_client(std::string_view received, Turn& turn) = 0;
  virtual std::size_t from_upstream(std::string_view received, Turn& turn) = 0;

  /// True while the engine waits for the database or the journal before it takes more from the client. After any turn
  /// that ends a stall the I/O calls from_client again with the bytes it kept. Do not read the client's socket
  /// meanwhile beyond one buffer.
  virtual bool stalled() const { return false; }

  /// True while the engine wants nothing more from the database: what it has of it still waits for the journal. A turn
  /// or a function that the session's handle runs ends it. Do not read the database's socket meanwhile.
  virtual bool upstream_stalled() const { return false; }

  /// True while that peer cannot act on what the engine gives out before something else follows (rows before the
  /// commit's answer, say): the I/O may keep a few kB of it and write all at once. A turn or a function ends it, and it
  /// never outlives a stall for long.
  virtual bool holds_for_client() const { return false; }
  virtual bool holds_for_upstream() const { return false; }

  /// True where the session could end now and nothing would be lost: no transaction is open and nothing is under way.
  /// An engine that cannot know says false.
  virtual bool idle() const { return false; }

  /// Whether every message that was given out to the client is whole, so that another one may stand behind it.
  virtual bool between_messages() const { return true; }

  /// How large the incomplete frame at the front of the kept bytes is in all (header included), or 0: how much to
  /// reserve.
  virtual std::size_t client_frame_size() const { return 0; }
  virtual std::size_t upstream_frame_size() const { return 0; }

  /// The client has sent its last byte and all of it was consumed: the I/O half-closes the database's socket.
  virtual void client_finished(Turn&) {}
  /// The database's socket is gone; what was in flight is in doubt. Also called when the session is torn down for
  /// another reason. Called once, last.
  virtual void upstream_gone() {}
};

}  // namespace weir::wire
