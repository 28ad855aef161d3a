#include "proxy/io/cancel.h"

#include <utility>

#include "proxy/process/log.h"

namespace weir::proxy {

Cancel::Cancel(Worker& worker, std::unique_ptr<Transport> client, std::unique_ptr<Admission::Ticket> ticket,
               std::string request)
    : worker_(worker),
      own_(!client),
      client_(std::move(client)),
      ticket_(std::move(ticket)),
      request_(std::move(request)),
      upstream_(worker.poller(), *this),
      timeout_(worker.io()) {}

void Cancel::start() {
  if (!own_) worker_.counters().cancel_requests.add(1);
  timeout_.expires_after(worker_.shared().login_timeout.load());
  timeout_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
    const auto self = weak.lock();
    if (self && !error) self->abort();
  });
  connector_ = worker_.connect_for_cancel(
      request_, [this](Result<UpstreamConnection> connected) { on_connected(std::move(connected)); });
}

void Cancel::abort() {
  connector_.reset();
  timeout_.cancel();
  upstream_.detach();
  if (client_) client_->shutdown_send();
  client_.reset();
  ticket_.reset();
  own_ ? worker_.dismiss(*this) : worker_.release(*this);
}

void Cancel::on_connected(Result<UpstreamConnection> connected) {
  if (!connected) {
    log::warn("lost cancel requests", "a cancel request was lost: " + connected.error().message);
    return abort();
  }
  connector_.reset();
  upstream_.attach(std::move(connected->transport));
  upstream_.send(request_);
  upstream_.watch(true);
}

void Cancel::on_peer_ready(Peer&, bool readable) {
  ReceiveBuffer& buffer = worker_.receive_buffer();
  if (readable) upstream_.receive(buffer.space(), ReceiveBuffer::kSize);
  if (upstream_.finished() || upstream_.broken()) return abort();
  upstream_.watch(true);
}

}  // namespace weir::proxy
