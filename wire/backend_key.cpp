#include "wire/backend_key.h"

#include <algorithm>

#include "wire/error_response.h"
#include "wire/frame.h"
#include "wire/message.h"

namespace weir::wire {

namespace {

/// Process id and a secret of up to 256 bytes.
constexpr std::size_t kLongestKey = kHeaderSize + 4 + 256;
/// Longer errors are not read; those of a login have a few hundred bytes.
constexpr std::size_t kLongestError = 8 * 1024;
/// Longer values of parameters are none of those that are looked for.
constexpr std::size_t kLongestStatus = 128;
constexpr std::uint32_t kCancelRequestCode = 80877102;

void append_uint32(std::string& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift & 0xff));
}

}  // namespace

void BackendKeyReader::read(std::string_view received) {
  while (!done_ && !received.empty()) {
    const std::size_t skipped = std::min(skip_, received.size());
    skip_ -= skipped;
    received.remove_prefix(skipped);
    if (received.empty()) return;
    const std::size_t had = front_.size();
    const std::size_t wanted = had < kHeaderSize ? kHeaderSize : read_header(front_).size;
    const std::size_t count = std::min(wanted - had, received.size());
    front_.append(received.substr(0, count));
    received.remove_prefix(count);
    if (front_.size() < kHeaderSize) return;
    const FrameHeader header = read_header(front_);
    const bool is_key = header.type == backend::kBackendKeyData && header.size <= kLongestKey;
    const bool is_status = header.type == backend::kParameterStatus && header.size <= kLongestStatus;
    const bool is_error = header.type == backend::kErrorResponse && header.size <= kLongestError;
    if (header.state != FrameHeader::State::valid || header.type == backend::kReadyForQuery) {
      done_ = true;
    } else if (!is_key && !is_error && !is_status) {
      skip_ = header.size - front_.size();
      front_.clear();
    } else if (front_.size() == header.size) {
      take_frame(header.type);
    }
  }
}

void BackendKeyReader::take(std::string_view frame) {
  const std::string_view key = frame.substr(kHeaderSize);
  append_uint32(cancel_request_, static_cast<std::uint32_t>(8 + key.size()));
  append_uint32(cancel_request_, kCancelRequestCode);
  cancel_request_.append(key);
  done_ = true;
}

void BackendKeyReader::take_frame(char type) {
  if (type == backend::kBackendKeyData) return take(front_);
  if (type == backend::kErrorResponse) return take_error(front_);
  take_status(front_);
  front_.clear();
}

void BackendKeyReader::take_status(std::string_view frame) {
  const auto status = read_parameter_status(frame.substr(kHeaderSize));
  if (!status) return;
  if (status->name == "in_hot_standby") in_hot_standby_ = status->value == "on";
  if (status->name == "default_transaction_read_only") read_only_ = status->value == "on";
}

void BackendKeyReader::take_error(std::string_view frame) {
  const auto fields = read_error_fields(frame.substr(kHeaderSize));
  if (fields) refusal_ = std::string(error_field(*fields, 'M')) + " (" + std::string(error_field(*fields, 'C')) + ")";
  done_ = true;
}

}  // namespace weir::wire
