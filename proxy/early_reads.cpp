#include "proxy/early_reads.h"

#include <algorithm>

#include "wire/frame.h"
#include "wire/message.h"

namespace weir::proxy {

namespace {

namespace frontend = wire::frontend;
using capture::StatementKind;

/// A transaction may begin and end, and what the session is set to may change: neither writes a row.
bool writes_nothing(const capture::Statement& statement) {
  const auto kind = statement.kind;
  const bool ends_or_begins = capture::controls_transaction(kind) && kind != StatementKind::prepare_transaction;
  return (ends_or_begins || kind == StatementKind::read || kind == StatementKind::session) && !statement.copy;
}

}  // namespace

EarlyReads::Look EarlyReads::look(std::string_view received) {
  Look look;
  while (look.passes < received.size()) {
    const auto rest = received.substr(look.passes);
    const auto header = wire::read_client_header(rest);
    // What is malformed is the engine's to judge.
    if (header.state == wire::FrameHeader::State::malformed) return {received.size(), false, 0};
    if (header.state == wire::FrameHeader::State::incomplete) return look;
    if (rest.size() < header.size) {
      look.frame_size = header.size;
      return look;
    }
    if (!only_reads(rest.substr(0, header.size))) {
      look.holds = true;
      return look;
    }
    look.passes += header.size;
  }
  return look;
}

/// What refers to a statement by its name refers to one that passed here.
bool EarlyReads::only_reads(std::string_view frame) {
  const auto body = frame.substr(wire::kHeaderSize);
  if (frame[0] == frontend::kQuery) return is_read(wire::read_string(body).value_or(""));
  if (frame[0] == frontend::kParse) {
    const auto message = wire::read_parse(body);
    return message && is_read(message->query);
  }
  return frame[0] != frontend::kFunctionCall;
}

bool EarlyReads::is_read(std::string_view text) {
  const auto parsed = statements_.find_or_parse(text, {});
  return parsed->parsed && std::all_of(parsed->statements.begin(), parsed->statements.end(), writes_nothing);
}

}  // namespace weir::proxy
