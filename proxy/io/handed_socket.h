// A listening socket on its way from one process to the next: what is queued in it is queued still, so nobody who
// connects meanwhile notices. Of a Unix socket the lock of its file comes along.
#pragma once

#include <unistd.h>

#include <utility>

#include "proxy/io/endpoint.h"

namespace weir::proxy {

class OwnDescriptor {
 public:
  explicit OwnDescriptor(int number = -1) : number_(number) {}
  OwnDescriptor(OwnDescriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  OwnDescriptor& operator=(OwnDescriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~OwnDescriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int number() const { return number_; }
  int take() { return std::exchange(number_, -1); }

 private:
  int number_;
};

struct HandedSocket {
  HostPort address;  ///< as it is bound
  OwnDescriptor socket;
  OwnDescriptor lock;  ///< of a Unix socket that has a file
};

}  // namespace weir::proxy
