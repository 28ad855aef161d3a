// An upstream that is Weir itself.
#include "proxy/io/own_address.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/child_process.h"

namespace weir::proxy {
namespace {

bool is_own(const HostPort& upstream, const HostPort& listening) {
  return find_own_address({{"/var/run/postgresql", listening.port}, upstream}, {{"127.0.0.9", 1}, listening})
      .has_value();
}

TEST(OwnAddress, TheSameAddressByAnyName) {
  EXPECT_TRUE(is_own({"127.0.0.1", 6432}, {"127.0.0.1", 6432}));
  EXPECT_TRUE(is_own({"localhost", 6432}, {"127.0.0.1", 6432}));
  EXPECT_TRUE(is_own({"127.0.0.1", 6432}, {"localhost", 6432}));
  EXPECT_TRUE(is_own({"0.0.0.0", 6432}, {"127.0.0.1", 6432}));
  EXPECT_TRUE(is_own({"::ffff:127.0.0.1", 6432}, {"127.0.0.1", 6432}));
  EXPECT_TRUE(is_own({"no-such-host.invalid", 6432, "127.0.0.1"}, {"127.0.0.1", 6432}));
}

TEST(OwnAddress, WhoeverListensEverywhereHasEveryAddressOfThisMachine) {
  EXPECT_TRUE(is_own({"127.0.0.1", 6432}, {"0.0.0.0", 6432}));
  EXPECT_TRUE(is_own({"127.3.2.1", 6432}, {"0.0.0.0", 6432}));
  EXPECT_TRUE(is_own({"localhost", 6432}, {"0.0.0.0", 6432}));
  EXPECT_TRUE(is_own({"127.0.0.1", 6432}, {"::", 6432}));
  EXPECT_FALSE(is_own({"192.0.2.7", 6432}, {"0.0.0.0", 6432})) << "a documentation address is no machine's own";
}

TEST(OwnAddress, UnixSocketsByAnyPath) {
  const test_support::TempFolder folder("own");
  const auto socket = folder.path().string();
  const auto link = (folder / "link").string();
  std::filesystem::create_directory_symlink(socket, link);
  test_support::write_file(folder / ".s.PGSQL.6432", "");
  EXPECT_TRUE(is_own({socket, 6432}, {socket, 6432}));
  EXPECT_TRUE(is_own({link, 6432}, {socket, 6432}));
  EXPECT_FALSE(is_own({socket, 5432}, {socket, 6432}));
  EXPECT_FALSE(is_own({"127.0.0.1", 6432}, {socket, 6432}));
  EXPECT_FALSE(is_own({socket, 6432}, {"127.0.0.1", 6432}));
  EXPECT_TRUE(is_own({"@weir", 6432}, {"@weir", 6432}));
  EXPECT_FALSE(is_own({"@weir", 6432}, {"@other", 6432}));
}

TEST(OwnAddress, OtherPortsAddressesAndSocketsAreOthers) {
  EXPECT_FALSE(is_own({"127.0.0.1", 5432}, {"127.0.0.1", 6432}));
  EXPECT_FALSE(is_own({"127.0.0.2", 6432}, {"127.0.0.1", 6432}));
  EXPECT_FALSE(is_own({"no-such-host.invalid", 6432}, {"0.0.0.0", 6432}));
}

}  // namespace
}  // namespace weir::proxy
