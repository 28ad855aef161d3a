#include "emitters/destination.h"

#include "base/text.h"
#include "emitters/kinds.h"

namespace weir::emitters {

const DestinationKind* kind_of(std::string_view uri) {
  for (const auto* kind : destination_kinds())
    if (kind->is_meant_by(uri)) return kind;
  return nullptr;
}

std::string destination_forms(std::string_view word) {
  return listed(joined(destination_kinds(), "|", [](const auto* kind) { return kind->form(); }), word);
}

}  // namespace weir::emitters
