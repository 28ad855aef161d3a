#include "capture/journal/log_format.h"

#include <array>
#include <cstring>
#include <utility>

#include "capture/journal/crc32c.h"
#include "capture/journal/log_fields.h"

namespace weir::capture {

namespace {

constexpr std::string_view magic = "weirlog\n";
constexpr std::size_t segment_fields_size = 8 + 4 + 4 + 8 * 8;  // magic, version, nothing, eight numbers
constexpr std::size_t lowest_record = record_header_size;

/// The sum of something that is only that at its place.
std::uint32_t sum_at(std::uint64_t salt, std::uint64_t one, std::uint64_t place, std::string_view bytes) {
  std::array<char, 24> where;
  put_number(where.data(), salt);
  put_number(where.data() + 8, one);
  put_number(where.data() + 16, place);
  return crc32c(bytes, crc32c({where.data(), where.size()}));
}

enum Present : std::uint8_t {
  has_key = 1,
  has_old_key = 2,
  has_before = 4,
  has_after = 8,
  has_counts = 16,
  has_cause = 32,
  has_statement = 64,
  has_tags = 128
};

std::uint8_t present_in(const event::ChangeEvent& event) {
  unsigned present = 0;
  if (event.key) present |= has_key;
  if (event.old_key) present |= has_old_key;
  if (event.before) present |= has_before;
  if (event.after) present |= has_after;
  if (event.counts.inserted != 0 || event.counts.updated != 0 || event.counts.deleted != 0) present |= has_counts;
  if (!event.cause.empty()) present |= has_cause;
  if (!event.statement.empty()) present |= has_statement;
  if (!event.tags.empty()) present |= has_tags;
  return static_cast<std::uint8_t>(present);
}

void read_facts(FieldReader& in, event::Transaction& transaction, SpillFacts& spill) {
  transaction.id = static_cast<std::int64_t>(in.number());
  transaction.committed_us = in.number_with_sign();
  transaction.last_lsn = in.number();
  spill.bytes = in.number();
  spill.events = static_cast<std::uint32_t>(in.number());
}

/// In the byte of the fidelity: a shape's number follows the table.
constexpr std::uint8_t has_shape = 128;

/// Whether the event names a shape.
bool read_ordinal(FieldReader& in, event::ChangeEvent& event) {
  event.op = static_cast<event::Op>(in.byte());
  const std::uint8_t fidelity = in.byte();
  event.fidelity = static_cast<event::Fidelity>(fidelity & ~has_shape);
  event.ordinal = static_cast<std::uint32_t>(in.number());
  return (fidelity & has_shape) != 0;
}

/// What stands in front of the events.
void append_facts(FieldWriter& field, const event::Transaction& transaction, const SpillFacts& spill) {
  field.number(static_cast<std::uint64_t>(transaction.id));  // these five: read_facts
  field.number_with_sign(transaction.committed_us);
  field.number(transaction.last_lsn);
  field.number(spill.bytes);
  field.number(spill.events);
  field.number(transaction.xid);
  field.number(transaction.first_lsn);
  field.number_with_sign(transaction.prepared_us);
  field.number(transaction.event_count);
  const event::Context& context = transaction.context;
  for (const auto* text : {&transaction.database, &transaction.server_run, &context.user, &context.application_name,
                           &context.client, &context.session})
    field.text(*text);
}

/// Numbers from outside, as what they are said to be.
template <typename Number>
Number small(FieldReader& in) {
  return static_cast<Number>(in.number());
}

event::ShapeColumn read_column(FieldReader& in) {
  event::ShapeColumn column;
  column.name = in.text();
  column.number = static_cast<std::int16_t>(in.number_with_sign());
  column.type = small<std::uint32_t>(in);
  column.type_schema = in.text();
  column.type_name = in.text();
  column.modifier = static_cast<std::int32_t>(in.number_with_sign());
  column.kind = static_cast<char>(in.byte());
  column.base = small<std::uint32_t>(in);
  column.not_null = in.byte() != 0;
  return column;
}

}  // namespace

std::string encode(const SegmentHeader& header) {
  std::string bytes(segment_header_size, '\0');
  std::memcpy(bytes.data(), magic.data(), magic.size());
  put_number(bytes.data() + 8, log_format_version);
  char* at = bytes.data() + 16;
  for (const std::uint64_t number :
       {header.salt, header.first, header.size, static_cast<std::uint64_t>(header.highest_id),
        static_cast<std::uint64_t>(header.last_position), header.last_lsn, header.durable,
        static_cast<std::uint64_t>(header.begun_us)}) {
    put_number(at, number);
    at += sizeof number;
  }
  put_number(at, crc32c({bytes.data(), segment_fields_size}));
  return bytes;
}

std::uint32_t segment_version(std::string_view bytes) {
  if (bytes.size() < segment_header_size || !bytes.starts_with(magic)) return 0;
  return number_at<std::uint32_t>(bytes.data() + magic.size());
}

std::optional<SegmentHeader> decode_segment_header(std::string_view bytes) {
  const std::uint32_t version = segment_version(bytes);
  if (version == 0 || version > log_format_version) return std::nullopt;
  if (number_at<std::uint32_t>(bytes.data() + segment_fields_size) != crc32c(bytes.substr(0, segment_fields_size)))
    return std::nullopt;
  const auto number = [&](std::size_t index) { return number_at<std::uint64_t>(bytes.data() + 16 + 8 * index); };
  return SegmentHeader{number(0),
                       number(1),
                       number(2),
                       static_cast<std::int64_t>(number(3)),
                       static_cast<event::Position>(number(4)),
                       number(5),
                       number(6),
                       static_cast<std::int64_t>(number(7))};
}

std::string begin_record() {
  return std::string(record_header_size, '\0');
}

void seal(std::string& record, RecordKind kind, std::uint8_t version) {
  const auto length = static_cast<std::uint32_t>(record.size() - record_header_size);
  record.resize(RecordHeader{.length = length}.size());
  put_number(record.data() + 4, length);
  put_number(record.data() + 8, crc32c(std::string_view(record).substr(record_header_size)));
  record[record_kind_offset] = static_cast<char>(kind);
  record[13] = static_cast<char>(version);
}

void put_place(std::string& record, std::uint64_t salt, Place place, Place durable, std::int64_t written_us) {
  put_number(record.data() + 16, durable);
  put_number(record.data() + 24, written_us);
  put_number(record.data(), sum_at(salt, 0, place, {record.data() + 4, record_header_size - 4}));
}

std::optional<RecordHeader> decode_record_header(std::string_view bytes, std::uint64_t salt, Place place) {
  if (bytes.size() < record_header_size) return std::nullopt;
  const char kind = bytes[record_kind_offset];
  if (kind != static_cast<char>(RecordKind::transaction) && kind != static_cast<char>(RecordKind::outcomes) &&
      kind != static_cast<char>(RecordKind::shape))
    return std::nullopt;
  if (bytes[14] != 0 || bytes[15] != 0) return std::nullopt;
  if (number_at<std::uint32_t>(bytes.data()) != sum_at(salt, 0, place, bytes.substr(4, record_header_size - 4)))
    return std::nullopt;
  RecordHeader header;
  header.length = number_at<std::uint32_t>(bytes.data() + 4);
  header.payload_sum = number_at<std::uint32_t>(bytes.data() + 8);
  header.kind = static_cast<RecordKind>(kind);
  header.version = static_cast<std::uint8_t>(bytes[13]);
  header.durable = number_at<std::uint64_t>(bytes.data() + 16);
  header.written_us = number_at<std::int64_t>(bytes.data() + 24);
  return header;
}

bool payload_fits(const RecordHeader& header, std::string_view payload) {
  return payload.size() == header.size() - lowest_record && crc32c(payload) == header.payload_sum;
}

namespace {

template <typename Writer>
void write_event(Writer& field, const event::ChangeEvent& event, std::uint64_t shape) {
  const std::uint8_t present = present_in(event);
  field.byte(static_cast<std::uint8_t>(event.op));
  field.byte(static_cast<std::uint8_t>(static_cast<unsigned>(event.fidelity) | (shape != 0 ? has_shape : 0u)));
  field.number(event.ordinal);
  field.byte(present);
  field.number(event.statement_order);
  field.number(event.lsn);
  field.text(event.schema);
  field.text(event.table);
  if (shape != 0) field.number(shape);
  for (const auto* text : {&event.key, &event.old_key, &event.before, &event.after})
    if (*text) field.text(**text);
  if ((present & has_counts) != 0)
    for (const std::int64_t count : {event.counts.inserted, event.counts.updated, event.counts.deleted})
      field.number_with_sign(count);
  for (const auto* text : {&event.cause, &event.statement, &event.tags})
    if (!text->empty()) field.text(*text);
}

/// Notes where large texts belong, and leaves them where they are.
class PartWriter : public FieldWriter {
 public:
  explicit PartWriter(std::string& fields) : FieldWriter(fields), fields_(fields) {}
  void text(std::string_view value) {
    if (value.size() < kLargeText) return FieldWriter::text(value);
    number(value.size());
    left_out_.emplace_back(fields_.size(), value);
  }
  std::vector<std::string_view> parts() const {
    const std::string_view fields = fields_;
    std::vector<std::string_view> parts;
    std::size_t at = 0;
    for (const auto& [place, text] : left_out_) {
      parts.push_back(fields.substr(at, place - at));
      parts.push_back(text);
      at = place;
    }
    parts.push_back(fields.substr(at));
    return parts;
  }

 private:
  static constexpr std::size_t kLargeText = 64 << 10;

  std::string& fields_;
  std::vector<std::pair<std::size_t, std::string_view>> left_out_;
};

/// `assign` puts a text into the string of the event that it belongs to.
template <typename Assign>
void read_event(FieldReader& in, event::ChangeEvent& event, std::span<const event::ShapePtr> shapes, Assign assign) {
  const bool shaped = read_ordinal(in, event);
  const std::uint8_t present = in.byte();
  event.statement_order = static_cast<std::uint32_t>(in.number());
  event.lsn = in.number();
  event.schema = in.text();
  event.table = in.text();
  const std::uint64_t shape = shaped ? in.number() : 0;
  if (shape != 0 && shape <= shapes.size()) event.shape = shapes[shape - 1];
  for (const auto& [bit, text] : {std::pair{has_key, &event.key},
                                  {has_old_key, &event.old_key},
                                  {has_before, &event.before},
                                  {has_after, &event.after}})
    if ((present & bit) != 0) assign(text->emplace(), in.text());
  if ((present & has_counts) != 0)
    for (std::int64_t* count : {&event.counts.inserted, &event.counts.updated, &event.counts.deleted})
      *count = in.number_with_sign();
  for (const auto& [bit, text] :
       {std::pair{has_cause, &event.cause}, {has_statement, &event.statement}, {has_tags, &event.tags}})
    if ((present & bit) != 0) assign(*text, in.text());
}

}  // namespace

void append_event(std::string& out, const event::ChangeEvent& event, std::uint64_t shape) {
  FieldWriter field(out);
  write_event(field, event, shape);
}

std::vector<std::string_view> event_parts(const event::ChangeEvent& event, std::uint64_t shape, std::string& fields) {
  PartWriter field(fields);
  write_event(field, event, shape);
  return field.parts();
}

std::optional<event::ChangeEvent> EventScanner::next() {
  if (rest_.empty()) return std::nullopt;
  FieldReader in(rest_);
  event::ChangeEvent event;
  read_event(in, event, shapes_, [](std::string& to, std::string_view text) { to = text; });
  rest_ = in.rest();
  if (in.failed()) return std::nullopt;
  return event;
}

std::optional<event::ChangeEvent> take_event(std::string&& encoded, std::span<const event::ShapePtr> shapes) {
  FieldReader in(encoded);
  event::ChangeEvent event;
  std::string* owner = nullptr;
  std::string_view longest;
  read_event(in, event, shapes, [&](std::string& to, std::string_view text) {
    if (text.size() <= longest.size()) {
      to = text;
      return;
    }
    if (owner != nullptr) *owner = longest;
    owner = &to;
    longest = text;
  });
  if (in.failed() || !in.rest().empty()) return std::nullopt;
  if (owner == nullptr) return event;
  const auto begin = static_cast<std::size_t>(longest.data() - encoded.data());
  encoded.resize(begin + longest.size());
  encoded.erase(0, begin);
  *owner = std::move(encoded);
  return event;
}

std::optional<std::uint32_t> EventScanner::skip() {
  if (rest_.empty()) return std::nullopt;
  FieldReader in(rest_);
  event::ChangeEvent event;
  const bool shaped = read_ordinal(in, event);
  const std::uint8_t present = in.byte();
  in.number();
  in.number();
  in.text();
  in.text();
  if (shaped) in.number();
  for (const std::uint8_t bit : {has_key, has_old_key, has_before, has_after})
    if ((present & bit) != 0) in.text();
  for (int count = 0; (present & has_counts) != 0 && count < 3; ++count) in.number();
  for (const std::uint8_t bit : {has_cause, has_statement, has_tags})
    if ((present & bit) != 0) in.text();
  rest_ = in.rest();
  if (in.failed()) return std::nullopt;
  return event.ordinal;
}

std::uint8_t append_transaction(std::string& out, const event::Transaction& transaction, const SpillFacts& spill,
                                ShapeNumbers& shapes, std::span<const event::ChangeEvent> events) {
  for (const event::ChangeEvent& event : events) shapes.number_of(event.shape);
  FieldWriter field(out);
  append_facts(field, transaction, spill);
  if (!shapes.all().empty()) field.number(shapes.all().size());
  for (const event::ShapePtr& shape : shapes.all()) field.number(shape ? shape->fingerprint : 0);
  field.number(events.size());
  for (const event::ChangeEvent& event : events) append_event(out, event, shapes.number_of(event.shape));
  return shapes.all().empty() ? record_version_plain : record_version_shapes;
}

std::uint8_t append_transaction(std::string& out, const StoredTransaction& stored) {
  FieldWriter field(out);
  append_facts(field, stored.transaction, stored.spill);
  if (!stored.shapes.empty()) field.number(stored.shapes.size());
  for (const std::uint64_t fingerprint : stored.shapes) field.number(fingerprint);
  field.number(stored.events);
  out.append(stored.encoded);
  return stored.shapes.empty() ? record_version_plain : record_version_shapes;
}

void append_shape(std::string& out, const event::TableShape& shape) {
  FieldWriter field(out);
  field.number(shape.fingerprint);
  field.text(shape.schema);
  field.text(shape.table);
  field.number(shape.columns.size());
  for (const event::ShapeColumn& column : shape.columns) {
    field.text(column.name);
    field.number_with_sign(column.number);
    field.number(column.type);
    field.text(column.type_schema);
    field.text(column.type_name);
    field.number_with_sign(column.modifier);
    field.byte(static_cast<std::uint8_t>(column.kind));
    field.number(column.base);
    field.byte(column.not_null ? 1 : 0);
  }
  field.number(shape.key.size());
  for (const std::string& name : shape.key) field.text(name);
}

std::optional<event::TableShape> decode_shape(std::string_view payload) {
  FieldReader in(payload);
  event::TableShape shape;
  shape.fingerprint = in.number();
  shape.schema = in.text();
  shape.table = in.text();
  const std::uint64_t columns = in.number();
  for (std::uint64_t i = 0; i < columns && !in.failed(); ++i) shape.columns.push_back(read_column(in));
  const std::uint64_t key = in.number();
  for (std::uint64_t i = 0; i < key && !in.failed(); ++i) shape.key.emplace_back(in.text());
  if (in.failed() || shape.fingerprint == 0) return std::nullopt;
  return shape;
}

std::optional<TransactionFacts> decode_transaction_facts(std::string_view payload) {
  FieldReader in(payload);
  event::Transaction transaction;
  SpillFacts spill;
  read_facts(in, transaction, spill);
  if (in.failed()) return std::nullopt;
  return TransactionFacts{transaction.id, transaction.committed_us, transaction.last_lsn, spill};
}

std::optional<StoredTransaction> decode_transaction(std::string_view payload, std::uint8_t version) {
  if (version > record_version_shapes) return std::nullopt;
  FieldReader in(payload);
  StoredTransaction stored;
  event::Transaction& transaction = stored.transaction;
  read_facts(in, transaction, stored.spill);
  transaction.xid = in.number();
  transaction.first_lsn = in.number();
  transaction.prepared_us = in.number_with_sign();
  transaction.event_count = static_cast<std::uint32_t>(in.number());
  event::Context& context = transaction.context;
  for (auto* text : {&transaction.database, &transaction.server_run, &context.user, &context.application_name,
                     &context.client, &context.session})
    *text = in.text();
  const std::uint64_t shapes = version == record_version_shapes ? in.number() : 0;
  for (std::uint64_t i = 0; i < shapes && !in.failed(); ++i) stored.shapes.push_back(in.number());
  stored.events = static_cast<std::uint32_t>(in.number());
  stored.encoded = in.rest();
  if (in.failed()) return std::nullopt;
  return stored;
}

void append_outcomes(std::string& out, std::span<const StoredOutcome> outcomes) {
  FieldWriter field(out);
  field.number(outcomes.size());
  for (const StoredOutcome& outcome : outcomes) {
    field.byte(static_cast<std::uint8_t>(outcome.told.kind));
    field.number(static_cast<std::uint64_t>(outcome.told.id));
    if (outcome.told.kind == LogOutcome::Kind::acknowledged || outcome.told.kind == LogOutcome::Kind::released)
      field.number_with_sign(outcome.told.committed_us);
    if (outcome.told.kind != LogOutcome::Kind::released) continue;
    field.number(static_cast<std::uint64_t>(outcome.told.position));
    field.number(outcome.told.resolved);
    field.number(outcome.place);
    field.number(outcome.last_lsn);
  }
}

std::optional<std::vector<StoredOutcome>> decode_outcomes(std::string_view payload) {
  FieldReader in(payload);
  std::vector<StoredOutcome> outcomes;
  const std::uint64_t count = in.number();
  for (std::uint64_t i = 0; i < count && !in.failed(); ++i) {
    StoredOutcome& outcome = outcomes.emplace_back();
    outcome.told.kind = static_cast<LogOutcome::Kind>(in.byte());
    outcome.told.id = static_cast<std::int64_t>(in.number());
    switch (outcome.told.kind) {
      case LogOutcome::Kind::reopened:
      case LogOutcome::Kind::aborted:
        break;
      case LogOutcome::Kind::acknowledged:
        outcome.told.committed_us = in.number_with_sign();
        break;
      case LogOutcome::Kind::released:
        outcome.told.committed_us = in.number_with_sign();
        outcome.told.position = static_cast<event::Position>(in.number());
        outcome.told.resolved = in.number();
        outcome.place = in.number();
        outcome.last_lsn = in.number();
        break;
      default:
        return std::nullopt;
    }
  }
  if (in.failed()) return std::nullopt;
  return outcomes;
}

BlockHeader seal_block(std::string& block, BlockHeader header, std::uint64_t salt, std::int64_t id,
                       std::uint64_t offset) {
  const std::string_view payload = std::string_view(block).substr(block_header_size);
  return seal_block(block.data(), {&payload, 1}, header, salt, id, offset);
}

BlockHeader seal_block(char* room, std::span<const std::string_view> parts, BlockHeader header, std::uint64_t salt,
                       std::int64_t id, std::uint64_t offset) {
  header.length = 0;
  header.payload_sum = 0;
  for (const std::string_view part : parts) {
    header.length += static_cast<std::uint32_t>(part.size());
    header.payload_sum = crc32c(part, header.payload_sum);
  }
  char* at = room;
  for (const std::uint32_t number : {std::uint32_t{0}, header.length, header.events, header.first_ordinal,
                                     header.last_ordinal, header.payload_sum}) {
    put_number(at, number);
    at += sizeof number;
  }
  put_number(room, sum_at(salt, static_cast<std::uint64_t>(id), offset, {room + 4, block_header_size - 4}));
  return header;
}

std::optional<BlockHeader> decode_block_header(std::string_view bytes, std::uint64_t salt, std::int64_t id,
                                               std::uint64_t offset) {
  if (bytes.size() < block_header_size) return std::nullopt;
  const auto number = [&](std::size_t index) { return number_at<std::uint32_t>(bytes.data() + 4 * index); };
  if (number(0) != sum_at(salt, static_cast<std::uint64_t>(id), offset, bytes.substr(4, block_header_size - 4)))
    return std::nullopt;
  return BlockHeader{number(1), number(2), number(3), number(4), number(5)};
}

bool payload_fits(const BlockHeader& header, std::string_view payload) {
  return payload.size() == header.length && crc32c(payload) == header.payload_sum;
}

}  // namespace weir::capture
