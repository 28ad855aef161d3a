// A disk in memory that keeps account of what a crash of the machine may leave: every call is recorded, and
// `after_crash` makes the disk as it may be when the machine stops behind any of them. What was synced is there; of the
// rest any part may be missing, or torn. What a failed sync had to write is safe only when it was written, and synced,
// once more. What a folder holds (made, renamed, removed) is lost from the end only: file systems keep that in order.
//
// Calls fail on demand. One thread at a time.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "capture/journal/log_files.h"

namespace weir::capture {

class ModelFiles : public LogFiles {
 public:
  /// Something that was done.
  struct Call {
    enum class Kind { create, rename, remove, sync_folder, write, resize, sync, failed_sync };
    Kind kind = Kind::write;
    int inode = 0;             // of create and all of a file
    std::string path;          // of a folder's calls
    std::string to;            // rename
    std::uint64_t offset = 0;  // write; the size for resize
    std::string bytes;
  };
  /// What a crash leaves of the calls that it may take.
  struct Loss {
    /// Of a write or a resize: nothing, all of it, or parts.
    std::function<std::vector<Call>(const Call& call)> left = [](const Call& call) { return std::vector{call}; };
    std::uint64_t folder_calls = ~std::uint64_t{0};  ///< so many of a folder's are left
  };

  ModelFiles() = default;

  const std::vector<Call>& calls() const { return calls_; }
  /// Which of the first `count` calls a crash may take.
  std::vector<std::size_t> in_doubt(std::size_t count) const;
  /// The disk after the first `count` calls and a crash.
  std::unique_ptr<ModelFiles> after_crash(std::size_t count, const Loss& loss) const;
  /// Everything that was not synced is gone.
  std::unique_ptr<ModelFiles> after_crash() const;
  /// kill -9: everything that was done is there.
  std::unique_ptr<ModelFiles> after_kill(std::size_t count) const;

  /// The call with this number (from now on, 0 is the next) fails, and so do those after it while `reason` holds.
  struct Failure {
    std::size_t skip = 0;
    std::size_t count = 1;
    int reason = 0;
    bool writes = true;  ///< and calls that make, resize or rename
    bool syncs = true;
  };
  void fail(const Failure& failure) { failure_ = failure; }
  void stop_failing() { failure_ = {.count = 0}; }

  /// What is in a file now; a test may change it.
  std::string& contents(const std::string& path) { return *disk_.files.at(disk_.names.at(path)); }
  bool has(const std::string& path) const { return disk_.names.contains(path); }
  std::vector<std::string> paths() const;
  /// Makes a copy whose record begins anew.
  std::unique_ptr<ModelFiles> copy() const;

  Result<std::shared_ptr<LogFile>> open(const std::string& path, Mode mode) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<void> sync_folder(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) override;
  Result<void> make_folder(const std::string&) override { return {}; }
  Result<std::optional<FileFacts>> facts(const std::string& path) override;

 private:
  friend class ModelFile;
  struct Disk {
    std::map<int, std::shared_ptr<std::string>> files;
    std::map<std::string, int> names;
    void apply(const Call& call);
  };
  Result<void> record(Call call);
  std::optional<Error> failing(const Call& call, const std::string& path);

  Disk start_;  // before the first call
  Disk disk_;   // now
  std::vector<Call> calls_;
  int last_inode_ = 0;
  Failure failure_{.count = 0};
};

}  // namespace weir::capture
