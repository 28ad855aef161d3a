#include "capture/journal/record_cursor.h"

#include <algorithm>

namespace weir::capture {

Result<std::optional<std::string_view>> RecordCursor::bytes(Place place, std::uint64_t size) {
  const std::uint64_t offset = place - first_;
  if (place + size > limit_) return std::optional<std::string_view>();
  if (offset < begin_ || offset + size > begin_ + size_) {
    const std::uint64_t wanted = std::max<std::uint64_t>(size, std::min<std::uint64_t>(window_, limit_ - place));
    if (buffer_.size() < wanted) buffer_.resize(wanted);
    size_ = 0;
    const auto got = file_->read(buffer_.data(), wanted, offset);
    if (!got) return got.error();
    begin_ = offset;
    size_ = *got;
    if (size_ < size) return std::optional<std::string_view>();
  }
  return std::optional(std::string_view(buffer_).substr(offset - begin_, size));
}

Result<std::optional<RecordHeader>> RecordCursor::header(Place place, Place limit) {
  limit_ = limit;
  const auto found = bytes(place, record_header_size);
  if (!found) return found.error();
  if (!*found) return std::optional<RecordHeader>();
  auto header = decode_record_header(**found, salt_, place);
  if (header && place + header->size() > limit) header.reset();
  return header;
}

Result<std::optional<std::string_view>> RecordCursor::payload(Place place, const RecordHeader& header) {
  const Place begin = place + record_header_size;
  const auto found = bytes(begin, header.size() - record_header_size);
  if (!found) return found.error();
  if (!*found || !payload_fits(header, **found)) return std::optional<std::string_view>();
  return std::optional((**found).substr(0, header.length));
}

Result<std::optional<Place>> RecordCursor::find_next(Place after, Place limit) {
  for (Place place = after + record_alignment; place + record_header_size <= limit; place += record_alignment) {
    const auto found = header(place, limit);
    if (!found) return found.error();
    if (!*found) continue;
    const auto whole = payload(place, **found);
    if (!whole) return whole.error();
    if (*whole) return std::optional(place);
  }
  return std::optional<Place>();
}

}  // namespace weir::capture
