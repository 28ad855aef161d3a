#include "proxy/poller.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cassert>
#include <system_error>

namespace weir::proxy {

namespace {

// After this many batches in a row the io_context gets its turn (timers, new connections, posted functions).
constexpr int kBatchesPerTurn = 16;
// A batch of fewer events than this is taken as "the rest will take a while": sleeping costs less than asking again.
constexpr int kBusyBatch = 3;

int make_epoll() {
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  return epoll;
}

}  // namespace

Poller::Poller(boost::asio::io_context& io) : epoll_(io, make_epoll()) {
  wait();
}

void Poller::watch(Watcher& watcher, int socket, bool read, bool write) {
  const std::uint32_t wanted = (read ? EPOLLIN : 0U) | (write ? EPOLLOUT : 0U);
  if (wanted == watcher.interest_) return;
  if (wanted == 0) return unwatch(watcher, socket);
  epoll_event event{};
  event.events = wanted;
  event.data.ptr = &watcher;
  const int operation = watcher.interest_ == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  [[maybe_unused]] const int result = ::epoll_ctl(epoll_.native_handle(), operation, socket, &event);
  assert(result == 0);
  watcher.interest_ = wanted;
}

void Poller::unwatch(Watcher& watcher, int socket) {
  forget(watcher);
  if (watcher.interest_ == 0) return;
  watcher.interest_ = 0;
  epoll_event ignored{};
  ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_DEL, socket, &ignored);
}

void Poller::call_again(Watcher& watcher) {
  if (std::find(again_.begin(), again_.end(), &watcher) != again_.end()) return;
  if (again_.empty()) boost::asio::post(epoll_.get_executor(), [this] { handle_again(); });
  again_.push_back(&watcher);
}

void Poller::forget(Watcher& watcher) {
  for (int i = batch_next_; i < batch_size_; ++i) {
    if (batch_[i].data.ptr == &watcher) batch_[i].data.ptr = nullptr;
  }
  std::replace(again_.begin(), again_.end(), &watcher, static_cast<Watcher*>(nullptr));
  std::replace(again_now_.begin(), again_now_.end(), &watcher, static_cast<Watcher*>(nullptr));
}

void Poller::wait() {
  epoll_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code error) {
    if (!error) handle_ready();
  });
}

void Poller::handle_ready() {
  for (int i = 0; i < kBatchesPerTurn; ++i) {
    if (handle_batch() < kBusyBatch) break;
  }
  wait();
}

int Poller::handle_batch() {
  const int count = ::epoll_wait(epoll_.native_handle(), batch_.data(), static_cast<int>(batch_.size()), 0);
  batch_size_ = count;
  for (batch_next_ = 0; batch_next_ < batch_size_;) {
    const epoll_event& event = batch_[batch_next_++];
    auto* watcher = static_cast<Watcher*>(event.data.ptr);
    if (watcher == nullptr) continue;
    const bool broken = (event.events & (EPOLLERR | EPOLLHUP)) != 0;
    watcher->on_ready(broken || (event.events & EPOLLIN) != 0, broken || (event.events & EPOLLOUT) != 0);
  }
  batch_size_ = batch_next_ = 0;
  return count;
}

void Poller::handle_again() {
  again_now_.swap(again_);
  for (std::size_t i = 0; i < again_now_.size(); ++i) {
    if (Watcher* watcher = again_now_[i]) watcher->on_ready(true, false);
  }
  again_now_.clear();
}

}  // namespace weir::proxy
