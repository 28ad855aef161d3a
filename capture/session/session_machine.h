// The engine behind session.h: cuts what comes into frames, and has each decided on by the class whose it is. What the
// session is made of, and how waiting works, is in session_state.h.
#pragma once

#include "capture/session/session_state.h"

namespace weir::capture {

class ClientMessages;

class SessionMachine final : public CaptureEngine {
 public:
  explicit SessionMachine(const SessionOptions& options);

  std::size_t from_client(std::string_view received, wire::Turn& turn) override;
  std::size_t from_upstream(std::string_view received, wire::Turn& turn) override;
  wire::Standing standing() const override;
  void upstream_gone() override { leave("the session ended", state_); }
  void on_prepared(Result<void> result, wire::Turn& turn) override;
  void on_durable() override { state_.transaction.durable(); }
  bool ask(Question& question, wire::Turn& turn) override;

 private:
  std::size_t feed(std::string_view received, wire::Turn& turn);
  void feed_again(wire::Turn& turn);
  bool take_next(const Frame& frame, ClientMessages& messages);
  bool passes_behind_check(const Frame& frame) const;
  bool must_hold(char type);

  SessionState state_;
};

}  // namespace weir::capture
