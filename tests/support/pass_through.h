// A TCP pass-through between two peers, one thread for all connections: it can look at the bytes, change them, and
// stop them.
//
// Bytes go on unchanged unless a tap says otherwise. The tap sees each read of each direction and returns what to send
// on instead; it runs on the pass-through's thread. `freeze` holds everything that comes from the server from now on
// (already forwarded bytes are gone); `thaw` lets it flow again; `cut` closes all connections at once.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <string>
#include <thread>

namespace weir::test_support {

class PassThrough {
 public:
  enum class From { client, server };
  using Tap = std::function<std::string(From, std::string)>;

  explicit PassThrough(int server_port, Tap tap = {});
  PassThrough(const PassThrough&) = delete;
  PassThrough& operator=(const PassThrough&) = delete;
  ~PassThrough();

  int port() const { return port_; }
  void freeze() { frozen_ = true; }
  void thaw();
  void cut();
  /// New connections go to another server: a failover behind the same name.
  void lead_to(int server_port) { server_port_ = server_port; }

 private:
  struct Side {
    int socket = -1;
    bool ended = false;   ///< its FIN was seen
    std::string pending;  ///< to be written to this side
    bool finish = false;  ///< half-close this side after `pending`
    bool finished = false;
  };
  struct Pair {
    Side client;
    Side server;
  };

  void run();
  void wake();
  void accept_one();
  void receive(Pair& pair, From from);
  static void deliver(Side& to);
  static bool over(const Pair& pair);
  static void close_pair(const Pair& pair);

  std::atomic<int> server_port_;
  Tap tap_;
  int listener_ = -1;
  int port_ = 0;
  int wake_[2] = {-1, -1};
  std::atomic<bool> frozen_ = false;
  std::atomic<bool> cut_ = false;
  std::atomic<bool> stop_ = false;
  std::list<Pair> pairs_;
  std::thread thread_;
};

}  // namespace weir::test_support
