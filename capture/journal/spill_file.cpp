#include "capture/journal/spill_file.h"

#include <utility>

namespace weir::capture {

namespace {

constexpr std::size_t block_size = 128 << 10;
constexpr std::size_t large_event = 256 << 10;

Error damaged_spill(const SpillFolder& folder, std::int64_t id, std::uint64_t offset) {
  return {"journal " + folder.path_of(id) + ": what is at byte " + std::to_string(offset) +
              " is not what was written there; check the disk and the system's log, and see `weir journal check`",
          "58030"};
}

}  // namespace

SpillFile::SpillFile(SpillFolder& folder, std::int64_t id, std::shared_ptr<LogFile> file)
    : folder_(folder), id_(id), file_(std::move(file)), buffer_(block_header_size, '\0') {}

Result<std::unique_ptr<SpillFile>> SpillFile::create(SpillFolder& folder, std::int64_t id) {
  auto file = folder.files.open(folder.path_of(id), LogFiles::Mode::create);
  if (!file) return file.error();
  return std::unique_ptr<SpillFile>(new SpillFile(folder, id, std::move(*file)));
}

Result<std::unique_ptr<SpillFile>> SpillFile::reopen(SpillFolder& folder, std::int64_t id, const SpillFacts& facts,
                                                     Recorded recorded, ShapeNumbers shapes) {
  auto file = folder.files.open(folder.path_of(id), LogFiles::Mode::write);
  if (!file) return file.error();
  std::unique_ptr<SpillFile> spill(new SpillFile(folder, id, std::move(*file)));
  spill->kept_ = true;  // until it is known to be whole
  if (auto found = spill->find_blocks(facts.bytes); !found) return found.error();
  spill->recorded_ = facts.bytes;
  spill->record_ = std::move(recorded);
  spill->shapes_ = std::move(shapes);
  spill->kept_ = false;
  return spill;
}

Result<void> SpillFile::find_blocks(std::uint64_t bytes) {
  std::string header(block_header_size, '\0');
  while (size_ < bytes) {
    const auto got = file_->read(header.data(), header.size(), size_);
    if (!got) return got.error();
    const auto block = decode_block_header(std::string_view(header).substr(0, *got), folder_.salt, id_, size_);
    if (!block || size_ + block_header_size + block->length > bytes) return damaged_spill(folder_, id_, size_);
    blocks_.push_back({size_, *block});
    size_ += block_header_size + block->length;
  }
  return {};
}

SpillFile::~SpillFile() {
  if (kept_) return;
  if (recorded_ > 0) {
    record_.abandon(size_);
    return;
  }
  file_.reset();
  (void)folder_.files.remove(folder_.path_of(id_));  // what is left is an orphan, and goes with the next start
  folder_.bytes -= size_;
}

void SpillFile::resize(std::uint64_t size) {
  folder_.bytes += size - size_;
  size_ = size;
}

Result<void> SpillFile::append(std::span<const event::ChangeEvent> events) {
  for (const event::ChangeEvent& event : events) {
    if (event::memory_of(event) >= large_event) {
      if (auto appended = append_large(event); !appended) return appended;
      continue;
    }
    if (buffered_.events++ == 0) buffered_.first_ordinal = event.ordinal;
    buffered_.last_ordinal = event.ordinal;
    append_event(buffer_, event, shapes_.number_of(event.shape));
    if (buffer_.size() < block_size) continue;
    if (auto flushed = flush(); !flushed) return flushed;
  }
  return {};
}

/// A block of its own, written from where its texts are.
Result<void> SpillFile::append_large(const event::ChangeEvent& event) {
  if (auto flushed = flush(); !flushed) return flushed;
  std::string fields;
  const auto parts = event_parts(event, shapes_.number_of(event.shape), fields);
  std::string header(block_header_size, '\0');
  const BlockHeader sealed =
      seal_block(header.data(), parts, {0, 1, event.ordinal, event.ordinal, 0}, folder_.salt, id_, size_);
  std::uint64_t at = size_;
  const auto write = [&](std::string_view part) {
    const std::uint64_t place = std::exchange(at, at + part.size());
    return file_->write(part, place);
  };
  if (auto written = write(header); !written) return written;
  for (const std::string_view part : parts)
    if (auto written = write(part); !written) return written;
  blocks_.push_back({size_, sealed});
  resize(at);
  return {};
}

Result<void> SpillFile::flush() {
  if (buffered_.events == 0) return {};
  const BlockHeader sealed = seal_block(buffer_, buffered_, folder_.salt, id_, size_);
  if (auto written = file_->write(buffer_, size_); !written) return written;
  blocks_.push_back({size_, sealed});
  resize(size_ + buffer_.size());
  buffered_ = {};
  buffer_.resize(block_header_size);
  return {};
}

Result<void> SpillFile::cut(std::uint32_t ordinal) {
  if (buffered_.events > 0 && buffered_.first_ordinal < ordinal) {
    cut_buffer(ordinal);
    return {};
  }
  buffered_ = {};
  buffer_.resize(block_header_size);
  return cut_blocks(ordinal);
}

void SpillFile::cut_buffer(std::uint32_t ordinal) {
  BlockHeader kept{.first_ordinal = buffered_.first_ordinal};
  EventScanner events(std::string_view(buffer_).substr(block_header_size));
  std::size_t size = block_header_size;
  for (auto next = events.skip(); next && *next < ordinal; next = events.skip()) {
    size = buffer_.size() - events.rest().size();
    kept.last_ordinal = *next;
    ++kept.events;
  }
  buffer_.resize(size);
  buffered_ = kept;
}

/// The file ends before the block in which the cut is; what is kept of that one is in the buffer, and is written with
/// what comes next.
Result<void> SpillFile::cut_blocks(std::uint32_t ordinal) {
  std::size_t keep = blocks_.size();
  while (keep > 0 && blocks_[keep - 1].header.last_ordinal >= ordinal) --keep;
  if (keep == blocks_.size()) return {};
  const Block broken = blocks_[keep];
  if (broken.offset < recorded_) {
    if (auto said = record_.forget(); !said) return said;
    recorded_ = 0;
  }
  if (broken.header.first_ordinal < ordinal) {
    std::string block(block_header_size + broken.header.length, '\0');
    const auto got = file_->read(block.data(), block.size(), broken.offset);
    if (!got) return got.error();
    if (*got < block.size() || !payload_fits(broken.header, std::string_view(block).substr(block_header_size)))
      return damaged_spill(folder_, id_, broken.offset);
    buffer_ = std::move(block);
    buffered_ = broken.header;
    cut_buffer(ordinal);
  }
  if (auto shorter = file_->truncate(broken.offset); !shorter) return shorter;
  blocks_.resize(keep);
  resize(broken.offset);
  return {};
}

Result<SpillFacts> SpillFile::finish() {
  if (auto flushed = flush(); !flushed) return flushed.error();
  SpillFacts facts{size_, 0};
  for (const Block& block : blocks_) facts.events += block.header.events;
  return facts;
}

std::shared_ptr<LogFile> SpillFile::keep() {
  kept_ = true;
  return file_;
}

Error SpillReader::damaged() const {
  return damaged_spill(*folder_, id_, offset_);
}

Result<bool> SpillReader::next_block(std::uint32_t after) {
  if (!file_) {
    auto opened = folder_->files.open(folder_->path_of(id_), LogFiles::Mode::read);
    if (!opened) return opened.error();
    file_ = std::move(*opened);
  }
  while (offset_ < facts_.bytes) {
    block_.resize(block_header_size);
    auto got = file_->read(block_.data(), block_.size(), offset_);
    if (!got) return got.error();
    block_.resize(*got);
    const auto header = decode_block_header(block_, folder_->salt, id_, offset_);
    if (!header || offset_ + block_header_size + header->length > facts_.bytes) return damaged();
    const std::uint64_t begin = offset_ + block_header_size;
    if (header->last_ordinal > after) {
      block_.resize(header->length);
      got = file_->read(block_.data(), block_.size(), begin);
      if (!got) return got.error();
      block_.resize(*got);
      if (!payload_fits(*header, block_)) return damaged();
      events_ = EventScanner(block_, shapes_);
      left_ = header->events;
    }
    offset_ = begin + header->length;
    if (left_ > 0) return true;
  }
  return false;
}

Result<std::optional<event::ChangeEvent>> SpillReader::next(std::uint32_t after) {
  for (;;) {
    if (left_ == 0) {
      const auto more = next_block(after);
      if (!more) return more.error();
      if (!*more) return std::optional<event::ChangeEvent>();
    }
    // The block of a large event is not needed beside it.
    const bool alone = left_ == 1 && events_.rest().size() == block_.size() && block_.size() >= large_event;
    auto event = alone ? take_event(std::exchange(block_, {}), shapes_) : events_.next();
    if (!event) return damaged();
    --left_;
    if (event->ordinal <= after) continue;
    last_ordinal_ = event->ordinal;
    return event;
  }
}

Result<void> SpillReader::check() {
  for (;;) {
    const auto more = next_block(0);
    if (!more) return more.error();
    if (!*more) return {};
  }
}

}  // namespace weir::capture
