// The next whole record behind a place in doubt: found wherever it begins, whatever is in front of it, and however the
// reads fall.
#include "capture/journal/record_cursor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "tests/capture/journal/contract.h"

namespace weir::capture {
namespace {

constexpr std::uint64_t kSalt = 0x1122334455667788;

class Bytes final : public LogFile {
 public:
  explicit Bytes(std::string bytes) : bytes_(std::move(bytes)) {}
  Result<void> write(std::string_view, std::uint64_t) override { return Error{"read only", ""}; }
  Result<std::size_t> read(char* into, std::size_t size, std::uint64_t offset) const override {
    const std::size_t count = offset < bytes_.size() ? std::min(size, bytes_.size() - offset) : 0;
    std::memcpy(into, bytes_.data() + std::min<std::size_t>(offset, bytes_.size()), count);
    return count;
  }
  Result<void> allocate(std::uint64_t) override { return {}; }
  Result<void> truncate(std::uint64_t) override { return {}; }
  Result<void> sync() override { return {}; }
  Result<FileFacts> facts() const override { return FileFacts{1, 1, bytes_.size()}; }

 private:
  std::string bytes_;
};

std::string record_at(Place place) {
  std::string record = begin_record();
  const StoredOutcome outcome{released(300, 5), 4096, 2000};
  append_outcomes(record, {&outcome, 1});
  seal(record, RecordKind::outcomes);
  put_place(record, kSalt, place, 0, 1);
  return record;
}

/// Where the next one is found behind 0, with reads of so many bytes.
std::optional<Place> found(const std::string& bytes, std::size_t window) {
  RecordCursor cursor(std::make_shared<Bytes>(bytes), 0, kSalt, window);
  const auto next = cursor.find_next(0, bytes.size());
  return next ? *next : std::nullopt;
}

TEST(RecordCursorTest, FindsARecordBehindAnyNumberOfZeros) {
  for (std::size_t gap = 8; gap <= 400; gap += 8) {
    const std::string bytes = std::string(gap, '\0') + record_at(gap) + std::string(64, '\0');
    for (const std::size_t window : {32u, 40u, 64u, 256u, 4096u})
      EXPECT_EQ(found(bytes, window), gap) << gap << " with reads of " << window;
  }
}

TEST(RecordCursorTest, AndBehindWhatIsNone) {
  for (std::size_t garbage = 1; garbage <= 24; ++garbage) {
    for (const std::size_t zeros : {0u, 3u, 8u, 13u, 200u}) {
      const std::size_t gap = (64 + garbage + zeros + 7) / 8 * 8;
      std::string bytes = std::string(64, '\0') + std::string(garbage, 's');
      bytes.resize(gap);
      bytes += record_at(gap);
      for (const std::size_t window : {48u, 4096u}) EXPECT_EQ(found(bytes, window), gap) << garbage << ' ' << zeros;
    }
  }
}

TEST(RecordCursorTest, WhereThereIsNoneItSaysSo) {
  EXPECT_EQ(found(std::string(10'000, '\0'), 256), std::nullopt);
  EXPECT_EQ(found(std::string(10'000, 's'), 256), std::nullopt);
  EXPECT_EQ(found("", 256), std::nullopt);
  // One that was written for another place.
  EXPECT_EQ(found(std::string(64, '\0') + record_at(72), 256), std::nullopt);
  std::string cut = std::string(64, '\0') + record_at(64);
  cut.pop_back();
  EXPECT_EQ(found(cut, 256), std::nullopt);
}

}  // namespace
}  // namespace weir::capture
