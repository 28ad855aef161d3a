// What was sent to the database and is not answered, in order, and what it makes of names and portals. The server's
// answers are matched against this queue alone: text never decides what an answer means. Knows neither bytes nor the
// gate nor the catalog. Used on its session's thread.
//
// Rule: each entry has the weight it was given when it was sent, so what it added to the sums is what it takes away
// again; where nothing is under way the sums are zero.
#pragma once

#include <cstdint>
#include <deque>
#include <string_view>
#include <vector>

#include "capture/session/names.h"
#include "capture/session/pending.h"
#include "capture/session/rules.h"

namespace weir::capture {

class CommandQueue {
 public:
  explicit CommandQueue(Rules& rules) : rules_(&rules) {}

  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }
  Pending& front() { return entries_.front(); }
  const Pending& front() const { return entries_.front(); }
  const Pending& back() const { return entries_.back(); }
  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }
  /// The sums over all that is under way.
  const Weight& under_way() const { return sums_; }

  /// What it weighs.
  const Weight& push(Pending pending);
  /// The front is answered, and its changes of names stand. Portals it binds were made behind so many savepoints.
  void answered(std::uint32_t savepoints);
  /// The front failed, or was `refused` before it ran, and the server ignores all up to the next Sync: no answer comes,
  /// names and portals are what they were. All of that, the front first, the Sync not.
  std::vector<Pending> fail_to_sync(bool refused);
  /// A COPY takes data: it reads the Syncs behind it without an answer. How many.
  int forget_syncs_behind_front();
  /// It has not read them.
  void expect_syncs_behind_front(int count);
  /// No transaction is open: what was sent before has been answered.
  void settle() { segment_clean_ = true; }

  Names& names() { return names_; }
  const Names& names() const { return names_; }
  /// A name that was defined before a Sync which is not answered yet: had that failed, what is behind the Sync would
  /// run all the same, and mean what the name meant before.
  bool is_uncertain(bool portal, std::string_view name) const;
  /// Syncs and Queries sent so far.
  std::uint64_t segment() const { return segment_; }
  /// Nothing was sent since the last Sync.
  bool is_clean() const { return segment_clean_; }
  /// Something was sent of whose answer the client sees not all.
  bool hides() const { return hides_; }

  /// A Query that was sent in parts leaves the unnamed statement and portal ('S', 'P') behind.
  void leave_own_unnamed() { own_statement_ = own_portal_ = OwnUnnamed::stays; }
  bool has_own_unnamed(char kind) const { return own_unnamed(kind) == OwnUnnamed::stays; }
  /// For Pending::own_place of what takes the place now.
  char replace_own_unnamed(char kind);

  /// Behind the first `answered` entries something may change client_encoding.
  bool sets_lexer_behind(std::size_t answered) const;
  bool only_checks() const;
  /// From the entry `first` on they are checks (Pending::checks).
  void mark_checks(std::size_t first);
  void mark_last_makes(std::string name) { entries_.back().makes = std::move(name); }

 private:
  /// It stays until something has taken its place.
  enum class OwnUnnamed : std::uint8_t { none, stays, replaced };
  OwnUnnamed own_unnamed(char kind) const { return kind == 'S' ? own_statement_ : own_portal_; }
  OwnUnnamed& own_unnamed(char kind) { return kind == 'S' ? own_statement_ : own_portal_; }
  void keep_own_unnamed(char kind);
  void pop();

  Rules* rules_;
  std::deque<Pending> entries_;
  Weight sums_;
  Names names_;
  std::uint64_t segment_ = 0;
  std::int64_t names_at_sync_ = 0;  // changes of names_ below this mark were sent before the last Sync
  bool segment_clean_ = true;
  bool hides_ = false;
  OwnUnnamed own_statement_ = OwnUnnamed::none;
  OwnUnnamed own_portal_ = OwnUnnamed::none;
};

}  // namespace weir::capture
