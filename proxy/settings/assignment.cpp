#include "proxy/settings/assignment.h"

#include <algorithm>

#include "emitters/kinds.h"
#include "proxy/settings/expand.h"
#include "proxy/settings/secret.h"

namespace weir::proxy {

namespace {

using emitters::DestinationKind;
using emitters::OwnSetting;

const EmitterSetting* find_emitter_setting(std::string_view key) {
  for (const auto& row : emitter_settings_table()) {
    if (row.key == key) return &row;
  }
  return nullptr;
}

/// A key that begins with a kind's name, such as "file.rotate_bytes".
struct OwnKey {
  const DestinationKind* kind = nullptr;  ///< null: no kind's
  std::string key;                        ///< "rotate_bytes"
  const OwnSetting* row = nullptr;        ///< null: one of those that are handed through, or none
  bool handed_through() const { return kind != nullptr && row == nullptr && !kind->other_settings().empty(); }
};

OwnKey own_key(std::string_view key) {
  for (const auto* kind : emitters::destination_kinds()) {
    const std::string section = std::string(kind->name()) + ".";
    if (!key.starts_with(section) || key.size() == section.size()) continue;
    OwnKey own{kind, std::string(key.substr(section.size()))};
    for (const auto& row : kind->settings())
      if (row.key == own.key) own.row = &row;
    return own;
  }
  return {};
}

/// What was wrong, for a complaint: as it was written, so that what a ${…} stands for is not shown.
std::string given(const std::string& value) {
  constexpr std::size_t kMostShown = 80;
  std::string shown = value.substr(0, kMostShown);
  std::replace_if(
      shown.begin(), shown.end(), [](unsigned char c) { return c < ' ' || c == 127; }, '?');
  return " (given: \"" + shown + (value.size() > kMostShown ? "…" : "") + "\")";
}

/// Passwords are written in some values, so those are never shown.
std::string given(std::string_view key, const std::string& value) {
  const bool may_hold_password = key == "upstream" || own_key(key).handed_through() ||
                                 value.find('@') != std::string::npos || holds_secret(key, value);
  return may_hold_password ? "" : given(value);
}

Complaint store(EmitterSettings& emitter, const EmitterAssignment& assignment, const std::string& value) {
  Complaint complaint;
  if (const auto own = own_key(assignment.key); own.kind != nullptr) {
    if (emitter.kind != own.kind) return "is only for " + std::string(own.kind->scheme()) + " destinations";
    if (own.row != nullptr) complaint = own.row->complaint(value);
    if (!complaint) emitter.own[own.key] = value;
  } else {
    complaint = find_emitter_setting(assignment.key)->store(emitter, value);
  }
  if (complaint) *complaint += given(assignment.key, assignment.value);
  return complaint;
}

Result<void> store(Settings& settings, const Assignment& assignment) {
  const auto& row = *assignment.row;
  const auto value = expand(assignment.value, row.key == "upstream");
  if (!value) return Error{assignment.place + " " + value.error().message, ""};
  if (auto complaint = row.store(settings, *value)) {
    return Error{assignment.place + " " + *complaint + given(row.key, assignment.value), ""};
  }
  for (const auto& of : assignment.of) {
    const auto part = expand(of.value, false);
    if (!part) return Error{of.place + " " + part.error().message, ""};
    if (auto complaint = store(settings.emit.back(), of, *part)) return Error{of.place + " " + *complaint, ""};
  }
  return {};
}

}  // namespace

const Setting* find_setting(std::string_view key) {
  for (const auto& row : settings_table()) {
    if (row.key == key) return &row;
  }
  return nullptr;
}

bool is_emitter_key(std::string_view key) {
  const auto own = own_key(key);
  return own.row != nullptr || own.handed_through() || find_emitter_setting(key) != nullptr;
}

bool takes_any_key(std::string_view section) {
  const auto kinds = emitters::destination_kinds();
  return std::any_of(kinds.begin(), kinds.end(), [&](const DestinationKind* kind) {
    const std::string_view name = kind->name();
    return !kind->other_settings().empty() && section.starts_with(name) &&
           (section.size() == name.size() || section[name.size()] == '.');
  });
}

bool hold_password(const std::vector<Assignment>& assignments) {
  return std::any_of(assignments.begin(), assignments.end(), [](const Assignment& one) {
    return holds_secret(one.row->key, one.value) ||
           std::any_of(one.of.begin(), one.of.end(),
                       [](const EmitterAssignment& of) { return holds_secret(of.key, of.value); });
  });
}

std::vector<Effective> effective(const Sources& sources) {
  std::vector<Effective> all;
  for (const auto& row : settings_table()) {
    Effective one{&row, {}};
    for (const auto* source : {&sources.command_line, &sources.environment, &sources.file}) {
      for (const auto& assignment : *source)
        if (assignment.row == &row) one.assignments.push_back(&assignment);
      if (!one.assignments.empty()) break;
    }
    if (!row.repeats && one.assignments.size() > 1) one.assignments = {one.assignments.back()};
    if (!one.assignments.empty()) all.push_back(std::move(one));
  }
  return all;
}

namespace {

Result<Settings> stored(const Sources& sources) {
  // What is overruled is still wrong where it is wrong: it is stored where nobody looks.
  Settings unused;
  for (const auto* source : {&sources.file, &sources.environment, &sources.command_line}) {
    for (const auto& assignment : *source)
      if (auto done = store(unused, assignment); !done) return done.error();
  }
  Settings settings = default_settings();
  for (const auto& one : effective(sources)) {
    if (one.row->key == "listen") settings.listen.clear();
    for (const auto* assignment : one.assignments)
      if (auto done = store(settings, *assignment); !done) return done.error();
  }
  return settings;
}

}  // namespace

Result<Settings> settle(const Sources& sources) {
  auto settings = stored(sources);
  if (!settings) return settings;
  if (auto complaint = check(*settings)) return Error{*complaint, ""};
  return settings;
}

Result<Settings> settle_for_upstream(const Sources& sources) {
  auto settings = stored(sources);
  if (settings && settings->upstream.hosts.empty()) {
    if (auto complaint = check(*settings)) return Error{*complaint, ""};
  }
  return settings;
}

}  // namespace weir::proxy
