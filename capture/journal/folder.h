// The claim of a journal's folder: one process at a time, and what the last one left there.
//
// The right to the folder is a lock on its file `lock`, which names the owner's pid, the machine's boot and the
// journal's instance, each in a line. It goes with the process, however that ends; the file stays, since removing it
// would let two processes lock two files of one name. Errors name the folder and what to do (58030, 53100).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace weir::capture {

/// What the system said of a file of the journal, with what was being done and what to do.
Error system_error(const std::string& path, const std::string& doing, int reason);

/// What was made, renamed or removed in this folder is so after a crash of the machine.
Result<void> sync_folder(const std::string& path);

/// Without links and without a slash at its end; the last part need not be there.
Result<std::string> absolute_path(const std::string& path);

/// Which boot of the machine this is; empty where the system does not say.
std::string boot_id();

class Folder {
 public:
  /// Makes the folder (0700) where it is not there; not its parents. Fails where another process has it.
  static Result<std::shared_ptr<Folder>> claim(const std::string& path);
  /// A private one in $TMPDIR, which goes with this object, with all that is in it.
  static Result<std::shared_ptr<Folder>> temporary();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder();

  /// Absolute, without a slash at its end.
  const std::string& path() const { return path_; }
  std::string book_path() const { return path_ + "/book.sqlite"; }

  /// Whether a book is there. Fails where there is none but other files are, so that neither a log without its book nor
  /// somebody else's folder is taken for a new journal; and where the book is empty and was one before.
  Result<bool> has_book() const;
  /// Whether the machine has booted since the folder was last used, as far as anybody knows.
  bool booted_since() const { return booted_since_; }
  /// What was remembered here is not what is here now: its text, for the log; empty where all is well. `instance` is
  /// the journal's that is here.
  std::string compare(const std::string& instance) const;
  /// Writes into the lock which journal this is, so that the next start knows whether it is still there.
  Result<void> remember(const std::string& instance) const;

 private:
  Folder() = default;

  std::string path_;
  std::string remembered_;  // the instance in the lock when it was claimed
  bool booted_since_ = false;
  bool is_temporary_ = false;
  int lock_ = -1;
};

/// Who has the folder, without disturbing anybody: nothing where nobody has, else the pid ("?" where it is not known).
std::optional<std::string> owner_of(const std::string& path);
/// The instance that the lock names; empty for none.
std::string remembered_instance(const std::string& path);

}  // namespace weir::capture
