// Which shapes of tables the log has stated, and where they hold. A transaction's record names its shapes by their
// fingerprints, and each is stated in a record of its own in the same segment before it, once: so it is there for as
// long as the transaction is, wherever a reader begins, and goes with the segment.
//
// ShapeNumbers: within one transaction, events (those in its spill too) name a shape by its place in the record's list.
//
// Plain memory: no files, no lock of its own (the log's is held).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <unordered_map>
#include <vector>

#include "capture/event/table_shape.h"

namespace weir::capture {

class LogShapes {
 public:
  void begin_segment() { by_segment_.emplace_back(); }
  /// The oldest one.
  void drop_segment();
  /// In the newest segment.
  void stated(const event::ShapePtr& shape);
  bool is_stated(std::uint64_t fingerprint) const;
  /// Null where no segment has it.
  event::ShapePtr find(std::uint64_t fingerprint) const;
  std::vector<event::ShapePtr> find(std::span<const std::uint64_t> fingerprints) const;
  std::size_t size() const { return known_.size(); }

 private:
  struct Known {
    event::ShapePtr shape;
    std::size_t segments = 0;  // that state it
    std::uint64_t newest = 0;  // of them, counted from the first there was
  };
  std::uint64_t newest() const { return dropped_ + by_segment_.size(); }

  std::deque<std::vector<std::uint64_t>> by_segment_;
  std::unordered_map<std::uint64_t, Known> known_;
  std::uint64_t dropped_ = 0;
};

class ShapeNumbers {
 public:
  ShapeNumbers() = default;
  /// Of a transaction that was written before; null where one is not known any more.
  explicit ShapeNumbers(std::vector<event::ShapePtr> shapes) : shapes_(std::move(shapes)) {}
  /// From 1 on, a new one for a shape that was not met yet; 0: none.
  std::uint64_t number_of(const event::ShapePtr& shape);
  const std::vector<event::ShapePtr>& all() const { return shapes_; }

 private:
  std::vector<event::ShapePtr> shapes_;
  std::size_t last_ = 0;  // most often it is the one of the event before
};

}  // namespace weir::capture
