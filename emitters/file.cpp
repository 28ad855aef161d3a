#include "emitters/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>

#include "base/memory.h"
#include "emitters/json_text.h"
#include "emitters/line_writer.h"

namespace weir::emitters {

namespace {

constexpr std::size_t pending_limit = 1 << 20;

std::int64_t system_now_us() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

/// PATH.20261121T053318Z-1
std::string rotated_name(const std::string& path, std::int64_t now_us, int number) {
  std::string time = utc_time(now_us).substr(0, 19);
  std::erase_if(time, [](char character) { return character == '-' || character == ':'; });
  return path + "." + time + "Z-" + std::to_string(number);
}

class FileEmitter final : public Emitter {
 public:
  explicit FileEmitter(FileOptions options)
      : options_(std::move(options)), name_(options_.name.empty() ? "file:" + options_.path : options_.name) {
    if (!options_.now_us) options_.now_us = system_now_us;
  }
  ~FileEmitter() override {
    if (file_ >= 0) ::close(file_);
  }

  Result<void> open_file();

  const std::string& name() const override { return name_; }
  Result<bool> offer(std::vector<Record>&& batch, event::Position position, bool ends) override;
  event::Position durable_through() override { return durable_; }
  void wait(std::chrono::milliseconds at_most) override;
  bool close(std::chrono::milliseconds at_most) override;
  std::string trouble() override { return trouble_; }

 private:
  Result<void> flush();
  Result<void> follow_path();
  Result<void> write_pending();
  bool is_removed() const;
  void take_back();
  Result<void> rotate_if_due();
  Result<void> rotate();
  Result<void> sync_directory() const;

  FileOptions options_;
  const std::string name_;
  int file_ = -1;
  std::uint64_t size_ = 0;
  std::int64_t first_line_us_ = 0;
  std::string pending_;
  event::Position pending_position_ = 0;  // durable once pending_ is written
  event::Position durable_ = 0;
  std::string trouble_;
};

Result<void> FileEmitter::open_file() {
  const int file = open(options_.path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (file < 0) return file_error(name_, "open it", errno);
  if (flock(file, LOCK_EX | LOCK_NB) != 0) {
    const int reason = errno;
    ::close(file);
    if (reason != EWOULDBLOCK) return file_error(name_, "lock it", reason);
    return Error{name_ + ": another process writes to it; give each Weir a file of its own", ""};
  }
  const Result<std::uint64_t> size = cut_torn_line(file, name_);
  const Result<void> synced = size ? sync_directory() : Result<void>(size.error());
  if (!synced) {
    ::close(file);
    return synced;
  }
  if (file_ >= 0) ::close(file_);
  file_ = file;
  size_ = *size;
  first_line_us_ = options_.now_us();  // of a file found at start the real age is not known
  return {};
}

Result<void> FileEmitter::sync_directory() const {
  std::error_code error;
  const std::filesystem::path parent = std::filesystem::absolute(options_.path, error).parent_path();
  if (error) return file_error(name_, "find its directory", error.value());
  const int directory = open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return file_error(name_, "open its directory", errno);
  const int result = fsync(directory);
  const int reason = errno;
  ::close(directory);
  if (result != 0 && reason != EINVAL) return file_error(name_, "sync its directory", reason);
  return {};
}

Result<bool> FileEmitter::offer(std::vector<Record>&& batch, event::Position position, bool ends) {
  if (!trouble_.empty() || pending_.size() >= pending_limit) {
    const Result<void> flushed = flush();
    if (!flushed) return flushed.error();
  }
  append_lines(pending_, std::move(batch));
  if (ends) pending_position_ = position;
  return true;
}

void FileEmitter::wait(std::chrono::milliseconds at_most) {
  const event::Position before = durable_;
  if (flush() && durable_ != before) return;
  std::this_thread::sleep_for(at_most);
}

bool FileEmitter::close(std::chrono::milliseconds) {
  return static_cast<bool>(flush());
}

Result<void> FileEmitter::flush() {
  Result<void> done = follow_path();
  if (done) done = rotate_if_due();
  if (done && !pending_.empty()) done = write_pending();
  trouble_ = done ? std::string() : done.error().message;
  if (done) durable_ = std::max(durable_, pending_position_);
  return done;
}

/// The file at the path may be another one by now, or none: logrotate, an operator, a rotation that was cut short.
Result<void> FileEmitter::follow_path() {
  struct stat here {};
  struct stat there {};
  if (fstat(file_, &here) != 0) return file_error(name_, "look at it", errno);
  const bool found = stat(options_.path.c_str(), &there) == 0;
  if (!found && errno != ENOENT) return file_error(name_, "look at it", errno);
  if (found && here.st_dev == there.st_dev && here.st_ino == there.st_ino) return {};
  return open_file();
}

bool FileEmitter::is_removed() const {
  struct stat here {};
  return fstat(file_, &here) == 0 && here.st_nlink == 0;
}

Result<void> FileEmitter::write_pending() {
  ssize_t written = 0;
  do {
    written = write(file_, pending_.data(), pending_.size());
  } while (written < 0 && errno == EINTR);
  int reason = written < 0 ? errno : 0;
  // A short write is a full disk, a limit or a signal: nothing of it is kept, so that no line is ever written in part.
  if (reason == 0 && static_cast<std::size_t>(written) != pending_.size()) reason = ENOSPC;
  if (reason == 0 && fdatasync(file_) != 0) reason = errno;
  if (reason == 0 && is_removed()) reason = ENOENT;  // between the look at the path and now: nobody can read it
  if (reason != 0) {
    take_back();
    return file_error(name_, "write", reason);
  }
  if (size_ == 0) first_line_us_ = options_.now_us();
  size_ += pending_.size();
  pending_.clear();
  if (pending_.capacity() > 2 * pending_limit) give_back(pending_);
  return {};
}

void FileEmitter::take_back() {
  // If even this fails, the next start or the next successful write finds it: both begin at a newline.
  if (ftruncate(file_, static_cast<off_t>(size_)) != 0) (void)cut_torn_line(file_, name_);
}

Result<void> FileEmitter::rotate_if_due() {
  if (size_ == 0) return {};
  const bool large = options_.rotate_bytes > 0 && size_ >= options_.rotate_bytes;
  const std::int64_t age_us = options_.now_us() - first_line_us_;
  const bool old = options_.rotate_age.count() > 0 && age_us >= options_.rotate_age.count() * 1'000'000;
  return large || old ? rotate() : Result<void>();
}

Result<void> FileEmitter::rotate() {
  const std::int64_t now_us = options_.now_us();
  for (int number = 1;; ++number) {
    const std::string target = rotated_name(options_.path, now_us, number);
    if (renameat2(AT_FDCWD, options_.path.c_str(), AT_FDCWD, target.c_str(), RENAME_NOREPLACE) == 0) break;
    if (errno != EEXIST) return file_error(name_, "rename it to " + target, errno);
  }
  return open_file();
}

}  // namespace

Result<std::unique_ptr<Emitter>> make_file_emitter(const FileOptions& options) {
  auto emitter = std::make_unique<FileEmitter>(options);
  const Result<void> opened = emitter->open_file();
  if (!opened) return opened.error();
  return std::unique_ptr<Emitter>(std::move(emitter));
}

}  // namespace weir::emitters
