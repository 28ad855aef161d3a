#include "proxy/io/mailbox.h"

#include <utility>

#include "proxy/io/session.h"

namespace weir::proxy {

void SessionHandle::post(Function function) const {
  if (mailbox_) mailbox_->post(session_, std::move(function));
}

void SessionHandle::at_rest(std::function<void()> function) const {
  if (mailbox_) mailbox_->at_rest(std::move(function));
}

/// Where the poller is gone nothing is at hand. Only this thread takes it away, so it is there to the end.
void Mailbox::at_rest(std::function<void()> function) {
  if (poller_ == nullptr) return function();
  poller_->at_rest(std::move(function));
}

void Mailbox::post(const std::weak_ptr<Session>& session, SessionHandle::Function function) {
  const std::lock_guard lock(mutex_);
  if (poller_ == nullptr) return;
  letters_.push_back({session, std::move(function)});
  if (letters_.size() == 1) poller_->knock();
}

void Mailbox::close() {
  std::vector<Letter> dropped;
  const std::lock_guard lock(mutex_);
  poller_ = nullptr;
  dropped.swap(letters_);
}

void Mailbox::deliver() {
  {
    const std::lock_guard lock(mutex_);
    delivering_.swap(letters_);
  }
  for (Letter& letter : delivering_) {
    if (const auto session = letter.session.lock()) session->run(letter.function);
  }
  delivering_.clear();
}

}  // namespace weir::proxy
