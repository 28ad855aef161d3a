// What a client saw, step by step, as text; and the comparison of two such recordings.
//
// Object ids may drift apart between the two clusters (a backend's temporary schema, for example), so "{oid N}" counts
// by the order of its first appearance: the same table must have the same place on both sides.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace weir::differential {

struct Recording {
  struct Step {
    std::string label;
    std::vector<std::string> lines;
  };
  std::vector<Step> steps;

  void add(std::string label, std::vector<std::string> lines) { steps.push_back({std::move(label), std::move(lines)}); }
};

/// Nothing where they are equal; else the first steps that differ, line by line, for a person.
std::optional<std::string> difference(const Recording& direct, const Recording& proxied);

}  // namespace weir::differential
