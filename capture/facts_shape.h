// From the catalog's answer to the shape that a table's rows have in images: without the columns that are excluded, and
// those that are computed when they are read. Pure.
#pragma once

#include "capture/event/table_shape.h"
#include "capture/facts.h"
#include "capture/scope.h"

namespace weir::capture {

/// Null where the answer does not say all of it.
event::ShapePtr shape_of(const RelationFacts& relation, const Scope& scope);

}  // namespace weir::capture
