// The statements that every mode of the differential test sends: groups of steps, each group in a session and a schema
// of its own. All of it is deterministic: no clock, no random values, no process ids.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace weir::differential {

struct Step {
  Step(const char* text) : sql(text) {}
  Step(std::string text) : sql(std::move(text)) {}
  Step(std::string text, std::string data) : sql(std::move(text)), copy(std::move(data)) {}

  std::string sql;
  std::optional<std::string> copy;  ///< what to send when the server asks for COPY data
};

struct Group {
  std::string name;
  std::vector<Step> steps;
  std::string setup = {};         ///< after the common tables were made
  std::string user = "postgres";  ///< who runs the steps
  int from_version = 15;
};

/// Tables, views, triggers, rules and policies that all groups find in their schema.
std::string common_tables();
const std::vector<Group>& corpus();

}  // namespace weir::differential
