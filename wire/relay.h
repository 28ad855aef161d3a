// Relays both directions byte for byte and knows only frames: the engine of replication connections and of every
// session in which nothing is captured.
//
// Checks every header and never holds a body, so a frame of any size passes in the pieces in which it arrives and the
// two directions never wait for each other. Consumes all it is given but an incomplete header (at most four bytes).
//
// A malformed header of the database is answered with a FATAL ErrorResponse (08P01) and ends the session. A malformed
// header of the client goes to the database as it is: it closes the connection there, behind its answers to all that
// was sent before, and says what it says to any client. What the client sends after it is not looked at.
#pragma once

#include <cstddef>
#include <string_view>

#include "wire/engine.h"

namespace weir::wire {

class Relay : public Engine {
 public:
  std::size_t from_client(std::string_view received, Turn& turn) override;
  std::size_t from_upstream(std::string_view received, Turn& turn) override;
  Standing standing() const override { return {.between_messages = upstream_body_ == 0}; }

 private:
  std::size_t client_body_ = 0;    // bytes of the client's current frame still to come
  std::size_t upstream_body_ = 0;  // the same for the database's
  bool client_malformed_ = false;
  bool closed_ = false;
};

}  // namespace weir::wire
