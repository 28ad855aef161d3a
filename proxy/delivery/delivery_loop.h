// From the journal to one destination: what to do next, without the thread (delivery.h) that does it.
//
// Reads released transactions after its checkpoint, formats them in slices that fit into memory, offers each slice
// until the destination takes it, and reports a checkpoint once the destination has it safely. Refused records are
// handed on as dead letters before the checkpoint that passes them. A destination that fails is tried again, ever more
// slowly; nothing is skipped, and nothing is offered twice in one run. Touches no other destination's state.
// A destination that pays for each request has a pace: once all that was released is offered, reading begins again when
// the pacer says so, and then goes on for as long as there is something to read. So what is collected stays where it
// is, costs no turn of this thread, and a large transaction or a backlog never waits.
// A destination that keeps its own position begins there, and one that wants events gets them without a format.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/notice.h"
#include "capture/journal/tail.h"
#include "emitters/emitter.h"
#include "emitters/format.h"
#include "emitters/pacer.h"
#include "proxy/counts/destination_counts.h"

namespace weir::proxy {

class DeliveryLoop {
 public:
  using Clock = std::chrono::steady_clock;
  using Milliseconds = std::chrono::milliseconds;
  using Microseconds = std::chrono::microseconds;

  static constexpr std::size_t kMaxBatchRecords = 512;
  static constexpr std::size_t kMaxBatchBytes = 1 << 20;
  static constexpr std::size_t kEventsPerRead = 256;
  static constexpr Milliseconds kFirstBackoff{100};
  static constexpr Milliseconds kLongestBackoff{5'000};
  /// Checkpoints are reported no more often than this while more is coming.
  static constexpr Milliseconds kCheckpointInterval{50};
  /// Between looks at a destination that has not confirmed everything: doubled while nothing moves.
  static constexpr Milliseconds kShortestLook{2};
  static constexpr Milliseconds kLongestLook{64};

  /// A trouble that lasts is logged again after so long; its text may change with every attempt.
  static constexpr std::chrono::minutes kTroubleInterval{1};

  struct Sinks {
    std::function<void(event::Position)> checkpoint;
    std::function<void(emitters::Refused)> dead_letter;
    std::function<void()> gone = {};  ///< nobody will ever take anything again: said again and again; may be empty
    Tell tell = [](const Notice&) {};
    std::shared_ptr<DestinationCounts> counts = {};     ///< told of every step; null: nobody counts
    std::function<void(event::Position)> durable = {};  ///< the destination has all up to here; may be empty
  };
  struct Now {
    Clock::time_point steady;
    std::int64_t wall_us = 0;
  };
  struct Next {
    enum class What {
      again,  ///< call step at once
      look,   ///< let the destination wait, at most so long (it sleeps in Emitter::wait), then call step
      pause,  ///< the journal or the destination failed: sleep so long, then call step
      pace,   ///< sleep so long, or until `releases` more were released, then call step
      idle    ///< all is delivered: call step after released()
    };
    What what = What::again;
    Microseconds at_most{0};
    std::size_t releases = 0;
  };

  struct Start {
    event::Position after = 0;  ///< the last position that the destination has, by the journal
    /// The last position of the stream at the start. Where the destination says that it has more, it speaks of a stream
    /// whose end a crash of the machine took, and those positions are given to others.
    event::Position newest = 0;
    Milliseconds pace{0};  ///< the destination pays for each request; 0: it does not
  };

  /// All outlive the loop. `format` is null where the destination wants events.
  DeliveryLoop(emitters::Emitter& emitter, emitters::Format* format, capture::StreamReader& reader, Start start,
               Sinks sinks);

  /// The journal has something new: at least so many transactions.
  void released(std::size_t transactions = 1);
  Next step(Now now);
  /// Takes up what the destination has confirmed and reports it; also after Emitter::close.
  void collect(Clock::time_point now);
  /// What whoever runs Weir should hear of the destination since the last call.
  std::vector<Notice> take_notices() { return std::exchange(notices_, {}); }
  /// From here on no further transaction is begun: the one under way ends, and what is left waits in the journal.
  void begin_no_more() { begins_ = false; }
  /// Nothing is under way: the destination has all that was begun for it.
  bool settled() const { return !reading_ && !slice_ready_ && durable_ >= read_through_; }
  /// The destination has everything up to here.
  event::Position durable() const { return durable_; }
  /// Nothing is left to read, and the destination has all that was.
  bool finished() const { return !may_have_more_ && !reading_ && !slice_ready_ && durable_ >= read_through_; }

 private:
  Result<void> resume();
  Next offer(Now now);
  Result<bool> offer_slice();
  Microseconds rest(Clock::time_point now) const;
  void caught_up(Clock::time_point now);
  Next look_again();
  Next fail(const Error& error, Clock::time_point now);
  void watch_trouble(Clock::time_point now);
  Result<bool> fill(std::int64_t now_us);
  Result<bool> begin_next();
  Result<void> read_slice(std::int64_t now_us);
  Result<void> read_more();
  void report(Clock::time_point now);

  emitters::Emitter& emitter_;
  emitters::Format* format_;
  capture::StreamReader& reader_;
  Sinks sinks_;
  emitters::Pacer pacer_;

  std::shared_ptr<const event::Transaction> reading_;
  std::uint32_t after_ordinal_ = 0;
  capture::LentEvents read_;  // formatted up to next_event_; where the destination wants events, the slice
  std::size_t next_event_ = 0;

  std::vector<emitters::Record> slice_;
  std::size_t slice_bytes_ = 0;
  bool slice_ready_ = false;
  bool slice_ends_ = false;

  const event::Position newest_;
  bool resumed_ = false;
  bool may_have_more_ = true;
  bool begins_ = true;
  std::size_t waiting_ = 0;  // transactions released since all was read, about
  bool sending_ = false;     // since reading began, until there is nothing more to read
  event::Position read_through_;
  event::Position durable_;
  event::Position reported_;
  Clock::time_point reported_at_{};
  Milliseconds look_ = kShortestLook;
  Milliseconds backoff_ = kFirstBackoff;
  std::optional<Clock::time_point> retry_at_;
  bool troubled_ = false;
  Clock::time_point trouble_logged_at_{};
  std::string failure_;
  std::vector<Notice> notices_;
};

}  // namespace weir::proxy
