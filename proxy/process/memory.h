// What the process gives back to the system. The allocator's own way is to learn from what is freed: after one message
// of 20 MB it keeps up to 64 MB for the next one, for ever and for each arena. Whoever runs beside a database needs a
// bound instead. Called once, before threads start.
#pragma once

namespace weir::proxy {

/// From now on what is large goes back to the system as soon as it is freed.
void give_back_large_memory();

}  // namespace weir::proxy
