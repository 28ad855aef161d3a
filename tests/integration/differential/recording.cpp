#include "tests/integration/differential/recording.h"

#include <algorithm>
#include <map>

namespace weir::differential {
namespace {

constexpr std::size_t most_steps_shown = 6;
constexpr std::size_t most_characters_shown = 400;

std::string shortened(const std::string& line) {
  return line.size() <= most_characters_shown ? line : line.substr(0, most_characters_shown) + "…";
}

std::string show(const Recording::Step& direct, const Recording::Step* proxied) {
  std::string out = "  step: " + shortened(direct.label) + "\n";
  const std::vector<std::string> none;
  const auto& theirs = proxied == nullptr ? none : proxied->lines;
  for (std::size_t i = 0; i < std::max(direct.lines.size(), theirs.size()); ++i) {
    const std::string left = i < direct.lines.size() ? direct.lines[i] : "(nothing)";
    const std::string right = i < theirs.size() ? theirs[i] : "(nothing)";
    out += left == right ? "      both:    " + shortened(left) + "\n"
                         : "    > direct:  " + shortened(left) + "\n    > proxied: " + shortened(right) + "\n";
  }
  return out;
}

/// The recording with each "{oid N}" replaced by "{oid #place}".
Recording with_places(const Recording& recording) {
  std::map<std::string, std::size_t> places;
  Recording out = recording;
  for (auto& step : out.steps) {
    for (auto& line : step.lines) {
      for (std::size_t at = 0; (at = line.find("{oid ", at)) != std::string::npos; at += 5) {
        const auto end = line.find('}', at);
        if (end == std::string::npos) break;
        const auto place = places.try_emplace(line.substr(at, end - at), places.size()).first->second;
        line.replace(at + 5, end - at - 5, "#" + std::to_string(place));
      }
    }
  }
  return out;
}

}  // namespace

std::optional<std::string> difference(const Recording& direct_as_is, const Recording& proxied_as_is) {
  const auto direct = with_places(direct_as_is);
  const auto proxied = with_places(proxied_as_is);
  std::string out;
  std::size_t differing = 0;
  for (std::size_t i = 0; i < direct.steps.size(); ++i) {
    const auto* theirs = i < proxied.steps.size() ? &proxied.steps[i] : nullptr;
    if (theirs != nullptr && theirs->lines == direct.steps[i].lines) continue;
    if (++differing <= most_steps_shown) out += show(direct.steps[i], theirs);
  }
  if (proxied.steps.size() > direct.steps.size()) {
    ++differing;
    out += "  the proxied side took " + std::to_string(proxied.steps.size() - direct.steps.size()) + " steps more\n";
  }
  if (differing == 0) return std::nullopt;
  return std::to_string(differing) + " of " + std::to_string(direct.steps.size()) + " steps differ:\n" + out;
}

}  // namespace weir::differential
