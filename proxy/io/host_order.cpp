#include "proxy/io/host_order.h"

#include <array>

namespace weir::proxy {

namespace {

enum class Rank { first, second, third, never };

Rank rank_of(TargetSession target, const HostState& state) {
  if (!state.known) return target == TargetSession::any ? Rank::first : Rank::second;
  if (target == TargetSession::prefer_standby) return state.in_recovery ? Rank::first : Rank::third;
  return session_fits(target, state.in_recovery, state.read_only) ? Rank::first : Rank::never;
}

}  // namespace

bool session_fits(TargetSession target, bool in_hot_standby, bool read_only) {
  switch (target) {
    case TargetSession::any:
    case TargetSession::prefer_standby:
      return true;
    case TargetSession::read_write:
      return !in_hot_standby && !read_only;
    case TargetSession::read_only:
      return in_hot_standby || read_only;
    case TargetSession::primary:
      return !in_hot_standby;
    case TargetSession::standby:
      return in_hot_standby;
  }
  return true;
}

bool is_particular(TargetSession target) {
  return target != TargetSession::any && target != TargetSession::prefer_standby;
}

std::vector<std::size_t> order_of_hosts(const Upstream& upstream, const std::vector<HostState>& states,
                                        const Shuffle& shuffle) {
  std::array<std::vector<std::size_t>, 3> ranks;
  for (std::size_t i = 0; i < upstream.hosts.size(); ++i) {
    const Rank rank = rank_of(upstream.target, i < states.size() ? states[i] : HostState());
    if (rank != Rank::never) ranks[static_cast<std::size_t>(rank)].push_back(i);
  }
  std::vector<std::size_t> order;
  for (auto& rank : ranks) {
    if (upstream.load_balance) shuffle(rank);
    order.insert(order.end(), rank.begin(), rank.end());
  }
  return order;
}

}  // namespace weir::proxy
