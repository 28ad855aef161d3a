#include "proxy/delivery/delivery_loop.h"

#include <algorithm>
#include <utility>

namespace weir::proxy {

namespace {

using Level = Notice::Level;

std::size_t size_of(const emitters::Record& record) {
  return record.topic.size() + (record.key ? record.key->size() : 0) + (record.value ? record.value->size() : 0);
}

}  // namespace

DeliveryLoop::DeliveryLoop(emitters::Emitter& emitter, emitters::Format* format, capture::StreamReader& reader,
                           Start start, Sinks sinks)
    : emitter_(emitter),
      format_(format),
      reader_(reader),
      sinks_(std::move(sinks)),
      pacer_(start.pace, kMaxBatchRecords),
      newest_(start.newest),
      read_through_(start.after),
      durable_(start.after),
      reported_(start.after) {}

DeliveryLoop::Next DeliveryLoop::step(Now now) {
  collect(now.steady);
  if (retry_at_) {
    if (now.steady < *retry_at_) {
      return {Next::What::pause, std::chrono::ceil<Microseconds>(*retry_at_ - now.steady)};
    }
    retry_at_.reset();
    if (sinks_.counts != nullptr) sinks_.counts->retried();
  }
  if (!resumed_) {
    if (auto done = resume(); !done) return fail(done.error(), now.steady);
  }
  if (!slice_ready_) {
    if (const auto time = rest(now.steady); time > Microseconds(0)) {
      return {Next::What::pace, time, pacer_.room(waiting_)};
    }
    const auto filled = fill(now.wall_us);
    if (!filled) return fail(filled.error(), now.steady);
    if (!*filled) {
      caught_up(now.steady);
      return look_again();
    }
  }
  return offer(now);
}

Result<void> DeliveryLoop::resume() {
  const auto own = emitter_.resume_after();
  if (!own) return own.error();
  resumed_ = true;
  if (*own) read_through_ = durable_ = std::min(**own, newest_);
  return {};
}

void DeliveryLoop::released(std::size_t transactions) {
  may_have_more_ = true;
  waiting_ += transactions;
}

/// How long reading is put off.
DeliveryLoop::Microseconds DeliveryLoop::rest(Clock::time_point now) const {
  if (sending_ || !may_have_more_ || !begins_) return Microseconds(0);
  return std::chrono::ceil<Microseconds>(pacer_.rest(now, waiting_));
}

/// All that was released is offered: the destination sends it now.
void DeliveryLoop::caught_up(Clock::time_point now) {
  if (!std::exchange(sending_, false)) return;
  waiting_ = 0;
  pacer_.sent(now);
}

DeliveryLoop::Next DeliveryLoop::offer(Now now) {
  const auto records = format_ == nullptr ? read_.events.size() : slice_.size();
  const auto taken = offer_slice();
  if (!taken) return fail(taken.error(), now.steady);
  if (!failure_.empty()) {
    notices_.push_back({Level::info, emitter_.name() + ": goes on"});
    if (sinks_.counts != nullptr) sinks_.counts->goes_on();
  }
  failure_.clear();
  backoff_ = kFirstBackoff;
  if (!*taken) return look_again();
  if (sinks_.counts != nullptr) sinks_.counts->offered(records, slice_bytes_);
  if (slice_ends_) {
    read_through_ = reading_->position;
    reading_.reset();
    read_ = {};
  }
  slice_.clear();
  slice_bytes_ = 0;
  slice_ready_ = false;
  look_ = kShortestLook;
  return {};
}

Result<bool> DeliveryLoop::offer_slice() {
  if (format_ == nullptr) return emitter_.offer_events(*reading_, read_.events, slice_ends_);
  return emitter_.offer(std::move(slice_), reading_->position, slice_ends_);
}

/// Nothing can be offered now: either all is delivered, or the destination needs time.
DeliveryLoop::Next DeliveryLoop::look_again() {
  if (finished()) return {Next::What::idle, Milliseconds(0)};
  const Next next{Next::What::look, look_};
  look_ = std::min(look_ * 2, kLongestLook);
  return next;
}

DeliveryLoop::Next DeliveryLoop::fail(const Error& error, Clock::time_point now) {
  const bool named = error.message.starts_with(emitter_.name());
  if (failure_ != error.message)
    notices_.push_back(
        {Level::warning, (named ? "" : emitter_.name() + ": ") + error.message + "; its events wait in the journal"});
  if (sinks_.counts != nullptr) sinks_.counts->failed(error.message);
  failure_ = error.message;
  retry_at_ = now + backoff_;
  const Next next{Next::What::pause, backoff_};
  backoff_ = std::min(backoff_ * 2, kLongestBackoff);
  return next;
}

void DeliveryLoop::collect(Clock::time_point now) {
  for (auto& refused : emitter_.take_refused()) {
    notices_.push_back({Level::error,
                        emitter_.name() + ": a record for " + refused.record.topic + " was refused for ever (" +
                            refused.reason + "); it is kept in the journal's table dead_letters",
                        "dead letters"});
    if (sinks_.counts != nullptr) sinks_.counts->dead_letter();
    sinks_.dead_letter(std::move(refused));
  }
  const auto durable = emitter_.durable_through();
  if (durable > durable_) {
    durable_ = durable;
    if (sinks_.counts != nullptr) sinks_.counts->durable(durable);
    if (sinks_.durable) sinks_.durable(durable);
    look_ = kShortestLook;
  }
  watch_trouble(now);
  report(now);
}

void DeliveryLoop::report(Clock::time_point now) {
  if (durable_ == reported_) return;
  if (durable_ < read_through_ && now - reported_at_ < kCheckpointInterval) return;
  reported_ = durable_;
  reported_at_ = now;
  sinks_.checkpoint(durable_);
}

void DeliveryLoop::watch_trouble(Clock::time_point now) {
  const auto trouble = emitter_.trouble();
  if (trouble.empty()) {
    if (troubled_) {
      notices_.push_back({Level::info, emitter_.name() + ": well again"});
      if (sinks_.counts != nullptr) sinks_.counts->goes_on();
    }
    troubled_ = false;
    return;
  }
  if (!troubled_ && sinks_.counts != nullptr) sinks_.counts->failed(trouble);
  if (troubled_ && now - trouble_logged_at_ < kTroubleInterval) return;
  notices_.push_back({Level::warning, trouble});
  troubled_ = true;
  trouble_logged_at_ = now;
}

/// True: a slice is ready to be offered.
Result<bool> DeliveryLoop::fill(std::int64_t now_us) {
  if (!reading_) {
    const auto begun = begin_next();
    if (!begun || !*begun) return begun;
  }
  if (auto done = read_slice(now_us); !done) return done.error();
  slice_ready_ = true;
  return true;
}

Result<bool> DeliveryLoop::begin_next() {
  if (!may_have_more_ || !begins_) return false;
  may_have_more_ = false;  // before the look, so that a release behind it is not missed
  auto next = reader_.next(read_through_);
  if (!next || *next) may_have_more_ = true;
  if (!next) return next.error();
  if (!*next) return false;
  sending_ = true;
  reading_ = std::move(*next);
  if (sinks_.counts != nullptr) sinks_.counts->begun(*reading_);
  after_ordinal_ = 0;
  read_ = {};
  next_event_ = 0;
  slice_ends_ = false;
  if (format_ != nullptr) format_->begin(*reading_, slice_);
  return true;
}

Result<void> DeliveryLoop::read_slice(std::int64_t now_us) {
  if (format_ == nullptr) {
    auto read = read_more();
    slice_ends_ = read_.last;
    return read;
  }
  while (slice_.size() < kMaxBatchRecords && slice_bytes_ < kMaxBatchBytes) {
    if (next_event_ == read_.events.size()) {
      if (read_.last) {
        format_->end(slice_);
        format_->resolved(reading_->position, reading_->resolved, slice_);
        slice_ends_ = true;
        return {};
      }
      if (auto read = read_more(); !read) return read;
      continue;
    }
    const auto before = slice_.size();
    format_->change(read_.events[next_event_++], now_us, slice_);
    for (auto i = before; i < slice_.size(); ++i) slice_bytes_ += size_of(slice_[i]);
  }
  return {};
}

Result<void> DeliveryLoop::read_more() {
  // Those that are formatted already take no memory beside the next.
  read_ = {};
  next_event_ = 0;
  auto more = reader_.events(reading_->id, after_ordinal_, kEventsPerRead);
  if (!more) return more.error();
  read_ = std::move(*more);
  if (!read_.events.empty()) after_ordinal_ = read_.events.back().ordinal;
  return {};
}

}  // namespace weir::proxy
