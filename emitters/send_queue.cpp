#include "emitters/send_queue.h"

#include <algorithm>
#include <cassert>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace weir::emitters {
namespace {

using State = SendQueue::Entry::State;

std::size_t size_of(const Record& record) {
  std::size_t bytes = sizeof(SendQueue::Entry) + record.topic.size();
  bytes += record.key ? record.key->size() : 0;
  bytes += record.value ? record.value->size() : 0;
  for (const auto& [name, value] : record.headers) bytes += name.size() + value.size();
  return bytes;
}

}  // namespace

bool SendQueue::add(std::vector<Record>&& batch, event::Position position, bool ends) {
  std::size_t bytes = 0;
  for (const Record& record : batch) bytes += size_of(record);
  const bool fits = entries_.size() + batch.size() <= limits_.records && bytes_ + bytes <= limits_.bytes;
  if (!fits && !entries_.empty()) return false;
  for (Record& record : batch) {
    const std::size_t size = size_of(record);
    const bool is_last = ends && &record == &batch.back();
    push(Entry{std::move(record), position, is_last, false, State::waiting, size, {}});
    ++unsettled_;
  }
  if (batch.empty() && ends) {
    push(Entry{{}, position, true, false, State::done, sizeof(Entry), {}});
    release();
  }
  return true;
}

void SendQueue::push(Entry entry) {
  bytes_ += entry.bytes;
  entries_.push_back(std::move(entry));
}

SendQueue::Entry* SendQueue::next() {
  if (interrupted_ || alone_on_its_way_) return nullptr;
  while (next_ < entries_.size() && entries_[next_].state != State::waiting) ++next_;
  if (next_ == entries_.size()) return nullptr;
  Entry& entry = entries_[next_];
  if (entry.alone && on_its_way_ > 0) return nullptr;
  return &entry;
}

void SendQueue::sent(Entry& entry) {
  assert(entry.state == State::waiting);
  entry.state = State::sent;
  alone_on_its_way_ = entry.alone;
  ++on_its_way_;
}

void SendQueue::end_sending(Entry& entry) {
  assert(entry.state == State::sent && on_its_way_ > 0);
  --on_its_way_;
  if (entry.alone) alone_on_its_way_ = false;
}

bool SendQueue::acknowledged(Entry& entry) {
  end_sending(entry);
  entry.state = State::safe;
  --unsettled_;
  return release();
}

void SendQueue::failed(Entry& entry) {
  if (entry.state == State::sent) end_sending(entry);
  entry.state = State::failed;
  interrupted_ = true;
}

void SendQueue::refused(Entry& entry, std::string reason) {
  if (entry.alone) {
    end_sending(entry);
    reject(entry, std::move(reason));
    return;
  }
  failed(entry);
  entry.alone = true;
}

void SendQueue::reject(Entry& entry, std::string reason) {
  entry.state = State::refused;
  entry.reason = std::move(reason);
  --unsettled_;
  refused_.push_back(&entry);
}

void SendQueue::rewind() {
  std::unordered_set<std::string_view> again;
  for (Entry& entry : entries_) {
    const bool behind = entry.state == State::safe && again.count(entry.record.topic) > 0;
    if (behind) ++unsettled_;
    if (behind || entry.state == State::sent || entry.state == State::failed) {
      entry.state = State::waiting;
      again.insert(entry.record.topic);
    }
  }
  next_ = 0;
  on_its_way_ = 0;
  alone_on_its_way_ = false;
  interrupted_ = false;
}

std::vector<Refused> SendQueue::take_refused() {
  std::vector<Refused> taken;
  taken.reserve(refused_.size());
  for (Entry* entry : refused_) {
    taken.push_back({std::move(entry->record), entry->position, std::move(entry->reason)});
    entry->state = State::done;
  }
  refused_.clear();
  release();
  return taken;
}

bool SendQueue::release() {
  const std::size_t before = entries_.size();
  while (!entries_.empty()) {
    const Entry& front = entries_.front();
    if (front.state != State::safe && front.state != State::done) break;
    if (front.ends) durable_ = std::max(durable_, front.position);
    bytes_ -= front.bytes;
    entries_.pop_front();
    if (next_ > 0) --next_;
  }
  return entries_.size() < before;
}

}  // namespace weir::emitters
