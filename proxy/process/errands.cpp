#include "proxy/process/errands.h"

#include <unistd.h>

#include <csignal>
#include <utility>

namespace weir::proxy {

int Errands::signal() {
  return SIGRTMIN + 1;
}

void Errands::post(std::function<void()> errand) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(errand));
  }
  ::kill(::getpid(), signal());
}

void Errands::run() {
  std::vector<std::function<void()>> errands;
  {
    const std::lock_guard lock(mutex_);
    errands.swap(waiting_);
  }
  for (const auto& one : errands) one();
}

}  // namespace weir::proxy
