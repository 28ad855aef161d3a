#include "capture/journal/record_cursor.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace weir::capture {
namespace {

/// At the front.
std::size_t count_zeros(std::string_view bytes) {
  std::size_t at = 0;
  std::uint64_t word = 0;
  for (; at + sizeof word <= bytes.size(); at += sizeof word) {
    std::memcpy(&word, bytes.data() + at, sizeof word);
    if (word != 0) break;
  }
  while (at < bytes.size() && bytes[at] == '\0') ++at;
  return at;
}

}  // namespace

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

/// A record's header is not zero at its kind, so none begins where only zeros are: most of a segment that is not full.
Result<Place> RecordCursor::past_zeros(Place place, Place limit) {
  limit_ = limit;
  const auto found = bytes(place, record_header_size);
  if (!found) return found.error();
  if (!*found) return limit;
  const auto rest = std::string_view(buffer_).substr(place - first_ - begin_, begin_ + size_ - (place - first_));
  const std::size_t zeros = count_zeros(rest);
  if (zeros <= record_kind_offset) return place;
  return place + (zeros - record_kind_offset + record_alignment - 1) / record_alignment * record_alignment;
}

Result<std::optional<Place>> RecordCursor::find_next(Place after, Place limit) {
  for (Place place = after + record_alignment; place + record_header_size <= limit; place += record_alignment) {
    const auto behind = past_zeros(place, limit);
    if (!behind) return behind.error();
    if (place = *behind; place + record_header_size > limit) break;
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
