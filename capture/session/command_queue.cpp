#include "capture/session/command_queue.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace weir::capture {

const Weight& CommandQueue::push(Pending pending) {
  pending.weight = weigh(pending);
  sums_ += pending.weight;
  hides_ |= pending.spliced || pending.tells_transaction || pending.no_data || pending.purpose != Purpose::client;
  const bool ends = ends_segment(pending.expect);
  // A Query is skipped too where something before it failed, so it ends nothing before it is answered.
  if (pending.expect == Expect::sync || !ends) segment_clean_ = ends;
  if (ends) {
    names_at_sync_ = names_.end_mark();
    ++segment_;
  }
  return entries_.emplace_back(std::move(pending)).weight;
}

void CommandQueue::answered(std::uint32_t savepoints) {
  const Pending& front = entries_.front();
  names_.succeeded(front.mark);
  if (front.twin) front.twin->spliced_made = true;
  if (front.bound) front.bound->savepoint = savepoints;
  if (front.own_place != '\0') own_unnamed(front.own_place) = OwnUnnamed::none;
  pop();
}

void CommandQueue::pop() {
  sums_ -= entries_.front().weight;
  entries_.pop_front();
  if (entries_.empty()) rules_->require(sums_ == Weight{}, "where nothing is under way nothing has weight");
}

std::vector<Pending> CommandQueue::fail_to_sync(bool refused) {
  std::int64_t last_mark = -1;
  std::vector<Pending> skipped;
  std::vector<PortalState> before;
  const auto has_run = [](PortalState& failed) { failed = {failed.portal, true, false}; };
  if (!refused) {
    has_run(entries_.front().before);
    if (const auto& execution = entries_.front().execution)
      std::for_each(execution->before.begin(), execution->before.end(), has_run);
  }
  while (!entries_.empty() && entries_.front().expect != Expect::sync) {
    Pending& front = entries_.front();
    last_mark = std::max(last_mark, front.mark);
    if (front.twin) front.twin->spliced.sent = false;
    if (front.before.portal) before.push_back(front.before);
    if (front.execution) before.insert(before.end(), front.execution->before.begin(), front.execution->before.end());
    skipped.push_back(std::move(front));
    pop();
  }
  for (auto state = before.rbegin(); state != before.rend(); ++state) restore(*state);
  names_.failed(last_mark + 1);
  for (const char kind : {'S', 'P'}) keep_own_unnamed(kind);
  return skipped;
}

int CommandQueue::forget_syncs_behind_front() {
  const auto is_read = [](const Pending& pending) {
    return pending.expect == Expect::sync && !pending.behind_copy_end;
  };
  const auto first = std::next(entries_.begin());
  const auto last = std::find_if_not(first, entries_.end(), is_read);
  for (auto read = first; read != last; ++read) sums_ -= read->weight;
  const int count = int(last - first);
  entries_.erase(first, last);
  return count;
}

void CommandQueue::expect_syncs_behind_front(int count) {
  Pending sync{.expect = Expect::sync};
  sync.weight = weigh(sync);
  for (int i = 0; i < count; ++i) sums_ += sync.weight;
  entries_.insert(std::next(entries_.begin()), std::size_t(count), sync);
}

bool CommandQueue::is_uncertain(bool portal, std::string_view name) const {
  if (sums_.syncs == 0) return false;
  // A portal may have gone with the transaction that the Sync ended.
  const auto& found = portal ? names_.find_portal(name) : nullptr;
  if (found && found != names_.unknown_portal() && found->segment != segment_) return true;
  return names_.is_unconfirmed(portal, name, names_at_sync_);
}

char CommandQueue::replace_own_unnamed(char kind) {
  if (own_unnamed(kind) == OwnUnnamed::none) return '\0';
  own_unnamed(kind) = OwnUnnamed::replaced;
  return kind;
}

/// What was to replace it was skipped; something else may yet.
void CommandQueue::keep_own_unnamed(char kind) {
  const bool later = std::any_of(entries_.begin(), entries_.end(),
                                 [kind](const Pending& pending) { return pending.own_place == kind; });
  if (!later && own_unnamed(kind) == OwnUnnamed::replaced) own_unnamed(kind) = OwnUnnamed::stays;
}

bool CommandQueue::sets_lexer_behind(std::size_t answered) const {
  return entries_.size() > answered && std::any_of(entries_.begin() + std::ptrdiff_t(answered), entries_.end(),
                                                   [](const Pending& pending) { return pending.weight.sets_lexer; });
}

bool CommandQueue::only_checks() const {
  return !entries_.empty() &&
         std::all_of(entries_.begin(), entries_.end(), [](const Pending& pending) { return pending.checks; });
}

void CommandQueue::mark_checks(std::size_t first) {
  for (std::size_t i = first; i < entries_.size(); ++i) entries_[i].checks = true;
}

}  // namespace weir::capture
