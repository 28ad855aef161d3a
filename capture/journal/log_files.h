// The file calls that the log makes, all of them: behind an interface, so that a test can record them, fail each of
// them, and see what a crash of the machine may leave of them.
//
// A file is used by any number of threads; a folder's calls too. Errors say which file, what the system said and what
// to do: 53100 where there is no room, else 58030. Nothing waits but for the disk.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace weir::capture {

/// Which file it is, and how large. Two files with the same device and inode are one.
struct FileFacts {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
};

class LogFile {
 public:
  virtual ~LogFile() = default;
  /// All of it, or an error; then any part of it may have been written.
  virtual Result<void> write(std::string_view bytes, std::uint64_t offset) = 0;
  /// How many bytes there were; fewer than asked for only at the file's end.
  virtual Result<std::size_t> read(char* into, std::size_t size, std::uint64_t offset) const = 0;
  /// Makes room: from then on the file has at least this size, and a write below it does not lack room. Where the file
  /// system cannot, it only gets this size.
  virtual Result<void> allocate(std::uint64_t size) = 0;
  virtual Result<void> truncate(std::uint64_t size) = 0;
  /// What was written, and the size, survive a crash of the machine: but not yet that the file is there (sync_folder).
  virtual Result<void> sync() = 0;
  virtual Result<FileFacts> facts() const = 0;
};

class LogFiles {
 public:
  enum class Mode {
    read,   ///< must be there
    write,  ///< must be there
    create  ///< must not be there
  };
  virtual ~LogFiles() = default;
  virtual Result<std::shared_ptr<LogFile>> open(const std::string& path, Mode mode) = 0;
  /// Also where there is a file of the new name: then that one is gone.
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  virtual Result<void> remove(const std::string& path) = 0;
  virtual Result<void> sync_folder(const std::string& path) = 0;
  /// Names, sorted. Of a folder that is not there: none.
  virtual Result<std::vector<std::string>> list(const std::string& path) = 0;
  /// It may be there already.
  virtual Result<void> make_folder(const std::string& path) = 0;
  /// Nothing where there is no such file.
  virtual Result<std::optional<FileFacts>> facts(const std::string& path) = 0;
};

/// The real ones.
LogFiles& system_files();

/// "journal PATH: could not write: No space left on device; free space on its file system", with its SQLSTATE.
Error file_error(const std::string& path, std::string_view doing, int reason);

}  // namespace weir::capture
