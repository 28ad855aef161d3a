// How sessions capture, as far as it may change while they live: one immutable value. A change is another value with
// the next epoch. A session takes the newest when a transaction of its client begins and keeps it to that one's end, so
// no two parts of it ever go by different settings; what it knew of the catalog is asked anew with them.
//
// A new setting of that kind is a field here. SettingsInForce: any thread; outlives the sessions.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "capture/scope.h"

namespace weir::capture {

struct CaptureSettings {
  Scope scope;
  /// How old what the catalog said may be when a write uses it.
  std::chrono::milliseconds facts_max_age{10'000};
  bool prepare_by_shape = false;  ///< session/shape.h
  /// A captured row whose DataRow is longer is a gap; unless its client wants to see it, it is not even kept in memory.
  std::size_t max_row_bytes = std::size_t(-1);
  std::uint64_t epoch = 0;  ///< given by SettingsInForce, from 1 on
};

/// Those that hold now, and those before them, which sessions may still use: none is forgotten.
class SettingsInForce {
 public:
  explicit SettingsInForce(CaptureSettings first) { change(std::move(first)); }
  const CaptureSettings& now() const { return *now_.load(std::memory_order_acquire); }
  void change(CaptureSettings next);

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<const CaptureSettings>> all_;
  std::atomic<const CaptureSettings*> now_ = nullptr;
};

}  // namespace weir::capture
