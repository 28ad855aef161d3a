#include "capture/session/session_machine.h"

#include <algorithm>

#include "capture/session/client_messages.h"
#include "capture/session/server_answers.h"
#include "capture/session/sqlstates.h"
#include "wire/error_response.h"

namespace weir::capture {
namespace {

namespace frontend = wire::frontend;

/// Passes on what there is of the rest of a frame.
std::size_t skip(Incoming& incoming, std::string_view rest) {
  const std::size_t count = std::min(incoming.skip, rest.size());
  incoming.skip -= count;
  return count;
}

Frame frame_of(const wire::FrameHeader& header, std::string_view rest) {
  return {header.type, header.size, rest.substr(0, std::min(header.size, rest.size()))};
}

}  // namespace

SessionMachine::SessionMachine(const SessionOptions& options) : state_(options) {
  // The first ReadyForQuery answers the StartupMessage.
  state_.queue.push({.expect = Expect::sync});
}

std::size_t SessionMachine::from_client(std::string_view received, wire::Turn& turn) {
  state_.client.frame_size = 0;
  if (state_.track == Track::closed) return 0;
  feed_again(turn);
  const std::size_t used = state_.retained.has_again() ? 0 : feed(received, turn);
  heed_rules(state_, turn);
  return used;
}

/// What is to be taken once more comes before all that is new.
void SessionMachine::feed_again(wire::Turn& turn) {
  while (state_.retained.has_again() && state_.wait == Wait::nothing && !turn.close)
    if (!state_.retained.feed_again([&](std::string_view again) { return feed(again, turn); })) return;
}

std::size_t SessionMachine::feed(std::string_view received, wire::Turn& turn) {
  if (state_.client.is_broken) return received.size();
  ClientMessages messages(state_, turn);
  std::size_t used = 0;
  while (used < received.size() && state_.wait == Wait::nothing && !turn.close) {
    const std::string_view rest = received.substr(used);
    if (state_.client.skip > 0) {
      const std::size_t count = skip(state_.client, rest);
      messages.pass_on(rest.substr(0, count));
      used += count;
      continue;
    }
    const wire::FrameHeader header = wire::read_client_header(rest);
    if (header.state == wire::FrameHeader::State::incomplete) break;
    if (header.state == wire::FrameHeader::State::malformed) {
      if (!messages.pass_on_broken(rest.substr(0, wire::kHeaderSize))) break;
      return received.size();
    }
    const Frame frame = frame_of(header, rest);
    if (!take_next(frame, messages)) break;
    used += frame.received.size();
  }
  return used;
}

/// False where it is not taken yet.
bool SessionMachine::take_next(const Frame& frame, ClientMessages& messages) {
  AtHand& at_hand = state_.at_hand;
  at_hand.is_whole = frame.whole();
  at_hand.will_be_whole = !at_hand.is_whole && frame.size <= kLargestHeldFrame;
  if (state_.retained.checks()) {
    if (at_hand.will_be_whole) {
      state_.client.frame_size = frame.size;
      return false;
    }
    if (!passes_behind_check(frame)) {
      (void)messages.wait();
      return false;
    }
  }
  if (messages.take(frame) == Took::nothing) {
    if (state_.wait == Wait::nothing) state_.client.frame_size = frame.size;
    return false;
  }
  at_hand.asks_alone = false;
  state_.catalog.next_message();
  state_.retained.keep(frame.received);
  return true;
}

/// While old facts are being asked for, only what can be taken once more.
bool SessionMachine::passes_behind_check(const Frame& frame) const {
  if (state_.run && !state_.run->finished()) return true;
  if (!frame.whole() || state_.retained.is_full()) return false;
  return frame.type == frontend::kParse || frame.type == frontend::kBind || frame.type == frontend::kDescribe ||
         frame.type == frontend::kExecute || frame.type == frontend::kClose || frame.type == frontend::kFlush;
}

std::size_t SessionMachine::from_upstream(std::string_view received, wire::Turn& turn) {
  state_.upstream.frame_size = 0;
  if (state_.track == Track::closed || state_.transaction.holds()) return 0;
  ServerAnswers answers(state_, turn);
  std::size_t used = 0;
  while (used < received.size() && !turn.close) {
    const std::string_view rest = received.substr(used);
    if (state_.upstream.skip > 0) {
      const std::size_t count = skip(state_.upstream, rest);
      if (!state_.upstream.drops) turn.to_client.relay(rest.substr(0, count));
      used += count;
      continue;
    }
    const wire::FrameHeader header = wire::read_header(rest);
    if (header.state == wire::FrameHeader::State::incomplete) break;
    if (header.state == wire::FrameHeader::State::malformed) {
      wire::append_error(turn.to_client.buffer(), "FATAL", kProtocolViolation,
                         "the database sent a message of invalid length");
      turn.close = true;
      break;
    }
    const Frame frame = frame_of(header, rest);
    if (!frame.whole() && answers.needs_whole(frame)) {
      state_.upstream.frame_size = frame.size;
      break;
    }
    if (must_hold(frame.type)) break;
    answers.take_upstream(frame);
    used += frame.received.size();
  }
  if (turn.close) state_.track = Track::closed;
  feed_again(turn);
  heed_rules(state_, turn);
  return used;
}

wire::Standing SessionMachine::standing() const {
  return {.stalled = state_.wait != Wait::nothing,
          .upstream_stalled = state_.transaction.holds(),
          .holds_for_client = state_.transaction.gathers(),
          .holds_for_upstream = state_.wait == Wait::journal,
          .idle = is_idle(state_),
          .commits = state_.track == Track::kept && state_.transaction.outcome_is_unknown(),
          .between_messages = state_.upstream.skip == 0,
          .client_frame_size = state_.client.frame_size,
          .upstream_frame_size = state_.upstream.frame_size};
}

/// What may tell the client that it committed, while a crash of the machine could still take its events away, stays
/// where it is, and all that follows too.
bool SessionMachine::must_hold(char type) {
  if (state_.track != Track::kept) return false;
  if (type != wire::backend::kCommandComplete && type != wire::backend::kReadyForQuery) return false;
  return state_.transaction.must_hold();
}

void SessionMachine::on_prepared(Result<void> result, wire::Turn& turn) {
  if (!state_.transaction.prepared(result)) return;
  state_.wait = Wait::nothing;
  feed_again(turn);
  heed_rules(state_, turn);
}

bool SessionMachine::ask(Question& question, wire::Turn& turn) {
  return ServerAnswers(state_, turn).ask(question);
}

}  // namespace weir::capture
