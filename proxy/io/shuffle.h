// Another order, at random: load_balance_hosts=random, for hosts and for the addresses of one. No secret rests on it.
// Any thread.
#pragma once

#include <algorithm>
#include <random>

namespace weir::proxy {

template <typename Entries>
void shuffle_at_random(Entries& entries) {
  thread_local std::minstd_rand random{std::random_device{}()};
  std::shuffle(entries.begin(), entries.end(), random);
}

}  // namespace weir::proxy
