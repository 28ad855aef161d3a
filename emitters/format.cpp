#include "emitters/format.h"

#include "emitters/debezium.h"
#include "emitters/flat.h"
#include "emitters/readable.h"

namespace weir::emitters {

Result<std::unique_ptr<Format>> make_format(const std::string& name, const FormatOptions& options, bool colour) {
  if (name == "debezium") return make_debezium(options);
  if (name == "flat") return make_flat(options);
  if (name == "readable") return make_readable(options, colour);
  return Error{"there is no format \"" + name + "\"; the formats are debezium, flat and readable", ""};
}

}  // namespace weir::emitters
