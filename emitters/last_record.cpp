#include "emitters/last_record.h"

#include <iterator>
#include <utility>

namespace weir::emitters {

void LastRecord::begin() {
  held_.clear();
  count_ = 0;
}

void LastRecord::add(Record record, std::size_t at, std::vector<Record>& out) {
  release(out);
  held_.push_back(std::move(record));
  at_ = at;
  ++count_;
}

void LastRecord::follow(Record record, std::vector<Record>& out) {
  if (held_.empty()) return out.push_back(std::move(record));
  held_.push_back(std::move(record));
  if (held_.size() <= most_followers) return;
  // A tombstone must not come before its delete.
  release_from(held_[1].kind == Record::Kind::tombstone ? 2 : 1, out);
}

void LastRecord::release(std::vector<Record>& out) {
  release_from(0, out);
}

void LastRecord::release_from(std::size_t first, std::vector<Record>& out) {
  const auto begin = held_.begin() + static_cast<std::ptrdiff_t>(first);
  out.insert(out.end(), std::make_move_iterator(begin), std::make_move_iterator(held_.end()));
  held_.erase(begin, held_.end());
}

}  // namespace weir::emitters
