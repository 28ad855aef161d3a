// The segments of a log: a folder of files, each named by the place of its first byte in hexadecimal, and some spare
// ones that are written again. This is about files only; what is in them is the log's.
//
// Not for several threads at once, but for make_spare and retire, which only touch files that nobody else knows. A
// segment's file stays open as long as anybody holds the segment.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "capture/journal/event_log.h"
#include "capture/journal/log_files.h"
#include "capture/journal/log_format.h"

namespace weir::capture {

struct Segment {
  SegmentHeader header;
  std::string path;
  std::shared_ptr<LogFile> file;

  /// Behind it nothing belongs to the log, whatever is there; 0: the file's end.
  Place cut = 0;
  /// The file was made for it: nothing was ever written behind its end.
  bool blank = false;

  Place first() const { return header.first; }
  /// Where it ends; not what is written of it.
  Place limit() const { return cut != 0 ? cut : header.first + header.size; }
};

class Segments {
 public:
  Segments(LogFiles& files, std::string folder, std::uint64_t size)
      : files_(files), folder_(std::move(folder)), size_(size) {}

  /// "0000000004000000.log", and the other way; nothing where the name is no segment's.
  static std::string name_of(Place first);
  static std::optional<Place> place_of(const std::string& name);
  static bool is_spare(const std::string& name);

  /// A segment with room for a record of `record_size`, with this header (its size is filled in), behind the others.
  /// When it fails there is nothing of it. The first one of all is there with its header or not at all, whatever
  /// crashes.
  Result<void> begin(SegmentHeader header, std::uint64_t record_size);
  /// One that is there; in their order.
  void add(std::shared_ptr<const Segment> segment) { all_.push_back(std::move(segment)); }
  /// The log's end is in the current one, and it goes on in another.
  void cut_current(Place end);
  void add_spare(const std::string& name, bool blank = false);

  const std::shared_ptr<const Segment>& current() const { return all_.back(); }
  const std::deque<std::shared_ptr<const Segment>>& all() const { return all_; }
  /// The one that this place is in; nothing where it is gone.
  std::shared_ptr<const Segment> find(Place place) const;
  std::shared_ptr<const Segment> take_oldest();
  void put_back(std::shared_ptr<const Segment> oldest) { all_.push_front(std::move(oldest)); }

  bool wants_spare() const { return spares_.empty(); }
  bool takes_spare() const { return spares_.size() < most_spares; }
  /// Prepares a file; gives its name, for add_spare.
  Result<std::string> make_spare();
  /// The file of an old segment becomes a spare one (its name; for add_spare once the folder is synced) or, where none
  /// is wanted, is removed (nothing).
  Result<std::optional<std::string>> retire(const Segment& segment, bool as_spare);

  const std::string& folder() const { return folder_; }
  std::uint64_t size() const { return size_; }
  /// Of those in use, the current one whole.
  std::uint64_t bytes() const;

 private:
  static constexpr std::size_t most_spares = 2;
  struct Spare {
    std::string name;
    bool blank = false;
  };
  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  std::string new_spare_name();
  Result<std::string> make_file(std::uint64_t size);

  LogFiles& files_;
  std::string folder_;
  std::uint64_t size_;
  std::deque<std::shared_ptr<const Segment>> all_;
  std::vector<Spare> spares_;
  std::atomic<std::uint64_t> last_spare_ = 0;
};

}  // namespace weir::capture
