#include "proxy/process/counters.h"

#include <algorithm>

namespace weir::proxy {

Counters::Named& Counters::named(const std::string& name, const std::string& help) {
  const auto found = std::find_if(named_.begin(), named_.end(), [&](const Named& one) { return one.name == name; });
  return found != named_.end() ? *found : named_.emplace_back(name, help);
}

Counters::Counter& Counters::counter(const std::string& name, const std::string& help, const Labels& labels) {
  const std::lock_guard lock(mutex_);
  auto& all = named(name, help).counters;
  Labels own = labels;
  if (all.size() >= kMostSeries && all.count(labels) == 0) {
    for (auto& [label, value] : own) value = "other";
  }
  return all[std::move(own)];
}

std::vector<Counters::Family> Counters::read() const {
  const std::lock_guard lock(mutex_);
  std::vector<Family> families;
  for (const auto& named : named_) {
    auto& family = families.emplace_back(Family{named.name, named.help, {}});
    for (const auto& [labels, counter] : named.counters) family.series.push_back({labels, counter.value()});
  }
  return families;
}

}  // namespace weir::proxy
