#include "proxy/io/closing.h"

#include <chrono>
#include <utility>

namespace weir::proxy {

namespace {

// A client that neither takes its last bytes nor closes for this long is cut off.
constexpr std::chrono::milliseconds kPatience{5'000};
// The same while Weir itself is ending.
constexpr std::chrono::milliseconds kPatienceAtEnd{200};

}  // namespace

Closing::Closing(Worker& worker) : worker_(worker), client_(worker.poller(), *this), timer_(worker.io()) {}

void Closing::start(std::unique_ptr<Transport> client, std::string_view last_bytes,
                    std::unique_ptr<Admission::Ticket> ticket) {
  ticket_ = std::move(ticket);
  if (ticket_) {
    ticket_->enter(Admission::Stage::refused);
    worker_.may_have_to_make_way(*ticket_, weak_from_this());
  }
  client_.attach(std::move(client));
  client_.send(last_bytes);
  client_.finish_sending();
  if (client_.broken()) return abort();
  client_.watch(true);
  arm_timer();
}

void Closing::abort() {
  client_.detach();
  timer_.cancel();
  worker_.release(*this);
}

void Closing::on_peer_ready(Peer&, bool readable) {
  ReceiveBuffer& buffer = worker_.receive_buffer();
  if (readable) client_.receive(buffer.space(), ReceiveBuffer::kSize);
  if (client_.finished() || client_.broken()) return abort();
  client_.watch(true);
}

void Closing::arm_timer() {
  unsent_before_ = client_.unsent().size();
  timer_.expires_after(worker_.draining() ? kPatienceAtEnd : kPatience);
  timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
    const auto self = weak.lock();
    if (!self || error) return;
    const bool progress = self->client_.unsent().size() < self->unsent_before_;
    return progress ? self->arm_timer() : self->abort();
  });
}

void close_client(Worker& worker, Connection& done, Peer& client, std::unique_ptr<Admission::Ticket> ticket) {
  if (client.broken() || (client.finished() && client.drained())) {
    if (!client.broken()) client.transport().shutdown_send();
    client.detach();
    return worker.release(done);
  }
  auto closing = std::make_shared<Closing>(worker);
  worker.replace(done, closing);
  const std::string last_bytes(client.unsent());
  closing->start(client.detach(), last_bytes, std::move(ticket));
}

}  // namespace weir::proxy
