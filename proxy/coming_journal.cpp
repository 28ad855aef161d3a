#include "proxy/coming_journal.h"

#include "proxy/process/log.h"

namespace weir::proxy {

void ComingJournal::when_known(std::function<void(bool there)> tell) {
  {
    const std::lock_guard lock(mutex_);
    if (get() == nullptr) waiting_.push_back(tell);
    if (get() == nullptr && !late_) return;
  }
  tell(get() != nullptr);
}

void ComingJournal::came(Committer& committer) {
  {
    const std::lock_guard lock(mutex_);
    committer_ = &committer;
  }
  tell_all(true);
}

void ComingJournal::late() {
  {
    const std::lock_guard lock(mutex_);
    late_ = true;
  }
  tell_all(false);
}

void ComingJournal::tell_all(bool there) {
  std::vector<std::function<void(bool)>> waiting;
  {
    const std::lock_guard lock(mutex_);
    waiting = waiting_;
    if (there) waiting_.clear();
  }
  for (const auto& tell : waiting) tell(there);
}

bool ComingGate::is_there() {
  Committer* const committer = gate_ == nullptr ? journal_.get() : nullptr;
  if (committer != nullptr) gate_ = make_(*committer);
  return gate_ != nullptr;
}

void ComingGate::report(event::Transaction transaction, event::ChangeEvent gap) {
  if (is_there()) return gate_->report(std::move(transaction), std::move(gap));
  log::error("not captured, while the journal was with another Weir: " + gap.cause);
}

}  // namespace weir::proxy
