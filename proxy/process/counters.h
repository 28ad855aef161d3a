// Counters by name and labels, for what has no place of its own to be counted in: raised where things happen, read by
// whoever shows them. Knows no way to show them. Names are as Prometheus asks for; numbers that belong to a part of
// Weir are in proxy/counts.
//
// A counter is looked up once, where its owner begins, and then raised through the reference: an atomic addition, no
// lock and no allocation. References stay valid as long as the Counters. Label values may come from outside, so there
// are at most kMostSeries of each name; those that come later share one, whose label values are "other". Any thread may
// call everything.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace weir::proxy {

class Counters {
 public:
  static constexpr std::size_t kMostSeries = 1'000;

  using Labels = std::vector<std::pair<std::string, std::string>>;

  class Counter {
   public:
    void add(std::uint64_t count = 1) { value_.fetch_add(count, std::memory_order_relaxed); }
    std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

   private:
    std::atomic<std::uint64_t> value_{0};
  };

  struct Series {
    Labels labels;
    std::uint64_t value = 0;
  };
  struct Family {
    std::string name;
    std::string help;
    std::vector<Series> series;  ///< ordered by their labels
  };

  /// The same name and labels are the same number. A name has one help: the first.
  Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});

  /// All that there is now, in the order in which the names came.
  std::vector<Family> read() const;

 private:
  struct Named {
    std::string name;
    std::string help;
    std::map<Labels, Counter> counters;
  };

  Named& named(const std::string& name, const std::string& help);

  mutable std::mutex mutex_;
  std::list<Named> named_;
};

}  // namespace weir::proxy
