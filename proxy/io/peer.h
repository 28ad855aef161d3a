// One of the two peers of a session as its I/O sees it: a transport, the bytes that could not be written yet, and the
// received bytes that could not be used yet.
//
// send() writes at once and keeps the rest, so there is one write per turn; hold() leaves it to a later one. After a
// write has failed the peer is `broken`: what is sent to it is discarded, what it has sent before can still be read.
// Ends of stream and errors while reading are the same to a session: the peer has sent its last byte. Owned by a
// connection (its PeerOwner), used on its worker's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "proxy/io/byte_queue.h"
#include "proxy/io/poller.h"
#include "proxy/io/transport.h"

namespace weir::proxy {

class Peer;

class PeerOwner {
 public:
  virtual void on_peer_ready(Peer& peer, bool readable) = 0;

 protected:
  ~PeerOwner() = default;
};

class Peer final : public Watcher {
 public:
  Peer(Poller& poller, PeerOwner& owner) : poller_(poller), owner_(owner) {}
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  ~Peer() { detach(); }

  void attach(std::unique_ptr<Transport> transport);
  /// Stops watching and gives the transport away, or null where there is none.
  std::unique_ptr<Transport> detach();
  bool attached() const { return transport_ != nullptr; }
  Transport& transport() { return *transport_; }

  IoResult receive(char* buffer, std::size_t size);
  bool finished() const { return finished_; }  ///< its last byte was received

  /// Also what was held before; no bytes send that alone. `owned` is the memory of `bytes`, where nobody else needs it
  /// behind this: what is large is moved and not copied.
  void send(std::string_view bytes, std::string* owned = nullptr);
  /// Keeps them until send() or release() is called.
  void hold(std::string_view bytes);
  void release();
  bool broken() const { return broken_; }
  bool drained() const { return unsent_.empty(); }
  std::string_view unsent() const { return unsent_.bytes(); }
  std::uint64_t discarded() const { return discarded_; }
  /// Half-closes once all is written. Nothing may be sent any more.
  void finish_sending();
  bool sending_finished() const { return half_closed_; }

  /// Received and not used yet.
  ByteQueue& kept() { return kept_; }

  /// What the owner is called for: to read, where it wants to, and to write as long as something is unsent.
  void watch(bool want_read);
  /// During a TLS handshake, which reads and writes by itself.
  void watch_handshake(bool want_write) { poller_.watch(*this, transport_->socket(), !want_write, want_write); }

 private:
  void on_ready(bool readable, bool writable) override;
  void write_unsent();
  void break_off();

  Poller& poller_;
  PeerOwner& owner_;
  std::unique_ptr<Transport> transport_;
  ByteQueue unsent_;
  ByteQueue kept_;
  std::uint64_t discarded_ = 0;
  bool finished_ = false;
  bool broken_ = false;
  bool held_ = false;            // what is unsent waits for more
  bool finish_sending_ = false;  // as soon as unsent_ is empty
  bool half_closed_ = false;
  bool read_wants_write_ = false;  // TLS: reading goes on when the socket is writable
  bool write_wants_read_ = false;
};

}  // namespace weir::proxy
