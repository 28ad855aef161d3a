#include "proxy/process/thread.h"

#include <pthread.h>
#include <sched.h>

#include <csignal>
#include <utility>

namespace weir::proxy {

namespace {

/// Who wakes the calling thread goes on until it has to wait itself. Another policy than the usual one is the
/// operator's choice, and stays.
void wait_for_turn() {
  int policy = 0;
  sched_param parameters{};
  if (pthread_getschedparam(pthread_self(), &policy, &parameters) != 0 || policy != SCHED_OTHER) return;
  pthread_setschedparam(pthread_self(), SCHED_BATCH, &parameters);
}

}  // namespace

std::thread start_thread(const std::string& name, std::function<void()> run) {
  // Blocked before it begins, so that there is no moment in which it could take one.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread([run = std::move(run)] {
    wait_for_turn();
    run();
  });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  constexpr std::size_t kLongestName = 15;
  pthread_setname_np(thread.native_handle(), name.substr(0, kLongestName).c_str());
  return thread;
}

}  // namespace weir::proxy
