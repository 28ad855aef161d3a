// The admin listener of a Weir that runs, for commands that ask it: where it is, and one request and its answer.
//
// Blocking, with a limit of time; an answer without an end is read by whoever polls its descriptor.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "proxy/command/http_answer.h"
#include "proxy/command/local_socket.h"
#include "proxy/io/endpoint.h"

namespace weir::proxy {

struct AdminTarget {
  HostPort address;
  std::string token;  ///< empty: none
};

/// Takes --admin HOST:PORT and --token TEXT, which are admin.listen and admin.token by shorter names, and reads those
/// two of the settings that are left in `arguments`. Nothing where the command is to end now with `code`: it has
/// complained, or printed its usage.
std::optional<AdminTarget> read_admin_target(std::string_view command, std::vector<std::string> arguments, int& code);

/// "GET /stats HTTP/1.1" with its fields. Pure.
std::string admin_request(const AdminTarget& target, std::string_view method, std::string_view path);

/// An answer that is being read. Errors name the address.
class AdminAnswerReader {
 public:
  static constexpr std::chrono::milliseconds kPatience{3'000};

  static Result<AdminAnswerReader> ask(const AdminTarget& target, std::string_view method, std::string_view path);

  /// Reads once: waits for something, kPatience at most.
  Result<void> read();
  int descriptor() const { return socket_.descriptor(); }
  HttpAnswer& answer() { return answer_; }

 private:
  AdminAnswerReader(LocalSocket socket, std::string address)
      : socket_(std::move(socket)), address_(std::move(address)) {}

  LocalSocket socket_;
  std::string address_;
  HttpAnswer answer_;
};

struct AdminReply {
  int status = 0;
  std::string status_line;
  std::string body;
};
/// The whole answer to a short request, whatever its status.
Result<AdminReply> ask_admin(const AdminTarget& target, std::string_view method, std::string_view path);
/// What an answer that is no success says, in one line for a person.
std::string refusal_text(const AdminTarget& target, const AdminReply& reply);

}  // namespace weir::proxy
