// What sessions count on their way into the journal: transactions by outcome, and what a commit waited for. One shard
// per worker, on cache lines of its own, so that a transaction pays for no other thread's numbers.
//
// Any thread may write any shard and read them all.
#pragma once

#include <array>
#include <memory>

#include "proxy/counts/histogram.h"
#include "proxy/process/counters.h"

namespace weir::proxy {

struct alignas(64) CommitShard {
  Counters::Counter committed;
  Counters::Counter aborted;
  Counters::Counter in_doubt;  ///< COMMIT was sent, and its answer was not seen
  Counters::Counter refused;   ///< by the journal: never sent
  Histogram gate;       ///< from the last row to the COMMIT: what is written, and what is waited for, before it is sent
  Histogram sync_wait;  ///< how long the database's answer waited for the journal's sync
};

class CommitCounts {
 public:
  struct Value {
    std::uint64_t committed = 0;
    std::uint64_t aborted = 0;
    std::uint64_t in_doubt = 0;
    std::uint64_t refused = 0;
    Histogram::Value gate;
    Histogram::Value sync_wait;
    Histogram::Value sync;
  };

  /// Workers beyond the number of shards share them.
  CommitShard& shard(unsigned worker) { return shards_[worker % kShards]; }
  /// How long the journal's syncs take, on the syncer's thread.
  Histogram& sync() { return sync_; }
  Value value() const;

 private:
  static constexpr unsigned kShards = 64;

  std::array<CommitShard, kShards> shards_;
  Histogram sync_;
};

}  // namespace weir::proxy
