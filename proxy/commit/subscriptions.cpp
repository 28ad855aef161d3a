#include "proxy/commit/subscriptions.h"

#include <utility>

#include "capture/journal/gap_reader.h"
#include "proxy/process/clock.h"

namespace weir::proxy {

class Subscription final : public capture::StreamReader {
 public:
  Subscription(Subscriptions& all, std::uint64_t number, Subscriptions::Options options,
               std::unique_ptr<capture::StreamReader> reader)
      : all_(all), number_(number), options_(std::move(options)), reader_(std::move(reader)) {}
  ~Subscription() override { all_.end(number_, options_); }
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

  Result<std::shared_ptr<const event::Transaction>> next(event::Position after) override {
    return reader_->next(after);
  }
  Result<capture::LentEvents> events(std::int64_t id, std::uint32_t after_ordinal, std::size_t limit) override {
    return reader_->events(id, after_ordinal, limit);
  }

 private:
  Subscriptions& all_;
  const std::uint64_t number_;
  const Subscriptions::Options options_;
  std::unique_ptr<capture::StreamReader> reader_;
};

Result<std::unique_ptr<capture::StreamReader>> Subscriptions::subscribe(Options options) {
  // Its say comes first. What is erased before the stream has heard it is a gap.
  if (options.keep_after) tell_(capture::command::Subscribe{options.name, *options.keep_after});
  auto journal = log_.reader();
  if (!journal) {
    if (options.keep_after) tell_(capture::command::Unsubscribe{options.name});
    return journal.error();
  }
  auto reader = tail_.make_reader(capture::with_gap_for_erased(
      std::move(*journal), [this] { return log_.erased(); }, wall_us()));
  std::uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    number = ++last_;
    wake_[number] = options.wake;
  }
  return std::unique_ptr<capture::StreamReader>(
      std::make_unique<Subscription>(*this, number, std::move(options), std::move(reader)));
}

void Subscriptions::released() {
  const std::lock_guard lock(mutex_);
  for (const auto& [number, wake] : wake_) wake();
}

void Subscriptions::end(std::uint64_t number, const Options& options) {
  {
    const std::lock_guard lock(mutex_);
    wake_.erase(number);
  }
  if (options.keep_after) tell_(capture::command::Unsubscribe{options.name});
}

}  // namespace weir::proxy
