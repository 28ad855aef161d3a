// Destinations that come, take other names and go while the stream runs.
#include <algorithm>
#include <functional>
#include <utility>

#include "capture/journal/stream.h"

namespace weir::capture {

namespace {

/// What is to be done where a later step fails, the last first.
class Undo {
 public:
  Undo() = default;
  Undo(const Undo&) = delete;
  Undo& operator=(const Undo&) = delete;
  ~Undo() {
    for (; !steps_.empty(); steps_.pop_back()) steps_.back()();
  }
  void add(std::function<void()> step) { steps_.push_back(std::move(step)); }
  void keep() { steps_.clear(); }

 private:
  std::vector<std::function<void()>> steps_;
};

}  // namespace

void Stream::run(command::ChangeDestinations& change) {
  // What was reported before belongs to the places that there are now.
  write_book(true);
  auto changed = change_book(change);
  auto places = changed ? book_.checkpoints() : Result<std::vector<Checkpoint>>(changed.error());
  if (places) take_destinations(change, *places);
  if (change.done) change.done(std::move(places));
}

Result<void> Stream::change_book(const command::ChangeDestinations& change) {
  const auto forgotten = book_.forgotten();
  if (!forgotten) return forgotten.error();
  Undo undo;
  for (const auto& [from, to] : change.renamed) {
    if (auto done = book_.rename(from, to); !done) return done;
    undo.add([this, from = from, to = to] { (void)book_.rename(to, from); });
  }
  for (const auto& name : change.added) {
    const auto before =
        std::find_if(forgotten->begin(), forgotten->end(), [&](const auto& one) { return one.emitter == name; });
    if (auto done = book_.add_destination(name, before == forgotten->end() ? 0 : before->position); !done) return done;
    undo.add([this, name] { (void)book_.forget(name); });
  }
  for (const auto& name : change.forgotten) {
    if (auto done = book_.forget(name); !done) return done;
    undo.add([this, name, position = checkpoint(name)] { (void)book_.add_destination(name, position); });
  }
  undo.keep();
  return {};
}

void Stream::take_destinations(const command::ChangeDestinations& change, const std::vector<Checkpoint>& places) {
  for (const auto& [from, to] : change.renamed) {
    earlier_names_.erase(to);
    earlier_names_[from] = to;
    for (auto& [earlier, now] : earlier_names_)
      if (now == from) now = to;
    if (const auto reported = reported_.extract(from); !reported.empty()) reported_[to] = reported.mapped();
  }
  for (const auto& name : change.added) earlier_names_.erase(name);
  for (const auto& name : change.forgotten) reported_.erase(name);
  options_.emitters.clear();
  auto before = std::exchange(checkpoints_, {});
  for (const auto& one : places) {
    options_.emitters.push_back(one.emitter);
    checkpoints_[one.emitter] = one.position;
  }
}

}  // namespace weir::capture
