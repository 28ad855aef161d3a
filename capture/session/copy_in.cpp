#include "capture/session/copy_in.h"

#include <iterator>

#include "capture/session/sqlstates.h"
#include "wire/message.h"

namespace weir::capture {

namespace frontend = wire::frontend;

void CopyIn::answered() {
  takes_data_ = !ended_;
  ignored_syncs_ = queue_->forget_syncs_behind_front();
}

bool CopyIn::waits_for(char type) const {
  if (queue_->under_way().copies == 0 || reads_sync()) return false;
  switch (type) {
    case frontend::kSync:
    case frontend::kFlush:
    case frontend::kCopyData:
    case frontend::kCopyDone:
    case frontend::kCopyFail:
    case frontend::kTerminate:
      return false;
    default:
      return true;
  }
}

void CopyIn::client_sent(char type) {
  data_sent_ = true;
  if (type == frontend::kCopyData) return;
  takes_data_ = false;
  ended_ = true;
}

void CopyIn::succeeded() {
  takes_data_ = false;
  ignored_syncs_ = 0;
}

/// Where it cannot be known whether the Syncs were read, what comes next shows it: one ReadyForQuery for each that was
/// not.
void CopyIn::failed(std::string_view sqlstate) {
  const int syncs = std::exchange(ignored_syncs_, 0);
  takes_data_ = false;
  unread_syncs_ = 0;
  // It came to a message that is no part of a COPY, so it has read the Syncs before it.
  if (syncs == 0 || sqlstate == kProtocolViolation) return;
  const auto behind = std::next(queue_->begin());
  const bool more_behind = behind != queue_->end() && behind->expect != Expect::sync;
  // A cancel is the one error that can come while it waits for data.
  const bool read_nothing = !data_sent_ && (more_behind || sqlstate != kQueryCanceled);
  if (read_nothing) {
    queue_->expect_syncs_behind_front(syncs);
  } else {
    unread_syncs_ = syncs;
  }
}

bool CopyIn::ends_unread_sync() {
  if (unread_syncs_ == 0 || (!queue_->empty() && queue_->front().expect == Expect::sync)) return false;
  --unread_syncs_;
  return true;
}

}  // namespace weir::capture
