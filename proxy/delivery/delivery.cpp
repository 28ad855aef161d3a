#include "proxy/delivery/delivery.h"

#include <algorithm>
#include <utility>

#include "proxy/process/clock.h"
#include "proxy/process/thread.h"

namespace weir::proxy {

namespace {

/// How often an idle destination is looked at: it may have to rotate a file or to notice that its peer is gone.
constexpr std::chrono::milliseconds kIdleLook{1'000};
/// How often one that is paused is asked what it has confirmed.
constexpr std::chrono::milliseconds kPausedLook{200};

}  // namespace

void Delivery::start(event::Position after, event::Position newest) {
  if (sinks_.counts != nullptr) sinks_.counts->start(after);
  thread_ = start_thread("weir-delivery", [this, after, newest] { run({after, newest, pace_}); });
}

void Delivery::wake() {
  bool wanted = false;
  {
    const std::lock_guard lock(mutex_);
    wanted = ++released_ == releases_wanted_;
  }
  if (wanted) wake_.notify_one();
}

void Delivery::leave(std::chrono::milliseconds at_most) {
  {
    const std::lock_guard lock(mutex_);
    leaving_ = true;
  }
  ask_to_stop(at_most);
}

void Delivery::ask_to_stop(std::chrono::milliseconds at_most) {
  {
    const std::lock_guard lock(mutex_);
    if (!stop_at_) stop_at_ = Clock::now() + at_most;
  }
  wake_.notify_one();
}

bool Delivery::stop(std::chrono::milliseconds at_most) {
  ask_to_stop(at_most);
  if (thread_.joinable()) thread_.join();
  reader_.reset();  // from here on nobody calls wake()
  return complete_;
}

void Delivery::run(DeliveryLoop::Start start) {
  DeliveryLoop loop(*emitter_, format_.get(), *reader_, start, sinks_);
  while (!is_over(loop)) {
    remind();
    if (rest_paused(loop)) continue;
    const auto next = loop.step({Clock::now(), wall_us()});
    tell(loop);
    follow(loop, next);
    if (emitter_->gone() && sinks_.gone) sinks_.gone();
  }
  const auto left = std::max(*stop_at_ - Clock::now(), Clock::duration::zero());
  const bool closed = emitter_->close(std::chrono::ceil<std::chrono::milliseconds>(left));
  loop.collect(Clock::now());
  durable_ = loop.durable();
  const std::lock_guard lock(mutex_);
  complete_ = closed && (leaving_ ? loop.settled() : loop.finished());
  tell(loop);
  if (!complete_ && !leaving_) sinks_.tell({Notice::Level::warning, name() + ": has not taken all events"});
}

void Delivery::tell(DeliveryLoop& loop) {
  for (const auto& notice : loop.take_notices()) sinks_.tell(notice);
}

void Delivery::pause(bool is_paused) {
  {
    const std::lock_guard lock(mutex_);
    paused_ = is_paused;
  }
  if (sinks_.counts != nullptr) sinks_.counts->paused(is_paused);
  wake_.notify_one();
}

/// True: it is paused, and some time has passed.
bool Delivery::rest_paused(DeliveryLoop& loop) {
  {
    std::unique_lock lock(mutex_);
    if (!paused_) return false;
    wake_.wait_for(lock, kPausedLook, [&] { return !paused_ || stop_at_; });
  }
  emitter_->wait(std::chrono::milliseconds(0));
  loop.collect(Clock::now());
  tell(loop);
  return true;
}

void Delivery::remind() {
  if (sinks_.counts == nullptr || !reminder_.is_due(Clock::now())) return;
  if (const auto text = reminder_.look(sinks_.counts->value(), wall_us())) sinks_.tell({Notice::Level::warning, *text});
}

bool Delivery::is_over(DeliveryLoop& loop) {
  const std::lock_guard lock(mutex_);
  if (!stop_at_) return false;
  if (leaving_) loop.begin_no_more();
  if (paused_ || Clock::now() >= *stop_at_ || emitter_->gone()) return true;
  return leaving_ ? loop.settled() : released_ == 0 && loop.finished();
}

void Delivery::follow(DeliveryLoop& loop, DeliveryLoop::Next next) {
  using What = DeliveryLoop::Next::What;
  if (next.what == What::look) emitter_->wait(std::chrono::ceil<std::chrono::milliseconds>(next.at_most));
  if (next.what == What::pause) {
    emitter_->wait(std::chrono::milliseconds(0));  // what was offered before the failure leaves
    sleep(next.at_most, 0);
  }
  if (next.what == What::pace) sleep(next.at_most, next.releases);
  if (next.what == What::idle) {
    sleep(kIdleLook, 1);
    emitter_->wait(std::chrono::milliseconds(0));
  }
  const std::lock_guard lock(mutex_);
  if (released_ > 0) loop.released(released_);
  released_ = 0;
}

/// `releases`: so many end it early; 0: none do.
void Delivery::sleep(std::chrono::microseconds at_most, std::size_t releases) {
  std::unique_lock lock(mutex_);
  // Being asked to stop ends one pause, not those behind it.
  const bool stopping = stop_at_.has_value();
  auto until = Clock::now() + at_most;
  if (stopping) until = std::min(until, *stop_at_);
  releases_wanted_ = releases;
  wake_.wait_until(lock, until, [&] { return (stop_at_ && !stopping) || (releases > 0 && released_ >= releases); });
  releases_wanted_ = 0;
}

}  // namespace weir::proxy
