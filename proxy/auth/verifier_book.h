// Which verifiers are known without asking anybody. Sans-I/O; the caller has the lock and the clock.
//
// A verifier is taken only where salt and iterations are those that the database shows for the user, so one that is
// kept never gets old: with the password both change, and the next login asks again. That a user has no verifier of a
// salt is kept as well, for a while, so that guessing names costs no queries and takes as long as for users that exist.
// Holds a bounded number of users and forgets those that were not wanted for longest.
#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <map>
#include <optional>
#include <string>

#include "proxy/io/verifier_source.h"

namespace weir::proxy {

class VerifierBook {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t kMostUsers = 10'000;
  static constexpr std::chrono::seconds kUnknownFor{5};

  /// Found or none; nothing where somebody must be asked.
  std::optional<wire::KnownVerifier> known(const VerifierQuestion& question, Clock::time_point now);
  /// What came of asking: found or none.
  void note(const VerifierQuestion& question, const wire::KnownVerifier& answer, Clock::time_point now);
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    VerifierQuestion question;
    wire::KnownVerifier answer;
    Clock::time_point since;
  };
  using Entries = std::list<Entry>;  // the one that was wanted last is the first

  Entries entries_;
  std::map<std::string, Entries::iterator> by_user_;
};

}  // namespace weir::proxy
