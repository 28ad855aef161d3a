// The destinations of this start against those that the journal remembers.
//
// What the journal keeps depends on the destinations that it knows: each has a checkpoint from its first start on. One
// that is left out would lose what the others take meanwhile, so such a start is refused; `weir journal forget` and
// `weir journal rename` are the ways out. One that is new, or comes back, begins with what the journal still has, and
// with a gap event for what it has no more.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "capture/journal.h"
#include "proxy/settings.h"

namespace weir::proxy {

/// What its checkpoint is stored under: the text of its --emit, a file's path made absolute.
std::string destination_name(const EmitterSettings& emitter);
/// True where `known`, a name from an earlier start, must mean this destination: the same file by another path, or
/// Kafka with the same prefix and at least one broker in common.
bool means_same(const std::string& known, const EmitterSettings& emitter);

/// Gives every configured destination its checkpoint, those that only changed their name included. Fails where one that
/// the journal knows is not among them. `journal_path` is for the commands that the message names.
Result<void> settle_destinations(capture::Journal& journal, const std::vector<EmitterSettings>& configured,
                                 const std::string& journal_path);

/// Reads from `journal`; whoever asks for what is erased gets one transaction of one gap event in its place.
std::unique_ptr<capture::JournalReader> with_gap_for_erased(std::unique_ptr<capture::JournalReader> journal,
                                                            capture::Erased erased, std::int64_t now_us);

}  // namespace weir::proxy
