// Where the session stands between BEGIN and its end, by the answers seen: no block, an open one, a failed one; and
// whether the server skips what comes up to the next Sync. What is still under way is not in it. Used on the session's
// thread.
#pragma once

#include <utility>

#include "capture/session/open_pipeline.h"
#include "capture/session/pending.h"
#include "wire/message.h"

namespace weir::capture {

class Block {
 public:
  bool is_open() const { return status_ != Status::idle; }
  /// All but its end is refused.
  bool is_failed() const { return status_ == Status::failed; }
  /// The end of a failed block may be on its way: a statement that ends the block, or the news that a failed COMMIT
  /// did.
  bool may_recover(const Weight& under_way) const {
    return is_failed() && (under_way.control > 0 || under_way.syncs > 0);
  }
  /// The server refuses all but the end of the block.
  bool refuses(const Weight& under_way) const { return is_failed() && !may_recover(under_way); }

  void begun() {
    if (status_ == Status::idle) status_ = Status::open;
  }
  /// With AND CHAIN the next one is open.
  void ended(bool chain) { status_ = chain ? Status::open : Status::idle; }
  /// ROLLBACK TO has succeeded.
  void returned() {
    if (is_failed()) status_ = Status::open;
  }
  /// An error. Outside of a block it leaves nothing behind.
  void failed() {
    if (is_open()) status_ = Status::failed;
  }

  /// The server skips everything up to Sync; `of_own`: a statement of Weir's own failed inside of the client's
  /// exchange, and the client saw the error in place of its message's.
  void skip(bool of_own) {
    skips_ = true;
    own_failed_ = of_own;
  }
  bool skips() const { return skips_; }
  bool skips_for_own() const { return skips_ && own_failed_; }
  /// The message whose place the error took has come.
  void own_error_placed() { own_failed_ = false; }
  void stop_skipping() { skips_ = own_failed_ = false; }

  /// The server failed with nothing under way, and says that it is ready again.
  void failed_idle(bool failed) { failed_idle_ = failed; }
  bool is_failed_idle() const { return failed_idle_; }
  /// A COMMIT was refused in it: Weir has to end it at the next Sync.
  void end_at_sync() { ends_at_sync_ = true; }
  bool take_end_at_sync() { return std::exchange(ends_at_sync_, false); }

  /// A text that could not be read rolled back, wholly or to a savepoint: ReadyForQuery will tell.
  void hid_rollback() { hid_rollback_ = true; }

  /// What is open outside of one.
  OpenPipeline& pipeline() { return pipeline_; }
  const OpenPipeline& pipeline() const { return pipeline_; }

  struct Ready {
    bool was_failed;    ///< before it
    bool hid_rollback;  ///< since the one before
  };
  /// What ReadyForQuery says is the truth.
  Ready ready(char status) {
    const Ready before{is_failed(), std::exchange(hid_rollback_, false)};
    status_ = status == char(wire::TransactionStatus::failed) ? Status::failed
              : status == char(wire::TransactionStatus::idle) ? Status::idle
                                                              : Status::open;
    return before;
  }

 private:
  enum class Status : char { idle, open, failed };
  Status status_ = Status::idle;
  OpenPipeline pipeline_;
  bool skips_ = false;
  bool own_failed_ = false;
  bool hid_rollback_ = false;
  bool failed_idle_ = false;
  bool ends_at_sync_ = false;
};

}  // namespace weir::capture
