// A Book in memory, for tests of what stands above it: shared, and held to the same contract test as the real one.
//
// A FakeShelf is what remains when a FakeBook is destroyed: another one made on it is the next run. Failures are made
// on demand by the shelf's members. Any thread.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "capture/journal/book.h"

namespace weir::capture {

struct FakeShelf {
  struct Destination {
    event::Position position = 0;
    bool forgotten = false;
    bool operator==(const Destination&) const = default;
  };

  // What a test sets, under the mutex or before threads start.
  std::optional<Error> fail_write;  ///< whatever changes something fails with it as long as it is set
  std::optional<Error> fail_read;
  std::optional<Error> fail_look;
  bool booted_since = false;
  bool ended = false;  ///< the last run's end was noted

  void set(const std::function<void(FakeShelf&)>& change) {
    const std::lock_guard lock(mutex);
    change(*this);
  }

  std::mutex mutex;
  std::string instance = "0123456789abcdef0123456789abcdef";
  std::map<std::string, Destination> destinations;
  std::vector<DeadLetter> dead_letters;
  std::vector<std::string> server_runs;
  int writes = 0;  ///< that succeeded
};

class FakeBook final : public Book {
 public:
  explicit FakeBook(FakeShelf& shelf) : shelf_(shelf), booted_since_(shelf.booted_since && !shelf.ended) {
    if (shelf_.ended) shelf_.booted_since = false;
    shelf_.ended = false;
  }

  const std::string& instance() const override { return shelf_.instance; }
  bool booted_since() const override { return booted_since_; }
  Result<void> note_boot() override {
    return write([&](FakeShelf& shelf) -> Result<void> {
      shelf.booted_since = false;
      return {};
    });
  }

  Result<void> note_end() override {
    return write([&](FakeShelf& shelf) -> Result<void> {
      shelf.ended = true;
      return {};
    });
  }

  Result<std::vector<Checkpoint>> checkpoints() override { return positions(false); }
  Result<std::vector<Checkpoint>> forgotten() override { return positions(true); }
  Result<void> set_checkpoints(std::span<const Checkpoint> checkpoints) override {
    return write([&](FakeShelf& shelf) -> Result<void> {
      for (const auto& one : checkpoints)
        if (!is_known(one.emitter)) return unknown(one.emitter);
      for (const auto& one : checkpoints) {
        auto& position = shelf.destinations[one.emitter].position;
        position = std::max(position, one.position);
      }
      return {};
    });
  }
  Result<void> add_destination(std::string_view emitter, event::Position position) override {
    return write([&](FakeShelf& shelf) -> Result<void> {
      if (is_known(emitter))
        return Error{"the fake book has a destination " + std::string(emitter) + " already", "58030"};
      shelf.destinations[std::string(emitter)] = {position, false};
      return {};
    });
  }
  Result<void> forget(std::string_view emitter) override {
    return write([&](FakeShelf& shelf) -> Result<void> {
      if (!is_known(emitter)) return unknown(emitter);
      shelf.destinations[std::string(emitter)].forgotten = true;
      return {};
    });
  }
  Result<void> rename(std::string_view emitter, std::string_view now) override {
    return write([&](FakeShelf& shelf) -> Result<void> {
      if (!is_known(emitter)) return unknown(emitter);
      if (emitter != now && is_known(now)) return Error{"the fake book has both destinations", "58030"};
      auto entry = shelf.destinations.extract(std::string(emitter));
      shelf.destinations[std::string(now)] = entry.mapped();
      return {};
    });
  }

  Result<void> add_dead_letter(const DeadLetter& letter) override {
    return write([&](FakeShelf& shelf) -> Result<void> {
      shelf.dead_letters.push_back(letter);
      shelf.dead_letters.back().stored_at = "2026-12-01T00:00:00.000Z";
      return {};
    });
  }
  Result<std::vector<DeadLetter>> dead_letters() override {
    return read([](FakeShelf& shelf) { return shelf.dead_letters; });
  }
  Result<void> note_server_run(std::string_view run) override {
    return write([&](FakeShelf& shelf) -> Result<void> {
      auto& runs = shelf.server_runs;
      if (std::find(runs.begin(), runs.end(), run) == runs.end()) runs.emplace_back(run);
      return {};
    });
  }
  Result<std::vector<std::string>> server_runs() override {
    return read([](FakeShelf& shelf) { return shelf.server_runs; });
  }
  Result<void> look() override {
    const std::lock_guard lock(shelf_.mutex);
    return shelf_.fail_look ? *shelf_.fail_look : Result<void>();
  }

 private:
  template <typename Body>
  Result<void> write(Body body) {
    const std::lock_guard lock(shelf_.mutex);
    if (shelf_.fail_write) return *shelf_.fail_write;
    const Result<void> done = body(shelf_);
    if (done) ++shelf_.writes;
    return done;
  }
  template <typename Body>
  auto read(Body body) -> Result<decltype(body(std::declval<FakeShelf&>()))> {
    const std::lock_guard lock(shelf_.mutex);
    if (shelf_.fail_read) return *shelf_.fail_read;
    return body(shelf_);
  }
  Result<std::vector<Checkpoint>> positions(bool forgotten) {
    return read([&](FakeShelf& shelf) {
      std::vector<Checkpoint> found;
      for (const auto& [name, one] : shelf.destinations)
        if (one.forgotten == forgotten) found.push_back({name, one.position});
      return found;
    });
  }
  bool is_known(std::string_view emitter) const {
    const auto found = shelf_.destinations.find(std::string(emitter));
    return found != shelf_.destinations.end() && !found->second.forgotten;
  }
  static Error unknown(std::string_view emitter) {
    return {"the fake book knows no destination " + std::string(emitter), "58030"};
  }

  FakeShelf& shelf_;
  const bool booted_since_;
};

}  // namespace weir::capture
