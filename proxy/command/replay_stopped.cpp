// weir replay where no Weir runs: opens the journal and the destination itself.
#include <poll.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>

#include "base/text.h"
#include "capture/journal/journal.h"
#include "capture/journal/sqlite_book.h"
#include "capture/journal/tail.h"
#include "proxy/command/replay_command.h"
#include "proxy/command/signals.h"
#include "proxy/command/subcommand.h"
#include "proxy/delivery/delivery.h"
#include "proxy/delivery/destinations.h"

namespace weir::proxy {

namespace {

constexpr std::chrono::milliseconds kLook{50};
constexpr std::chrono::milliseconds kLastWait{5'000};

/// What is asked for, and what of it there is.
struct Scene {
  const Settings& settings;
  const ReplayWish& wish;
  capture::Journal& journal;
  DestinationSpec spec;
  event::Position stands = 0;
};

Result<void> find_destination(Scene& scene) {
  const auto all = destinations_of(scene.settings);
  const auto spec =
      std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.name() == scene.wish.destination; });
  if (spec == all.end())
    return Error{"there is no destination " + scene.wish.destination + " in this configuration; there is " +
                     joined(all, ", ", [](const auto& one) { return one.name(); }),
                 ""};
  const auto known = scene.journal.book->checkpoints();
  if (!known) return known.error();
  for (const auto& one : *known)
    if (one.emitter == scene.wish.destination) scene.stands = one.position;
  scene.spec = *spec;
  return {};
}

Result<Replay> plan(const Scene& scene, capture::StreamReader& stream) {
  const auto from = read_replay_point(scene.wish.from);
  if (!from) return Error{"--from: " + from.error().message, ""};
  std::optional<ReplayPoint> to;
  if (!scene.wish.to.empty()) {
    const auto read = read_replay_point(scene.wish.to);
    if (!read) return Error{"--to: " + read.error().message, ""};
    to = *read;
  }
  const ReplayScene there{scene.wish.destination, scene.stands, scene.journal.log->erased().through,
                          committed_after_in(stream)};
  auto replay = plan_replay(*from, to, there);
  if (!replay) return replay;
  replay->tables = scene.wish.tables;
  if (replay->to == 0 || replay->to > scene.stands) replay->to = scene.stands;
  return replay;
}

std::string stretch(const Replay& replay) {
  return "positions " + std::to_string(replay.from) + " to " + std::to_string(replay.to) + " of the stream (" +
         counted(static_cast<std::uint64_t>(replay.to - replay.from + 1), "transaction") + ")";
}

/// Sends, until all is there, or until it is told to end.
int send(const Scene& scene, const Replay& replay, std::unique_ptr<capture::StreamReader> stream) {
  // Before there are threads, which would take them.
  const Signals signals({SIGINT, SIGTERM, SIGHUP, SIGPIPE});
  auto opened = open_destination(scene.spec, scene.journal.book->instance());
  if (!opened) return complain(kCommandFailed, opened.error().message);
  const auto own = opened->emitter->resume_after();
  if (!own) return complain(kCommandFailed, own.error().message);
  if (*own) return complain(kCommandFailed, scene.spec.name() + " keeps its own position, and takes nothing twice");
  if (!opened->format && !replay.tables.empty())
    return complain(kCommandUsage, scene.spec.name() + " takes transactions as a whole, so no tables can be chosen");
  if (!replay.tables.empty())
    opened->format = only_of(replay.tables, std::move(opened->format), scene.spec.emitter.prefix.value_or(""));
  std::atomic<event::Position> durable = replay.from - 1;
  std::atomic<bool> gone = false;
  DeliveryLoop::Sinks sinks;
  sinks.checkpoint = [&](event::Position position) { durable = position; };
  sinks.gone = [&] { gone = true; };
  sinks.tell = [](const Notice& notice) { complain(0, notice.text); };
  sinks.dead_letter = [&](const emitters::Refused& refused) {
    const auto kept = scene.journal.book->add_dead_letter(dead_letter_of(scene.spec.name(), refused));
    if (!kept) complain(0, kept.error().message);
  };
  Delivery delivery(std::move(opened->emitter), std::move(opened->format), std::move(sinks), scene.spec.pace());
  delivery.attach(up_to(std::move(stream), replay.to));
  delivery.start(replay.from - 1, replay.to);
  bool told = false;
  while (durable < replay.to && !gone && !told) {
    pollfd one{signals.descriptor(), POLLIN, 0};
    told = ::poll(&one, 1, static_cast<int>(kLook.count())) > 0;
  }
  (void)delivery.stop(told || gone ? std::chrono::milliseconds(0) : kLastWait);
  if (durable >= replay.to) return complain(0, scene.spec.name() + ": has " + stretch(replay) + " again");
  return complain(kCommandFailed,
                  scene.spec.name() + ": not all of it is there; --from " + std::to_string(durable + 1) + " goes on");
}

int replay_from(const Settings& settings, const ReplayWish& wish, capture::Journal& journal) {
  Scene scene{settings, wish, journal, {}, 0};
  if (const auto found = find_destination(scene); !found) return complain(kCommandFailed, found.error().message);
  auto reader = journal.log->reader();
  if (!reader) return complain(kCommandFailed, reader.error().message);
  capture::Tail nothing_new;
  auto stream = nothing_new.make_reader(std::move(*reader));
  const auto replay = plan(scene, *stream);
  if (!replay) return complain(kCommandFailed, replay.error().message);
  if (!wish.dry_run) return send(scene, *replay, std::move(stream));
  std::printf("%s would be sent again to %s\n", stretch(*replay).c_str(), scene.spec.name().c_str());
  return finish_output();
}

}  // namespace

int replay_stopped(const ReadSources& read, const std::string& path, const ReplayWish& wish) {
  const auto settings = settle(read.sources);
  if (!settings) return complain(kCommandUsage, settings.error().message);
  // Opening would make one.
  const auto is_one = capture::SqliteBook::open_to_read(path + "/book.sqlite");
  if (!is_one) return complain(kCommandFailed, is_one.error().message);
  capture::JournalOptions options;
  options.path = path;
  options.durability = settings->journal_durability;
  auto journal = capture::open_journal(options);
  if (!journal) return complain(kCommandFailed, journal.error().message);
  const int code = replay_from(*settings, wish, *journal);
  // As a Weir that ends well leaves it. What a crash of the machine may have taken is told by the next start.
  if (!journal->book->booted_since() && journal->log->sync()) (void)journal->book->note_end();
  return code;
}

}  // namespace weir::proxy
