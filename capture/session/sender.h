// The way to the database: a message's bytes and what is expected for them, in one call. Whoever must hear of what is
// sent before it leaves does: the gate of the first captured statement, a COPY of what may end it, the catalog of what
// may change the client's encoding. Does not know why anything is sent. Made for one turn.
//
// Rule: no frame goes up without an expectation, but for those that have no answer (`flush`, `relay_unanswered`).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "capture/session/command_queue.h"
#include "capture/session/copy_in.h"
#include "capture/session/gated_transaction.h"
#include "capture/session/session_catalog.h"
#include "wire/message.h"
#include "wire/outbox.h"

namespace weir::capture {

class Sender {
 public:
  Sender(wire::Outbox& out, CommandQueue& queue, CopyIn& copy, GatedTransaction& transaction, SessionCatalog& catalog)
      : out_(&out), queue_(&queue), copy_(&copy), transaction_(&transaction), catalog_(&catalog) {}

  // What is made here; `pending.expect` is filled in.
  void parse(std::string_view statement, std::string_view text, std::string_view types, Pending pending) const;
  void bind(std::string_view portal, std::string_view statement, std::string_view parameters,
            std::span<const std::int16_t> formats, Pending pending) const;
  /// Text parameters, text results.
  void bind_texts(std::string_view portal, std::string_view statement, std::span<const std::string> values,
                  Pending pending) const;
  void describe_portal(std::string_view portal, Pending pending) const;
  /// All its rows.
  void execute(std::string_view portal, Pending pending) const;
  /// 'S': a statement, 'P': a portal.
  void close(char kind, std::string_view name, Pending pending) const;
  void query(std::string_view text, Pending pending) const;
  void sync(Pending pending) const;
  void flush() const { wire::append_flush(out_->buffer()); }

  /// The client's own message; the rest of a long one is passed through as it comes.
  void relay(std::string_view received, bool outlives_turn, Pending pending) const;
  /// One that has no answer, or none that is looked at.
  void relay_unanswered(std::string_view received, bool outlives_turn) const;

 private:
  void expect(Expect expect, Pending pending) const;
  void expect(Pending pending) const;

  wire::Outbox* out_;
  CommandQueue* queue_;
  CopyIn* copy_;
  GatedTransaction* transaction_;
  SessionCatalog* catalog_;
};

}  // namespace weir::capture
