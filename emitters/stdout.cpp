#include "emitters/stdout.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <thread>
#include <utility>

#include "base/memory.h"
#include "emitters/line_writer.h"

namespace weir::emitters {

namespace {

constexpr std::size_t kKeptBytes = 2 << 20;

class StdoutEmitter final : public Emitter {
 public:
  explicit StdoutEmitter(int descriptor, bool regular) : descriptor_(descriptor), regular_(regular) {}

  const std::string& name() const override { return name_; }
  Result<bool> offer(std::vector<Record>&& batch, event::Position position, bool ends) override;
  event::Position durable_through() override;
  void wait(std::chrono::milliseconds at_most) override;
  bool close(std::chrono::milliseconds at_most) override;
  std::string trouble() override { return trouble_; }
  bool gone() override { return gone_; }

 private:
  std::string_view rest() const { return std::string_view(pending_).substr(written_); }
  Result<void> push();
  Result<bool> write_some();
  std::string_view next_piece() const;
  bool writable(std::chrono::milliseconds at_most) const;
  bool nobody_reads() const;

  const std::string name_ = "stdout";
  const int descriptor_;
  const bool regular_;
  std::string pending_;
  std::size_t written_ = 0;  // of pending_
  event::Position pending_position_ = 0;
  event::Position durable_ = 0;
  std::string trouble_;
  bool gone_ = false;
};

Result<bool> StdoutEmitter::offer(std::vector<Record>&& batch, event::Position position, bool ends) {
  const Result<void> pushed = push();
  if (!pushed) return pushed.error();
  if (!rest().empty()) return false;
  append_lines(pending_, std::move(batch));
  if (ends) pending_position_ = position;
  (void)push();  // what is refused now stays pending: it was taken
  return true;
}

event::Position StdoutEmitter::durable_through() {
  (void)push();  // what went wrong is told by trouble() and the next offer
  return durable_;
}

void StdoutEmitter::wait(std::chrono::milliseconds at_most) {
  if (nobody_reads()) gone_ = true;
  if (!trouble_.empty() || rest().empty()) {
    std::this_thread::sleep_for(at_most);
  } else {
    (void)writable(at_most);
  }
  (void)push();
}

bool StdoutEmitter::close(std::chrono::milliseconds at_most) {
  const auto deadline = std::chrono::steady_clock::now() + at_most;
  for (;;) {
    const Result<void> pushed = push();
    if (!pushed || rest().empty()) return static_cast<bool>(pushed);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0 || !writable(left)) return false;
  }
}

/// Writes until all is out or no more goes now.
Result<void> StdoutEmitter::push() {
  while (!rest().empty()) {
    const Result<bool> moved = write_some();
    trouble_ = moved ? std::string() : moved.error().message;
    if (!moved) return moved.error();
    if (!*moved) return {};
  }
  pending_.clear();
  if (pending_.capacity() > kKeptBytes) give_back(pending_);
  written_ = 0;
  durable_ = std::max(durable_, pending_position_);
  return {};
}

/// A pipe that poll calls writable has room for PIPE_BUF bytes, so this write does not block even where the descriptor
/// is a blocking one. (To make it non-blocking would change it for whoever shares it.)
std::string_view StdoutEmitter::next_piece() const {
  const std::string_view all = rest();
  if (regular_ || all.size() <= PIPE_BUF) return all;
  const std::size_t newline = all.substr(0, PIPE_BUF).rfind('\n');
  return all.substr(0, newline == std::string_view::npos ? PIPE_BUF : newline + 1);
}

/// False where it takes nothing now.
Result<bool> StdoutEmitter::write_some() {
  if (!regular_ && !writable(std::chrono::milliseconds(0))) return false;
  const std::string_view piece = next_piece();
  const ssize_t count = write(descriptor_, piece.data(), piece.size());
  if (count >= 0) {
    written_ += static_cast<std::size_t>(count);
    return count > 0;
  }
  if (errno == EINTR || errno == EAGAIN) return false;
  gone_ = gone_ || errno == EPIPE;
  return file_error(name_, "write", errno);
}

bool StdoutEmitter::writable(std::chrono::milliseconds at_most) const {
  pollfd waited{descriptor_, POLLOUT, 0};
  return poll(&waited, 1, static_cast<int>(at_most.count())) > 0;
}

/// Told of a pipe or socket without a write.
bool StdoutEmitter::nobody_reads() const {
  pollfd looked{descriptor_, 0, 0};
  return poll(&looked, 1, 0) > 0 && (looked.revents & (POLLERR | POLLHUP)) != 0;
}

/// Of a file that is appended to, the last line may be torn. Without the right to read it there is nothing to be done.
Result<void> cut_torn_line_of(int descriptor) {
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  const int file = open(link.c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0) return {};
  const Result<std::uint64_t> size = cut_torn_line(file, "stdout");
  close(file);
  if (!size) return size.error();
  const bool appends = (fcntl(descriptor, F_GETFL) & O_APPEND) != 0;
  if (!appends && lseek(descriptor, 0, SEEK_CUR) > static_cast<off_t>(*size)) {
    lseek(descriptor, static_cast<off_t>(*size), SEEK_SET);
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Emitter>> make_stdout_emitter(int descriptor) {
  struct stat status {};
  if (fstat(descriptor, &status) != 0) return file_error("stdout", "use it", errno);
  const bool regular = S_ISREG(status.st_mode);
  if (regular) {
    const Result<void> cut = cut_torn_line_of(descriptor);
    if (!cut) return cut.error();
  }
  std::signal(SIGPIPE, SIG_IGN);
  return std::unique_ptr<Emitter>(std::make_unique<StdoutEmitter>(descriptor, regular));
}

}  // namespace weir::emitters
