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
/// For a destination that has confirmed all, and is opened anew.
constexpr std::chrono::milliseconds kLongestClose{5'000};

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
  for (;;) {
    DeliveryLoop loop(*emitter_, format_.get(), *reader_, start, sinks_);
    work(loop, [&] { return may_send_again(loop); });
    const bool closed = close(loop);
    if (may_send_again(loop)) {
      run_again(loop.durable());
      start.after = loop.durable();
      open_anew({});
      continue;
    }
    durable_ = loop.durable();
    drop_again();
    const std::lock_guard lock(mutex_);
    complete_ = closed && (leaving_ ? loop.settled() : loop.finished());
    if (!complete_ && !leaving_) sinks_.tell({Notice::Level::warning, name() + ": has not taken all events"});
    return;
  }
}

/// Until Weir ends, or it is done.
void Delivery::work(DeliveryLoop& loop, const std::function<bool()>& is_done) {
  while (!is_over(loop) && !is_done()) {
    remind();
    if (rest_paused(loop)) continue;
    const auto next = loop.step({Clock::now(), wall_us()});
    tell(loop);
    if (!is_done()) follow(loop, next);
    if (emitter_->gone() && sinks_.gone) sinks_.gone();
  }
}

bool Delivery::close(DeliveryLoop& loop) {
  auto left = std::chrono::ceil<std::chrono::milliseconds>(kLongestClose);
  {
    const std::lock_guard lock(mutex_);
    if (stop_at_) left = std::chrono::ceil<std::chrono::milliseconds>(std::max(*stop_at_ - Clock::now(), {}));
  }
  const bool closed = emitter_->close(left);
  loop.collect(Clock::now());
  tell(loop);
  return closed;
}

// -- what is sent again -----------------------------------------------------------------------------------------------

Result<void> Delivery::send_again(Again again) {
  const std::lock_guard lock(mutex_);
  if (repetition_.is_on) return Error{name() + ": something is sent to it again already", "55000"};
  if (stop_at_ || !repetition_.open_anew) return Error{name() + ": it ends", "55000"};
  if (wants_events_ && !again.what.tables.empty())
    return Error{name() + ": it takes transactions as a whole, so no tables can be chosen", "0A000"};
  repetition_.asked_for = std::move(again);
  repetition_.is_on = true;
  return {};
}

/// The loop begins nothing more, and has settled.
bool Delivery::may_send_again(DeliveryLoop& loop) {
  const std::lock_guard lock(mutex_);
  if (!repetition_.asked_for || stop_at_ || paused_) return false;
  loop.begin_no_more();
  return loop.settled();
}

Delivery::Again Delivery::take_again() {
  const std::lock_guard lock(mutex_);
  Again taken = std::move(*repetition_.asked_for);
  repetition_.asked_for.reset();
  return taken;
}

/// While those live whom its stream tells of its end.
void Delivery::drop_again() {
  std::optional<Again> left;
  {
    const std::lock_guard lock(mutex_);
    left.swap(repetition_.asked_for);
  }
  if (left) sinks_.tell({Notice::Level::warning, name() + ": what was asked for again is not sent: Weir ends"});
}

/// Between two loops of what is new; what it sends is no checkpoint.
void Delivery::run_again(event::Position stands) {
  auto again = take_again();
  const auto from = again.what.from;
  const auto to = again.what.to == 0 ? stands : std::min(again.what.to, stands);
  const auto stretch = std::to_string(from) + " to " + std::to_string(to) + " of the stream";
  sinks_.tell({Notice::Level::info, name() + ": positions " + stretch + " are sent again"});
  open_anew(again.what.tables);
  const auto done = send_through(std::move(again), to);
  {
    const std::lock_guard lock(mutex_);
    repetition_.is_on = false;
  }
  if (done) {
    sinks_.tell({Notice::Level::info, name() + ": has positions " + stretch + " again"});
  } else {
    sinks_.tell(
        {Notice::Level::warning, name() + ": positions " + stretch + " were asked for again; " + done.error().message});
  }
}

Result<void> Delivery::send_through(Again again, event::Position to) {
  if (!takes_it_twice()) return Error{"it keeps its own position, and takes nothing twice", ""};
  const auto stream = up_to(std::move(again.stream), to);
  auto sinks = sinks_;
  sinks.counts = nullptr;
  sinks.durable = nullptr;  // it had all of it before
  sinks.checkpoint = again.done_through;
  DeliveryLoop loop(*emitter_, format_.get(), *stream, {again.what.from - 1, to, pace_}, std::move(sinks));
  work(loop, [&] { return loop.settled() && loop.durable() >= to; });
  close(loop);
  if (loop.durable() >= to) return {};
  return Error{
      "Weir ends before all of it is there: weir replay --from " + std::to_string(loop.durable() + 1) + " goes on", ""};
}

/// Asks until it answers.
bool Delivery::takes_it_twice() {
  for (;;) {
    const auto own = emitter_->resume_after();
    if (own) return !*own;
    sleep(kIdleLook, 0);
    const std::lock_guard lock(mutex_);
    if (stop_at_) return true;
  }
}

void Delivery::open_anew(const std::vector<std::string>& tables) {
  auto opened = repetition_.open_anew(tables);
  emitter_ = std::move(opened.emitter);
  format_ = std::move(opened.format);
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
  look_at_next(loop);
  return true;
}

/// How far a destination is behind is said in time too, while nothing is read for it.
void Delivery::look_at_next(const DeliveryLoop& loop) {
  if (sinks_.counts == nullptr || sinks_.counts->knows_oldest()) return;
  if (const auto next = reader_->next(loop.durable()); next && *next) sinks_.counts->waits(**next);
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

Delivery::OpenAnew opens_anew(const DestinationSpec& spec, const std::string& instance, bool wants_events) {
  return [spec, instance, wants_events](const std::vector<std::string>& tables) {
    auto opened = open_late(spec, instance, wants_events);
    if (!tables.empty()) opened.format = only_of(tables, std::move(opened.format), spec.emitter.prefix.value_or(""));
    return opened;
  };
}

}  // namespace weir::proxy
