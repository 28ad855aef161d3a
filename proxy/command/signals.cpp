#include "proxy/command/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

namespace weir::proxy {

Signals::Signals(std::initializer_list<int> which) {
  sigset_t set;
  sigemptyset(&set);
  for (const int one : which) sigaddset(&set, one);
  pthread_sigmask(SIG_BLOCK, &set, &before_);
  descriptor_ = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

Signals::~Signals() {
  while (next()) continue;
  if (descriptor_ >= 0) ::close(descriptor_);
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

std::optional<int> Signals::next() const {
  signalfd_siginfo info{};
  if (::read(descriptor_, &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return std::nullopt;
  return static_cast<int>(info.ssi_signo);
}

}  // namespace weir::proxy
