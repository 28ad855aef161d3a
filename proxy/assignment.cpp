#include "proxy/assignment.h"

#include <algorithm>

namespace weir::proxy {

namespace {

constexpr std::string_view kKafka = "kafka.";

const EmitterSetting* find_emitter_setting(std::string_view key) {
  for (const auto& row : emitter_settings_table()) {
    if (row.key == key) return &row;
  }
  return nullptr;
}

Complaint store(EmitterSettings& emitter, const EmitterAssignment& assignment) {
  if (assignment.key.rfind(kKafka, 0) == 0) {
    if (emitter.kind != EmitterSettings::Kind::kafka) return "is only for kafka:// destinations";
    emitter.kafka[assignment.key.substr(kKafka.size())] = assignment.value;
    return std::nullopt;
  }
  if (assignment.key.rfind("file.", 0) == 0 && emitter.kind != EmitterSettings::Kind::file) {
    return "is only for file: destinations";
  }
  return find_emitter_setting(assignment.key)->store(emitter, assignment.value);
}

Result<void> store(Settings& settings, const Assignment& assignment) {
  if (auto complaint = assignment.row->store(settings, assignment.value)) {
    return Error{assignment.place + " " + *complaint, ""};
  }
  for (const auto& of : assignment.of) {
    if (auto complaint = store(settings.emit.back(), of)) return Error{of.place + " " + *complaint, ""};
  }
  return {};
}

bool sets(const std::vector<Assignment>& assignments, const Setting* row) {
  return std::any_of(assignments.begin(), assignments.end(), [&](const auto& one) { return one.row == row; });
}

}  // namespace

const Setting* find_setting(std::string_view key) {
  for (const auto& row : settings_table()) {
    if (row.key == key) return &row;
  }
  return nullptr;
}

bool is_emitter_key(std::string_view key) {
  if (key.rfind(kKafka, 0) == 0) return key.size() > kKafka.size();
  return find_emitter_setting(key) != nullptr;
}

Result<Settings> settle(const std::vector<Assignment>& file, const std::vector<Assignment>& command_line) {
  Settings settings = default_settings();
  if (sets(file, find_setting("listen")) || sets(command_line, find_setting("listen"))) settings.listen.clear();
  for (const auto& assignment : file) {
    if (sets(command_line, assignment.row)) {
      // Overruled, but a wrong value in the file is still wrong: it is stored where nobody looks.
      Settings unused;
      if (auto stored = store(unused, assignment); !stored) return stored.error();
    } else if (auto stored = store(settings, assignment); !stored) {
      return stored.error();
    }
  }
  for (const auto& assignment : command_line) {
    if (auto stored = store(settings, assignment); !stored) return stored.error();
  }
  if (auto complaint = check(settings)) return Error{*complaint, ""};
  return settings;
}

}  // namespace weir::proxy
