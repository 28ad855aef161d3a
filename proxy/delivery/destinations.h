// The destinations of this start against those that the journal remembers.
//
// What the journal keeps depends on the destinations that it knows: each has a checkpoint from its first start on. One
// that is left out would lose what the others take meanwhile, so such a start is refused; `weir journal forget` and
// `weir journal rename` are the ways out. One that is new, or comes back, begins with what the journal still has, and
// with a gap event for what it has no more.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/notice.h"
#include "capture/journal/book.h"
#include "emitters/emitter.h"
#include "proxy/delivery/destination_name.h"
#include "proxy/settings/settings.h"

namespace weir::proxy {

/// What the book keeps of a record that this destination refused for ever.
capture::DeadLetter dead_letter_of(const std::string& destination, const emitters::Refused& refused);

/// What becomes of the destinations that the journal knows.
struct DestinationsPlan {
  std::vector<std::pair<std::string, std::string>> renamed;  ///< from, to
  std::vector<std::string> added;
  std::vector<capture::Checkpoint> left;  ///< out
};
DestinationsPlan plan_destinations(const std::vector<capture::Checkpoint>& known,
                                   const std::vector<EmitterSettings>& configured);

/// Gives every configured destination its checkpoint, those that only changed their name included. Fails where one that
/// the journal knows is not among them. `last`: the stream's last position. `journal_path` is for the commands that the
/// message names.
/// Returns what is to be said of it.
Result<std::vector<Notice>> settle_destinations(capture::Book& book, event::Position last,
                                                const std::vector<EmitterSettings>& configured,
                                                const std::string& journal_path);

}  // namespace weir::proxy
