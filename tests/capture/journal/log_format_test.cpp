#include "capture/journal/log_format.h"

#include <gtest/gtest.h>

#include "capture/journal/crc32c.h"
#include "capture/journal/log_fields.h"
#include "tests/capture/journal/contract.h"

namespace weir::capture {
namespace {

std::string hex(std::string_view bytes) {
  std::string text;
  char digits[3];
  for (const unsigned char byte : bytes) {
    std::snprintf(digits, sizeof digits, "%02x", byte);
    text += digits;
  }
  return text;
}

std::string outcomes_record(Place place) {
  std::string record = begin_record();
  const StoredOutcome outcome{released(300, 5), 4096, 2000};
  append_outcomes(record, {&outcome, 1});
  seal(record, RecordKind::outcomes);
  put_place(record, 0x1122334455667788, place, 4096, 17);
  return record;
}

TEST(Crc32c, HasTheValuesOfTheStandard) {  // RFC 3720, B.4
  for (const auto sum : {+[](std::string_view bytes) { return crc32c(bytes); },
                         +[](std::string_view bytes) { return crc32c_by_tables(bytes); }}) {
    EXPECT_EQ(sum("123456789"), 0xE3069283u);
    EXPECT_EQ(sum(std::string(32, '\0')), 0x8A9136AAu);
    EXPECT_EQ(sum(std::string(32, '\xFF')), 0x62A8AB43u);
    EXPECT_EQ(sum(""), 0u);
  }
}

TEST(Crc32c, IsTheSameByAnyWayAndInPieces) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) bytes.push_back(static_cast<char>(i * 7919 >> 3));
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    const std::string_view part = std::string_view(bytes).substr(0, size);
    EXPECT_EQ(crc32c(part), crc32c_by_tables(part));
    EXPECT_EQ(crc32c(part.substr(size / 3), crc32c(part.substr(0, size / 3))), crc32c(part));
    EXPECT_EQ(crc32c_by_tables(part.substr(size / 3), crc32c_by_tables(part.substr(0, size / 3))), crc32c(part));
  }
}

TEST(LogFields, NumbersOfAnySizeComeBack) {
  for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{127}, std::uint64_t{128}, std::uint64_t{1} << 32,
                                     ~std::uint64_t{0}, std::uint64_t{1} << 63}) {
    std::string bytes;
    FieldWriter(bytes).number(number);
    FieldWriter(bytes).number_with_sign(static_cast<std::int64_t>(number));
    FieldReader in(bytes);
    EXPECT_EQ(in.number(), number);
    EXPECT_EQ(in.number_with_sign(), static_cast<std::int64_t>(number));
    EXPECT_TRUE(in.rest().empty());
    EXPECT_FALSE(in.failed());
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      FieldReader cut(std::string_view(bytes).substr(0, size));
      cut.number();
      cut.number_with_sign();
      EXPECT_TRUE(cut.failed());
    }
  }
}

TEST(LogFormat, TheBytesOfARecordAreThese) {
  event::ChangeEvent event = row(1);
  event.op = event::Op::update;
  event.counts = {0, -1, 300};
  std::string record = begin_record();
  event::Transaction stored = transaction(300);
  stored.committed_us = -1;
  ShapeNumbers shapes;
  append_transaction(record, stored, {1000, 7}, shapes, {&event, 1});
  seal(record, RecordKind::transaction);
  put_place(record, 0x1122334455667788, 4096, 64, 17);
  EXPECT_EQ(hex(record),
            "8fec06dc6900000018d91f747401000040000000000000001100000000000000ac0201d00fe80707e807c60f88f1cb88"
            "95b1b006010473686f7006373431322f3104616e6e65047073716c0e31302e302e302e373a3531323334023137017500"
            "011901e907067075626c6963066f7264657273087b226964223a317d087b226964223a317d0001d80400000000000000");
  EXPECT_EQ(hex(outcomes_record(8192)),
            "ce2a702413000000440cd8756f010000001000000000000011000000000000000172ac028292f08895b1b00605c60f80"
            "20d00f0000000000");
}

TEST(LogFormat, TheBytesOfAShapeAndOfAnEventThatNamesItAreThese) {
  std::string record = begin_record();
  append_shape(record, *shape());
  seal(record, RecordKind::shape, record_version_shapes);
  put_place(record, 0x1122334455667788, 4096, 64, 17);
  EXPECT_EQ(hex(record),
            "108b053b55000000d21c39e573020000400000000000000011000000000000008de0b780df81fc86f001067075626c69"
            "63066f72646572730202696402140a70675f636174616c6f6704696e743801620001046e6f74650693080a70675f6361"
            "74616c6f6707766172636861723062000001026964000000");
  const auto read = decode_shape(std::string_view(record).substr(record_header_size));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->columns, shape()->columns);
  EXPECT_EQ(read->fingerprint, shape()->fingerprint);

  event::ChangeEvent event = row(1);
  event.shape = shape();
  std::string payload;
  ShapeNumbers shapes;
  EXPECT_EQ(append_transaction(payload, transaction(300), {}, shapes, {&event, 1}), record_version_shapes);
  EXPECT_EQ(hex(payload),
            "ac0200d00f0000e807c60f88f1cb8895b1b006010473686f7006373431322f3104616e6e65047073716c0e31302e302e"
            "302e373a3531323334023137018de0b780df81fc86f001016380010901e907067075626c6963066f726465727301087b"
            "226964223a317d087b226964223a317d");
  const auto stored = decode_transaction(payload, record_version_shapes);
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->shapes, std::vector<std::uint64_t>{shape()->fingerprint});
  const auto back = EventScanner(stored->encoded, shapes.all()).next();
  ASSERT_TRUE(back);
  EXPECT_EQ(back->shape, event.shape);
  EXPECT_EQ(back->after, event.after);
  EXPECT_EQ(EventScanner(stored->encoded).next()->shape, nullptr) << "one that is not known is left out";
  std::string again;
  EXPECT_EQ(append_transaction(again, *stored), record_version_shapes);
  EXPECT_EQ(again, payload);
  EXPECT_FALSE(decode_transaction(payload, 3)) << "of a newer Weir";
}

TEST(LogFormat, AShapeThatIsNotWholeIsNone) {
  std::string payload;
  append_shape(payload, *shape());
  for (std::size_t size = 0; size < payload.size(); ++size)
    EXPECT_FALSE(decode_shape(std::string_view(payload).substr(0, size))) << size;
}

TEST(LogFormat, ASegmentOfBeforeThereWereShapesIsRead) {
  std::string bytes = encode(SegmentHeader{1, 2, 3, 4, 5, 6, 7, 8});
  put_number(bytes.data() + 8, std::uint32_t{1});
  put_number(bytes.data() + 80, crc32c(std::string_view(bytes).substr(0, 80)));
  EXPECT_EQ(hex(std::string_view(bytes).substr(0, 84)),
            "776569726c6f670a01000000000000000100000000000000020000000000000003000000000000000400000000000000"
            "050000000000000006000000000000000700000000000000080000000000000024ec7a10");
  EXPECT_EQ(decode_segment_header(bytes), (SegmentHeader{1, 2, 3, 4, 5, 6, 7, 8}));
  put_number(bytes.data() + 8, std::uint32_t{3});
  put_number(bytes.data() + 80, crc32c(std::string_view(bytes).substr(0, 80)));
  EXPECT_FALSE(decode_segment_header(bytes)) << "of a newer Weir";
}

TEST(LogFormat, TheBytesOfASegmentsHeaderAreThese) {
  const SegmentHeader header{1, 2, 3, 4, 5, 6, 7, 8};
  const std::string bytes = encode(header);
  ASSERT_EQ(bytes.size(), segment_header_size);
  EXPECT_EQ(hex(std::string_view(bytes).substr(0, 84)),
            "776569726c6f670a02000000000000000100000000000000020000000000000003000000000000000400000000000000"
            "05000000000000000600000000000000070000000000000008000000000000009e3b0e5a");
  EXPECT_EQ(bytes.find_first_not_of('\0', 84), std::string::npos);
  EXPECT_EQ(decode_segment_header(bytes), header);
  EXPECT_EQ(segment_version(bytes), 2u);
}

TEST(LogFormat, TheBytesOfABlockAreThese) {
  std::string block(block_header_size, '\0');
  append_event(block, row(2));
  const BlockHeader header = seal_block(block, {.events = 1, .first_ordinal = 2, .last_ordinal = 2}, 9, 300, 64);
  EXPECT_EQ(hex(block),
            "3e741eb7270000000100000002000000020000000004ee146300020901ea07067075626c6963066f7264657273087b22"
            "6964223a317d087b226964223a317d");
  const auto read = decode_block_header(block, 9, 300, 64);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->length, header.length);
  EXPECT_EQ(read->events, 1u);
  EXPECT_TRUE(payload_fits(*read, std::string_view(block).substr(block_header_size)));
  EXPECT_FALSE(decode_block_header(block, 9, 300, 65));
  EXPECT_FALSE(decode_block_header(block, 9, 301, 64));
  EXPECT_FALSE(decode_block_header(block, 8, 300, 64));
}

TEST(LogFormat, ARecordIsOneAtItsPlaceOnly) {
  const std::string record = outcomes_record(8192);
  const auto header = decode_record_header(record, 0x1122334455667788, 8192);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->kind, RecordKind::outcomes);
  EXPECT_EQ(header->durable, 4096u);
  EXPECT_EQ(header->written_us, 17);
  EXPECT_EQ(header->size(), record.size());
  EXPECT_TRUE(payload_fits(*header, std::string_view(record).substr(record_header_size)));
  EXPECT_FALSE(decode_record_header(record, 0x1122334455667788, 8200));
  EXPECT_FALSE(decode_record_header(record, 0x1122334455667789, 8192));
}

TEST(LogFormat, AnyFlippedBitIsSeen) {
  const std::string record = outcomes_record(8192);
  for (std::size_t bit = 0; bit < record.size() * 8; ++bit) {
    std::string other = record;
    other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << (bit % 8)));
    const auto header = decode_record_header(other, 0x1122334455667788, 8192);
    EXPECT_TRUE(!header || header->size() != record.size() ||
                !payload_fits(*header, std::string_view(other).substr(record_header_size)))
        << bit;
  }
  const std::string segment = encode(SegmentHeader{1, 2, 3, 4, 5, 6, 7, 8});
  for (std::size_t bit = 0; bit < 84 * 8; ++bit) {
    std::string other = segment;
    other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(decode_segment_header(other)) << bit;
  }
}

TEST(LogFormat, PayloadsThatAreCutAreNone) {
  std::string payload;
  ShapeNumbers shapes;
  append_transaction(payload, transaction(300), {1000, 7}, shapes, {});
  for (std::size_t size = 0; size < payload.size(); ++size)
    EXPECT_FALSE(decode_transaction(std::string_view(payload).substr(0, size), 1)) << size;
  EXPECT_TRUE(decode_transaction(payload, 1));
  const auto facts = decode_transaction_facts(payload);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->id, 300);
  EXPECT_EQ(facts->last_lsn, 2000u);
  EXPECT_EQ(facts->spill.bytes, 1000u);
  std::string outcomes;
  const std::vector<StoredOutcome> two = {{released(300, 5), 4096, 2000}, {acknowledged(7), 0, 0}};
  append_outcomes(outcomes, two);
  for (std::size_t size = 0; size < outcomes.size(); ++size)
    EXPECT_FALSE(decode_outcomes(std::string_view(outcomes).substr(0, size))) << size;
  std::string event;
  append_event(event, row(2));
  for (std::size_t size = 0; size < event.size(); ++size) {
    EXPECT_FALSE(EventScanner(std::string_view(event).substr(0, size)).next()) << size;
    EXPECT_FALSE(EventScanner(std::string_view(event).substr(0, size)).skip()) << size;
  }
  EventScanner whole(event);
  EXPECT_EQ(whole.skip(), 2u);
  EXPECT_TRUE(whole.rest().empty());
}

}  // namespace
}  // namespace weir::capture
