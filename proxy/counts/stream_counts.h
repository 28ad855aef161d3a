// What went into the stream, counted where it is released: rows by table, kind and fidelity, what was missed, and gaps
// by cause; and for whoever looks, the last events without their values.
//
// A label that data chooses has bounds: the first kTables tables and kCauses causes have their names, all others are
// "other" together. A transaction whose events have left memory is counted by its tally (row_tally.h), which its
// session hands in before; one that an earlier run of Weir wrote is counted by its number, as "other".
//
// add() and tally() are called by Weir's threads, value() by whoever shows it; one lock, which a batch takes once.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "capture/journal/tail.h"
#include "proxy/counts/row_tally.h"

namespace weir::proxy {

/// One table of one database.
struct TableCounts {
  std::string database;
  std::string table;  ///< "public.orders", "unknown" where a gap has none, or "other"
  std::map<std::pair<event::Op, event::Fidelity>, std::uint64_t> rows;  ///< of events; TRUNCATEs by their number
  event::Counts missed;                                                 ///< rows that no event shows: those of gaps
  std::uint64_t gaps = 0;
  std::int64_t last_us = 0;  ///< when the last transaction with it committed

  /// Rows that events show one by one, and rows that only a statement's event counts.
  std::uint64_t captured() const;
  std::uint64_t counted() const;
};

/// Gaps of one cause in one table.
struct GapCounts {
  std::string cause;  ///< whole
  std::string database;
  std::string table;
  std::uint64_t gaps = 0;
  event::Counts missed;
  std::int64_t last_us = 0;
};

/// An event as anybody may see it: what happened to which table, no value.
struct SeenEvent {
  std::int64_t committed_us = 0;
  event::Position position = 0;
  std::string database;
  std::string table;
  event::Op op = event::Op::create;
  event::Fidelity fidelity = event::Fidelity::row;
  event::Counts rows;
  std::string cause;
  std::string key;  ///< JSON; empty unless values are kept
  std::string row;  ///< the same; what was before a DELETE
};

class StreamCounts {
 public:
  static constexpr std::size_t kTables = 200;
  static constexpr std::size_t kCauses = 30;
  static constexpr std::size_t kGaps = 50;
  static constexpr std::size_t kSeen = 50;

  /// What is kept of the last events, while somebody looks.
  enum class Seen {
    nothing,
    names,  ///< table, kind and numbers
    values  ///< rows too, of which what capture.exclude_columns names is no part
  };

  struct Value {
    std::uint64_t transactions = 0;
    std::uint64_t events = 0;
    event::Position position = 0;  ///< of the last one that was released
    std::int64_t released_us = 0;  ///< and when it committed
    std::vector<TableCounts> tables;
    std::map<std::string, std::uint64_t> gaps_by_cause;
    std::vector<GapCounts> gaps;  ///< the newest first
    std::vector<SeenEvent> seen;  ///< the newest first
  };

  explicit StreamCounts(Seen seen = Seen::names) : keeps_(seen) {}
  /// Of the last events from now on; what was kept is forgotten. Any thread.
  void keep(Seen seen);

  void add(std::span<const capture::Released> released);
  /// The transaction's events will not be in memory when it is released.
  void tally(std::int64_t id, RowTally tally);
  /// It is not going to be released.
  void forget(std::int64_t id);
  /// The last events are kept from now on, until so long after the last call.
  void watch(std::int64_t now_us);
  Value value() const;

 private:
  static constexpr std::int64_t kWatchedFor = 30'000'000;  // microseconds

  void add(const capture::Released& released);
  void add(const event::Transaction& transaction, const RowTally& tally);
  void count(TableCounts& table, const event::ChangeEvent& change);
  void count_gap(const event::Transaction& transaction, TableCounts& table, const std::string& name,
                 const std::string& cause, std::uint64_t gaps, const event::Counts& missed);
  void see(const event::Transaction& transaction, const event::ChangeEvent& change);
  TableCounts& entry(const std::string& database, const std::string& name);
  TableCounts& table_of(const std::string& database, const std::string& schema, const std::string& table);

  std::atomic<Seen> keeps_;
  mutable std::mutex mutex_;
  Value sums_;  // but for tables and the lists
  std::deque<TableCounts> tables_;
  std::unordered_map<std::string, TableCounts*> by_name_;
  TableCounts* last_ = nullptr;  // that of the last event
  std::string last_schema_;
  std::string last_table_;
  std::deque<GapCounts> gaps_;
  std::deque<SeenEvent> seen_;
  std::int64_t watched_until_ = 0;
  std::unordered_map<std::int64_t, RowTally> tallies_;
};

/// The cause as a label: without what is of this one case ("the machine crashed: commits between …", "merge of 3
/// rows").
std::string label_of_cause(const std::string& cause);

}  // namespace weir::proxy
