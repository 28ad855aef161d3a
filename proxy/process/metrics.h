// Numbers about the running program: counted where things happen, read by whoever shows them (a page for Prometheus, a
// command). Knows no way to show them. Names, units (seconds, bytes) and kinds are as Prometheus asks for.
//
// A number is looked up once, where its owner begins, and then raised through the reference: an atomic addition, no
// lock and no allocation. References stay valid as long as the Metrics. What somebody has anyway (a length, a position)
// is not copied: watch() has it asked for at each reading. The label values of one name may come from outside (tables,
// users), so there are at most kMostSeries of each; those that come later share one, whose label values are "other".
// Any thread may call everything.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace weir::proxy {

class Metrics {
 public:
  static constexpr std::size_t kMostSeries = 1'000;

  using Labels = std::vector<std::pair<std::string, std::string>>;
  enum class Kind { counter, gauge, histogram };

  class Counter {
   public:
    void add(std::uint64_t count = 1) { value_.fetch_add(count, std::memory_order_relaxed); }
    std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

   private:
    std::atomic<std::uint64_t> value_{0};
  };

  class Gauge {
   public:
    void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
    void add(std::int64_t count) { value_.fetch_add(count, std::memory_order_relaxed); }
    std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

   private:
    std::atomic<std::int64_t> value_{0};
  };

  /// Of times: 50 µs to 60 s, in steps of about three.
  class Histogram {
   public:
    static constexpr std::array<std::int64_t, 13> kBoundsUs = {
        50, 150, 500, 1'500, 5'000, 15'000, 50'000, 150'000, 500'000, 1'500'000, 5'000'000, 15'000'000, 60'000'000};

    void observe(std::chrono::microseconds time);

   private:
    friend class Metrics;
    std::array<std::atomic<std::uint64_t>, kBoundsUs.size() + 1> buckets_{};
    std::atomic<std::int64_t> sum_us_{0};
  };

  struct Series {
    Labels labels;
    double value = 0;                    ///< of a histogram: the sum, in seconds
    std::vector<std::uint64_t> buckets;  ///< of a histogram: how many were not longer than each bound, and all
  };
  struct Family {
    std::string name;
    std::string help;
    Kind kind = Kind::counter;
    std::vector<Series> series;  ///< ordered by their labels
  };

  /// Not asked for any more once it is destroyed, which waits for a reading that is under way.
  class Watch {
   public:
    Watch() = default;
    Watch(Watch&& other) noexcept : metrics_(std::exchange(other.metrics_, nullptr)), number_(other.number_) {}
    Watch& operator=(Watch&& other) noexcept;
    ~Watch() { end(); }

   private:
    friend class Metrics;
    Watch(Metrics* metrics, std::uint64_t number) : metrics_(metrics), number_(number) {}
    void end();
    Metrics* metrics_ = nullptr;
    std::uint64_t number_ = 0;
  };

  /// The same name and labels are the same number. A name has one help and one kind: the first.
  Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  Histogram& histogram(const std::string& name, const std::string& help, const Labels& labels = {});
  /// `read` is called by whoever reads, under a lock: it must be quick and must not use the Metrics.
  [[nodiscard]] Watch watch(Kind kind, const std::string& name, const std::string& help, const Labels& labels,
                            std::function<double()> read);

  /// All that there is now, in the order in which the names came.
  std::vector<Family> read() const;

 private:
  struct Numbers {
    Counter counter;
    Gauge gauge;
    std::unique_ptr<Histogram> histogram;
  };
  struct Named {
    std::string name;
    std::string help;
    Kind kind;
    std::map<Labels, std::unique_ptr<Numbers>> numbers;
  };
  struct Watched {
    std::uint64_t number;
    Named* named;
    Labels labels;
    std::function<double()> read;
  };

  Named& named(const std::string& name, const std::string& help, Kind kind);
  Numbers& numbers(const std::string& name, const std::string& help, Kind kind, const Labels& labels);
  static Series series(const Named& named, const Labels& labels, const Numbers& numbers);

  mutable std::mutex mutex_;
  std::list<Named> named_;
  std::vector<Watched> watched_;
  std::uint64_t last_watch_ = 0;
};

}  // namespace weir::proxy
