#include "emitters/line_writer.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace weir::emitters {

namespace {

constexpr std::size_t kMovedBytes = 256 << 10;

}  // namespace

void append_lines(std::string& out, std::vector<Record>&& batch) {
  for (Record& record : batch) {
    if (record.kind != Record::Kind::change && record.kind != Record::Kind::gap) continue;
    if (!record.value) continue;
    // PostgreSQL's json keeps the client's own line breaks between its tokens; inside of strings JSON has none.
    const auto begin = std::ptrdiff_t(out.size());
    if (out.empty() && record.value->size() >= kMovedBytes) {
      out = std::move(*record.value);
    } else {
      out += *record.value;
      if (record.value->size() >= kMovedBytes) record.value.reset();
    }
    std::replace_if(
        out.begin() + begin, out.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
    out += '\n';
  }
}

Result<std::uint64_t> cut_torn_line(int file, const std::string& path) {
  struct stat status {};
  if (fstat(file, &status) != 0) return file_error(path, "look at it", errno);
  const off_t size = status.st_size;
  off_t end = size;
  std::array<char, 65536> block;
  while (end > 0) {
    const off_t start = std::max<off_t>(0, end - static_cast<off_t>(block.size()));
    const ssize_t got = pread(file, block.data(), static_cast<std::size_t>(end - start), start);
    if (got != end - start) return file_error(path, "read its end", got < 0 ? errno : EIO);
    const auto newline = std::string_view(block.data(), static_cast<std::size_t>(got)).rfind('\n');
    end = newline == std::string_view::npos ? start : start + static_cast<off_t>(newline) + 1;
    if (newline != std::string_view::npos) break;
  }
  if (end != size && ftruncate(file, end) != 0) return file_error(path, "cut its torn last line", errno);
  return static_cast<std::uint64_t>(end);
}

Error file_error(const std::string& path, std::string_view doing, int reason) {
  std::string message = path + ": could not " + std::string(doing) + ": " + std::strerror(reason);
  if (reason == ENOSPC || reason == EDQUOT || reason == EFBIG) {
    message += "; free space on its file system";
  } else if (reason == EPIPE) {
    message += "; its reader is gone";
  } else if (reason == ENOENT || reason == EACCES || reason == EPERM || reason == EROFS) {
    message += "; check that its directory exists and that Weir may write there";
  }
  return {message, ""};
}

}  // namespace weir::emitters
