#include "capture/journal/log_shapes.h"

namespace weir::capture {

void LogShapes::drop_segment() {
  if (by_segment_.empty()) return;
  for (const std::uint64_t fingerprint : by_segment_.front()) {
    const auto known = known_.find(fingerprint);
    if (--known->second.segments == 0) known_.erase(known);
  }
  by_segment_.pop_front();
  ++dropped_;
}

void LogShapes::stated(const event::ShapePtr& shape) {
  if (by_segment_.empty() || is_stated(shape->fingerprint)) return;
  Known& known = known_[shape->fingerprint];
  if (!known.shape) known.shape = shape;
  ++known.segments;
  known.newest = newest();
  by_segment_.back().push_back(shape->fingerprint);
}

bool LogShapes::is_stated(std::uint64_t fingerprint) const {
  const auto known = known_.find(fingerprint);
  return known != known_.end() && known->second.newest == newest();
}

event::ShapePtr LogShapes::find(std::uint64_t fingerprint) const {
  const auto known = known_.find(fingerprint);
  return known == known_.end() ? nullptr : known->second.shape;
}

std::vector<event::ShapePtr> LogShapes::find(std::span<const std::uint64_t> fingerprints) const {
  std::vector<event::ShapePtr> shapes;
  for (const std::uint64_t fingerprint : fingerprints) shapes.push_back(find(fingerprint));
  return shapes;
}

std::uint64_t ShapeNumbers::number_of(const event::ShapePtr& shape) {
  if (!shape) return 0;
  if (last_ != 0 && shapes_[last_ - 1] == shape) return last_;
  for (last_ = 1; last_ <= shapes_.size(); ++last_)
    if (shapes_[last_ - 1] && shapes_[last_ - 1]->fingerprint == shape->fingerprint) return last_;
  shapes_.push_back(shape);
  return last_;
}

}  // namespace weir::capture
