// Makes sessions of those who come to the listeners: deals them out to the workers in turn. While all places for logins
// are taken (admission.h) nobody comes in, and logins that have had their time are asked to give way. Used on worker
// 0's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "proxy/io/admission.h"
#include "proxy/io/listener.h"

namespace weir::proxy {

class Worker;
struct Shared;

class Dealer final : public ConnectionHandler {
 public:
  Dealer(Shared& shared, std::vector<std::unique_ptr<Worker>>& workers) : shared_(shared), workers_(workers) {}

  bool has_room() override;
  void connected(const Connected& who) override;
  void nobody_came() override { ticket_.reset(); }
  void make_room() override;

 private:
  Shared& shared_;
  std::vector<std::unique_ptr<Worker>>& workers_;
  std::unique_ptr<Admission::Ticket> ticket_;  // of the next one
  std::uint64_t next_id_ = 1;
};

}  // namespace weir::proxy
