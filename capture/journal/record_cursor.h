// Reads records of one segment by their places, through a window of its file: near places cost no further call. One
// thread. It never reads behind the limit that it is told, so a segment that is written meanwhile is read rightly; a
// segment that is used again meanwhile has no record at its old places.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "capture/journal/log_files.h"
#include "capture/journal/log_format.h"

namespace weir::capture {

class RecordCursor {
 public:
  RecordCursor(std::shared_ptr<const LogFile> file, Place first, std::uint64_t salt, std::size_t window)
      : file_(std::move(file)), first_(first), salt_(salt), window_(window) {}

  /// Nothing where there is no record at this place, or it would not end at `limit` or before.
  Result<std::optional<RecordHeader>> header(Place place, Place limit);
  /// Of a record whose header was read; without padding. Nothing where it is not what was written. Valid until the next
  /// call.
  Result<std::optional<std::string_view>> payload(Place place, const RecordHeader& header);
  /// The next place > `after` at which a whole record begins; for a log whose end is in doubt.
  Result<std::optional<Place>> find_next(Place after, Place limit);

 private:
  Result<Place> past_zeros(Place place, Place limit);
  /// Nothing where the file ends before.
  Result<std::optional<std::string_view>> bytes(Place place, std::uint64_t size);

  std::shared_ptr<const LogFile> file_;
  Place first_;
  std::uint64_t salt_;
  std::size_t window_;
  Place limit_ = 0;
  std::string buffer_;
  std::uint64_t begin_ = 0;  // of what is in the buffer, in the file
  std::uint64_t size_ = 0;
};

}  // namespace weir::capture
