// Answers of the database: matched against what was sent, shown to the client without what Weir added, and read for
// what they say of the transaction. Command tags and ReadyForQuery are the truth, never the client's text alone.
#pragma once

#include "capture/session/session_state.h"

namespace weir::capture {

class ServerAnswers : private InTurn {
 public:
  using InTurn::InTurn;
  explicit ServerAnswers(const InTurn& in) : InTurn(in) {}

  void show_run_description();
  bool ask(Question& question);
  bool needs_whole(const Frame& frame) const;
  void take_upstream(const Frame& frame);
  void answers_nothing(const Frame& frame);

 private:
  bool at_end_of_run() const;
  void show_held();
  bool hold_status(const Frame& frame);
  void show_statuses();
  void take_told_transaction(std::string_view body);
  void take_copy_complete(const Frame& frame, std::string_view tag);
  bool own_row(const Pending& pending, std::string_view body);
  void note_server_run(std::string_view answer);
  void ask_what_waits();
  void own_complete(const Pending& pending);
  bool is_running() const;
  bool take_asynchronous(const Frame& frame);
  bool may_be_ready() const;
  void show_no_data(const Pending& pending);
  static Execution* spliced_rows(const Pending& pending);
  void take_row_description(const Frame& frame);
  void take_data_row(const Frame& frame);
  void show_scrubbed(const Frame& frame);
  void take_complete(const Frame& frame);
  void complete_in_group(const Frame& frame, std::string_view tag);
  void take_ready(const Frame& frame);
  void pop_front();
  void is_idle_again(bool rolled_back);
  void note_setting(std::string_view body);
};

}  // namespace weir::capture
