#include "capture/facts_shape.h"

#include <algorithm>
#include <utility>

#include "capture/plan.h"
#include "wire/sha256.h"

namespace weir::capture {
namespace {

/// A hash that nobody can find a second shape for: who may make tables must not be able to make one that passes for
/// another.
std::uint64_t fingerprint_of(const event::TableShape& shape) {
  const wire::Digest digest = wire::sha256(event::canonical_bytes(shape));
  std::uint64_t fingerprint = 0;
  for (std::size_t i = 0; i < sizeof fingerprint; ++i)
    fingerprint = fingerprint << 8 | static_cast<unsigned char>(digest[i]);
  return fingerprint == 0 ? 1 : fingerprint;
}

}  // namespace

event::ShapePtr shape_of(const RelationFacts& relation, const Scope& scope) {
  if (relation.types.empty() || relation.types.size() != relation.columns.size()) return nullptr;
  event::TableShape shape;
  shape.schema = relation.name.schema;
  shape.table = relation.name.table;
  for (std::size_t i = 0; i < relation.columns.size(); ++i) {
    const Column& column = relation.columns[i];
    if (!column.computed && !excludes_column(scope, relation, column.name)) shape.columns.push_back(relation.types[i]);
  }
  const bool sees_key = std::all_of(relation.key.begin(), relation.key.end(), [&shape](const std::string& name) {
    return std::any_of(shape.columns.begin(), shape.columns.end(), [&name](const auto& c) { return c.name == name; });
  });
  if (sees_key) shape.key = relation.key;
  shape.fingerprint = fingerprint_of(shape);
  return std::make_shared<const event::TableShape>(std::move(shape));
}

}  // namespace weir::capture
