#include "proxy/delivery/deliveries.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "proxy/delivery/destinations.h"
#include "proxy/process/clock.h"

namespace weir::proxy {

namespace {

using Level = Notice::Level;

std::string name_before(const DestinationsPlan& plan, const std::string& name) {
  for (const auto& [from, to] : plan.renamed)
    if (to == name) return from;
  return name;
}

}  // namespace

Deliveries::~Deliveries() = default;

Deliveries::Change::~Change() {
  if (!noted_) return;
  capture::command::ChangeDestinations back;
  for (const auto& [from, to] : places_.renamed) back.renamed.emplace_back(to, from);
  back.forgotten = places_.added;
  (void)committer_.change_destinations(std::move(back));
}

Result<void> Deliveries::open(const Settings& settings) {
  for (const auto& spec : destinations_of(settings)) {
    auto opened = open_destination(spec, options_.instance);
    if (!opened) return opened.error();
    auto made = make(spec, std::move(*opened), std::make_shared<DestinationCounts>(spec.name(), wall_us));
    if (!made) return made.error();
    put(std::move(*made));
  }
  return {};
}

Result<Deliveries::Running> Deliveries::make(const DestinationSpec& spec, OpenDestination opened, Counts counts) {
  auto sinks = sinks_of(spec.name(), std::move(counts));
  if (options_.tell_durable) sinks.durable = options_.tell_durable(spec.name(), std::string(spec.emitter.kind->name()));
  Running made{spec, std::make_unique<Delivery>(std::move(opened.emitter), std::move(opened.format), std::move(sinks),
                                                spec.pace())};
  auto stream = subscriptions_.subscribe({.wake = [delivery = made.delivery.get()] { delivery->wake(); }});
  if (!stream) return stream.error();
  made.delivery->attach(std::move(*stream));
  made.delivery->open_anew_with(opens_anew(spec, options_.instance, made.delivery->wants_events()));
  return made;
}

DeliveryLoop::Sinks Deliveries::sinks_of(const std::string& name, Counts counts) {
  DeliveryLoop::Sinks sinks;
  sinks.tell = options_.tell;
  sinks.counts = std::move(counts);
  sinks.checkpoint = [this, name](event::Position position) { committer_->set_checkpoint(name, position); };
  sinks.dead_letter = [this, name](const emitters::Refused& refused) {
    committer_->dead_letter(dead_letter_of(name, refused));
  };
  sinks.gone = [this] {
    if (count_ == 1 && options_.on_output_gone && !gone_told_.exchange(true)) options_.on_output_gone();
  };
  return sinks;
}

void Deliveries::start(Committer& committer) {
  committer_ = &committer;
  for (const auto& one : running_)
    one.delivery->start(committer.checkpoint_at_start(one.delivery->name()), committer.last_position());
}

std::vector<std::string> Deliveries::names() const {
  std::vector<std::string> names;
  for (const auto& one : running_) names.push_back(one.delivery->name());
  return names;
}

const Deliveries::Running* Deliveries::find(const std::string& name) const {
  const auto found =
      std::find_if(running_.begin(), running_.end(), [&](const Running& one) { return one.delivery->name() == name; });
  return found == running_.end() ? nullptr : &*found;
}

void Deliveries::put(Running one) {
  const std::lock_guard lock(mutex_);
  if (paused_.contains(one.delivery->name())) one.delivery->pause(true);
  running_.push_back(std::move(one));
  count_ = running_.size();
}

Deliveries::Running Deliveries::take(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto found =
      std::find_if(running_.begin(), running_.end(), [&](const Running& one) { return one.delivery->name() == name; });
  Running taken = std::move(*found);
  running_.erase(found);
  count_ = running_.size();
  return taken;
}

// -- a change ---------------------------------------------------------------------------------------------------------

Result<std::unique_ptr<Deliveries::Change>> Deliveries::prepare(const Settings& settings) {
  const auto known = committer_->change_destinations({});
  if (!known) return known.error();
  const auto plan = plan_destinations(*known, settings.emit);
  auto change = std::make_unique<Change>(*committer_);
  std::set<std::string> in_use;
  for (const auto& spec : destinations_of(settings)) {
    const auto before = name_before(plan, spec.name());
    const auto* running = find(before);
    if (running != nullptr) in_use.insert(before);
    if (running != nullptr && running->spec == spec) continue;
    auto& begin = change->begin_.emplace_back(Begin{spec, running != nullptr ? before : "", {}});
    if (running != nullptr && !spec.emitter.kind->opens_beside_itself()) {
      if (auto checked = check_destination(spec, options_.instance); !checked) return checked.error();
      continue;
    }
    auto opened = open_destination(spec, options_.instance);
    if (!opened) return opened.error();
    begin.opened = std::move(*opened);
  }
  for (const auto& one : running_)
    if (!in_use.contains(one.delivery->name())) change->left_out_.push_back(one.delivery->name());
  change->places_.added = plan.added;
  change->places_.renamed = plan.renamed;
  const auto places = committer_->change_destinations(change->places_);
  if (!places) return places.error();
  change->noted_ = true;
  for (const auto& one : *places) change->checkpoints_[one.emitter] = one.position;
  return change;
}

void Deliveries::carry_out(std::unique_ptr<Change> change) {
  change->noted_ = false;
  end_all(*change);
  for (const auto& name : change->left_out_) leave_out(take(name));
  for (auto& begin : change->begin_) replace(*change, begin);
}

/// All at the same time, for each may need all of its time.
void Deliveries::end_all(const Change& change) {
  std::vector<std::string> names = change.left_out_;
  for (const auto& begin : change.begin_)
    if (!begin.before.empty()) names.push_back(begin.before);
  for (const auto& name : names) find(name)->delivery->leave(kLongestLeave);
  for (const auto& name : names) {
    if (!find(name)->delivery->stop(kLongestLeave))
      tell(Level::warning, name + ": has not confirmed all that was under way; it comes again, with the same ids");
  }
}

/// `begin` is of `change`.
void Deliveries::replace(Change& change, Begin& begin) {
  const auto name = begin.spec.name();
  auto after = change.checkpoints_[name];
  auto counts = take_counts(begin.before.empty() ? name : begin.before, name);
  bool wants_events = false;
  if (!begin.before.empty()) {
    const auto before = take(begin.before);
    after = before.delivery->durable();
    wants_events = before.delivery->wants_events();
    if (name != begin.before) rename_paused(begin.before, name);
  }
  // The one before is closed by now.
  if (!begin.opened.emitter) begin.opened = open_late(begin.spec, options_.instance, wants_events);
  auto made = make(begin.spec, std::move(begin.opened), counts);
  if (!made) return tell(Level::error, name + ": " + made.error().message + "; its events wait in the journal");
  made->delivery->start(after, committer_->last_position());
  put(std::move(*made));
  if (begin.before.empty()) {
    tell(Level::info, name + ": begins behind position " + std::to_string(after));
  } else {
    tell(Level::info, begin.before + ": opened anew" + (name == begin.before ? "" : " as " + name) +
                          " with other settings; goes on behind position " + std::to_string(after));
  }
}

/// Its numbers go on where it was there before.
Deliveries::Counts Deliveries::take_counts(const std::string& before, const std::string& name) {
  const std::lock_guard lock(mutex_);
  Counts counts;
  if (const auto left = left_.extract(before); !left.empty()) counts = left.mapped();
  if (const auto* running = find(before); running != nullptr) counts = running->delivery->counts();
  if (counts == nullptr || before != name) return std::make_shared<DestinationCounts>(name, wall_us);
  counts->left_out(false);
  return counts;
}

void Deliveries::rename_paused(const std::string& before, const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (paused_.erase(before) > 0) paused_.insert(name);
}

void Deliveries::leave_out(Running one) {
  const auto name = one.delivery->name();
  // Where nothing was ever delivered nothing can be missed, and a name that was mistyped must not fill the disk.
  if (committer_->last_position() == 0 && committer_->change_destinations({.forgotten = {name}}))
    return tell(Level::info, name + ": is left out from now on");
  const auto counts = one.delivery->counts();
  counts->left_out(true);
  {
    const std::lock_guard lock(mutex_);
    left_[name] = counts;
  }
  tell(Level::warning, name + ": is left out from now on, and its events wait in the journal " + options_.journal +
                           " until it is configured again, or forgotten: FORGET DESTINATION " + name +
                           " in the console, or with Weir stopped weir journal forget " + name + " --journal " +
                           options_.journal + ". A start without it is refused until then");
}

// -- from any thread --------------------------------------------------------------------------------------------------

Result<void> Deliveries::pause(const std::string& name, bool is_paused) {
  {
    const std::lock_guard lock(mutex_);
    const auto* one = find(name);
    if (one == nullptr) return Error{"there is no destination \"" + name + "\"", "42704"};
    one->delivery->pause(is_paused);
    is_paused ? (void)paused_.insert(name) : (void)paused_.erase(name);
  }
  tell(Level::info, name + (is_paused ? ": paused; its events wait in the journal" : ": resumed"));
  return {};
}

Result<void> Deliveries::forget(const std::string& name) {
  if (find(name) != nullptr)
    return Error{"destination \"" + name + "\" is in use: take it out of the configuration first", "55000"};
  {
    const std::lock_guard lock(mutex_);
    if (!left_.contains(name)) return Error{"there is no destination \"" + name + "\" that was left out", "42704"};
  }
  if (const auto done = committer_->change_destinations({.forgotten = {name}}); !done) return done.error();
  {
    const std::lock_guard lock(mutex_);
    left_.erase(name);
    paused_.erase(name);
  }
  tell(Level::info, name + ": is forgotten; the journal keeps nothing for it any more");
  return {};
}

Result<event::Position> Deliveries::stands(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  if (const auto* one = find(name); one != nullptr) return one->delivery->counts()->value().durable;
  return Error{"there is no destination " + name + "; there is " + joined(names()), "42704"};
}

Result<void> Deliveries::send_again(const std::string& name, Delivery::Again again) {
  const std::lock_guard lock(mutex_);
  const auto* one = find(name);
  if (one == nullptr) return Error{"there is no destination " + name, "42704"};
  return one->delivery->send_again(std::move(again));
}

void Deliveries::wake() {
  const std::lock_guard lock(mutex_);
  for (const auto& one : running_) one.delivery->wake();
}

std::vector<DestinationCounts::Value> Deliveries::values() const {
  const std::lock_guard lock(mutex_);
  std::vector<DestinationCounts::Value> values;
  for (const auto& one : running_) values.push_back(one.delivery->counts()->value());
  for (const auto& [name, counts] : left_) values.push_back(counts->value());
  return values;
}

void Deliveries::leave(std::chrono::milliseconds at_most) {
  for (const auto& one : running_) one.delivery->leave(at_most);
  for (const auto& one : running_) (void)one.delivery->stop(at_most);
}

bool Deliveries::stop(std::chrono::milliseconds at_most) {
  bool complete = true;
  for (const auto& one : running_) one.delivery->ask_to_stop(at_most);
  for (const auto& one : running_) complete = one.delivery->stop(at_most) && complete;
  return complete;
}

}  // namespace weir::proxy
