#include "capture/journal/folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

namespace weir::capture {

namespace {

namespace fs = std::filesystem;

constexpr mode_t private_folder = 0700;  // images of rows are nobody else's business
constexpr mode_t private_file = 0600;

struct Remembered {
  std::string pid;
  std::string boot;
  std::string instance;
};

Remembered read_lock(int lock) {
  std::array<char, 256> text{};
  const ssize_t size = pread(lock, text.data(), text.size(), 0);
  std::istringstream lines(std::string(text.data(), size > 0 ? std::size_t(size) : 0));
  Remembered read;
  std::getline(lines, read.pid);
  std::getline(lines, read.boot);
  std::getline(lines, read.instance);
  return read;
}

Result<void> write_lock(int lock, const std::string& path, const std::string& instance) {
  const std::string text = std::to_string(getpid()) + "\n" + boot_id() + "\n" + instance + "\n";
  if (pwrite(lock, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()) &&
      ftruncate(lock, static_cast<off_t>(text.size())) == 0)
    return {};
  return system_error(path, "write its lock", errno);
}

/// Of the whole file. An open file's own, so that it does not go when the process closes another one of that name.
struct flock whole_file(short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

Result<int> lock_in(const std::string& path) {
  const int lock = open((path + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, private_file);
  if (lock < 0) return system_error(path, "open its lock", errno);
  auto wanted = whole_file(F_WRLCK);
  if (fcntl(lock, F_OFD_SETLK, &wanted) == 0) return lock;
  const int reason = errno;
  const std::string pid = read_lock(lock).pid;
  close(lock);
  if (reason != EAGAIN && reason != EACCES) return system_error(path, "lock it", reason);
  return Error{"journal " + path + ": in use by " + (pid.empty() ? "another process" : "process " + pid) +
                   "; stop it, or give this Weir a journal of its own",
               "58030"};
}

Result<void> make_folder(const std::string& path) {
  if (mkdir(path.c_str(), private_folder) == 0) return sync_folder(fs::path(path).parent_path());
  const int reason = errno;
  std::error_code ignored;
  if (reason != EEXIST) return system_error(path, "make it", reason);
  if (fs::is_directory(path, ignored)) return {};
  return Error{"journal " + path + ": is no folder, and no journal of an earlier Weir; give Weir another path",
               "58030"};
}

/// `remembered`: the instance that the lock names; empty for none.
Result<bool> look_for_book(const std::string& path, const std::string& remembered) {
  const std::string book = path + "/book.sqlite";
  std::error_code failed;
  const auto size = fs::file_size(book, failed);
  if (!failed && size > 0) return true;
  const bool is_empty = !failed;
  std::string others;
  for (const auto& entry : fs::directory_iterator(path, failed)) {
    const auto name = entry.path().filename().string();
    if (name == "lock" || name == "lost+found" || name.starts_with("book.sqlite")) continue;
    if (others.empty()) others = name;
  }
  if (failed) return system_error(path, "read it", failed.value());
  if (!others.empty())
    return Error{"journal " + path + ": it has no book.sqlite, but has other files (" + others +
                     "); if it is a journal, put its book.sqlite back, else give Weir an empty folder",
                 "58030"};
  if (is_empty && !remembered.empty())
    return Error{"journal " + book +
                     ": it is empty, and was a journal before; put a copy of it back, or empty the folder and start "
                     "again: what was not delivered is lost then",
                 "58030"};
  return false;
}

}  // namespace

Error system_error(const std::string& path, const std::string& doing, int reason) {
  const bool full = reason == ENOSPC || reason == EDQUOT || reason == EFBIG;
  return {"journal " + path + ": could not " + doing + ": " + std::strerror(reason) +
              (full ? "; free space on its file system"
                    : "; check that its directory exists and that Weir may write there"),
          full ? "53100" : "58030"};
}

Result<void> sync_folder(const std::string& path) {
  const int handle = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (handle < 0) return system_error(path, "open it", errno);
  const int synced = fsync(handle);
  const int reason = errno;
  close(handle);
  if (synced != 0 && reason != EINVAL) return system_error(path, "sync it", reason);
  return {};
}

Result<std::string> absolute_path(const std::string& path) {
  std::error_code failed;
  auto found = fs::weakly_canonical(fs::absolute(path), failed);
  if (failed) return system_error(path, "find it", failed.value());
  if (!found.has_filename()) found = found.parent_path();
  return found.string();
}

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

Result<std::shared_ptr<Folder>> Folder::claim(const std::string& path) {
  auto found = absolute_path(path);
  if (!found) return found.error();
  const auto made = make_folder(*found);
  if (!made) return made.error();
  // Before a lock is left in a folder of somebody else's.
  if (const auto looked = look_for_book(*found, ""); !looked) return looked.error();
  const auto lock = lock_in(*found);
  if (!lock) return lock.error();
  const std::shared_ptr<Folder> folder(new Folder);
  folder->path_ = std::move(*found);
  folder->lock_ = *lock;
  const auto before = read_lock(*lock);
  folder->remembered_ = before.instance;
  folder->booted_since_ = before.boot.empty() || before.boot != boot_id();
  const auto written = folder->remember(folder->remembered_);
  if (!written) return written.error();
  return folder;
}

Result<std::shared_ptr<Folder>> Folder::temporary() {
  const char* parent = std::getenv("TMPDIR");
  std::string name = std::string(parent != nullptr && *parent != '\0' ? parent : "/tmp") + "/weir-journal-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) return system_error(name, "make it", errno);
  auto folder = claim(name);
  if (folder) (*folder)->is_temporary_ = true;
  return folder;
}

Folder::~Folder() {
  if (lock_ >= 0) close(lock_);
  std::error_code ignored;
  if (is_temporary_) fs::remove_all(path_, ignored);
}

Result<bool> Folder::has_book() const {
  return look_for_book(path_, remembered_);
}

std::string Folder::compare(const std::string& instance) const {
  if (remembered_.empty() || remembered_ == instance) return {};
  return "journal " + path_ + ": the journal that was here (instance " + remembered_ +
         ") is gone, with what was not delivered; instance " + instance + " is here now";
}

Result<void> Folder::remember(const std::string& instance) const {
  return write_lock(lock_, path_, instance);
}

std::optional<std::string> owner_of(const std::string& path) {
  const int lock = open((path + "/lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (lock < 0) return std::nullopt;
  auto asked = whole_file(F_WRLCK);
  const bool is_claimed = fcntl(lock, F_OFD_GETLK, &asked) == 0 && asked.l_type != F_UNLCK;
  const std::string pid = is_claimed ? read_lock(lock).pid : "";
  close(lock);
  if (!is_claimed) return std::nullopt;
  return pid.empty() ? "?" : pid;
}

std::string remembered_instance(const std::string& path) {
  const int lock = open((path + "/lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (lock < 0) return {};
  auto instance = read_lock(lock).instance;
  close(lock);
  return instance;
}

}  // namespace weir::capture
