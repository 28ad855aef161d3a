// A transaction's events in a file of their own: blocks of encoded events, each with a sum that covers where it is.
// Written from its beginning to its end; cut by making it shorter. Where its blocks begin is kept in memory.
//
// A spill is used by one thread at a time. Reading has a class of its own, which any thread may have beside it. Errors:
// log_files.h; a block that is not what was written is 58030 and names the file.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "capture/journal/event_log.h"
#include "capture/journal/log_files.h"
#include "capture/journal/log_format.h"

namespace weir::capture {

/// Where a log's spills are, and how much they take together. Outlives its spills.
struct SpillFolder {
  LogFiles& files;
  std::string path;
  std::uint64_t salt = 0;
  std::atomic<std::uint64_t> bytes = 0;

  std::string path_of(std::int64_t id) const { return path + "/" + std::to_string(id); }
};

class SpillFile : public Spill {
 public:
  /// A new one.
  static Result<std::unique_ptr<SpillFile>> create(SpillFolder& folder, std::int64_t id);
  /// What is to be done about a record that named the spill, and does not hold any more.
  struct Recorded {
    std::function<Result<void>()> forget;              ///< before it is cut below what the record named
    std::function<void(std::uint64_t bytes)> abandon;  ///< where it goes, instead of removing it
  };
  static Result<std::unique_ptr<SpillFile>> reopen(SpillFolder& folder, std::int64_t id, const SpillFacts& facts,
                                                   Recorded recorded, ShapeNumbers shapes = {});
  ~SpillFile() override;

  Result<void> append(std::span<const event::ChangeEvent> events) override;
  Result<void> cut(std::uint32_t ordinal) override;

  /// Those that its events name.
  const ShapeNumbers& shapes() const { return shapes_; }
  /// Everything is in the file, ready to be named by a record.
  Result<SpillFacts> finish();
  /// It belongs to a record now: the file stays when this object goes.
  std::shared_ptr<LogFile> keep();

 private:
  struct Block {
    std::uint64_t offset = 0;
    BlockHeader header;
  };
  SpillFile(SpillFolder& folder, std::int64_t id, std::shared_ptr<LogFile> file);
  Result<void> find_blocks(std::uint64_t bytes);
  Result<void> append_large(const event::ChangeEvent& event);
  Result<void> flush();
  Result<void> cut_blocks(std::uint32_t ordinal);
  void cut_buffer(std::uint32_t ordinal);
  void resize(std::uint64_t size);

  SpillFolder& folder_;
  std::int64_t id_;
  std::shared_ptr<LogFile> file_;
  std::vector<Block> blocks_;
  std::uint64_t size_ = 0;      // of the file
  std::uint64_t recorded_ = 0;  // what a record in the log may name, if it holds after all
  ShapeNumbers shapes_;
  std::string buffer_;  // a block that is not full yet, with room for its header
  BlockHeader buffered_;
  bool kept_ = false;
  Recorded record_;
};

/// Reads what belongs to a record, front to back; a slice that goes on where the last one ended costs no more than its
/// bytes.
class SpillReader {
 public:
  SpillReader(const SpillFolder& folder, std::int64_t id, const SpillFacts& facts,
              std::vector<event::ShapePtr> shapes = {})
      : folder_(&folder), id_(id), facts_(facts), shapes_(std::move(shapes)) {}
  /// The next event with ordinal > after; nothing at the end.
  Result<std::optional<event::ChangeEvent>> next(std::uint32_t after);
  std::int64_t id() const { return id_; }
  const SpillFacts& facts() const { return facts_; }
  /// Of the event that was read last.
  std::uint32_t last_ordinal() const { return last_ordinal_; }
  /// Reads everything and says what is wrong with it.
  Result<void> check();

 private:
  Result<bool> next_block(std::uint32_t after);
  Error damaged() const;

  const SpillFolder* folder_;
  std::int64_t id_;
  SpillFacts facts_;
  std::vector<event::ShapePtr> shapes_;
  std::shared_ptr<LogFile> file_;
  std::string block_;
  EventScanner events_{{}};
  std::uint64_t offset_ = 0;  // of the next block
  std::uint32_t left_ = 0;    // events of this block
  std::uint32_t last_ordinal_ = 0;
};

}  // namespace weir::capture
