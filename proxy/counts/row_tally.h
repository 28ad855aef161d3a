// What the events of one transaction come to: rows by table, kind and fidelity, and gaps. Kept for transactions whose
// events leave memory before they commit (a spill), because nobody reads them again only to count them.
//
// Ordinals grow from call to call; truncate() takes back those from one on (ROLLBACK TO SAVEPOINT). Memory is bounded:
// beyond kMostRuns changes of table the oldest are summed up, and where a rollback reaches into those, what is left of
// them is known by its number only. For one thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "capture/event/change_event.h"

namespace weir::proxy {

/// Events of one kind, and the rows they stand for.
struct RowKind {
  std::string schema;
  std::string table;
  event::Op op = event::Op::create;
  event::Fidelity fidelity = event::Fidelity::row;
  std::string cause;  ///< of gaps

  bool matches(const event::ChangeEvent& change) const;
  bool operator==(const RowKind&) const = default;
};

struct Tallied {
  RowKind kind;
  std::uint64_t events = 0;
  event::Counts rows;  ///< of gaps and of events that are known by their statement only
};

class RowTally {
 public:
  static constexpr std::size_t kMostRuns = 4096;

  void add(std::span<const event::ChangeEvent> events);
  void truncate(std::uint32_t ordinal);
  /// One entry for each kind.
  std::vector<Tallied> sums() const;
  /// Events of which only the number is known.
  std::uint64_t unknown() const { return unknown_; }

 private:
  struct Run {
    std::size_t kind;
    std::uint32_t first;
    std::uint32_t last;
    event::Counts rows;
  };

  std::size_t kind_of(const event::ChangeEvent& change);
  void sum_up();

  std::vector<RowKind> kinds_;
  std::unordered_multimap<std::size_t, std::size_t> by_hash_;  // to places in kinds_
  std::vector<Run> runs_;
  std::vector<Tallied> settled_;       // by kind
  std::uint32_t settled_through_ = 0;  // ordinal
  std::uint64_t unknown_ = 0;
};

/// Adds `more` to `sum`.
void add(event::Counts& sum, const event::Counts& more);

}  // namespace weir::proxy
