// Parsed texts by text, bounded in bytes: least recently used goes first. One per worker, used on its thread only.
// A hit costs a hash of the text. What is given out stays alive while somebody holds it.
//
// A text is kept when it is seen a second time: texts with their values written into them come once each, and would
// push out everything else and walk through all of the cache's memory.
#pragma once

#include <array>
#include <list>
#include <memory>
#include <string_view>
#include <unordered_map>

#include "capture/sql/statement.h"

namespace weir::capture {

class StatementCache {
 public:
  struct Limits {
    std::size_t cache_bytes = 32u << 20;      ///< of all entries
    std::size_t statement_bytes = 64u << 20;  ///< a longer text is not parsed at all
  };

  StatementCache() : StatementCache(Limits()) {}
  explicit StatementCache(Limits limits) : limits_(limits) {}

  /// `repeats`: it will be used again (the text of a named prepared statement), so it is kept at once.
  std::shared_ptr<const ParsedText> find_or_parse(std::string_view text, LexerSettings settings, bool repeats = false);

  std::size_t bytes() const { return bytes_; }
  std::size_t entries() const { return entries_.size(); }

 private:
  struct Entry {
    std::size_t hash;
    std::shared_ptr<const ParsedText> parsed;
    std::size_t bytes;
  };
  using Entries = std::list<Entry>;

  bool was_seen(std::size_t hash);
  void evict();

  Limits limits_;
  std::array<std::size_t, 4096> seen_{};  // hashes of texts that were not kept, each at the place it falls to
  Entries entries_;                       // most recently used first
  std::unordered_multimap<std::size_t, Entries::iterator> by_hash_;
  std::size_t bytes_ = 0;
};

}  // namespace weir::capture
