// One destination as the settings have it, opened: the emitter, and the format that it needs.
//
// What the settings say for all destinations (format, prefix) is filled in, so two specifications are equal where
// nothing would be different. A destination of a kind that cannot be opened beside itself (a file is locked) is checked
// while its predecessor is open, and opened late: until it can be it fails every offer with the reason, as one that is
// down does, and is tried again.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "emitters/emitter.h"
#include "emitters/format.h"
#include "proxy/settings/settings.h"

namespace weir::proxy {

struct DestinationSpec {
  EmitterSettings emitter;  ///< with its prefix
  std::string format;       ///< its name

  std::string name() const;
  std::chrono::milliseconds pace() const;
  bool operator==(const DestinationSpec&) const = default;
};
std::vector<DestinationSpec> destinations_of(const Settings& settings);

struct OpenDestination {
  std::unique_ptr<emitters::Emitter> emitter;
  std::unique_ptr<emitters::Format> format;  ///< null where the destination wants events
};
Result<OpenDestination> open_destination(const DestinationSpec& spec, const std::string& instance);

/// Whether it could be opened where its predecessor is open still.
Result<void> check_destination(const DestinationSpec& spec, const std::string& instance);
/// Opened now where it can be, else as soon as it can. `wants_events` as its predecessor did.
OpenDestination open_late(const DestinationSpec& spec, const std::string& instance, bool wants_events);

}  // namespace weir::proxy
