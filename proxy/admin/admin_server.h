// The admin listener: a small HTTP server on a thread of its own. It reads requests and writes answers; what they are
// is decided by AdminRoutes.
//
// open() binds; start() begins to answer; stop() ends the thread (the destructor does too), once those who read lines
// have heard of it. A scrape never takes a
// worker's time beyond reading its counters. Bounds: kConnections at once, kStreams of them with server-sent events or
// lines, kHeaderBytes and kBodyBytes for a request, kPatience for each read and write.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "proxy/admin/line_stream.h"
#include "proxy/admin/routes.h"
#include "proxy/io/endpoint.h"

namespace weir::proxy {

class AdminServer {
 public:
  static constexpr std::size_t kConnections = 64;
  static constexpr std::size_t kStreams = 16;
  static constexpr std::size_t kHeaderBytes = 8 * 1024;
  static constexpr std::size_t kBodyBytes = 4 * 1024;
  static constexpr std::chrono::seconds kPatience{10};
  /// How long /readyz waits for the database before it answers with what was known.
  static constexpr std::chrono::milliseconds kUpstreamPatience{1'000};

  struct Options {
    HostPort listen;
    std::string token;               ///< empty: none
    std::function<Snapshot()> look;  ///< on the listener's thread
    /// Asks the database, and calls back on any thread, or never; not more than once a second.
    std::function<void(std::function<void()> asked)> ask_upstream;
    std::function<void()> drain;
    std::function<void()> quit;
    std::function<void()> watched;  ///< somebody looks at the page, now; may be empty
    /// POST /replay, by its query: JSON, or why not.
    std::function<Result<std::string>(const std::string& query)> replay = [](const std::string&) {
      return Error{"nothing is captured here", "55000"};
    };
    /// What /tail streams, by its query.
    OpenLines open_lines = [](const std::string&, const std::function<void()>&) {
      return Error{"nothing is captured here", "55000"};
    };
  };

  explicit AdminServer(Options options);
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  Result<void> open();
  void start();
  void stop();
  /// Another token counts from the next request on. Any thread, until stop().
  void set_token(std::string token);
  /// As it is bound.
  const HostPort& address() const;

 private:
  struct Running;
  std::unique_ptr<Running> running_;
};

}  // namespace weir::proxy
