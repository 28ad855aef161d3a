// Whose a socket is: the kernel's tables, as text and as they are.
#include "proxy/admin/socket_owner.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cstring>

#include "tests/proxy/io/tcp_end.h"

namespace weir::proxy {
namespace {

sockaddr_storage address(const char* host, std::uint16_t port) {
  sockaddr_storage made{};
  sockaddr_in four{};
  sockaddr_in6 six{};
  if (inet_pton(AF_INET, host, &four.sin_addr) == 1) {
    four.sin_family = AF_INET;
    four.sin_port = htons(port);
    std::memcpy(&made, &four, sizeof four);
  } else if (inet_pton(AF_INET6, host, &six.sin6_addr) == 1) {
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(port);
    std::memcpy(&made, &six, sizeof six);
  }
  return made;
}

const std::string kTable =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    "   0: 0100007F:1921 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0\n"
    "   1: 0100007F:1921 0100007F:C001 01 00000000:00000000 00:00000000 00000000   998        0 2 1 0 20 4 30 10 -1\n"
    "   2: 0100007F:C001 0100007F:1921 01 00000000:00000000 00:00000000 00000000  1000        0 3 1 0 20 4 30 10 -1\n";
const std::string kTableOfSix =
    "   0: 00000000000000000000000001000000:C002 00000000000000000000000001000000:1921 01 0:0 00:0 0  1001 0 4 1\n"
    "   1: 0000000000000000FFFF00000100007F:C003 0000000000000000FFFF00000100007F:1921 01 0:0 00:0 0  1002 0 5 1\n";

TEST(SocketOwner, IsThatOfTheOtherEndAndNotOfOurs) {
  EXPECT_EQ(owner_in(kTable, address("127.0.0.1", 0xC001), address("127.0.0.1", 6433)), 1000u);
  EXPECT_EQ(owner_in(kTable, address("127.0.0.1", 6433), address("127.0.0.1", 0xC001)), 998u);
  EXPECT_EQ(owner_in(kTable, address("127.0.0.1", 0xC004), address("127.0.0.1", 6433)), std::nullopt);
  EXPECT_EQ(owner_in(kTable, address("127.0.0.2", 0xC001), address("127.0.0.1", 6433)), std::nullopt);
}

TEST(SocketOwner, OfASixTooAndOfAFourInASix) {
  EXPECT_EQ(owner_in(kTableOfSix, address("::1", 0xC002), address("::1", 6433)), 1001u);
  EXPECT_EQ(owner_in(kTableOfSix, address("127.0.0.1", 0xC003), address("127.0.0.1", 6433)), 1002u);
}

TEST(SocketOwner, WhatIsNoTableHasNone) {
  const auto own = address("127.0.0.1", 0xC001);
  const auto other = address("127.0.0.1", 6433);
  for (const std::string& wrong :
       {std::string(), std::string("\n\n"), std::string("   2: 0100007F:C001 0100007F:1921 01"),
        kTable.substr(0, kTable.rfind("1000")) + "-1"})
    EXPECT_EQ(owner_in(wrong, own, other), std::nullopt) << wrong;
  EXPECT_EQ(owner_in(kTable, sockaddr_storage{}, other), std::nullopt);
}

TEST(SocketOwner, AConnectionOfThisProcessIsOurs) {
  TcpPort port;
  const TcpEnd client = TcpEnd::connect(port.port());
  const TcpEnd accepted = port.accept();
  EXPECT_EQ(owner_of_peer(accepted.socket()), ::geteuid());
  EXPECT_EQ(owner_of_peer(-1), std::nullopt);
}

}  // namespace
}  // namespace weir::proxy
