// The key that cancels a session's statement: read off the database's messages between AuthenticationOk and the first
// ReadyForQuery (PostgreSQL manual, "Canceling Requests in Progress"), or the error with which the database ends a
// login there (a database that is not there, too many connections). Sans-I/O; holds no more than one short frame.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace weir::wire {

class BackendKeyReader {
 public:
  /// What came from the database, in order, from behind AuthenticationOk on.
  void read(std::string_view received);
  /// Nothing more is looked for: the key was there, or will not come.
  bool done() const { return done_; }
  /// A whole CancelRequest, or empty where no key has come.
  const std::string& cancel_request() const { return cancel_request_; }
  /// What the server reports of the session before its key; nothing where it does not, as before PostgreSQL 14.
  std::optional<bool> in_hot_standby() const { return in_hot_standby_; }
  bool read_only() const { return read_only_; }
  /// The database's words and their SQLSTATE, or empty.
  const std::string& refusal() const { return refusal_; }

 private:
  void take_frame(char type);
  void take(std::string_view frame);
  void take_error(std::string_view frame);
  void take_status(std::string_view frame);

  std::string front_;     // of the current frame, where it may be the key
  std::size_t skip_ = 0;  // of a frame that is not
  bool done_ = false;
  std::string cancel_request_;
  std::string refusal_;
  std::optional<bool> in_hot_standby_;
  bool read_only_ = false;  // default_transaction_read_only
};

}  // namespace weir::wire
