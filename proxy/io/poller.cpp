#include "proxy/io/poller.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

#include "proxy/process/log.h"

namespace weir::proxy {

namespace {

// After this many batches in a row the io_context gets its turn, also where its timers have nothing to do.
constexpr int kBatchesPerTurn = 256;

int checked(int result, const char* call) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), call);
  return result;
}

}  // namespace

Poller::Poller(boost::asio::io_context& io, std::function<void()> on_knock)
    : epoll_(io, checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      on_knock_(std::move(on_knock)),
      bell_socket_(checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.ptr = static_cast<Watcher*>(&bell_);
  checked(::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_ADD, bell_socket_, &event), "epoll_ctl");
  wait();
}

Poller::~Poller() {
  ::close(bell_socket_);
}

void Poller::watch(Watcher& watcher, int socket, bool read, bool write) {
  const std::uint32_t wanted = (read ? EPOLLIN : 0U) | (write ? EPOLLOUT : 0U);
  if (wanted == watcher.interest_) return;
  if (wanted == 0) return unwatch(watcher, socket);
  epoll_event event{};
  event.events = wanted;
  event.data.ptr = &watcher;
  const int operation = watcher.interest_ == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  if (::epoll_ctl(epoll_.native_handle(), operation, socket, &event) != 0) {
    // The system has no room for it (fs.epoll.max_user_watches, memory): end the connection rather than forget it.
    log::error(std::string("a connection is closed, because it cannot be waited for: ") + std::strerror(errno));
    ::shutdown(socket, SHUT_RDWR);
    return call_again(watcher);
  }
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
  // Not within handle_ready where the io_context itself runs the caller.
  if (again_.empty() && !handling_) boost::asio::post(epoll_.get_executor(), [this] { handle_again(); });
  again_.push_back(&watcher);
}

void Poller::at_rest(std::function<void()> function) {
  if (at_rest_.empty() && !handling_) boost::asio::post(epoll_.get_executor(), [this] { rest(); });
  at_rest_.push_back(std::move(function));
}

void Poller::rest() {
  for (std::size_t i = 0; i < at_rest_.size(); ++i) std::exchange(at_rest_[i], nullptr)();
  at_rest_.clear();
}

void Poller::interrupt() {
  interrupted_.store(true, std::memory_order_release);
  ring();
}

void Poller::ring() {
  const std::uint64_t once = 1;
  // It can only fail where nobody has looked for 2^64 rings, and then one is on its way.
  [[maybe_unused]] const ssize_t written = ::write(bell_socket_, &once, sizeof once);
}

void Poller::Bell::on_ready(bool, bool) {
  if (poller_.interrupted_.exchange(false, std::memory_order_acq_rel)) poller_.yield();
  poller_.on_knock_();
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
  handling_ = true;
  for (int i = 0; i < kBatchesPerTurn && !yielding_; ++i) {
    const bool may_sleep = i > 0 && again_.empty();
    const auto turn = hurries_ > 0 ? kHurriedTurn : kLongestTurn;
    const int count = handle_batch(may_sleep ? turn : std::chrono::milliseconds(0));
    if (count <= 0 && again_.empty()) break;
    handle_again();
    rest();
  }
  handling_ = yielding_ = false;
  if (!again_.empty()) boost::asio::post(epoll_.get_executor(), [this] { handle_again(); });
  wait();
}

int Poller::handle_batch(std::chrono::milliseconds at_most) {
  const int count = ::epoll_wait(epoll_.native_handle(), batch_.data(), static_cast<int>(batch_.size()),
                                 static_cast<int>(at_most.count()));
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
