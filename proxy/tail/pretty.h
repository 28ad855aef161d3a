// The format of `weir tail` for a person: each transaction has a heading (its position in the stream, when it
// committed, its id and lsn, who wrote), and below it a line for each event. Gaps stand out.
//
// The heading comes with the first event that is shown: a transaction of which nothing is wanted leaves no trace. What
// a terminal would take for a command is never passed on.
#pragma once

#include <memory>
#include <string_view>

#include "emitters/format.h"

namespace weir::proxy {

std::unique_ptr<emitters::Format> make_pretty(bool colour);

/// The topic of a heading; a line of an event has none.
constexpr std::string_view kHeadingTopic = "heading";

}  // namespace weir::proxy
