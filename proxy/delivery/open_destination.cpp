#include "proxy/delivery/open_destination.h"

#include <cstdlib>
#include <thread>
#include <utility>

#include "proxy/delivery/destination_name.h"
#include "proxy/process/log.h"

namespace weir::proxy {

namespace {

emitters::DestinationOptions options_of(const DestinationSpec& spec, const std::string& instance) {
  emitters::DestinationOptions options;
  options.uri = spec.emitter.uri;
  options.name = spec.name();
  options.instance = instance;
  options.own = spec.emitter.own;
  options.debug = [](const std::string& line) { log::debug(line); };
  return options;
}

emitters::Statements statements_of(const EmitterSettings& emitter) {
  if (!emitter.statements) return emitter.kind->usual_statements();
  if (*emitter.statements == "skip") return emitters::Statements::skip;
  return *emitter.statements == "gap" ? emitters::Statements::gap : emitters::Statements::table;
}

Result<std::unique_ptr<emitters::Format>> make_format(const DestinationSpec& spec, const std::string& instance) {
  emitters::FormatOptions options;
  options.prefix = spec.emitter.prefix.value_or("");
  options.instance = instance;
  options.tombstones = spec.emitter.tombstones;
  options.transaction_topic = spec.emitter.transaction_topic;
  options.statements = statements_of(spec.emitter);
  options.colour = spec.emitter.kind->is_read_by_a_person() && std::getenv("NO_COLOR") == nullptr;
  return emitters::make_format(spec.format, options);
}

/// Opens its destination when something is offered, as often as that is needed.
class LateEmitter final : public emitters::Emitter {
 public:
  LateEmitter(DestinationSpec spec, std::string instance, bool wants_events)
      : spec_(std::move(spec)), instance_(std::move(instance)), name_(spec_.name()), wants_events_(wants_events) {
    (void)open();
  }

  const std::string& name() const override { return name_; }
  bool wants_events() const override { return wants_events_; }
  Result<std::optional<event::Position>> resume_after() override {
    if (const auto opened = open(); !opened) return opened.error();
    return emitter_->resume_after();
  }
  Result<bool> offer(std::vector<emitters::Record>&& batch, event::Position position, bool ends) override {
    if (const auto opened = open(); !opened) return opened.error();
    return emitter_->offer(std::move(batch), position, ends);
  }
  Result<bool> offer_events(const event::Transaction& transaction, std::span<const event::ChangeEvent> events,
                            bool ends) override {
    if (const auto opened = open(); !opened) return opened.error();
    return emitter_->offer_events(transaction, events, ends);
  }
  event::Position durable_through() override { return emitter_ ? emitter_->durable_through() : 0; }
  std::vector<emitters::Refused> take_refused() override {
    return emitter_ ? emitter_->take_refused() : std::vector<emitters::Refused>();
  }
  void wait(std::chrono::milliseconds at_most) override {
    if (emitter_) return emitter_->wait(at_most);
    std::this_thread::sleep_for(at_most);
  }
  bool close(std::chrono::milliseconds at_most) override { return !emitter_ || emitter_->close(at_most); }
  std::string trouble() override { return emitter_ ? emitter_->trouble() : std::string(); }
  bool gone() override { return emitter_ && emitter_->gone(); }

 private:
  Result<void> open() {
    if (emitter_) return {};
    auto opened = spec_.emitter.kind->open(options_of(spec_, instance_));
    if (!opened) return opened.error();
    emitter_ = std::move(*opened);
    return {};
  }

  const DestinationSpec spec_;
  const std::string instance_;
  const std::string name_;
  const bool wants_events_;
  std::unique_ptr<emitters::Emitter> emitter_;  // null: it could not be opened yet
};

}  // namespace

std::string DestinationSpec::name() const {
  return destination_name(emitter);
}

std::chrono::milliseconds DestinationSpec::pace() const {
  return emitter.pace_ms ? std::chrono::milliseconds(*emitter.pace_ms) : emitter.kind->usual_pace();
}

std::vector<DestinationSpec> destinations_of(const Settings& settings) {
  std::vector<DestinationSpec> specs;
  for (const auto& emitter : settings.emit) {
    auto& spec = specs.emplace_back(DestinationSpec{emitter, {}});
    const bool person = emitter.kind->is_read_by_a_person();
    spec.emitter.prefix = emitter.prefix.value_or(settings.prefix);
    spec.format = emitter.format.value_or(settings.format.value_or(person ? "readable" : "debezium"));
    spec.emitter.format.reset();
  }
  return specs;
}

Result<OpenDestination> open_destination(const DestinationSpec& spec, const std::string& instance) {
  auto emitter = spec.emitter.kind->open(options_of(spec, instance));
  if (!emitter) return emitter.error();
  OpenDestination opened{std::move(*emitter), nullptr};
  if (opened.emitter->wants_events()) return opened;
  auto format = make_format(spec, instance);
  if (!format) return format.error();
  opened.format = std::move(*format);
  return opened;
}

Result<void> check_destination(const DestinationSpec& spec, const std::string& instance) {
  if (const auto format = make_format(spec, instance); !format) return format.error();
  for (const auto& look : spec.emitter.kind->look(options_of(spec, instance), {}, std::chrono::milliseconds(0))) {
    if (look.is == emitters::DestinationKind::Look::Is::bad) return Error{spec.name() + ": " + look.text, ""};
  }
  return {};
}

OpenDestination open_late(const DestinationSpec& spec, const std::string& instance, bool wants_events) {
  OpenDestination opened{std::make_unique<LateEmitter>(spec, instance, wants_events), nullptr};
  // It was made once, when it was checked.
  if (!wants_events) opened.format = std::move(*make_format(spec, instance));
  return opened;
}

}  // namespace weir::proxy
