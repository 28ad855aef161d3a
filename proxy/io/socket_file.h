// A Unix socket's file while Weir listens on it, as PostgreSQL keeps its own: DIRECTORY/.s.PGSQL.PORT, and beside it a
// lock file of the same name with ".lock", whose first line is the process id of whoever listens.
//
// claim() may be called from any thread; it refuses (with a text that names the file) while a process listens there, be
// it Weir or a PostgreSQL, and takes over what a dead one left. The lock is held with flock, so that the process id of
// another container means nothing, and written in PostgreSQL's form, so that a PostgreSQL finds it taken. An abstract
// socket (a directory that begins with '@') has no file, no lock and no mode. The object is movable; at its end both
// files are removed, unless they are somebody else's by then.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>

#include "base/result.h"
#include "proxy/io/endpoint.h"

namespace weir::proxy {

class SocketFile {
 public:
  /// `address` is_unix(). Nothing is bound yet.
  static Result<SocketFile> claim(const HostPort& address);
  SocketFile(SocketFile&& other) noexcept;
  SocketFile& operator=(SocketFile&&) = delete;
  ~SocketFile() { remove(); }

  /// Binds the socket, gives the file its group and mode, and listens.
  Result<void> listen(int socket, const SocketAccess& access);
  /// Removes both files; does nothing the second time.
  void remove();
  /// The socket is another process's from now on: the files stay.
  void leave();
  /// One that another process listens on still, with the lock of its file, or -1: until confirm() the files are not
  /// this process's to remove.
  static SocketFile take_over(const HostPort& address, int lock);
  void confirm();
  /// -1 where it has none.
  int lock() const { return lock_; }

 private:
  using Identity = std::pair<dev_t, ino_t>;

  SocketFile(HostPort address, int lock) : address_(std::move(address)), lock_(lock) {}
  static std::optional<Identity> identity_of(const std::string& path);

  HostPort address_;
  int lock_;  // -1: abstract, or given up
  bool confirmed_ = true;
  std::optional<Identity> bound_;
};

}  // namespace weir::proxy
