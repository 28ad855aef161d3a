// What all events of a table have in common, made at the first of them: by database, schema and table. One belongs to
// one format. References stay valid until `limit`.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>
#include <utility>

#include "capture/event/change_event.h"

namespace weir::emitters {

template <typename Template>
class TableTemplates {
 public:
  /// `make(Template&)` is called for a table that was not met yet.
  template <typename Make>
  Template& of(const std::string& database, const event::ChangeEvent& change, Make make) {
    key_ = database;
    key_ += '\0';
    key_ += change.schema;
    key_ += '\0';
    key_ += change.table;
    // Most often it is the one of the event before.
    if (last_ != nullptr && last_->first == key_) return last_->second;
    const auto [found, is_new] = templates_.try_emplace(key_);
    if (is_new) make(found->second);
    last_ = &*found;
    return found->second;
  }

  /// Forgets all where there are more: partitions come and go. True where it did.
  bool limit(std::size_t most) {
    if (templates_.size() <= most) return false;
    templates_.clear();
    last_ = nullptr;
    return true;
  }

 private:
  std::unordered_map<std::string, Template> templates_;
  std::pair<const std::string, Template>* last_ = nullptr;
  std::string key_;
};

}  // namespace weir::emitters
