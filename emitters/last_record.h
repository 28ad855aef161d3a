// Holds back the record that may be the last one of its transaction that counts, until it is known whether it is.
//
// How many records a transaction has is known at its end, and that is what the last one says. So each that counts is
// kept until the next one comes; then it goes as it is, or at the end with the mark and the count. What does not count
// (its tombstone, gaps) keeps its place behind it; only where more than `most_followers` gaps follow they go ahead of
// it, in their order, so that what is kept has a limit. Pure. One belongs to one format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "emitters/record.h"

namespace weir::emitters {

class LastRecord {
 public:
  static constexpr std::size_t most_followers = 256;

  /// Forgets all, also what an earlier transaction left that never came to its end.
  void begin();
  /// One that counts. `at`: where in its value the last one's mark goes.
  void add(Record record, std::size_t at, std::vector<Record>& out);
  /// What is held is not the last: lets it go.
  void release(std::vector<Record>& out);
  /// One that does not count.
  void follow(Record record, std::vector<Record>& out);
  /// At the end: the last one that counted, which is to be marked before it goes; null where there was none.
  Record* held() { return held_.empty() ? nullptr : &held_.front(); }
  /// Where in its value.
  std::size_t at() const { return at_; }
  /// Lets all go.
  void end(std::vector<Record>& out) { release(out); }

  /// Those that counted so far.
  std::int64_t count() const { return count_; }

 private:
  void release_from(std::size_t first, std::vector<Record>& out);

  std::vector<Record> held_;  ///< the one that counts, and its followers
  std::size_t at_ = 0;
  std::int64_t count_ = 0;
};

}  // namespace weir::emitters
