#include "proxy/io/host_order.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace weir::proxy {
namespace {

using Order = std::vector<std::size_t>;

const HostState kUnknown{};
const HostState kPrimary{true, false, false};
const HostState kReadOnlyPrimary{true, false, true};
const HostState kStandby{true, true, false};

void reverse(Order& order) {
  std::reverse(order.begin(), order.end());
}

Order order_of(TargetSession target, const std::vector<HostState>& states, bool load_balance = false) {
  Upstream upstream;
  upstream.hosts.resize(5);
  upstream.target = target;
  upstream.load_balance = load_balance;
  return order_of_hosts(upstream, states, reverse);
}

TEST(HostOrder, IsThatOfTheUriWhereNothingIsWanted) {
  EXPECT_EQ(order_of(TargetSession::any, {}), (Order{0, 1, 2, 3, 4}));
  EXPECT_EQ(order_of(TargetSession::any, {kStandby, kUnknown, kPrimary, kStandby, kPrimary}), (Order{0, 1, 2, 3, 4}));
  EXPECT_EQ(order_of(TargetSession::primary, {}), (Order{0, 1, 2, 3, 4})) << "nobody has asked";
}

TEST(HostOrder, LeavesOutWhatIsNotWantedAndTriesTheUnknownLast) {
  const std::vector<HostState> states = {kStandby, kUnknown, kPrimary, kReadOnlyPrimary, kStandby};
  EXPECT_EQ(order_of(TargetSession::read_write, states), (Order{2, 1}));
  EXPECT_EQ(order_of(TargetSession::read_only, states), (Order{0, 3, 4, 1}));
  EXPECT_EQ(order_of(TargetSession::primary, states), (Order{2, 3, 1}));
  EXPECT_EQ(order_of(TargetSession::standby, states), (Order{0, 4, 1}));
  EXPECT_EQ(order_of(TargetSession::prefer_standby, states), (Order{0, 4, 1, 2, 3}));
  EXPECT_EQ(order_of(TargetSession::standby, std::vector<HostState>(5, kPrimary)), Order());
}

TEST(HostOrder, IsShuffledAmongEquals) {
  const std::vector<HostState> states = {kStandby, kUnknown, kPrimary, kReadOnlyPrimary, kStandby};
  EXPECT_EQ(order_of(TargetSession::any, states, true), (Order{4, 3, 2, 1, 0}));
  EXPECT_EQ(order_of(TargetSession::prefer_standby, states, true), (Order{4, 0, 1, 3, 2}));
}

}  // namespace
}  // namespace weir::proxy
