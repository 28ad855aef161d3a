#include "capture/sql/statement_cache.h"

#include <functional>
#include <utility>

namespace weir::capture {
namespace {

/// What an entry takes besides its text and its tree: list node, hash node, control block.
constexpr std::size_t kEntryOverhead = 256;
/// Texts above this share of the cache are parsed each time: one of them must not push out everything else.
constexpr std::size_t kLargestShare = 8;

}  // namespace

std::shared_ptr<const ParsedText> StatementCache::find_or_parse(std::string_view text, LexerSettings settings,
                                                                bool repeats) {
  if (text.size() > limits_.statement_bytes) return std::make_shared<ParsedText>();
  const std::size_t hash = std::hash<std::string_view>()(text);
  const auto [first, last] = by_hash_.equal_range(hash);
  for (auto it = first; it != last; ++it) {
    const Entry& entry = *it->second;
    if (entry.parsed->text != text || entry.parsed->lexer != settings) continue;
    entries_.splice(entries_.begin(), entries_, it->second);
    return entry.parsed;
  }
  auto parsed = std::make_shared<ParsedText>(parse(text, settings));
  const std::size_t bytes = text.size() + parsed->memory + kEntryOverhead;
  if (bytes > limits_.cache_bytes / kLargestShare || !(was_seen(hash) || repeats)) return parsed;
  parsed->kept = true;
  entries_.push_front({hash, parsed, bytes});
  by_hash_.emplace(hash, entries_.begin());
  bytes_ += bytes;
  evict();
  return parsed;
}

bool StatementCache::was_seen(std::size_t hash) {
  std::size_t& place = seen_[hash % seen_.size()];
  return std::exchange(place, hash) == hash;
}

void StatementCache::evict() {
  while (bytes_ > limits_.cache_bytes && !entries_.empty()) {
    const auto oldest = std::prev(entries_.end());
    const auto [first, last] = by_hash_.equal_range(oldest->hash);
    for (auto it = first; it != last; ++it) {
      if (it->second != oldest) continue;
      by_hash_.erase(it);
      break;
    }
    bytes_ -= oldest->bytes;
    entries_.erase(oldest);
  }
}

}  // namespace weir::capture
