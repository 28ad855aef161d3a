#include "proxy/process/metrics.h"

#include <algorithm>

namespace weir::proxy {

void Metrics::Histogram::observe(std::chrono::microseconds time) {
  const auto* bound = std::lower_bound(kBoundsUs.begin(), kBoundsUs.end(), time.count());
  buckets_[static_cast<std::size_t>(bound - kBoundsUs.begin())].fetch_add(1, std::memory_order_relaxed);
  sum_us_.fetch_add(time.count(), std::memory_order_relaxed);
}

Metrics::Watch& Metrics::Watch::operator=(Watch&& other) noexcept {
  if (this == &other) return *this;
  end();
  metrics_ = std::exchange(other.metrics_, nullptr);
  number_ = other.number_;
  return *this;
}

void Metrics::Watch::end() {
  if (metrics_ == nullptr) return;
  const std::lock_guard lock(metrics_->mutex_);
  std::erase_if(metrics_->watched_, [&](const Watched& one) { return one.number == number_; });
  metrics_ = nullptr;
}

Metrics::Named& Metrics::named(const std::string& name, const std::string& help, Kind kind) {
  const auto found = std::find_if(named_.begin(), named_.end(), [&](const Named& one) { return one.name == name; });
  return found != named_.end() ? *found : named_.emplace_back(Named{name, help, kind, {}});
}

Metrics::Numbers& Metrics::numbers(const std::string& name, const std::string& help, Kind kind, const Labels& labels) {
  const std::lock_guard lock(mutex_);
  auto& all = named(name, help, kind).numbers;
  Labels own = labels;
  if (all.size() >= kMostSeries && all.count(labels) == 0) {
    for (auto& [label, value] : own) value = "other";
  }
  auto& found = all[std::move(own)];
  if (!found) found = std::make_unique<Numbers>();
  if (kind == Kind::histogram && !found->histogram) found->histogram = std::make_unique<Histogram>();
  return *found;
}

Metrics::Counter& Metrics::counter(const std::string& name, const std::string& help, const Labels& labels) {
  return numbers(name, help, Kind::counter, labels).counter;
}

Metrics::Gauge& Metrics::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  return numbers(name, help, Kind::gauge, labels).gauge;
}

Metrics::Histogram& Metrics::histogram(const std::string& name, const std::string& help, const Labels& labels) {
  return *numbers(name, help, Kind::histogram, labels).histogram;
}

Metrics::Watch Metrics::watch(Kind kind, const std::string& name, const std::string& help, const Labels& labels,
                              std::function<double()> read) {
  const std::lock_guard lock(mutex_);
  watched_.push_back({++last_watch_, &named(name, help, kind), labels, std::move(read)});
  return {this, last_watch_};
}

Metrics::Series Metrics::series(const Named& named, const Labels& labels, const Numbers& numbers) {
  Series series{labels, 0, {}};
  if (named.kind == Kind::counter) series.value = static_cast<double>(numbers.counter.value());
  if (named.kind == Kind::gauge) series.value = static_cast<double>(numbers.gauge.value());
  if (!numbers.histogram) return series;
  std::uint64_t count = 0;
  for (const auto& bucket : numbers.histogram->buckets_)
    series.buckets.push_back(count += bucket.load(std::memory_order_relaxed));
  series.value = static_cast<double>(numbers.histogram->sum_us_.load(std::memory_order_relaxed)) / 1e6;
  return series;
}

std::vector<Metrics::Family> Metrics::read() const {
  const std::lock_guard lock(mutex_);
  std::vector<Family> families;
  for (const auto& named : named_) {
    auto& family = families.emplace_back(Family{named.name, named.help, named.kind, {}});
    for (const auto& [labels, numbers] : named.numbers) family.series.push_back(series(named, labels, *numbers));
    for (const auto& watched : watched_) {
      if (watched.named == &named) family.series.push_back({watched.labels, watched.read(), {}});
    }
    const auto by_labels = [](const Series& one, const Series& other) { return one.labels < other.labels; };
    std::stable_sort(family.series.begin(), family.series.end(), by_labels);
  }
  return families;
}

}  // namespace weir::proxy
