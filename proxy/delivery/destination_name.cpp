#include "proxy/delivery/destination_name.h"

namespace weir::proxy {

std::string destination_name(const EmitterSettings& emitter) {
  return emitter.kind->name_of(emitter.uri);
}

bool means_same(const std::string& known, const EmitterSettings& emitter) {
  return emitters::kind_of(known) == emitter.kind && emitter.kind->is_same(known, emitter.uri);
}

}  // namespace weir::proxy
