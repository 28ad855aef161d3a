// Which hosts of `upstream` a session tries, and in which order: target_session_attrs and load_balance_hosts, as libpq
// means them. Decides only; what the hosts are at the moment is known by somebody else (HostStates), and what a session
// really got is looked at once more when it is logged in.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "proxy/io/endpoint.h"

namespace weir::proxy {

struct HostState {
  bool known = false;  ///< false: it could not be asked
  bool in_recovery = false;
  bool read_only = false;
};

/// Implemented outside of this room (proxy/hosts).
class HostStates {
 public:
  virtual ~HostStates() = default;
  /// One for each host of `upstream`, in its order. Never blocks; any thread.
  virtual std::vector<HostState> states() const = 0;
};

/// Puts places into another order, at random.
using Shuffle = std::function<void(std::vector<std::size_t>&)>;

/// Places in `upstream.hosts`, the first to be tried first. A host that is known not to be what is wanted is left out,
/// one that is not known comes behind those that are. `states` is empty where nobody has asked.
std::vector<std::size_t> order_of_hosts(const Upstream& upstream, const std::vector<HostState>& states,
                                        const Shuffle& shuffle);

/// Whether a session is what was wanted, by what the server reports of it.
bool session_fits(TargetSession target, bool in_hot_standby, bool read_only);
/// Whether that may be false at all.
bool is_particular(TargetSession target);

}  // namespace weir::proxy
