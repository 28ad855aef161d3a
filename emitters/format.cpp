#include "emitters/format.h"

#include <algorithm>

#include "base/text.h"
#include "base/values.h"
#include "emitters/kinds.h"

namespace weir::emitters {

namespace {

std::string name_of(const FormatKind& kind) {
  const auto all = format_kinds();
  const auto* first =
      *std::find_if(all.begin(), all.end(), [&](const FormatKind* one) { return one->envelope == kind.envelope; });
  const std::string envelope(kind.envelope);
  return first->encoding == kind.encoding ? envelope : envelope + "-" + std::string(kind.encoding);
}

}  // namespace

const std::string& format_names() {
  static const std::string names = joined(format_kinds(), "|", [](const auto* kind) { return name_of(*kind); });
  return names;
}

Result<std::unique_ptr<Format>> make_format(const std::string& name, const FormatOptions& options) {
  for (const auto* kind : format_kinds())
    if (name_of(*kind) == name) return kind->make(options);
  return Error{"there is no format \"" + name + "\"; the formats are " + listed(format_names(), "and"), ""};
}

}  // namespace weir::emitters
