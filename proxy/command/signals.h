// Signals as something to poll, for a command that goes on until it is told to end: no handler, nothing is interrupted.
//
// Those named are blocked in the calling thread for as long as this lives; what came of them
// meanwhile is heard by nobody else.
#pragma once

#include <signal.h>

#include <initializer_list>
#include <optional>

namespace weir::proxy {

class Signals {
 public:
  explicit Signals(std::initializer_list<int> which);
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals();

  int descriptor() const { return descriptor_; }
  /// One that has come; nothing where none has.
  std::optional<int> next() const;

 private:
  sigset_t before_{};
  int descriptor_ = -1;
};

}  // namespace weir::proxy
