// What was executed since the last Sync, outside of a block, as a server sees it from PostgreSQL 18 on: it goes on
// behind a Query of one statement, which ReadyForQuery calls a transaction ('T'). A Sync right behind such a Query does
// not end it: the server is in limbo, says that it is idle, and fails at whatever needs a transaction next. By the
// answers seen; earlier servers end it all at any Query. Used on the session's thread.
#pragma once

#include <string_view>
#include <utility>

#include "capture/session/pending.h"

namespace weir::capture {

class OpenPipeline {
 public:
  /// An Execute has ended and, unless its tag says otherwise, left its transaction open.
  void executed(Purpose purpose, std::string_view tag = {}) {
    if (tag == "COMMIT" || tag == "ROLLBACK" || tag == "PREPARE TRANSACTION") return;
    (is_own(purpose) ? of_weir_ : of_client_) = true;
  }
  /// Something else than ReadyForQuery has answered a message: the server was in a transaction.
  void answered(Expect expect) {
    if (expect != Expect::close && expect != Expect::sync) limbo_ = behind_query_ = false;
  }
  /// ReadyForQuery of a Query that has not ended it.
  void goes_on(bool open) { behind_query_ = open; }
  /// ReadyForQuery of a Sync. True where it has not ended what was open.
  bool synced() {
    const bool forgotten = std::exchange(behind_query_, false);
    limbo_ |= forgotten;
    of_client_ = of_weir_ = false;
    return forgotten;
  }
  /// The transaction is over, and what follows is another one.
  void ended() { of_client_ = of_weir_ = behind_query_ = false; }
  void failed() {
    ended();
    limbo_ = false;
  }

  bool is_open() const { return of_client_; }
  /// Only for questions of Weir's own.
  bool is_of_weir() const { return of_weir_ && !of_client_; }
  /// A Query was the last of it.
  bool is_behind_query() const { return behind_query_; }
  bool is_in_limbo() const { return limbo_; }

 private:
  bool of_client_ = false;
  bool of_weir_ = false;
  bool behind_query_ = false;
  bool limbo_ = false;
};

}  // namespace weir::capture
