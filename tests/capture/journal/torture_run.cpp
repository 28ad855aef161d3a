#include "tests/capture/journal/torture_run.h"

#include <algorithm>
#include <sstream>

namespace weir::capture {

namespace {

/// Of two versions of its table, or none: by its place.
std::uint64_t version_of(std::uint32_t ordinal) {
  return ordinal % 3;
}

std::vector<event::ChangeEvent> shaped_rows(std::uint32_t from, std::uint32_t to) {
  static const event::ShapePtr shapes[] = {nullptr, shape("a", 1), shape("b", 2)};
  std::vector<event::ChangeEvent> made = rows(from, to);
  for (event::ChangeEvent& event : made) event.shape = shapes[version_of(event.ordinal)];
  return made;
}

/// One whose shape is not its own is none of them.
Ordinals ordinals_of(const std::vector<event::ChangeEvent>& events) {
  constexpr std::uint32_t kOtherShape = 1'000'000;
  Ordinals found;
  for (const event::ChangeEvent& event : events)
    found.push_back(event.ordinal +
                    ((event.shape ? event.shape->fingerprint : 0) == version_of(event.ordinal) ? 0 : kOtherShape));
  return found;
}

std::string text_of(const LogState& state) {
  std::ostringstream text;
  text << "last " << state.last_position << ", pending";
  for (const auto& [id, written] : state.pending)
    text << " " << id << "(" << written.ordinals.size() << (written.committed_us != 0 ? ", known)" : ")");
  text << ", released";
  for (const auto& [position, each] : state.released)
    text << " " << position << ":" << each.first << "(" << each.second.size() << ")";
  return text.str();
}

}  // namespace

void LogState::apply(const Fact& fact) {
  if (!fact.outcome) {
    pending[fact.id] = {fact.ordinals, 0, fact.spilled, fact.end};
    return;
  }
  const auto found = pending.find(fact.id);
  if (found == pending.end()) return;
  switch (fact.outcome->kind) {
    case LogOutcome::Kind::acknowledged:
      found->second.committed_us = fact.outcome->committed_us;
      return;
    case LogOutcome::Kind::released:
      released[fact.outcome->position] = {fact.id, found->second.ordinals};
      last_position = fact.outcome->position;
      break;
    default:
      break;
  }
  pending.erase(found);
}

bool TortureRun::open() {
  auto opened = open_on(files_);
  if (!opened) return false;
  log_ = std::move(*opened);
  promise();
  return true;
}

bool TortureRun::go_on(std::unique_ptr<ModelFiles> left) {
  log_.reset();
  files_ = std::move(*left);
  facts_.clear();
  promises_.clear();
  base_ = {};
  if (!open() || !read(*log_, base_).empty()) return false;
  safe_ = log_->erased().through;
  promise();
  state_ = base_;
  position_ = base_.last_position;
  return true;
}

void TortureRun::play(int steps) {
  for (int i = 0; i < steps; ++i) step();
}

void TortureRun::step() {
  const std::size_t what = below(20);
  if (what < 6) return write(0, 1 + static_cast<std::uint32_t>(below(60)));
  if (what < 8) return write(1 + static_cast<std::uint32_t>(below(100)), static_cast<std::uint32_t>(below(10)));
  if (what < 10) return rewrite(pick());
  if (what < 13) return sync();
  if (what < 18) return note();
  return keep();
}

std::int64_t TortureRun::pick() {
  if (state_.pending.empty()) return 0;
  auto found = state_.pending.begin();
  std::advance(found, below(state_.pending.size()));
  return found->first;
}

void TortureRun::write(std::uint32_t spilled, std::uint32_t rest) {
  Fact fact{calls(), 0, 0, log_->next_id(), {}, spilled > 0, {}};
  std::unique_ptr<Spill> spill;
  const std::uint32_t cut = 1 + static_cast<std::uint32_t>(below(spilled + 1));
  if (spilled > 0) {
    auto opened = log_->open_spill(fact.id);
    if (!opened || !(*opened)->append(shaped_rows(1, spilled)) || !(*opened)->cut(cut)) {
      failed_ = true;
      return;
    }
    spill = std::move(*opened);
  }
  const std::uint32_t kept = spilled > 0 ? cut - 1 : 0;
  const auto written =
      log_->write(transaction(fact.id, kept + rest), shaped_rows(kept + 1, kept + rest), std::move(spill), nullptr);
  fact.returned = calls();
  if (!written) {
    failed_ = true;
    return;
  }
  fact.ordinals = ordinals_of(shaped_rows(1, kept + rest));
  fact.end = *written;
  facts_.push_back(fact);
  state_.apply(fact);
}

/// Takes a transaction back, and writes it again or not, longer or shorter.
void TortureRun::rewrite(std::int64_t id) {
  if (id == 0 || state_.pending[id].committed_us != 0) return;
  Ordinals ordinals = state_.pending[id].ordinals;
  const LogOutcome taken_back = reopened(id);
  std::size_t begun = calls();
  auto spill = log_->reopen(id);
  failed_ |= !spill;
  if (!spill && static_cast<SegmentLog&>(*log_).pending_place(id) != 0) return;
  note_fact(taken_back, begun);
  if (!spill || below(3) == 0) return;
  const auto last = ordinals.empty() ? 0 : ordinals.back();
  const auto cut = 1 + static_cast<std::uint32_t>(below(last + 2));
  begun = calls();
  if (!(*spill)->append(shaped_rows(last + 1, last + 3)) || !(*spill)->cut(cut)) {
    failed_ = true;
    return;
  }
  const auto kept = std::min(cut - 1, last + 3);
  Fact fact{begun, 0, 0, id, ordinals_of(shaped_rows(1, kept + 2)), true, {}};
  const auto written =
      log_->write(transaction(id, kept + 2), shaped_rows(kept + 1, kept + 2), std::move(*spill), nullptr);
  fact.returned = calls();
  failed_ |= !written;
  if (!written) return;
  fact.end = *written;
  facts_.push_back(fact);
  state_.apply(fact);
}

void TortureRun::sync() {
  failed_ |= !log_->sync();
  promise();
}

void TortureRun::note_fact(const LogOutcome& outcome, std::size_t begun) {
  const Fact fact{begun, calls(), log_->end(), outcome.id, {}, false, outcome};
  facts_.push_back(fact);
  state_.apply(fact);
}

/// It commits only if it is durable.
void TortureRun::note() {
  const std::int64_t id = pick();
  if (id == 0) return;
  const bool known = state_.pending[id].committed_us != 0;
  const std::size_t what = known ? 3 : below(6);
  if (what != 0 && state_.pending[id].end > log_->durable()) return;
  const LogOutcome outcome = what == 0 ? aborted(id) : what == 1 ? acknowledged(id) : released(id, position_ + 1);
  const std::size_t begun = calls();
  if (!log_->note({&outcome, 1})) {
    failed_ = true;
    return;
  }
  if (outcome.kind == LogOutcome::Kind::released) ++position_;
  note_fact(outcome, begun);
}

void TortureRun::keep() {
  safe_ = position_ - static_cast<event::Position>(below(3));
  if (safe_ < 0) safe_ = 0;
  promise();
  failed_ |= !log_->keep_from(safe_);
  promise();
}

TortureRun::Promise TortureRun::promised(std::size_t calls) const {
  Promise promise;
  for (const Promise& each : promises_) {
    if (each.calls > calls) break;
    promise.durable = std::max(promise.durable, each.durable);
    promise.safe = std::max(promise.safe, each.safe);
  }
  return promise;
}

std::string TortureRun::read(EventLog& log, LogState& state) {
  state.last_position = log.recovered().last_position;
  auto reader = log.reader();
  if (!reader) return reader.error().message;
  for (const event::Transaction& each : log.recovered().pending) {
    const auto events = (*reader)->events(each.id, 0, 10'000);
    if (!events) return events.error().message;
    if (events->size() != each.event_count) return "a pending transaction does not have its events";
    state.pending[each.id] = {ordinals_of(*events), each.committed_us, false, 0};
  }
  for (event::Position position = log.erased().through;;) {
    const auto next = (*reader)->next(position);
    if (!next) return next.error().message;
    if (!*next) return {};
    if ((**next).position != position + 1)
      return std::to_string((**next).position) + " follows " + std::to_string(position);
    position = (**next).position;
    const auto events = (*reader)->events((**next).id, 0, 10'000);
    if (!events) return events.error().message;
    state.released[position] = {(**next).id, ordinals_of(*events)};
  }
}

std::string TortureRun::compare(const LogState& found, event::Position erased, Place durable, std::size_t least,
                                std::size_t most) const {
  LogState expected = base_;
  std::string last;
  for (std::size_t count = 0; count <= most; ++count) {
    if (count > 0) expected.apply(facts_[count - 1]);
    if (count < least) continue;
    LogState shown = expected;
    std::erase_if(shown.released, [&](const auto& each) { return each.first <= erased; });
    std::erase_if(shown.pending, [&](const auto& each) {  // the record by chance, its spill not
      return each.second.spilled && each.second.end > durable && !found.pending.contains(each.first);
    });
    if (shown.pending == found.pending && shown.released == found.released &&
        shown.last_position == found.last_position)
      return {};
    last = text_of(shown);
  }
  return "found: " + text_of(found) + "; expected at the latest: " + last;
}

std::string TortureRun::judge(ModelFiles& left, std::size_t calls, bool killed) const {
  auto opened = open_on(left);
  const Promise promise = promised(calls);
  if (!opened) return opened.error().message;
  LogState found;
  if (auto wrong = read(**opened, found); !wrong.empty()) return wrong;
  const event::Position erased = (*opened)->erased().through;
  if (erased > promise.safe) return "more was erased than was safe";
  std::size_t least = 0;
  std::size_t most = 0;
  for (const Fact& fact : facts_) {
    if (fact.returned <= calls && (killed || fact.end <= promise.durable)) ++least;
    if (fact.begun <= calls) ++most;
  }
  const Place durable = killed ? ~Place{0} : promise.durable;
  if (auto wrong = compare(found, erased, durable, least, most); !wrong.empty()) return wrong;
  const std::int64_t next = (*opened)->next_id();
  for (const auto& [id, written] : found.pending)
    if (id >= next) return "an id is given out twice";
  for (const auto& [position, each] : found.released)
    if (each.first >= next) return "an id is given out twice";
  return {};
}

}  // namespace weir::capture
