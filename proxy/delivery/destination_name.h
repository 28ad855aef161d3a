// How a destination is known in the journal, over the starts of Weir.
#pragma once

#include <string>

#include "proxy/settings/settings.h"

namespace weir::proxy {

/// What its checkpoint is stored under, as its kind says: the text of its --emit, a file's path made absolute.
std::string destination_name(const EmitterSettings& emitter);
/// True where `known`, a name from an earlier start, must mean this destination: the same file by another path, or
/// Kafka with the same prefix and at least one broker in common.
bool means_same(const std::string& known, const EmitterSettings& emitter);

}  // namespace weir::proxy
