#include "proxy/counts/commit_counts.h"

namespace weir::proxy {

CommitCounts::Value CommitCounts::value() const {
  Value sum;
  for (const auto& shard : shards_) {
    sum.committed += shard.committed.value();
    sum.aborted += shard.aborted.value();
    sum.in_doubt += shard.in_doubt.value();
    sum.refused += shard.refused.value();
    sum.gate += shard.gate.value();
    sum.sync_wait += shard.sync_wait.value();
  }
  sum.sync = sync_.value();
  return sum;
}

}  // namespace weir::proxy
