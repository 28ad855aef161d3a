#include "wire/frame.h"

#include <gtest/gtest.h>

#include "tests/wire/bytes.h"
#include "wire/outbox.h"

namespace weir::wire {
namespace {

using testing::frame;
using testing::int16;
using testing::int32;

TEST(FrameHeader, IsIncompleteUntilTheFifthByte) {
  const std::string bytes = frame('Q', "abc");
  for (std::size_t size = 0; size < kHeaderSize; ++size)
    EXPECT_EQ(read_header(bytes.substr(0, size)).state, FrameHeader::State::incomplete) << size;
  const FrameHeader header = read_header(bytes.substr(0, kHeaderSize));
  EXPECT_EQ(header.state, FrameHeader::State::valid);
  EXPECT_EQ(header.type, 'Q');
  EXPECT_EQ(header.size, 8u);
}

TEST(FrameHeader, JudgesTheLength) {
  const auto state = [](std::int64_t length) { return read_header('d' + int32(length)).state; };
  EXPECT_EQ(state(4), FrameHeader::State::valid);
  EXPECT_EQ(state(kMaxMessageLength), FrameHeader::State::valid);
  for (const std::int64_t length : {0L, 1L, 3L, -1L, -4L, 0x7fffffffL, -0x80000000L, kMaxMessageLength + 1L})
    EXPECT_EQ(state(length), FrameHeader::State::malformed) << length;
}

TEST(FrameHeader, JudgesAClientsLengthByItsType) {
  for (const auto& [type, most] : {std::pair{'S', 10'000L}, {'E', 10'000L}, {'Q', 0x3ffffffeL}, {'~', 0x3ffffffeL}}) {
    EXPECT_EQ(read_client_header(type + int32(most)).state, FrameHeader::State::valid) << type;
    EXPECT_EQ(read_client_header(type + int32(most + 1)).state, FrameHeader::State::malformed) << type;
    EXPECT_EQ(read_client_header(type + int32(3)).state, FrameHeader::State::malformed) << type;
  }
  EXPECT_EQ(read_client_header("").state, FrameHeader::State::incomplete);
  EXPECT_EQ(read_client_header("Q").state, FrameHeader::State::incomplete);
}

TEST(Cursor, ReadsFieldByField) {
  const std::string body = std::string("\xff") + int16(-2) + int32(-3) + "name" + '\0' + "rest";
  Cursor in(body);
  EXPECT_EQ(in.uint8(), 255);
  EXPECT_EQ(in.int16(), -2);
  EXPECT_EQ(in.int32(), -3);
  EXPECT_EQ(in.cstring(), "name");
  EXPECT_FALSE(in.done());
  EXPECT_EQ(in.bytes(4), "rest");
  EXPECT_TRUE(in.done());
}

TEST(Cursor, FailsStickily) {
  Cursor in("abc");
  EXPECT_EQ(in.int32(), 0);
  EXPECT_FALSE(in.ok());
  EXPECT_EQ(in.uint8(), 0) << "three bytes are there, but the cursor has failed";
  EXPECT_EQ(in.bytes(0), "");
  EXPECT_EQ(in.rest(), "");
  EXPECT_FALSE(in.done());
}

TEST(Cursor, NeedsTheZeroOfAString) {
  Cursor in("abc");
  EXPECT_EQ(in.cstring(), "");
  EXPECT_FALSE(in.ok());
}

TEST(Cursor, EveryReadPastTheEndFails) {
  const auto fails = [](auto read) {
    Cursor in("");
    read(in);
    return !in.ok();
  };
  EXPECT_TRUE(fails([](Cursor& in) { in.uint8(); }));
  EXPECT_TRUE(fails([](Cursor& in) { in.int16(); }));
  EXPECT_TRUE(fails([](Cursor& in) { in.int32(); }));
  EXPECT_TRUE(fails([](Cursor& in) { in.cstring(); }));
  EXPECT_TRUE(fails([](Cursor& in) { in.bytes(1); }));
  EXPECT_FALSE(fails([](Cursor& in) { in.bytes(0); }));
}

TEST(Outbox, KeepsOneRunOfReceivedBytesWhereItIs) {
  const std::string received = "abcdef";
  const std::string_view view = received;
  Outbox out;
  EXPECT_TRUE(out.empty());
  out.relay(view.substr(0, 2));
  out.relay({});
  out.relay(view.substr(2, 3));
  EXPECT_EQ(out.bytes(), "abcde");
  EXPECT_EQ(out.bytes().data(), received.data()) << "no copy";
}

TEST(Outbox, CopiesWhatDoesNotAdjoin) {
  const std::string received = "abcdef";
  const std::string_view view = received;
  Outbox out;
  out.relay(view.substr(0, 2));
  out.relay(view.substr(3));
  EXPECT_EQ(out.bytes(), "abdef");
}

TEST(Outbox, KeepsTheOrderOfRelayedAndMadeBytes) {
  const std::string received = "abcdef";
  const std::string_view view = received;
  Outbox out;
  out.relay(view.substr(0, 2));
  out.buffer().append("-made-");
  out.relay(view.substr(2));
  EXPECT_EQ(out.bytes(), "ab-made-cdef");
  EXPECT_FALSE(out.empty());
  out.clear();
  EXPECT_TRUE(out.empty());
  EXPECT_EQ(out.bytes(), "");
  out.relay(view);
  EXPECT_EQ(out.bytes().data(), received.data()) << "a cleared outbox starts anew";
}

}  // namespace
}  // namespace weir::wire
