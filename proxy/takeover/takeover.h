// How one Weir takes over from another on the same machine, over a Unix socket that both know (`takeover`).
//
// The new one asks; the one that runs answers with its listening sockets, and is told to go on when the new one is sure
// that it can serve them. From then on that one takes no new clients, and the connection between the two ends when it
// has ended: then its journal is free. Only processes of the same user, or of root, are answered. Where the new one
// goes away before it said so, nothing has happened.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "proxy/io/handed_socket.h"

namespace weir::proxy {

/// The side of the Weir that runs. Its thread ends with it, and so does the file of its socket.
class TakeoverDesk {
 public:
  struct Options {
    std::string path;
    std::function<std::vector<HandedSocket>()> sockets;  ///< on the desk's thread
    /// Another Weir serves them now; once, on the desk's thread. What it has to do is done when it returns.
    std::function<void()> taken;
  };

  static Result<std::unique_ptr<TakeoverDesk>> open(Options options);
  ~TakeoverDesk();
  TakeoverDesk(const TakeoverDesk&) = delete;
  TakeoverDesk& operator=(const TakeoverDesk&) = delete;

 private:
  explicit TakeoverDesk(Options options) : options_(std::move(options)) {}
  Result<void> listen();
  void run();
  bool serve(OwnDescriptor& peer);
  void remove_file();

  const Options options_;
  OwnDescriptor socket_;
  OwnDescriptor stop_;  // readable when the thread is to end
  OwnDescriptor next_;  // the Weir that has taken over: it sees when this one has ended
  std::pair<std::uint64_t, std::uint64_t> file_{};
  std::thread thread_;
};

/// The side of the Weir that starts.
class Takeover {
 public:
  /// Nothing where no Weir runs there.
  static Result<std::optional<Takeover>> ask(const std::string& path);

  std::vector<HandedSocket> take_sockets() { return std::move(sockets_); }
  /// These sockets are served from here on. Returns when the other takes no more clients.
  Result<void> go();
  /// True: the other has ended. False: the time is over.
  bool wait_for_end(std::chrono::milliseconds at_most) const;

 private:
  explicit Takeover(OwnDescriptor connection) : connection_(std::move(connection)) {}

  OwnDescriptor connection_;
  std::vector<HandedSocket> sockets_;
};

}  // namespace weir::proxy
