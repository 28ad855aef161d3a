#include "proxy/tracing/span_queue.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "base/text.h"
#include "proxy/tracing/otlp_json.h"

namespace weir::proxy {

namespace {

/// OTLP names these as worth another attempt; so is no answer at all.
bool may_be_tried_again(int status) {
  constexpr std::array kPassing = {0, 429, 502, 503, 504};
  return std::find(kPassing.begin(), kPassing.end(), status) != kPassing.end();
}

std::string reason_of(const CollectorAnswer& answer) {
  return answer.status == 0 ? answer.error : "it answers with HTTP status " + std::to_string(answer.status);
}

}  // namespace

void SpanQueue::add(std::vector<Span> spans, Clock::time_point now) {
  if (waiting_.empty()) waiting_since_ = now;
  std::move(spans.begin(), spans.end(), std::back_inserter(waiting_));
  for (; waiting_.size() > kMostWaiting; ++dropped_) waiting_.pop_front();
}

const std::vector<Span>* SpanQueue::next(Clock::time_point now, bool last) {
  if (under_way_ || (now < not_before_ && !last)) return nullptr;
  if (batch_.empty()) {
    const bool is_time = waiting_.size() >= kBatch || last || now >= waiting_since_ + kCollect;
    if (waiting_.empty() || !is_time) return nullptr;
    const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(std::min(kBatch, waiting_.size()));
    std::move(waiting_.begin(), end, std::back_inserter(batch_));
    waiting_.erase(waiting_.begin(), end);
    waiting_since_ = now;
    attempts_ = 0;
  }
  under_way_ = true;
  ++attempts_;
  return &batch_;
}

std::optional<SpanQueue::Clock::time_point> SpanQueue::due() const {
  if (under_way_ || empty()) return std::nullopt;
  if (!batch_.empty() || waiting_.size() >= kBatch) return not_before_;
  return std::max(not_before_, waiting_since_ + kCollect);
}

void SpanQueue::answered(const CollectorAnswer& answer, Clock::time_point now) {
  under_way_ = false;
  if (answer.status >= 200 && answer.status < 300) return taken(answer, now);
  tell_trouble(reason_of(answer), now);
  if (may_be_tried_again(answer.status)) return try_again(answer, now);
  drop_batch();
}

void SpanQueue::taken(const CollectorAnswer& answer, Clock::time_point now) {
  const auto partial = partial_success_of(answer.body);
  const auto rejected = std::min<std::uint64_t>(partial.rejected, batch_.size());
  sent_ += batch_.size() - rejected;
  dropped_ += rejected;
  batch_.clear();
  not_before_ = now;
  if (rejected > 0) return tell_trouble("it rejects some: " + partial.message, now);
  if (std::exchange(troubled_, false))
    notices_.push_back({Notice::Level::info, "tracing: " + collector_ + " takes spans again"});
}

void SpanQueue::try_again(const CollectorAnswer& answer, Clock::time_point now) {
  if (attempts_ >= kAttempts) drop_batch();
  const auto factor = 1 << std::clamp(attempts_ - 1, 0, 5);
  const std::chrono::milliseconds usual = std::min<std::chrono::milliseconds>(kFirstBackoff * factor, kLongestBackoff);
  const std::chrono::milliseconds asked = answer.retry_after.value_or(std::chrono::seconds(0));
  not_before_ = now + std::min<std::chrono::milliseconds>(std::max(usual, asked), kLongestBackoff);
}

void SpanQueue::drop_batch() {
  dropped_ += batch_.size();
  batch_.clear();
}

void SpanQueue::tell_trouble(const std::string& why, Clock::time_point now) {
  if (troubled_ && now < told_at_ + kTold) return;
  troubled_ = true;
  told_at_ = now;
  notices_.push_back({Notice::Level::warning, "tracing: " + collector_ + " does not take spans: " + why + "; " +
                                                  counted(dropped_, "span") + " dropped so far"});
}

}  // namespace weir::proxy
