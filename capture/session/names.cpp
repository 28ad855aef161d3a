#include "capture/session/names.h"

#include <algorithm>
#include <set>
#include <utility>

namespace weir::capture {

Names::Names() : unknown_statement_(std::make_shared<Prepared>()), unknown_portal_(std::make_shared<Portal>()) {
  unknown_portal_->prepared = unknown_statement_;
  unnamed_ = unknown_statement_;
  unnamed_portal_ = unknown_portal_;
}

std::int64_t Names::note(Change change) {
  changes_.push_back(std::move(change));
  return first_mark_ + std::ssize(changes_) - 1;
}

std::int64_t Names::define(std::string_view statement, PreparedPtr prepared) {
  statement = known_name(statement);
  if (statement.empty()) {
    if (unnamed_ == prepared) return -1;
    std::swap(unnamed_, prepared);
    return note({false, false, {}, true, std::move(prepared), nullptr, {}});
  }
  const auto [it, added] = statements_.try_emplace(std::string(statement), prepared);
  if (!added) std::swap(it->second, prepared);
  return note({false, false, it->first, !added, added ? nullptr : std::move(prepared), nullptr, {}});
}

std::int64_t Names::define_portal(std::string_view portal, PortalPtr value) {
  portal = known_name(portal);
  if (portal.empty()) {
    if (unnamed_portal_ == value) return -1;
    std::swap(unnamed_portal_, value);
    return note({true, false, {}, true, nullptr, std::move(value), {}});
  }
  const auto [it, added] = portals_.try_emplace(std::string(portal), value);
  if (!added) std::swap(it->second, value);
  return note({true, false, it->first, !added, nullptr, added ? nullptr : std::move(value), {}});
}

std::int64_t Names::remove(std::string_view statement) {
  statement = known_name(statement);
  if (statement.empty()) return define({}, unknown_statement_);
  const auto it = statements_.find(statement);
  // Noted all the same: undoing an earlier change must not bring it back.
  if (it == statements_.end())
    return changes_.empty() ? -1 : note({false, false, std::string(statement), false, nullptr, nullptr, {}});
  auto node = statements_.extract(it);
  return note({false, false, std::move(node.key()), true, std::move(node.mapped()), nullptr, {}});
}

std::int64_t Names::remove_portal(std::string_view portal) {
  portal = known_name(portal);
  if (portal.empty()) return define_portal({}, unknown_portal_);
  const auto it = portals_.find(portal);
  if (it == portals_.end()) return -1;
  auto node = portals_.extract(it);
  return note({true, false, std::move(node.key()), true, nullptr, std::move(node.mapped()), {}});
}

std::int64_t Names::remove_all() {
  Statements all;
  std::swap(all, statements_);
  return note({false, true, {}, true, nullptr, nullptr, std::move(all)});
}

bool Names::is_unconfirmed(bool portal, std::string_view name, std::int64_t end) const {
  name = known_name(name);
  const auto last = std::find_if(changes_.rbegin(), changes_.rend(), [&](const Change& change) {
    return !change.undone && (change.all ? !portal : change.portal == portal && change.name == name);
  });
  return last != changes_.rend() && end_mark() - 1 - (last - changes_.rbegin()) < end;
}

const Names::PreparedPtr& Names::find(std::string_view statement) const {
  statement = known_name(statement);
  if (statement.empty()) return unnamed_;
  const auto it = statements_.find(statement);
  return it == statements_.end() ? unknown_statement_ : it->second;
}

const Names::PortalPtr& Names::find_portal(std::string_view portal) const {
  portal = known_name(portal);
  if (portal.empty()) return unnamed_portal_;
  const auto it = portals_.find(portal);
  return it == portals_.end() ? unknown_portal_ : it->second;
}

void Names::succeeded(std::int64_t mark) {
  while (first_mark_ <= mark && !changes_.empty()) {
    changes_.pop_front();
    ++first_mark_;
  }
}

void Names::failed(std::int64_t end) {
  failed(first_mark_, end - 1);
}

void Names::failed(std::int64_t first, std::int64_t last) {
  const std::int64_t from = std::max<std::int64_t>(first - first_mark_, 0);
  const std::int64_t to = std::min(last - first_mark_ + 1, std::int64_t(std::ssize(changes_)));
  if (from >= to) return;
  for (std::int64_t i = to; i-- > from;) undo(std::size_t(i));
}

/// The change stays in its place, as one of nothing, so that marks keep their meaning.
void Names::undo(std::size_t index) {
  if (changes_[index].undone) return;
  Change change = std::exchange(changes_[index], Change{});
  changes_[index].undone = true;
  if (!change.all) return restore(std::move(change), index + 1);
  for (auto& [name, prepared] : change.statements)
    restore({false, false, name, true, std::move(prepared), nullptr, {}}, index + 1);
}

/// What was before a change: it is now what was before the next change of the same name, or what is.
void Names::restore(Change old, std::size_t later) {
  for (; later < changes_.size(); ++later) {
    Change& next = changes_[later];
    if (next.undone) continue;
    if (next.all && !old.portal && !old.name.empty()) {
      old.existed ? void(next.statements[old.name] = old.statement) : void(next.statements.erase(old.name));
      return;
    }
    if (next.all || next.portal != old.portal || next.name != old.name) continue;
    next.existed = old.existed;
    next.statement = std::move(old.statement);
    next.old_portal = std::move(old.old_portal);
    return;
  }
  if (old.name.empty()) {
    (old.portal ? void(unnamed_portal_ = old.old_portal) : void(unnamed_ = old.statement));
  } else if (old.portal) {
    old.existed ? void(portals_[old.name] = old.old_portal) : void(portals_.erase(old.name));
  } else {
    old.existed ? void(statements_[old.name] = old.statement) : void(statements_.erase(old.name));
  }
}

void Names::drop_portals() {
  std::set<std::string_view> later;
  for (Change& change : changes_)
    if (change.portal && !change.undone && later.insert(change.name).second) change.old_portal = unknown_portal_;
  std::erase_if(portals_, [&later](const auto& portal) { return !later.contains(portal.first); });
  if (!later.contains("")) unnamed_portal_ = unknown_portal_;
}

void Names::close_portal(std::string_view name) {
  if (name.empty()) return drop_portals();
  const auto named = [name](const Change& change) { return change.portal && !change.undone && change.name == name; };
  const auto later = std::find_if(changes_.begin(), changes_.end(), named);
  if (later != changes_.end()) {
    later->old_portal = unknown_portal_;
  } else if (const auto it = portals_.find(name); it != portals_.end()) {
    portals_.erase(it);
  }
}

void Names::drop_portals(std::uint32_t savepoint) {
  const auto gone = [savepoint](const PortalPtr& portal) { return portal && portal->savepoint >= savepoint; };
  for (Change& change : changes_)
    if (gone(change.old_portal)) change.old_portal = unknown_portal_;
  std::erase_if(portals_, [gone](const auto& portal) { return gone(portal.second); });
  if (gone(unnamed_portal_)) unnamed_portal_ = unknown_portal_;
}

std::vector<Names::PortalPtr> Names::portals() const {
  std::vector<PortalPtr> found;
  if (unnamed_portal_) found.push_back(unnamed_portal_);
  for (const auto& [name, portal] : portals_)
    if (portal) found.push_back(portal);
  return found;
}

std::vector<std::pair<std::string, Names::PortalPtr>> Names::suspended_portals() const {
  std::vector<std::pair<std::string, PortalPtr>> found;
  if (unnamed_portal_ && unnamed_portal_->suspended) found.emplace_back("", unnamed_portal_);
  for (const auto& [name, portal] : portals_)
    if (portal && portal->suspended) found.emplace_back(name, portal);
  return found;
}

bool Names::has_suspended_portals() const {
  return (unnamed_portal_ && unnamed_portal_->suspended) ||
         std::any_of(portals_.begin(), portals_.end(),
                     [](const auto& portal) { return portal.second && portal.second->suspended; });
}

void Names::forget_twin(std::string_view statement) {
  if (const PreparedPtr& prepared = find(statement)) prepared->spliced.sent = false;
}

std::vector<std::string> Names::forget_twins() {
  std::vector<std::string> names;
  for (const auto& [name, prepared] : statements_) {
    if (!prepared || !prepared->spliced.sent) continue;
    names.push_back(prepared->spliced.name);
    prepared->spliced = {};
  }
  return names;
}

}  // namespace weir::capture
