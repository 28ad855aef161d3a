// The frame every message after the StartupMessage lies in: one type byte, then an int32 length that counts itself but
// not the type (PostgreSQL manual, "Message Formats"). Lengths come from an untrusted peer, the server included:
// they are judged here, once, before any arithmetic is done with them. Also the cursor that decoders read bodies with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::wire {

constexpr std::size_t kHeaderSize = 5;
/// The largest length the server can send: a body of 1 GB - 2, the most a StringInfo holds, and the length word.
constexpr std::uint32_t kMaxMessageLength = 0x4000'0002;

inline std::uint32_t read_uint32(const char* at) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(at);
  return std::uint32_t(bytes[0]) << 24 | std::uint32_t(bytes[1]) << 16 | std::uint32_t(bytes[2]) << 8 | bytes[3];
}

/// A message's type and size, read off the first five bytes.
struct FrameHeader {
  enum class State { incomplete, malformed, valid };
  State state = State::incomplete;
  char type = 0;
  std::size_t size = 0;  ///< of the whole frame, header included
};

inline FrameHeader read_header(std::string_view received, std::uint32_t max_length = kMaxMessageLength) {
  if (received.size() < kHeaderSize) return {};
  const std::uint32_t length = read_uint32(received.data() + 1);
  const bool valid = length >= 4 && length <= max_length;
  return {valid ? FrameHeader::State::valid : FrameHeader::State::malformed, received[0], std::size_t(length) + 1};
}

/// The longest length that the server takes of a client's message (SocketBackend, pqcomm.c): PQ_SMALL_MESSAGE_LIMIT for
/// those that are never long, else PQ_LARGE_MESSAGE_LIMIT. At another one it closes the connection without a word.
constexpr std::uint32_t max_client_length(char type) {
  switch (type) {
    case 'C':  // Close
    case 'D':  // Describe
    case 'E':  // Execute
    case 'H':  // Flush
    case 'S':  // Sync
    case 'X':  // Terminate
    case 'c':  // CopyDone
    case 'f':  // CopyFail
      return 10'000;
    default:
      return 0x3fff'fffe;
  }
}

/// The header of a message from the client: malformed where the server ends the session as soon as it has read it.
inline FrameHeader read_client_header(std::string_view received) {
  return received.empty() ? FrameHeader() : read_header(received, max_client_length(received[0]));
}

/// Reads a body from front to back. Fails stickily: after the first read past the end every read gives zero or an empty
/// view, and `done` says false. Decoders check `done` once, which also catches trailing bytes.
class Cursor {
 public:
  explicit Cursor(std::string_view body) : rest_(body) {}

  std::uint8_t uint8() { return std::uint8_t(take(1) ? taken_[0] : 0); }
  /// Counts of parameters, formats and columns: the server takes up to 65,535.
  std::uint16_t uint16() {
    if (!take(2)) return 0;
    return std::uint16_t(std::uint8_t(taken_[0]) << 8 | std::uint8_t(taken_[1]));
  }
  std::int16_t int16() { return std::int16_t(uint16()); }
  std::int32_t int32() { return take(4) ? std::int32_t(read_uint32(taken_.data())) : 0; }
  /// A zero-terminated string, without its zero.
  std::string_view cstring() {
    const std::size_t zero = rest_.find('\0');
    if (zero == std::string_view::npos) {
      fail();
      return {};
    }
    const std::string_view text = rest_.substr(0, zero);
    rest_.remove_prefix(zero + 1);
    return text;
  }
  std::string_view bytes(std::size_t count) { return take(count) ? taken_ : std::string_view(); }
  std::string_view rest() const { return rest_; }
  bool ok() const { return ok_; }
  /// Nothing failed and nothing is left.
  bool done() const { return ok_ && rest_.empty(); }
  void fail() {
    ok_ = false;
    rest_ = {};
  }

 private:
  bool take(std::size_t count) {
    if (rest_.size() < count) {
      fail();
      return false;
    }
    taken_ = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return true;
  }

  std::string_view rest_;
  std::string_view taken_;
  bool ok_ = true;
};

}  // namespace weir::wire
