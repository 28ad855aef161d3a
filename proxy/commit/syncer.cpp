#include "proxy/commit/syncer.h"

#include <chrono>
#include <utility>

#include "proxy/process/thread.h"

namespace weir::proxy {

namespace {

constexpr std::chrono::milliseconds kRetryDelay{200};

}  // namespace

void Syncer::start() {
  thread_ = start_thread("weir-syncer", [this] { run(); });
}

void Syncer::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Syncer::want(capture::Place end) {
  capture::Place wanted = wanted_.load(std::memory_order_relaxed);
  while (wanted < end && !wanted_.compare_exchange_weak(wanted, end)) {
  }
  // Seen by the thread before it sleeps, or it is seen sleeping here.
  if (wanted >= end || !sleeping_.load()) return;
  // Having had the lock is enough: the thread has either seen what is wanted or sleeps. Woken under it, it would wait
  // for the lock next.
  { const std::lock_guard lock(mutex_); }
  wake_.notify_one();
}

bool Syncer::is_durable_or_tell(capture::Place end, std::function<void()> durable) {
  if (log_.durable() >= end) return true;
  {
    const std::lock_guard lock(mutex_);
    // tell() takes the lock behind the sync: it finds this one, or the log is durable by now.
    if (log_.durable() >= end) return true;
    waiting_.push_back({end, std::move(durable)});
  }
  want(end);
  return false;
}

void Syncer::run() {
  while (true) {
    {
      std::unique_lock lock(mutex_);
      sleeping_ = true;
      wake_.wait(lock, [this] { return stopping_ || wanted_.load() > log_.durable(); });
      sleeping_ = false;
      if (stopping_) break;
    }
    if (sync()) continue;
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, kRetryDelay, [this] { return stopping_; });
  }
  if (wanted_.load() > log_.durable()) (void)sync();
}

bool Syncer::sync() {
  const auto since = std::chrono::steady_clock::now();
  const auto done = log_.sync();
  if (done && times_ != nullptr) times_->observe(std::chrono::steady_clock::now() - since);
  if (!done) {
    show_trouble(done.error().message);
    if (!std::exchange(trouble_told_, true))
      tell_({Notice::Level::error,
             done.error().message + "; until then commits with captured changes are refused, or wait"});
    return false;
  }
  if (trouble_told_) show_trouble("");
  if (std::exchange(trouble_told_, false)) tell_({Notice::Level::info, "the journal can be written again"});
  tell();
  on_synced_();
  return true;
}

void Syncer::show_trouble(const std::string& trouble) {
  const std::lock_guard lock(trouble_mutex_);
  trouble_ = trouble;
}

std::string Syncer::trouble() const {
  const std::lock_guard lock(trouble_mutex_);
  return trouble_;
}

void Syncer::tell() {
  std::vector<Waiting> ready;
  {
    const std::lock_guard lock(mutex_);
    const capture::Place durable = log_.durable();
    std::vector<Waiting> later;
    for (auto& one : waiting_) (one.end <= durable ? ready : later).push_back(std::move(one));
    waiting_ = std::move(later);
  }
  for (auto& one : ready) one.durable();
}

}  // namespace weir::proxy
