#include "capture/journal/segments.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace weir::capture {

namespace {

constexpr std::string_view suffix = ".log";
constexpr std::string_view spare_prefix = "spare-";
constexpr std::size_t place_digits = 16;
constexpr std::uint64_t file_block = 4096;

std::uint64_t whole_blocks(std::uint64_t size) {
  return (size + file_block - 1) / file_block * file_block;
}

}  // namespace

std::string Segments::name_of(Place first) {
  return hex(first).append(suffix);
}

std::optional<Place> Segments::place_of(const std::string& name) {
  if (name.size() != place_digits + suffix.size() || !name.ends_with(suffix)) return std::nullopt;
  Place place = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + place_digits, place, 16);
  if (error != std::errc() || end != name.data() + place_digits || name_of(place) != name) return std::nullopt;
  return place;
}

bool Segments::is_spare(const std::string& name) {
  return name.starts_with(spare_prefix);
}

void Segments::cut_current(Place end) {
  Segment current = *all_.back();
  current.cut = end;
  all_.back() = std::make_shared<const Segment>(std::move(current));
}

void Segments::add_spare(const std::string& name, bool blank) {
  std::uint64_t number = 0;
  const char* end = name.data() + name.size();
  if (std::from_chars(name.data() + spare_prefix.size(), end, number).ec == std::errc())
    last_spare_ = std::max(last_spare_.load(), number);
  spares_.push_back({name, blank});
}

std::string Segments::new_spare_name() {
  return std::string(spare_prefix) + std::to_string(++last_spare_);
}

Result<std::string> Segments::make_file(std::uint64_t size) {
  std::string name = new_spare_name();
  const auto file = files_.open(path(name), LogFiles::Mode::create);
  if (!file) return file.error();
  if (auto made = (*file)->allocate(size); !made) {
    (void)files_.remove(path(name));
    return made.error();
  }
  return name;
}

Result<std::string> Segments::make_spare() {
  return make_file(size_);
}

Result<void> Segments::begin(SegmentHeader header, std::uint64_t record_size) {
  header.size = std::max(size_, whole_blocks(segment_header_size + record_size));
  std::string name;
  bool blank = true;
  if (header.size == size_ && !spares_.empty()) {
    name = spares_.back().name;
    blank = spares_.back().blank;
    spares_.pop_back();
  } else {
    auto made = make_file(header.size);
    if (!made) return made.error();
    name = std::move(*made);
  }
  const auto fail = [&](const Error& error) {
    (void)files_.remove(path(name));
    return error;
  };
  auto file = files_.open(path(name), LogFiles::Mode::write);
  if (!file) return fail(file.error());
  if (auto written = (*file)->write(encode(header), 0); !written) return fail(written.error());
  if (all_.empty())
    if (auto synced = (*file)->sync(); !synced) return fail(synced.error());
  const std::string segment_path = path(name_of(header.first));
  if (auto named = files_.rename(path(name), segment_path); !named) return fail(named.error());
  all_.push_back(std::make_shared<const Segment>(Segment{header, segment_path, std::move(*file), 0, blank}));
  return {};
}

std::shared_ptr<const Segment> Segments::find(Place place) const {
  const auto behind = std::upper_bound(all_.begin(), all_.end(), place,
                                       [](Place wanted, const auto& segment) { return wanted < segment->first(); });
  return behind == all_.begin() ? nullptr : *std::prev(behind);
}

std::shared_ptr<const Segment> Segments::take_oldest() {
  auto oldest = std::move(all_.front());
  all_.pop_front();
  return oldest;
}

Result<std::optional<std::string>> Segments::retire(const Segment& segment, bool as_spare) {
  std::optional<std::string> name;
  if (as_spare && segment.header.size == size_) {
    name = new_spare_name();
    if (auto renamed = files_.rename(segment.path, path(*name)); !renamed) return renamed.error();
  } else if (auto removed = files_.remove(segment.path); !removed) {
    return removed.error();
  }
  return name;
}

std::uint64_t Segments::bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& segment : all_) bytes += segment->header.size;
  return bytes;
}

}  // namespace weir::capture
