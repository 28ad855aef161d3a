// Whether a write-ahead log of SQLite was only cut off, as by a crash, or damaged in its middle.
//
// SQLite itself takes everything behind the first frame whose checksum does not fit for never written, whatever
// follows: one flipped bit would take back changes that were safe, without a word. The format is in SQLite's manual
// ("WAL-Index and File Format", section 4). Reads the file, changes nothing.
#pragma once

#include <cstdint>
#include <string>

namespace weir::capture::sqlite {

struct WalState {
  std::uint64_t whole_frames = 0;  ///< from the beginning, up to the first that does not fit
  bool damaged = false;            ///< behind that one there are frames that were written after it
};

/// Of a file that is not there, or holds no frame: no frames, not damaged.
WalState look_at_wal(const std::string& path);

}  // namespace weir::capture::sqlite
