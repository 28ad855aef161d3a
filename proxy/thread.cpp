#include "proxy/thread.h"

#include <pthread.h>

#include <csignal>
#include <utility>

namespace weir::proxy {

std::thread start_thread(const std::string& name, std::function<void()> run) {
  // Blocked before it begins, so that there is no moment in which it could take one.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(run));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  constexpr std::size_t kLongestName = 15;
  pthread_setname_np(thread.native_handle(), name.substr(0, kLongestName).c_str());
  return thread;
}

}  // namespace weir::proxy
