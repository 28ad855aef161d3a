#include "proxy/command/http_answer.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/values.h"

namespace weir::proxy {

namespace {

constexpr std::size_t kLongestHead = 64 * 1024;
constexpr std::size_t kLongestLine = 1024;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

bool read_size(std::string_view text, int base, std::size_t& size) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size, base);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

void HttpAnswer::take(std::string_view bytes) {
  if (is_over()) return;
  raw_ += bytes;
  if (state_ == State::head) read_head();
  if (state_ == State::body) read_body();
}

void HttpAnswer::close() {
  if (is_over()) return;
  state_ = state_ == State::body && framing_ == Framing::until_close ? State::ended : State::broken;
}

std::string HttpAnswer::trailer(std::string_view name) const {
  const auto found = trailers_.find(std::string(name));
  return found == trailers_.end() ? std::string() : found->second;
}

std::string HttpAnswer::take_body() {
  return std::exchange(body_, {});
}

void HttpAnswer::read_head() {
  constexpr std::string_view kBegin = "HTTP/1.";
  const auto end = raw_.find("\r\n\r\n");
  const bool begins = std::string_view(raw_).substr(0, kBegin.size()) == kBegin.substr(0, raw_.size());
  if (!begins || (end == raw_.npos && raw_.size() > kLongestHead)) state_ = State::broken;
  if (!begins || end == raw_.npos) return;
  const std::string head = raw_.substr(0, end + 2);
  raw_.erase(0, end + 4);
  auto line_end = head.find("\r\n");
  const auto code = head.find(' ') + 1;
  status_line_ = head.substr(code, line_end - code);
  std::size_t status = 0;
  if (!read_size(std::string_view(status_line_).substr(0, 3), 10, status)) {
    state_ = State::broken;
    return;
  }
  status_ = static_cast<int>(status);
  state_ = State::body;
  for (auto at = line_end + 2; at < head.size(); at = line_end + 2) {
    line_end = head.find("\r\n", at);
    read_field(std::string_view(head).substr(at, line_end - at));
  }
}

void HttpAnswer::read_field(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == line.npos) return;
  const auto name = lower(std::string(line.substr(0, colon)));
  const auto value = lower(std::string(trimmed(line.substr(colon + 1))));
  if (name == "transfer-encoding" && value == "chunked") framing_ = Framing::chunked;
  if (name != "content-length" || framing_ == Framing::chunked) return;
  framing_ = Framing::length;
  if (!read_size(value, 10, left_)) state_ = State::broken;
}

void HttpAnswer::read_body() {
  if (framing_ == Framing::chunked) {
    while (state_ == State::body && read_chunks()) continue;
    return;
  }
  const auto taken = framing_ == Framing::length ? std::min(left_, raw_.size()) : raw_.size();
  body_.append(raw_, 0, taken);
  raw_.erase(0, taken);
  if (framing_ != Framing::length) return;
  left_ -= taken;
  if (left_ == 0) state_ = State::ended;
}

bool HttpAnswer::read_line(std::string& line) {
  const auto end = raw_.find("\r\n");
  if (end == raw_.npos && raw_.size() > kLongestLine) state_ = State::broken;
  if (end == raw_.npos) return false;
  line = raw_.substr(0, end);
  raw_.erase(0, end + 2);
  return true;
}

/// One step; false where more bytes are needed for it.
bool HttpAnswer::read_chunks() {
  std::string line;
  if (chunk_ == Chunk::data) {
    const auto taken = std::min(left_, raw_.size());
    body_.append(raw_, 0, taken);
    raw_.erase(0, taken);
    left_ -= taken;
    if (left_ == 0) chunk_ = Chunk::behind;
    return left_ == 0;
  }
  if (!read_line(line)) return false;
  if (chunk_ == Chunk::size) {
    const auto extension = line.find(';');
    if (!read_size(trimmed(std::string_view(line).substr(0, extension)), 16, left_)) state_ = State::broken;
    chunk_ = left_ == 0 ? Chunk::trailer : Chunk::data;
  } else if (chunk_ == Chunk::behind) {
    if (!line.empty()) state_ = State::broken;
    chunk_ = Chunk::size;
  } else if (line.empty()) {
    state_ = State::ended;
  } else if (const auto colon = line.find(':'); colon != line.npos) {
    trailers_[lower(line.substr(0, colon))] = trimmed(std::string_view(line).substr(colon + 1));
  }
  return true;
}

}  // namespace weir::proxy
