// One side's run of a message sequence written by hand: a client of its own, and looks past the door.
//
// Every request function of the client is free to use; `step` sends, reads to the end of the answer and records it
// under a label. Looks past the door (`direct`) are recorded too, so what was committed is compared as well.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/integration/differential/recording.h"
#include "tests/integration/differential/two_doors.h"
#include "tests/support/raw_client.h"

namespace weir::differential {

class Script {
 public:
  using Parameters = test_support::RawClient::Parameters;

  Script(const Door& door, std::string schema, Recording& recording);

  test_support::RawClient& client() { return *client_; }
  const Door& door() const { return door_; }
  const std::string& schema() const { return schema_; }

  /// A new session in place of the one there was; its start is recorded.
  void connect(const std::string& user = "postgres", const Parameters& more = {});
  /// A session whose first bytes the caller sends.
  void connect_silently();

  /// Everything requested so far is sent; what comes up to the last ReadyForQuery (or a request for COPY data) is
  /// recorded.
  void step(const std::string& label);
  /// The same, up to `count` messages of that type: for answers that a ReadyForQuery does not end.
  void step_until(const std::string& label, char type, int count = 1);
  void step_until_closed(const std::string& label);
  /// A simple Query as a step of its own.
  void query(const std::string& sql);
  /// Query of another session through the same door.
  void other_session(const std::string& sql);
  /// Query past the door, as superuser; with the schema's search_path.
  void direct(const std::string& sql);
  /// Waits until a query past the door says "t"; false (and a recorded line) after some seconds.
  bool wait_for(const std::string& condition);
  void note(const std::string& label, const std::string& line) { recording_.add(label, {line}); }

 private:
  const Door& door_;
  std::string schema_;
  Recording& recording_;
  std::unique_ptr<test_support::RawClient> client_;
};

struct WireCase {
  std::string name;
  std::function<void(Script&)> play;
  int from_version = 15;
  /// A limit that README.md states: here the two must differ. When they no longer do, the limit is to be taken out.
  std::string limit = {};
};

std::vector<WireCase> portal_cases();
std::vector<WireCase> plan_cases();
std::vector<WireCase> privilege_cases();
std::vector<WireCase> text_cases();
std::vector<WireCase> commit_cases();
std::vector<WireCase> pipeline_cases();
std::vector<WireCase> several_cases();
std::vector<WireCase> startup_cases();
std::vector<WireCase> frame_cases();
std::vector<WireCase> block_error_cases();
std::vector<WireCase> shape_cases();

}  // namespace weir::differential
