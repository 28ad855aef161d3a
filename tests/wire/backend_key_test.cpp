// The key of a cancel, read off the start of a session in any pieces.
#include "wire/backend_key.h"

#include <gtest/gtest.h>

#include "tests/wire/bytes.h"

namespace weir::wire {
namespace {

using testing::frame;
using testing::int32;

const std::string kParameter = frame('S', std::string("application_name\0x\0", 19));
const std::string kReady = frame('Z', "I");

std::string key_of(const std::string& stream, std::size_t piece) {
  BackendKeyReader reader;
  for (std::size_t at = 0; at < stream.size(); at += piece) reader.read(std::string_view(stream).substr(at, piece));
  EXPECT_TRUE(reader.done());
  return reader.cancel_request();
}

TEST(BackendKey, MakesACancelRequestHoweverItComes) {
  for (const std::size_t secret : {4, 32, 256}) {
    const std::string body = int32(4711) + std::string(secret, 'k');
    const std::string stream = kParameter + frame('K', body) + kParameter + kReady;
    for (const std::size_t piece : {1, 2, 5, 7, 64, 1000})
      EXPECT_EQ(key_of(stream, piece), testing::startup_packet(80877102, body)) << secret << " in " << piece;
  }
}

TEST(BackendKey, NoneCameOrNoneThatCouldBeOne) {
  for (const std::size_t piece : {1, 3, 1000}) {
    EXPECT_EQ(key_of(kParameter + kReady + frame('K', int32(1) + int32(2)), piece), "");
    EXPECT_EQ(key_of(frame('K', std::string(300, 'x')) + kReady, piece), "");
    EXPECT_EQ(key_of(kParameter + std::string("K\0\0\0\1xxxx", 9), piece), "");
  }
}

/// With AuthenticationOk behind it, a login can still fail.
TEST(BackendKey, AnErrorInItsPlaceIsWhyTheLoginFailed) {
  const std::string error = testing::error_response("FATAL", "3D000", "database \"shop\" does not exist");
  for (const std::size_t piece : {1, 5, 1000}) {
    BackendKeyReader reader;
    const std::string stream = kParameter + error;
    for (std::size_t at = 0; at < stream.size(); at += piece) reader.read(std::string_view(stream).substr(at, piece));
    EXPECT_TRUE(reader.done());
    EXPECT_EQ(reader.refusal(), "database \"shop\" does not exist (3D000)");
    EXPECT_EQ(reader.cancel_request(), "");
  }
  BackendKeyReader late;
  late.read(frame('K', int32(1) + int32(2)) + error);
  EXPECT_EQ(late.refusal(), "") << "an error of the session, not of its login";
}

TEST(BackendKey, WhatTheServerReportsOfTheSessionIsRead) {
  const auto status = [](const std::string& name, const std::string& value) {
    return frame('S', testing::cstring(name) + testing::cstring(value));
  };
  const std::string key = frame('K', int32(1) + int32(2));
  const std::string standby =
      kParameter + status("in_hot_standby", "on") + status("default_transaction_read_only", "on") + key;
  const std::string primary = status("default_transaction_read_only", "off") + status("in_hot_standby", "off") +
                              status("long", std::string(500, 'x')) + key;
  for (const std::size_t piece : {1, 5, 1000}) {
    const auto read = [piece](const std::string& stream) {
      BackendKeyReader reader;
      for (std::size_t at = 0; at < stream.size(); at += piece) reader.read(std::string_view(stream).substr(at, piece));
      EXPECT_FALSE(reader.cancel_request().empty());
      return reader;
    };
    EXPECT_EQ(read(standby).in_hot_standby(), true);
    EXPECT_TRUE(read(standby).read_only());
    EXPECT_EQ(read(primary).in_hot_standby(), false);
    EXPECT_FALSE(read(primary).read_only());
    EXPECT_EQ(read(kParameter + key).in_hot_standby(), std::nullopt);
  }
}

}  // namespace
}  // namespace weir::wire
