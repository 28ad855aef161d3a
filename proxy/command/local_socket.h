// A blocking connection to something of this machine's, with one limit of time for all of it: for commands that ask a
// running Weir. TCP or a Unix socket; no TLS.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "proxy/io/endpoint.h"

namespace weir::proxy {

class LocalSocket {
 public:
  /// An address that stands for all (0.0.0.0, ::) is asked by loopback.
  static Result<LocalSocket> connect(const HostPort& address, std::chrono::milliseconds patience);
  LocalSocket(LocalSocket&& other) noexcept;
  LocalSocket& operator=(LocalSocket&&) = delete;
  ~LocalSocket();

  Result<void> send(std::string_view bytes) const;
  /// What has come, at most `most` bytes; empty at the end. Waits as long as connect() was told to, for each.
  Result<std::string> receive(std::size_t most) const;
  /// To be polled.
  int descriptor() const { return descriptor_; }

 private:
  explicit LocalSocket(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace weir::proxy
