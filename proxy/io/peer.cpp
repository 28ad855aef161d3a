#include "proxy/io/peer.h"

#include <utility>

namespace weir::proxy {

namespace {

/// A turn's buffer below this is kept for the next turn instead.
constexpr std::size_t kMovedBytes = 256 * 1024;

}  // namespace

void Peer::attach(std::unique_ptr<Transport> transport) {
  transport_ = std::move(transport);
}

std::unique_ptr<Transport> Peer::detach() {
  if (transport_) poller_.unwatch(*this, transport_->socket());
  return std::move(transport_);
}

IoResult Peer::receive(char* buffer, std::size_t size) {
  const IoResult result = transport_->read_some(buffer, size);
  read_wants_write_ = result.status == IoStatus::want_write;
  finished_ = result.status == IoStatus::end || result.status == IoStatus::error;
  return result;
}

void Peer::send(std::string_view bytes, std::string* owned) {
  if (bytes.empty()) return release();
  if (broken_) {
    discarded_ += bytes.size();
    return;
  }
  if (!unsent_.empty()) {
    unsent_.append(bytes);
    return release();
  }
  const IoResult result = transport_->write_some(bytes);
  if (result.status == IoStatus::error || result.status == IoStatus::end) return break_off();
  write_wants_read_ = result.status == IoStatus::want_read;
  if (result.bytes == bytes.size()) return;
  if (owned != nullptr && bytes.size() >= kMovedBytes) {
    unsent_.adopt(std::move(*owned), result.bytes);
  } else {
    unsent_.append(bytes.substr(result.bytes));
  }
}

void Peer::hold(std::string_view bytes) {
  if (bytes.empty()) return;
  if (broken_ || (!unsent_.empty() && !held_)) return send(bytes);
  unsent_.append(bytes);
  held_ = true;
}

void Peer::release() {
  if (std::exchange(held_, false)) write_unsent();
}

void Peer::write_unsent() {
  while (!unsent_.empty()) {
    const IoResult result = transport_->write_some(unsent_.bytes());
    if (result.status == IoStatus::error || result.status == IoStatus::end) return break_off();
    write_wants_read_ = result.status == IoStatus::want_read;
    if (result.status != IoStatus::done) return;
    unsent_.take(result.bytes);
  }
  if (finish_sending_) finish_sending();
}

void Peer::break_off() {
  broken_ = true;
  held_ = false;
  discarded_ += unsent_.size();
  unsent_.clear();
}

void Peer::finish_sending() {
  finish_sending_ = true;
  release();
  if (half_closed_ || broken_ || !unsent_.empty()) return;
  transport_->shutdown_send();
  half_closed_ = true;
}

void Peer::watch(bool want_read) {
  want_read = want_read && !finished_;
  const bool unsent = !unsent_.empty() && !held_;
  poller_.watch(*this, transport_->socket(), want_read || (unsent && write_wants_read_),
                (unsent && !write_wants_read_) || (want_read && read_wants_write_));
  if (want_read && transport_->pending()) poller_.call_again(*this);
}

void Peer::on_ready(bool readable, bool writable) {
  if (!unsent_.empty() && !held_ && (writable || write_wants_read_)) write_unsent();
  owner_.on_peer_ready(*this, readable || read_wants_write_);
}

}  // namespace weir::proxy
