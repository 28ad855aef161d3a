#include "capture/journal/log_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace weir::capture {

namespace {

FileFacts facts_of(const struct stat& seen) {
  return {static_cast<std::uint64_t>(seen.st_dev), static_cast<std::uint64_t>(seen.st_ino),
          static_cast<std::uint64_t>(seen.st_size)};
}

class SystemFile : public LogFile {
 public:
  SystemFile(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
  ~SystemFile() override { close(descriptor_); }
  SystemFile(const SystemFile&) = delete;
  SystemFile& operator=(const SystemFile&) = delete;

  Result<void> write(std::string_view bytes, std::uint64_t offset) override {
    while (!bytes.empty()) {
      const ssize_t done = pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) return file_error(path_, "write", done < 0 ? errno : ENOSPC);
      bytes.remove_prefix(static_cast<std::size_t>(done));
      offset += static_cast<std::uint64_t>(done);
    }
    return {};
  }
  Result<std::size_t> read(char* into, std::size_t size, std::uint64_t offset) const override {
    std::size_t got = 0;
    while (got < size) {
      const ssize_t done = pread(descriptor_, into + got, size - got, static_cast<off_t>(offset + got));
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) return file_error(path_, "read", errno);
      if (done == 0) break;
      got += static_cast<std::size_t>(done);
    }
    return got;
  }
  Result<void> allocate(std::uint64_t size) override {
    int done = 0;
    do {
      done = fallocate(descriptor_, 0, 0, static_cast<off_t>(size));
    } while (done != 0 && errno == EINTR);
    if (done == 0) return {};
    if (errno != EOPNOTSUPP) return file_error(path_, "make room", errno);
    return truncate(size);
  }
  Result<void> truncate(std::uint64_t size) override {
    int done = 0;
    do {
      done = ftruncate(descriptor_, static_cast<off_t>(size));
    } while (done != 0 && errno == EINTR);
    if (done != 0) return file_error(path_, "set the size", errno);
    return {};
  }
  Result<void> sync() override {
    if (fdatasync(descriptor_) != 0) return file_error(path_, "sync", errno);
    return {};
  }
  Result<FileFacts> facts() const override {
    struct stat seen {};
    if (fstat(descriptor_, &seen) != 0) return file_error(path_, "look at it", errno);
    return facts_of(seen);
  }

 private:
  std::string path_;
  int descriptor_;
};

class SystemFiles : public LogFiles {
 public:
  Result<std::shared_ptr<LogFile>> open(const std::string& path, Mode mode) override {
    const int how = mode == Mode::read ? O_RDONLY : mode == Mode::write ? O_RDWR : O_RDWR | O_CREAT | O_EXCL;
    const int descriptor = ::open(path.c_str(), how | O_CLOEXEC, 0600);
    if (descriptor < 0) return file_error(path, mode == Mode::create ? "create" : "open", errno);
    return std::shared_ptr<LogFile>(new SystemFile(path, descriptor));
  }
  Result<void> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return file_error(from, "rename", errno);
    return {};
  }
  Result<void> remove(const std::string& path) override {
    if (unlink(path.c_str()) != 0) return file_error(path, "remove", errno);
    return {};
  }
  Result<void> sync_folder(const std::string& path) override {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return file_error(path, "open", errno);
    const int reason = fsync(descriptor) == 0 ? 0 : errno;
    close(descriptor);
    if (reason != 0) return file_error(path, "sync", reason);
    return {};
  }
  Result<std::vector<std::string>> list(const std::string& path) override {
    std::vector<std::string> names;
    DIR* folder = opendir(path.c_str());
    if (folder == nullptr && errno == ENOENT) return names;
    if (folder == nullptr) return file_error(path, "list", errno);
    errno = 0;
    while (const dirent* entry = readdir(folder)) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(name);
    }
    const int reason = errno;
    closedir(folder);
    if (reason != 0) return file_error(path, "list", reason);
    std::sort(names.begin(), names.end());
    return names;
  }
  Result<void> make_folder(const std::string& path) override {
    if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return file_error(path, "create", errno);
    return {};
  }
  Result<std::optional<FileFacts>> facts(const std::string& path) override {
    struct stat seen {};
    if (stat(path.c_str(), &seen) == 0) return std::optional(facts_of(seen));
    if (errno == ENOENT) return std::optional<FileFacts>();
    return file_error(path, "look at it", errno);
  }
};

const char* advice(int reason) {
  switch (reason) {
    case ENOENT:
    case ENOTDIR:
      return "check that its folder exists";
    case EACCES:
    case EPERM:
    case EROFS:
      return "check that Weir may write there";
    case EMFILE:
    case ENFILE:
      return "allow more open files";
    default:
      return "check the disk and the system's log";
  }
}

}  // namespace

LogFiles& system_files() {
  static SystemFiles files;
  return files;
}

Error file_error(const std::string& path, std::string_view doing, int reason) {
  const std::string message = "journal " + path + ": could not " + std::string(doing) + ": " + std::strerror(reason);
  if (reason == ENOSPC || reason == EDQUOT || reason == EFBIG)
    return {message + "; free space on its file system", "53100"};
  return {message + "; " + advice(reason), "58030"};
}

}  // namespace weir::capture
