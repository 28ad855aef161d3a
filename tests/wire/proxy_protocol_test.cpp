// What a load balancer says of a client: each family, each way to be wrong, and every split.
#include "wire/proxy_protocol.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::wire {
namespace {

using Kind = ProxyHeader::Kind;
using std::string_literals::operator""s;

std::string header(char version_and_command, char family_and_transport, const std::string& rest) {
  const std::size_t size = rest.size();
  return "\r\n\r\n\0\r\nQUIT\n"s + version_and_command + family_and_transport + static_cast<char>(size >> 8) +
         static_cast<char>(size) + rest;
}

const std::string kIpv4 = "\xcb\x00\x71\x09"s + "\x0a\x00\x00\x01"s + "\xc8\x22"s + "\x19\x20"s;
const std::string kIpv6 = "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"s + std::string(16, '\x02') + "\xc8\x22\x19\x20"s;

TEST(ProxyProtocol, NamesTheClientByIpv4) {
  const auto read = read_proxy_header(header(0x21, 0x11, kIpv4) + "\0\0\0\x08\x04\xd2\x16\x2f"s);
  EXPECT_EQ(read.kind, Kind::client);
  EXPECT_EQ(read.address, "203.0.113.9");
  EXPECT_EQ(read.port, 51234);
  EXPECT_EQ(read.size, 28u) << "what lies behind it is the client's";
}

TEST(ProxyProtocol, NamesTheClientByIpv6) {
  const auto read = read_proxy_header(header(0x21, 0x21, kIpv6));
  EXPECT_EQ(read.kind, Kind::client);
  EXPECT_EQ(read.address, "2001:db8::1");
  EXPECT_EQ(read.port, 51234);
}

TEST(ProxyProtocol, AnIpv4AddressInsideIpv6IsThatAddress) {
  const std::string mapped = "\0\0\0\0\0\0\0\0\0\0\xff\xff\xcb\x00\x71\x09"s + std::string(16, '\0') + "\0\x01\0\x02"s;
  EXPECT_EQ(read_proxy_header(header(0x21, 0x21, mapped)).address, "203.0.113.9");
}

TEST(ProxyProtocol, AdditionalFieldsArePassedOver) {
  const std::string unique_id = "\x05\x00\x04wxyz"s;
  const auto read = read_proxy_header(header(0x21, 0x11, kIpv4 + unique_id) + "rest");
  EXPECT_EQ(read.address, "203.0.113.9");
  EXPECT_EQ(read.size, 35u);
}

TEST(ProxyProtocol, AHealthCheckSpeaksForItself) {
  EXPECT_EQ(read_proxy_header(header(0x20, 0x00, "")).kind, Kind::local);
  EXPECT_EQ(read_proxy_header(header(0x20, 0x11, kIpv4)).kind, Kind::local) << "its addresses mean nothing";
  EXPECT_EQ(read_proxy_header(header(0x21, 0x00, "")).kind, Kind::local) << "the client has no address that is known";
  EXPECT_EQ(read_proxy_header(header(0x21, 0x31, std::string(216, 'x'))).kind, Kind::local) << "a Unix socket's";
}

TEST(ProxyProtocol, ReadsNotOneByteTooMany) {
  const std::string whole = header(0x21, 0x11, kIpv4 + "\x05\x00\x04wxyz"s);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto read = read_proxy_header(whole.substr(0, size));
    EXPECT_EQ(read.kind, Kind::incomplete) << size;
    EXPECT_EQ(read.size, size < 16 ? 16 : whole.size()) << size;
  }
}

TEST(ProxyProtocol, WhatIsNoHeaderIsSeenAtItsFirstByte) {
  const auto startup = read_proxy_header("\0\0\0\x08"s);
  EXPECT_EQ(startup.kind, Kind::malformed);
  EXPECT_NE(startup.reason.find("there is none"), std::string_view::npos);
  EXPECT_EQ(read_proxy_header("\x16").kind, Kind::malformed) << "TLS";
}

TEST(ProxyProtocol, Version1IsRefusedByName) {
  for (const std::string text : {"P", "PROXY", "PROXY TCP4 203.0.113.9 10.0.0.1 51234 6432\r\n"}) {
    const auto read = read_proxy_header(text);
    EXPECT_EQ(read.kind, Kind::malformed);
    EXPECT_NE(read.reason.find("version 1"), std::string_view::npos) << text;
  }
}

TEST(ProxyProtocol, WrongHeadersAreRefused) {
  EXPECT_EQ(read_proxy_header(header(0x11, 0x11, kIpv4)).reason, "its version is not 2");
  EXPECT_EQ(read_proxy_header(header(0x22, 0x11, kIpv4)).reason, "its command is unknown");
  EXPECT_EQ(read_proxy_header(header(0x21, 0x41, kIpv4)).reason, "its address family is unknown");
  EXPECT_EQ(read_proxy_header(header(0x21, 0x12, kIpv4)).reason, "it is not about a stream");
  EXPECT_EQ(read_proxy_header(header(0x21, 0x11, kIpv4.substr(1))).reason, "it is shorter than its addresses");
  EXPECT_EQ(read_proxy_header(header(0x21, 0x21, kIpv4)).reason, "it is shorter than its addresses");
  EXPECT_EQ(read_proxy_header(header(0x21, 0x11, std::string(2033, 'x'))).reason, "it is too long");
}

}  // namespace
}  // namespace weir::wire
