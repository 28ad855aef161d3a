// The bytes of the log: segment headers, records, blocks of a spill. README.md has the same as tables. Pure: no files.
//
// Numbers are little-endian; inside a payload they are varints (7 bits a byte, lowest first) and texts have their
// length in front. What is read is checked before it is believed, and whatever the bytes are, nothing worse than "no
// record" comes of it. A record is encoded and summed without its place (`seal`), which is put in last (`put_place`),
// so that only a few bytes are left to do under the log's lock.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "capture/event/change_event.h"
#include "capture/journal/event_log.h"
#include "capture/journal/log_shapes.h"

namespace weir::capture {

/// Of segments: 1 has no records of shapes, and was written by Weirs that do not know them.
constexpr std::uint32_t log_format_version = 2;
/// Of records: a transaction whose events name shapes, and any other record.
constexpr std::uint8_t record_version_shapes = 2;
constexpr std::uint8_t record_version_plain = 1;
constexpr std::size_t segment_header_size = 4096;
constexpr std::size_t record_header_size = 32;
constexpr std::size_t block_header_size = 24;
/// Records begin at multiples of it.
constexpr std::size_t record_alignment = 8;
constexpr std::size_t record_kind_offset = 12;

/// What is at the beginning of a segment; what it says of the log was so when the segment was begun.
struct SegmentHeader {
  std::uint64_t salt = 0;  ///< random, the same in all segments of a log: goes into every sum
  Place first = 0;         ///< the place of this header
  std::uint64_t size = 0;  ///< of the file
  std::int64_t highest_id = 0;
  event::Position last_position = 0;
  event::Lsn last_lsn = 0;
  Place durable = 0;
  std::int64_t begun_us = 0;

  bool operator==(const SegmentHeader&) const = default;
};

/// segment_header_size bytes.
std::string encode(const SegmentHeader& header);
/// Nothing where the bytes are no header, also where they are one of a newer format version.
std::optional<SegmentHeader> decode_segment_header(std::string_view bytes);
/// The format version of what looks like a segment's header; 0 where it does not.
std::uint32_t segment_version(std::string_view bytes);

enum class RecordKind : char { transaction = 't', outcomes = 'o', shape = 's' };

struct RecordHeader {
  std::uint32_t length = 0;  ///< of the payload, without padding
  std::uint32_t payload_sum = 0;
  RecordKind kind = RecordKind::transaction;
  std::uint8_t version = record_version_plain;
  Place durable = 0;  ///< what was known to be when it was written
  std::int64_t written_us = 0;

  /// Of the whole record, padding included.
  std::uint64_t size() const {
    return (record_header_size + length + record_alignment - 1) / record_alignment * record_alignment;
  }
};

/// Room for the header: what a payload is appended to.
std::string begin_record();
/// Pads and sums the payload. The record must be smaller than 4 GiB.
void seal(std::string& record, RecordKind kind, std::uint8_t version = record_version_plain);
void put_place(std::string& record, std::uint64_t salt, Place place, Place durable, std::int64_t written_us);

/// Nothing where there is no record of this place.
std::optional<RecordHeader> decode_record_header(std::string_view bytes, std::uint64_t salt, Place place);
/// `payload` with its padding.
bool payload_fits(const RecordHeader& header, std::string_view payload);

/// Events of a transaction that are in its spill: this much of the file belongs to the record.
struct SpillFacts {
  std::uint64_t bytes = 0;  ///< 0: there is none
  std::uint32_t events = 0;
};

/// What recovery must know of a transaction's record.
struct TransactionFacts {
  std::int64_t id = 0;
  std::int64_t committed_us = 0;
  event::Lsn last_lsn = 0;
  SpillFacts spill;
};

struct StoredTransaction {
  event::Transaction transaction;
  SpillFacts spill;
  std::vector<std::uint64_t> shapes;  ///< fingerprints; events name them by their places, from 1 on
  std::uint32_t events = 0;           ///< that are in the record
  std::string_view encoded;           ///< those: a view into the payload
};

/// An outcome, and what was known of its transaction.
struct StoredOutcome {
  LogOutcome told;
  Place place = 0;  ///< released: of the transaction's record
  event::Lsn last_lsn = 0;
};

/// `shapes`: those of the spill, if there is one; those of `events` are added. Returns the version that the record has.
std::uint8_t append_transaction(std::string& out, const event::Transaction& transaction, const SpillFacts& spill,
                                ShapeNumbers& shapes, std::span<const event::ChangeEvent> events);
/// The same of one that was decoded.
std::uint8_t append_transaction(std::string& out, const StoredTransaction& stored);
/// `shape`: its number; 0: none.
void append_event(std::string& out, const event::ChangeEvent& event, std::uint64_t shape = 0);
void append_shape(std::string& out, const event::TableShape& shape);
/// The same in parts, one behind the other: large texts stay where they are, in the event; `fields`, empty before, has
/// the rest.
std::vector<std::string_view> event_parts(const event::ChangeEvent& event, std::uint64_t shape, std::string& fields);
void append_outcomes(std::string& out, std::span<const StoredOutcome> outcomes);

std::optional<TransactionFacts> decode_transaction_facts(std::string_view payload);
std::optional<StoredTransaction> decode_transaction(std::string_view payload, std::uint8_t version);
std::optional<event::TableShape> decode_shape(std::string_view payload);
std::optional<std::vector<StoredOutcome>> decode_outcomes(std::string_view payload);

/// Walks encoded events.
class EventScanner {
 public:
  /// `shapes`: those that the events name, in the order of their numbers; one that is not there is left out.
  explicit EventScanner(std::string_view encoded, std::span<const event::ShapePtr> shapes = {})
      : rest_(encoded), shapes_(shapes) {}
  /// Nothing at the end, and where the bytes are no event.
  std::optional<event::ChangeEvent> next();
  /// Only its ordinal: the rest is passed over.
  std::optional<std::uint32_t> skip();
  /// What was not walked yet.
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  std::span<const event::ShapePtr> shapes_;
};

/// The only event that these bytes are; its longest text takes their memory. Nothing where they are no event.
std::optional<event::ChangeEvent> take_event(std::string&& encoded, std::span<const event::ShapePtr> shapes);

/// A run of events in a spill.
struct BlockHeader {
  std::uint32_t length = 0;  ///< of the encoded events behind it
  std::uint32_t events = 0;
  std::uint32_t first_ordinal = 0;
  std::uint32_t last_ordinal = 0;
  std::uint32_t payload_sum = 0;
};

/// `block` has room for the header in front; length and sum are computed.
BlockHeader seal_block(std::string& block, BlockHeader header, std::uint64_t salt, std::int64_t id,
                       std::uint64_t offset);
/// The same for a block whose events are in parts; the header goes where there is room for it.
BlockHeader seal_block(char* room, std::span<const std::string_view> parts, BlockHeader header, std::uint64_t salt,
                       std::int64_t id, std::uint64_t offset);
/// Nothing where there is no block of this spill at this offset.
std::optional<BlockHeader> decode_block_header(std::string_view bytes, std::uint64_t salt, std::int64_t id,
                                               std::uint64_t offset);
bool payload_fits(const BlockHeader& header, std::string_view payload);

}  // namespace weir::capture
