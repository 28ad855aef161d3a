#include "capture/journal/sqlite_wal.h"

#include <fstream>
#include <optional>
#include <vector>

namespace weir::capture::sqlite {

namespace {

constexpr std::size_t header_size = 32;
constexpr std::size_t frame_header_size = 24;
constexpr std::uint32_t magic = 0x377f0682;  // the last bit says in which byte order the checksums are
constexpr std::uint32_t largest_page = 65536;

using Bytes = std::vector<unsigned char>;

std::uint32_t big_endian(const unsigned char* at) {
  return std::uint32_t(at[0]) << 24 | std::uint32_t(at[1]) << 16 | std::uint32_t(at[2]) << 8 | at[3];
}

std::uint32_t little_endian(const unsigned char* at) {
  return std::uint32_t(at[3]) << 24 | std::uint32_t(at[2]) << 16 | std::uint32_t(at[1]) << 8 | at[0];
}

struct Checksum {
  std::uint32_t first = 0;
  std::uint32_t second = 0;
  bool operator==(const Checksum&) const = default;
};

Checksum stored_at(const unsigned char* at) {
  return {big_endian(at), big_endian(at + 4)};
}

class WalFile {
 public:
  explicit WalFile(const std::string& path) : file_(path, std::ios::binary), header_(header_size) {
    if (!read(header_)) return;
    const auto number = big_endian(header_.data());
    page_size_ = big_endian(header_.data() + 8);
    is_wal_ = (number & ~1u) == magic && page_size_ >= 512 && page_size_ <= largest_page;
    is_big_endian_ = (number & 1) != 0;
  }

  bool is_wal() const { return is_wal_; }
  bool header_fits() const { return add({}, header_.data(), 24) == stored_at(header_.data() + 24); }

  struct Frame {
    bool fits = false;  ///< of this log, and its checksum goes on from the frame before
    bool commits = false;
  };
  /// The next frame; nothing behind the last whole one.
  std::optional<Frame> next() {
    Bytes frame(frame_header_size + page_size_);
    if (!read(frame)) return std::nullopt;
    const bool ours = stored_at(frame.data() + 8) == stored_at(header_.data() + 16);  // the salts
    const auto before = has_before_ ? before_ : stored_at(header_.data() + 24);
    const auto sum = add(add(before, frame.data(), 8), frame.data() + frame_header_size, page_size_);
    before_ = stored_at(frame.data() + 16);
    has_before_ = true;
    return Frame{ours && sum == before_, big_endian(frame.data() + 4) != 0};
  }

 private:
  bool read(Bytes& into) {
    file_.read(reinterpret_cast<char*>(into.data()), std::streamsize(into.size()));
    return std::size_t(file_.gcount()) == into.size();
  }

  Checksum add(Checksum sum, const unsigned char* bytes, std::size_t size) const {
    for (std::size_t at = 0; at + 8 <= size; at += 8) {
      sum.first += (is_big_endian_ ? big_endian(bytes + at) : little_endian(bytes + at)) + sum.second;
      sum.second += (is_big_endian_ ? big_endian(bytes + at + 4) : little_endian(bytes + at + 4)) + sum.first;
    }
    return sum;
  }

  std::ifstream file_;
  Bytes header_;
  bool is_wal_ = false;
  bool is_big_endian_ = false;
  std::uint32_t page_size_ = 0;
  Checksum before_;
  bool has_before_ = false;
};

}  // namespace

WalState look_at_wal(const std::string& path) {
  WalState state;
  WalFile wal(path);
  if (!wal.is_wal()) return state;
  bool fits_so_far = wal.header_fits();
  while (const auto frame = wal.next()) {
    // What an earlier use of the file left behind has other salts, and fits nowhere.
    if (!fits_so_far && frame->fits && frame->commits) state.damaged = true;
    fits_so_far = fits_so_far && frame->fits;
    if (fits_so_far) ++state.whole_frames;
  }
  return state;
}

}  // namespace weir::capture::sqlite
