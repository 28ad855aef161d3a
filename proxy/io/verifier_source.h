// Where verifiers of passwords come from, as the I/O asks for them: not by it, and not on a worker's thread.
// Implemented outside of this room (proxy/auth).
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "wire/terminated_scram.h"

namespace weir::proxy {

struct VerifierQuestion {
  std::string user;
  std::string salt;  ///< what the database shows for this user: no other verifier will do
  std::uint32_t iterations = 0;
};

class VerifierSource {
 public:
  using Answer = std::function<void(wire::KnownVerifier)>;

  virtual ~VerifierSource() = default;
  /// Never blocks; any thread. `answer` is called once, on any thread, perhaps before this returns.
  virtual void find(VerifierQuestion question, Answer answer) = 0;
};

}  // namespace weir::proxy
