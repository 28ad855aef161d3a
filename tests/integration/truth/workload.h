// A random application: many sessions that write the same few tables in every way this project captures.
//
// Hot rows, multi-row statements, ON CONFLICT, DELETE USING, UPDATE FROM, changes of keys, a partitioned table,
// savepoints with ROLLBACK TO and RELEASE, failing statements, commits that fail; by simple Query (one and many
// statements), unnamed and prepared statements, and pipelines. What is done depends on the seed alone; in which order
// the sessions meet does not. A session that loses its connection comes back and goes on. `run` blocks until all
// sessions are through or `stop` was called from another thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace weir::truth {

/// Tables, and the history that triggers write: the first oracle. For any database.
std::string workload_tables();
std::string history_triggers();
/// The rows that the tables begin with, which no event tells of.
std::string base_rows();
/// Tables whose statements change the keys of several rows.
const std::set<std::string>& moved_tables();

/// Key columns by table; empty for the one without a key.
const std::map<std::string, std::vector<std::string>>& key_columns();
/// Partition to root.
const std::map<std::string, std::string>& partition_roots();

struct WorkloadOptions {
  std::string conninfo;
  int sessions = 10;
  int transactions = 100;  ///< of each session
  std::uint32_t seed = 1;
};

class Workload {
 public:
  explicit Workload(WorkloadOptions options) : options_(std::move(options)) {}

  void run();
  void stop() { stopped_ = true; }
  bool stopped() const { return stopped_; }
  void count_transaction() { ++finished_; }
  void count_lost_connection() { ++lost_; }

  /// Transactions that sessions have brought to an end, whatever end it was.
  int finished() const { return finished_; }
  int lost_connections() const { return lost_; }

 private:
  WorkloadOptions options_;
  std::atomic<bool> stopped_ = false;
  std::atomic<int> finished_ = 0;
  std::atomic<int> lost_ = 0;
};

}  // namespace weir::truth
