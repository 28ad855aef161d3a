#include "emitters/destination.h"

#include "emitters/kinds.h"

namespace weir::emitters {

const DestinationKind* kind_of(std::string_view uri) {
  for (const auto* kind : destination_kinds())
    if (kind->is_meant_by(uri)) return kind;
  return nullptr;
}

std::string destination_forms(std::string_view word) {
  std::string forms;
  for (const auto* kind : destination_kinds()) forms += (forms.empty() ? "" : "|") + std::string(kind->form());
  return listed(forms, word);
}

}  // namespace weir::emitters
