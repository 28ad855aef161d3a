// Which addresses a range has, and what is none.
#include "proxy/io/address_range.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <string>

namespace weir::proxy {
namespace {

sockaddr_storage address(const std::string& text) {
  sockaddr_storage storage{};
  const bool ipv4 = text.find(':') == std::string::npos;
  storage.ss_family = ipv4 ? AF_INET : AF_INET6;
  void* place = ipv4 ? static_cast<void*>(&reinterpret_cast<sockaddr_in&>(storage).sin_addr)
                     : static_cast<void*>(&reinterpret_cast<sockaddr_in6&>(storage).sin6_addr);
  EXPECT_EQ(::inet_pton(storage.ss_family, text.c_str(), place), 1) << text;
  return storage;
}

bool contains(const std::string& range, const std::string& text) {
  const auto parsed = AddressRange::parse(range);
  return parsed && parsed->contains(address(text));
}

TEST(AddressRange, HasWhatItsMaskSays) {
  EXPECT_TRUE(contains("10.0.0.0/8", "10.255.0.1"));
  EXPECT_FALSE(contains("10.0.0.0/8", "11.0.0.1"));
  EXPECT_TRUE(contains("10.128.0.0/9", "10.129.0.1"));
  EXPECT_FALSE(contains("10.128.0.0/9", "10.127.0.1"));
  EXPECT_TRUE(contains("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_FALSE(contains("2001:db8::/33", "2001:db8:8000::1"));
}

TEST(AddressRange, MayBeOneAddressOrAll) {
  EXPECT_TRUE(contains("127.0.0.1", "127.0.0.1"));
  EXPECT_FALSE(contains("127.0.0.1", "127.0.0.2"));
  EXPECT_TRUE(contains("::1", "::1"));
  EXPECT_TRUE(contains("0.0.0.0/0", "203.0.113.9"));
  EXPECT_FALSE(contains("0.0.0.0/0", "2001:db8::1")) << "IPv4's all is not everything";
  EXPECT_TRUE(contains("::/0", "2001:db8::1"));
}

TEST(AddressRange, AnIpv4AddressIsItselfAlsoInsideIpv6) {
  EXPECT_TRUE(contains("10.0.0.0/8", "::ffff:10.0.0.1"));
  EXPECT_TRUE(contains("::ffff:10.0.0.0/104", "10.0.0.1"));
}

TEST(AddressRange, UnixSocketsAreInNone) {
  sockaddr_storage storage{};
  storage.ss_family = AF_UNIX;
  EXPECT_FALSE(AddressRange::parse("::/0")->contains(storage));
  EXPECT_FALSE(any_contains({}, storage));
}

TEST(AddressRange, RefusesWhatIsNone) {
  for (const std::string text : {"", "localhost", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/x", "10.0.0.0/8 ", "10.0.0/8",
                                 "::/129", "10.0.0.7/8", "2001:db8::1/32", "/8", "10.0.0.0/-1"})
    EXPECT_FALSE(AddressRange::parse(text)) << text;
}

}  // namespace
}  // namespace weir::proxy
