#include "proxy/capture_service.h"

#include <sys/random.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/notice.h"
#include "base/text.h"
#include "proxy/delivery/destinations.h"
#include "proxy/gated_engine.h"
#include "proxy/process/clock.h"
#include "proxy/process/log.h"
#include "proxy/tail/tail_lines.h"

namespace weir::proxy {

namespace {

/// At the end, how long transactions in doubt are asked about; what is left is asked about at the next start.
constexpr std::chrono::milliseconds kLastQuestions{1'000};

/// And how long the collector gets.
constexpr std::chrono::milliseconds kLastSpans{1'000};

/// A small journal has small segments, so that what is delivered leaves room soon.
std::uint64_t segment_bytes(std::uint64_t max_bytes) {
  constexpr std::uint64_t kUsual = 64u << 20;
  constexpr std::uint64_t kLeast = 64u << 10;
  return max_bytes == 0 ? kUsual : std::clamp<std::uint64_t>(max_bytes / 16, kLeast, kUsual);
}

/// Nobody else's: other sessions', other Weirs' and clients' may meet it in one backend.
std::string random_name() {
  std::uint64_t number = 0;
  if (getrandom(&number, sizeof number, 0) != static_cast<ssize_t>(sizeof number)) std::abort();
  return std::to_string(number);
}

Error not_open() {
  return {"the journal is with the Weir before this one still: try again in a moment", "55000"};
}

StreamCounts::Seen seen_of(const AdminSettings& admin) {
  if (admin.events == "true") return StreamCounts::Seen::values;
  return admin.events == "false" ? StreamCounts::Seen::nothing : StreamCounts::Seen::names;
}

}  // namespace

Result<std::unique_ptr<CaptureService>> CaptureService::start(const Settings& settings, unsigned workers,
                                                              Notices& notices, std::function<void()> on_output_gone) {
  auto made = make(settings, workers, notices, std::move(on_output_gone));
  if (auto done = made->open(); !done) return done.error();
  return made;
}

std::unique_ptr<CaptureService> CaptureService::make(const Settings& settings, unsigned workers, Notices& notices,
                                                     std::function<void()> on_output_gone) {
  std::unique_ptr<CaptureService> made(new CaptureService(notices));
  made->on_output_gone_ = std::move(on_output_gone);
  made->settings_ = settings;
  made->rules_.change(settings);
  for (unsigned worker = 0; worker < workers; ++worker) {
    capture::StatementCache::Limits limits;
    limits.cache_bytes = settings.statement_cache_bytes;
    limits.statement_bytes = settings.max_statement_bytes;
    made->statements_.push_back(std::make_unique<capture::StatementCache>(limits));
  }
  return made;
}

Result<void> CaptureService::open() {
  if (auto done = open_journal(settings_); !done) return done;
  if (auto done = open_destinations(settings_); !done) return done;
  if (auto done = run(); !done) return done;
  coming_.came(*committer_);
  return {};
}

CaptureService::~CaptureService() {
  (void)stop(std::chrono::milliseconds(0));
}

Result<void> CaptureService::open_journal(const Settings& settings) {
  const bool stays = settings.journal_durability != capture::Durability::memory && !settings.journal_path.empty();
  capture::JournalOptions options;
  options.path = settings.journal_path;
  options.durability = durability_ = stays ? settings.journal_durability : capture::Durability::memory;
  options.segment_bytes = segment_bytes(settings.journal_max_bytes);
  auto journal = capture::open_journal(options);
  if (!journal) return journal.error();
  journal_ = std::move(*journal);
  instance_ = journal_.book->instance();
  journal_name_ = stays ? settings.journal_path : "(temporary)";
  journal_stays_ = stays;
  if (const auto& warning = journal_.log->recovered().warning; !warning.empty())
    notices_.tell({Notice::Level::error, warning});
  if (stays) {
    notices_.tell({Notice::Level::info, "journal " + journal_name_ + ", instance " + journal_.book->instance()});
    return {};
  }
  const bool unused = !settings.journal_path.empty();
  notices_.tell(
      {Notice::Level::warning,
       std::string("the journal is temporary") +
           (unused ? " (journal.durability is memory, so journal.path is not used)" : "") +
           ": if Weir or its machine crashes, events that were not delivered are lost. To lose nothing, start it "
           "with --journal PATH" +
           (unused ? " and --journal.durability answer" : "")});
  return {};
}

Result<std::unique_ptr<capture::StreamReader>> CaptureService::subscribe(Subscriptions::Options options) {
  if (!is_open()) return not_open();
  return subscriptions_->subscribe(std::move(options));
}

Result<void> CaptureService::open_destinations(const Settings& settings) {
  subscriptions_ = std::make_unique<Subscriptions>(
      *journal_.log, [this](capture::StreamCommand command) { committer_->tell(std::move(command)); });
  if (!settings.tracing.otlp.empty()) {
    tracer_ = std::make_unique<Tracer>(Tracer::Options{settings.tracing.otlp,
                                                       settings.tracing.headers,
                                                       {WEIR_VERSION, instance_},
                                                       [this] { return committer_->last_position(); },
                                                       notices_.teller()});
  }
  Deliveries::Options options{instance_, journal_name_, notices_.teller(), on_output_gone_};
  if (tracer_)
    options.tell_durable = [this](const std::string& name, const std::string& system) {
      return tracer_->delivery(name, system);
    };
  deliveries_ = std::make_unique<Deliveries>(*subscriptions_, std::move(options));
  if (auto done = deliveries_->open(settings); !done) return done;
  const auto settled =
      settle_destinations(*journal_.book, journal_.log->recovered().last_position, settings.emit, journal_name_);
  if (!settled) return settled.error();
  for (const auto& notice : *settled) notices_.tell(notice);
  return {};
}

Result<void> CaptureService::run() {
  auto reader = journal_.log->reader();
  if (!reader) return reader.error();
  Resolver::Options asking;
  asking.upstream = settings_.upstream;
  asking.credentials = settings_.credentials;
  asking.sessions = &askable_sessions_;
  asking.resolve = [this](std::int64_t id, capture::Outcome outcome) { committer_->resolve(id, outcome); };
  asking.give_up = [this](std::int64_t id, std::vector<event::ChangeEvent> gaps) {
    committer_->give_up(id, std::move(gaps));
  };
  asking.runs = [this]() -> ServerRuns& { return committer_->server_runs(); };
  asking.tell = notices_.teller();
  asking.waiting = [this] { return committer_->waiting(); };
  resolver_ = std::make_unique<Resolver>(std::move(asking), std::move(*reader));

  Committer::Options committing;
  committing.journal = journal_name_;
  committing.durability = durability_;
  committing.max_bytes = settings_.journal_max_bytes;
  committing.hold_timeout = settings_.hold_timeout;
  committing.emitters = deliveries_->names();
  committing.tell = notices_.teller();
  committing.seen = seen_of(settings_.admin);
  committing.tail = &subscriptions_->tail();
  committing.on_released = [this] { subscriptions_->released(); };
  committing.on_doubt = [this](std::vector<capture::Doubt> doubts) { resolver_->add(std::move(doubts)); };
  committer_ = std::make_unique<Committer>(std::move(journal_), std::move(committing));

  if (auto started = committer_->start(); !started) return started;
  if (auto started = start_tracer(committer_->last_position()); !started) return started;
  deliveries_->start(*committer_);
  resolver_->start();
  return {};
}

Result<void> CaptureService::start_tracer(event::Position newest) {
  if (!tracer_) return {};
  auto stream = subscriptions_->subscribe({.wake = [this] { tracer_->wake(); }});
  if (!stream) return stream.error();
  tracer_->attach(std::move(*stream));
  tracer_->start(newest);
  return {};
}

std::unique_ptr<wire::Engine> CaptureService::make_engine(const SessionInfo& info) {
  capture::SessionOptions options;
  options.statements = statements_.at(info.worker).get();
  options.catalog_epoch = &catalog_epoch_;
  options.clock = [] {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch());
  };
  rules_.fill_in(options);
  options.own_names = "weir:" + random_name() + ":";
  options.database = info.database;
  options.context = {info.user, info.application_name, info.client, std::to_string(info.id)};
  return std::make_unique<GatedEngine>(coming_, askable_sessions_, rules_.patterns(), info, std::move(options));
}

void CaptureService::describe(Snapshot& now) const {
  now.capturing = true;
  if (!is_open()) {
    now.journal.trouble = "the journal is with the Weir before this one still: writes wait";
    return;
  }
  now.instance = instance_;
  now.commits = committer_->counts().value();
  now.stream = committer_->rows().value();
  const auto doubts = resolver_->doubts();
  now.doubts = {doubts.transactions, committer_->waiting(), doubts.oldest_us, doubts.reason};
  now.journal = {journal_name_, committer_->journal_bytes(), committer_->max_bytes(), committer_->trouble()};
  now.last_position = committer_->last_position();
  now.destinations = deliveries_->values();
  if (tracer_) now.tracing = {true, tracer_->counts().sent, tracer_->counts().dropped};
}

Result<std::unique_ptr<LineStream>> CaptureService::open_lines(const std::string& query, std::function<void()> wake) {
  if (!is_open()) return not_open();
  const auto request = read_tail_request(query);
  if (!request) return request.error();
  TailSource source;
  source.subscribe = [this, wake = std::move(wake)] { return subscriptions_->subscribe({.wake = wake}); };
  source.newest = [this] { return committer_->last_position(); };
  source.erased = [this] { return committer_->erased(); };
  source.scope = [this]() -> const capture::Scope& { return rules_.scope(); };
  source.now_us = wall_us;
  source.format.prefix = settings_.prefix;
  source.format.instance = instance_;
  source.format.tombstones = false;
  source.format.statements = emitters::Statements::table;
  auto lines = TailLines::open(*request, std::move(source));
  if (!lines) return lines.error();
  return std::unique_ptr<LineStream>(std::move(*lines));
}

Result<Replay> CaptureService::replay(const ReplayRequest& request) {
  if (!is_open()) return not_open();
  const auto stands = deliveries_->stands(request.destination);
  if (!stands) return stands.error();
  // It has its say before it is looked what is there.
  const auto name = "replay " + random_name();
  const auto keep = request.from.position > 0 ? request.from.position - 1 : committer_->erased();
  auto stream = subscriptions_->subscribe({.name = name, .keep_after = keep});
  if (!stream) return stream.error();
  committer_->drain();
  const ReplayScene scene{request.destination, *stands, committer_->erased(), committed_after_in(**stream)};
  auto replay = plan_replay(request.from, request.to, scene);
  if (!replay) return replay;
  replay->tables = request.tables;
  if (!request.dry_run) {
    auto done_through = [this, name](event::Position position) { committer_->set_checkpoint(name, position); };
    const auto asked =
        deliveries_->send_again(request.destination, {*replay, std::move(*stream), std::move(done_through)});
    if (!asked) return asked.error();
  }
  if (replay->to == 0 || replay->to > scene.stands) replay->to = scene.stands;
  return replay;
}

void CaptureService::watched() {
  if (is_open()) committer_->rows().watch(wall_us());
}

Result<std::unique_ptr<Deliveries::Change>> CaptureService::prepare(const Settings& settings) {
  if (!is_open()) return not_open();
  return deliveries_->prepare(settings);
}

Result<void> CaptureService::pause(const std::string& destination, bool is_paused) {
  if (!is_open()) return not_open();
  return deliveries_->pause(destination, is_paused);
}

Result<void> CaptureService::forget(const std::string& destination) {
  if (!is_open()) return not_open();
  return deliveries_->forget(destination);
}

void CaptureService::change(const Settings& settings, std::unique_ptr<Deliveries::Change> destinations) {
  rules_.change(settings);
  committer_->change_limits(settings.journal_max_bytes, settings.hold_timeout);
  committer_->rows().keep(seen_of(settings.admin));
  deliveries_->carry_out(std::move(destinations));
}

void CaptureService::reopen_files() {
  if (is_open()) deliveries_->wake();
}

void CaptureService::hand_over(std::chrono::milliseconds at_most) {
  if (!is_open() || !journal_stays_ || std::exchange(stopped_, true)) return;
  (void)end_outcomes(std::min(at_most, kLastQuestions));
  deliveries_->leave(at_most);
  if (tracer_) tracer_->stop(std::min(at_most, kLastSpans));
  committer_->stop();
}

bool CaptureService::stop(std::chrono::milliseconds at_most) {
  if (!is_open() || std::exchange(stopped_, true)) return true;
  const bool known = end_outcomes(at_most);
  const bool complete = deliveries_->stop(at_most) && known;
  if (tracer_) tracer_->stop(std::min(at_most, kLastSpans));
  committer_->stop();
  if (complete) return true;
  if (journal_stays_) {
    notices_.tell({Notice::Level::warning, "what the destinations do not have is in the journal " + journal_name_ +
                                               " and goes to them after the next start"});
  } else {
    notices_.tell({Notice::Level::error,
                   "what the destinations do not have is lost with the temporary journal; to lose nothing, start Weir "
                   "with --journal PATH"});
  }
  return journal_stays_;
}

/// True: nothing is in doubt.
bool CaptureService::end_outcomes(std::chrono::milliseconds at_most) {
  // What the last sessions said, and what became of those that were cut off, comes before the destinations finish.
  committer_->drain();
  resolver_->drain(std::min(at_most, kLastQuestions));
  const std::size_t doubts = resolver_->stop();
  if (doubts > 0)
    notices_.tell({Notice::Level::warning,
                   counted(doubts, "transaction") + (doubts == 1 ? " is" : " are") + " in doubt; events behind wait"});
  committer_->drain();
  return doubts == 0;
}

}  // namespace weir::proxy
