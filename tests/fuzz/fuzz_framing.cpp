// The engines that wire has: Relay, and Authentication in all its modes, those in which a login by SCRAM ends at Weir
// among them (then a verifier is there as soon as it is wanted). Input: one byte (which engine), then reads: one
// byte (bit 0: from which peer, the others: how many bytes) and the bytes. Relay keeps its contract byte for byte;
// both engines come to the same when the same bytes arrive one at a time.
#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/require.h"
#include "wire/authentication.h"
#include "wire/message.h"
#include "wire/relay.h"

namespace {

using weir::wire::Authentication;
using weir::wire::ChannelBinding;
using weir::wire::Engine;
using weir::wire::Relay;
using weir::wire::Turn;

const weir::wire::ScramVerifier kNobodys{4096, "salt", weir::wire::sha256("stored"), weir::wire::sha256("server")};

struct Read {
  bool of_client;
  std::string_view bytes;
};

std::vector<Read> reads_of(std::string_view input) {
  std::vector<Read> reads;
  while (!input.empty()) {
    const auto head = static_cast<unsigned char>(input[0]);
    const std::string_view bytes = input.substr(1, head >> 1);
    reads.push_back({(head & 1) != 0, bytes});
    input.remove_prefix(1 + bytes.size());
  }
  return reads;
}

/// The I/O's part: keeps what was not consumed, offers it again after a stall.
class Session {
 public:
  explicit Session(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {}

  void receive(const Read& read, std::size_t piece) {
    std::string& kept = read.of_client ? client_kept_ : upstream_kept_;
    for (std::size_t at = 0; at < read.bytes.size() && !closed_; at += piece) {
      kept.append(read.bytes.substr(at, piece));
      const bool was_stalled = engine_->standing().stalled;
      if (read.of_client && was_stalled) {
        sent_ahead_ = true;
        continue;
      }
      offer(read.of_client);
      provide_verifier();
      if (was_stalled && !engine_->standing().stalled && !closed_) offer(true);
    }
  }

  const std::string& to_client() const { return to_client_; }
  const std::string& to_upstream() const { return to_upstream_; }
  bool closed() const { return closed_; }
  bool sent_ahead() const { return sent_ahead_; }
  std::size_t upstream_kept() const { return upstream_kept_.size(); }
  std::size_t client_kept() const { return client_kept_.size(); }

 private:
  void offer(bool of_client) {
    std::string& kept = of_client ? client_kept_ : upstream_kept_;
    const std::vector<char> buffer(kept.begin(), kept.end());
    const std::string_view received(buffer.data(), buffer.size());
    Turn turn;
    const std::size_t consumed =
        of_client ? engine_->from_client(received, turn) : engine_->from_upstream(received, turn);
    WEIR_REQUIRE(consumed <= received.size());
    kept.erase(0, consumed);
    to_client_ += turn.to_client.bytes();
    to_upstream_ += turn.to_upstream.bytes();
    closed_ = closed_ || turn.close;
    const auto* login = dynamic_cast<const Authentication*>(engine_.get());
    WEIR_REQUIRE(!terminated_ || !login->authenticated());
  }

  /// One whose keys nobody has: no login may come of it.
  void provide_verifier() {
    auto* login = dynamic_cast<Authentication*>(engine_.get());
    if (login == nullptr || closed_ || login->wants_verifier() == nullptr) return;
    Turn turn;
    login->provide({weir::wire::KnownVerifier::Kind::found, kNobodys, {}}, turn);
    terminated_ = true;
    WEIR_REQUIRE(login->wants_verifier() == nullptr && !login->authenticated());
    to_client_ += turn.to_client.bytes();
    to_upstream_ += turn.to_upstream.bytes();
    closed_ = closed_ || turn.close;
  }

  std::unique_ptr<Engine> engine_;
  std::string client_kept_, upstream_kept_, to_client_, to_upstream_;
  bool closed_ = false;
  bool sent_ahead_ = false;
  bool terminated_ = false;
};

std::unique_ptr<Engine> engine_of(unsigned kind) {
  if (kind == 0) return std::make_unique<Relay>();
  if (kind > 2) {
    weir::wire::LoginRules rules;
    rules.channel_binding = ChannelBinding::strip_plus;
    rules.termination = weir::wire::ScramTermination{
        kind == 4, "Weir's", "the database's", weir::wire::ScramTermination::Binding::prefer, "server", "client"};
    rules.refuse_unasked = kind == 4;
    return std::make_unique<Authentication>(rules);
  }
  return std::make_unique<Authentication>(kind == 1 ? ChannelBinding::relay : ChannelBinding::strip_plus);
}

/// Every byte forwarded in order, replaced, or answered with an ErrorResponse; and only a header is ever kept.
void check_relay(const Session& session, const std::vector<Read>& reads) {
  std::string of_client, of_upstream;
  for (const Read& read : reads) (read.of_client ? of_client : of_upstream).append(read.bytes);
  WEIR_REQUIRE(session.client_kept() < weir::wire::kHeaderSize);
  WEIR_REQUIRE(of_client.starts_with(session.to_upstream()));
  if (session.closed()) return;
  WEIR_REQUIRE(session.upstream_kept() < weir::wire::kHeaderSize);
  WEIR_REQUIRE(of_upstream.starts_with(session.to_client()));
  WEIR_REQUIRE(session.to_client().size() + session.upstream_kept() == of_upstream.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const unsigned kind = data[0] % 5;
  const std::vector<Read> reads = reads_of(weir::testing::as_text(data + 1, size - 1));
  Session whole(engine_of(kind));
  Session bytewise(engine_of(kind));
  for (const Read& read : reads) {
    whole.receive(read, std::max<std::size_t>(read.bytes.size(), 1));
    bytewise.receive(read, 1);
  }
  // What a client sends ahead is offered between two reads of the database, so what these hold together then matters.
  if (!whole.sent_ahead() && !bytewise.sent_ahead()) {
    WEIR_REQUIRE(whole.to_client() == bytewise.to_client());
    WEIR_REQUIRE(whole.to_upstream() == bytewise.to_upstream());
    WEIR_REQUIRE(whole.closed() == bytewise.closed());
  }
  if (kind == 0) check_relay(whole, reads);
  return 0;
}
