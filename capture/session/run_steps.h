// Sends a Query in steps (QueryRun), each when those before it are answered, and its commit when the journal has what
// it wrote. A single write outside of a block is an execution of its shape's statement (shape.h), where it has one.
#pragma once

#include "capture/session/session_state.h"

namespace weir::capture {

class RunSteps : private InTurn {
 public:
  using InTurn::InTurn;
  explicit RunSteps(const InTurn& in) : InTurn(in) {}

  bool can_run(const ParsedText& text, const Plans& plans) const;
  Took step_run(const Frame& frame);
  Took finish_run();

 private:
  Took commit_run(const Frame& frame);
  bool plan_step();
  void send_group(std::size_t end);
  void stay_busy();
  void open_block();
  void send_block(std::string_view text, Purpose purpose);
  void send_step();
  bool send_shape();
  void prepare_shape(const Shapes::StatementPtr& shape, std::string_view text, std::string_view types);
};

}  // namespace weir::capture
