// A destination, a format and a journal's reader that do as they are told, and a loop between them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "proxy/delivery/delivery_loop.h"

namespace weir::proxy {

using emitters::Record;
using std::chrono::milliseconds;
using What = DeliveryLoop::Next::What;
using Strings = std::vector<std::string>;

class FakeEmitter final : public emitters::Emitter {
 public:
  const std::string& name() const override { return name_; }
  Result<bool> offer(std::vector<Record>&& batch, event::Position position, bool ends) override {
    const std::lock_guard lock(mutex);
    ++offers;
    if (error) return *error;
    if (busy) return false;
    for (const auto& record : batch) taken.push_back(*record.value + "@" + std::to_string(position));
    largest = std::max(largest, batch.size());
    if (ends) ended = position;
    if (ends && confirms) durable = position;
    return true;
  }
  Result<bool> offer_events(const event::Transaction& transaction, std::span<const event::ChangeEvent> events,
                            bool ends) override {
    const std::lock_guard lock(mutex);
    ++offers;
    if (error) return *error;
    if (busy) return false;
    largest = std::max(largest, events.size());
    for (const auto& one : events)
      taken.push_back(std::to_string(one.ordinal) + "@" + std::to_string(transaction.position));
    if (ends) taken.push_back("end");
    if (ends) ended = durable = transaction.position;
    return true;
  }
  bool wants_events() const override { return takes_events; }
  Result<std::optional<event::Position>> resume_after() override {
    const std::lock_guard lock(mutex);
    if (error) return *error;
    return own_position;
  }
  event::Position durable_through() override {
    const std::lock_guard lock(mutex);
    return durable;
  }
  std::vector<emitters::Refused> take_refused() override { return std::move(refused); }
  void wait(milliseconds) override {}
  bool close(milliseconds) override {
    const std::lock_guard lock(mutex);
    closed = true;
    durable = ended;
    return true;
  }
  std::string trouble() override { return troubled; }

  std::mutex mutex;
  std::optional<Error> error;
  bool busy = false;
  bool confirms = true;
  bool closed = false;
  bool takes_events = false;
  std::optional<event::Position> own_position;
  event::Position durable = 0;
  event::Position ended = 0;
  int offers = 0;
  std::size_t largest = 0;
  std::vector<std::string> taken;
  std::vector<emitters::Refused> refused;
  std::string troubled;

 private:
  std::string name_ = "fake:";
};

/// "b7" for a begin of xid 7, "1", "2", … for its events, "e" for its end.
class FakeFormat final : public emitters::Format {
 public:
  void begin(const event::Transaction& transaction, std::vector<Record>& out) override {
    add("b" + std::to_string(transaction.xid), out);
  }
  void change(const event::ChangeEvent& change, std::int64_t, std::vector<Record>& out) override {
    add(std::to_string(change.ordinal) + std::string(padding, '.'), out);
  }
  void end(std::vector<Record>& out) override { add("e", out); }
  void resolved(event::Position position, event::Lsn lsn, std::vector<Record>& out) override {
    if (tells_resolved) add("r" + std::to_string(position) + "/" + std::to_string(lsn), out);
  }

  bool tells_resolved = false;
  std::size_t padding = 0;

 private:
  static void add(const std::string& value, std::vector<Record>& out) {
    Record record;
    record.value = value;
    out.push_back(record);
  }
};

class FakeReader final : public capture::StreamReader {
 public:
  Result<std::shared_ptr<const event::Transaction>> next(event::Position after) override {
    const std::lock_guard lock(mutex);
    ++reads;
    if (error) return *error;
    for (const auto& transaction : transactions) {
      if (transaction.position > after) return std::make_shared<const event::Transaction>(transaction);
    }
    return std::shared_ptr<const event::Transaction>();
  }
  Result<capture::LentEvents> events(std::int64_t id, std::uint32_t after, std::size_t limit) override {
    const std::lock_guard lock(mutex);
    if (error) return *error;
    std::vector<event::ChangeEvent> result;
    const auto count = transactions.at(static_cast<std::size_t>(id - 1)).event_count;
    for (auto ordinal = after + 1; ordinal <= count && result.size() < limit; ++ordinal) {
      event::ChangeEvent event;
      event.ordinal = ordinal;
      event.after = std::string(row_size, '.');
      result.push_back(event);
      if (event::memory_of(result) >= capture::JournalReader::kMostBytes) break;
    }
    const bool last = capture::JournalReader::are_last(result, limit);
    const auto owner = std::make_shared<const std::vector<event::ChangeEvent>>(std::move(result));
    return capture::LentEvents{owner, *owner, last};
  }
  void release(std::uint32_t events) {
    const std::lock_guard lock(mutex);
    event::Transaction transaction;
    transaction.id = transaction.position = static_cast<std::int64_t>(transactions.size()) + 1;
    transaction.xid = 100 + static_cast<event::Xid>(transaction.id);
    transaction.event_count = events;
    transaction.resolved = static_cast<event::Lsn>(transaction.id) * 10;
    transactions.push_back(transaction);
  }

  std::mutex mutex;
  std::vector<event::Transaction> transactions;
  std::optional<Error> error;
  int reads = 0;
  std::size_t row_size = 1;
};

class DeliveryLoopTest : public testing::Test {
 protected:
  DeliveryLoop::Sinks sinks() {
    DeliveryLoop::Sinks made;
    made.checkpoint = [this](event::Position position) { said.push_back("checkpoint " + std::to_string(position)); };
    made.dead_letter = [this](const emitters::Refused& refused) { said.push_back("dead letter " + refused.reason); };
    made.counts = counted;
    return made;
  }
  DeliveryLoop& loop() {
    if (!loop_)
      loop_ = std::make_unique<DeliveryLoop>(emitter, emitter.takes_events ? nullptr : &format, reader,
                                             DeliveryLoop::Start{after, newest, pace}, sinks());
    return *loop_;
  }
  /// Notices since the last call, with their level before the text.
  std::vector<std::string> told() {
    std::vector<std::string> texts;
    for (const auto& notice : loop().take_notices())
      texts.push_back((notice.level == Notice::Level::info ? "info " : "warning ") + notice.text);
    return texts;
  }
  DeliveryLoop::Next step() { return loop().step({DeliveryLoop::Clock::time_point{} + clock, 0}); }
  /// Steps until there is nothing more to do at once.
  DeliveryLoop::Next settle() {
    for (int i = 0; i < 10'000; ++i) {
      if (const auto next = step(); next.what != What::again) return next;
    }
    ADD_FAILURE() << "the loop never rests";
    return {};
  }
  void release(std::uint32_t events) {
    reader.release(events);
    loop().released();
  }
  /// As many as may be sent before their time; the last one's position.
  event::Position send_early() {
    for (int i = 0; i <= emitters::Pacer::most_early; ++i) {
      release(1);
      settle();
    }
    EXPECT_EQ(emitter.ended, emitters::Pacer::most_early + 1);
    return emitter.ended;
  }

  std::shared_ptr<DestinationCounts> counted =
      std::make_shared<DestinationCounts>("fake:", [] { return std::int64_t{5}; });
  DestinationCounts& counts = *counted;
  FakeEmitter emitter;
  FakeFormat format;
  FakeReader reader;
  event::Position after = 0;
  event::Position newest = 0;
  std::chrono::microseconds clock{1'000'000};
  milliseconds pace{0};
  std::vector<std::string> said;

 private:
  std::unique_ptr<DeliveryLoop> loop_;
};

}  // namespace weir::proxy
