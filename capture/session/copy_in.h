// COPY FROM STDIN in the extended protocol (PostgreSQL manual, "COPY Operations"): while it takes data the server reads
// Sync without an answer, so a Sync that was sent with the COPY has none. Where the COPY fails before it has read
// anything (FREEZE that is not possible, a trigger FOR EACH STATEMENT), that Sync is still to be read, and is answered.
//
// Says which Syncs are expected to be answered; knows nothing of the transaction. Used on the session's thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "capture/session/command_queue.h"

namespace weir::capture {

class CopyIn {
 public:
  explicit CopyIn(CommandQueue& queue) : queue_(&queue) {}

  /// An Execute or a Query is sent.
  void begins() { data_sent_ = ended_ = false; }
  /// Between CopyInResponse and the end of the client's data.
  bool takes_data() const { return takes_data_; }
  /// A Sync sent now is read without an answer. Not where something else was sent behind the COPY: it fails because of
  /// that, or had failed before.
  bool reads_sync() const { return takes_data_ && queue_->size() == 1; }
  void sync_was_read() { ++ignored_syncs_; }
  /// Whether a COPY reads a message is known when its answer has begun, and what comes of that one when it has ended.
  bool waits_for(char type) const;
  /// CopyData, CopyDone or CopyFail.
  void client_sent(char type);
  /// CopyDone or CopyFail was sent behind the last Execute or Query.
  bool ended() const { return ended_; }

  /// CopyInResponse for the front.
  void answered();
  void succeeded();
  /// An error for the front.
  void failed(std::string_view sqlstate);

  /// Whether a ReadyForQuery is the answer to a Sync of a COPY that failed, not to what is at the front.
  bool ends_unread_sync();
  bool has_unread_syncs() const { return unread_syncs_ > 0; }
  /// Something else was answered: it had read them.
  void forget_unread_syncs() { unread_syncs_ = 0; }

  /// The CommandComplete of a COPY that a Query commits by itself: a constraint that is deferred to the commit must
  /// replace it, as it does where the COPY is the Query's last statement.
  void hold_complete(std::string_view frame) { complete_ = frame; }
  std::string take_complete() { return std::exchange(complete_, {}); }

 private:
  CommandQueue* queue_;
  std::string complete_;
  int ignored_syncs_ = 0;  // sent with the COPY under way, which reads them without an answer
  int unread_syncs_ = 0;   // of one that failed: it may not have read them
  bool takes_data_ = false;
  bool data_sent_ = false;  // CopyData, CopyDone or CopyFail was sent behind the last Execute or Query
  bool ended_ = false;      // one of the latter two
};

}  // namespace weir::capture
