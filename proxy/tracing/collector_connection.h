// Requests to a collector, one at a time, by libcurl: the connection is kept, and nothing blocks but wait().
//
// For one thread, but for wake(). Only http and https, no redirects; proxies and authorities are those of the
// environment, as for any program that uses libcurl.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/tracing/collector_answer.h"

namespace weir::proxy {

class CollectorConnection {
 public:
  struct Options {
    std::string url;
    std::vector<std::string> headers;  ///< "Name: value", besides the content type
    std::string agent;
    std::chrono::milliseconds timeout{10'000};
  };

  explicit CollectorConnection(const Options& options);
  CollectorConnection(const CollectorConnection&) = delete;
  CollectorConnection& operator=(const CollectorConnection&) = delete;
  ~CollectorConnection();

  /// Not while one is under way.
  void post(std::string body);
  /// Returns when there is an answer, behind wake(), and after so long.
  std::optional<CollectorAnswer> wait(std::chrono::milliseconds at_most);
  /// Any thread.
  void wake();

 private:
  struct Handles;
  std::unique_ptr<Handles> handles_;
};

}  // namespace weir::proxy
