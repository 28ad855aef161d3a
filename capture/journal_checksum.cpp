#include "capture/journal_checksum.h"

#include <array>
#include <cstring>
#include <string_view>

namespace weir::capture {

namespace {

constexpr std::uint32_t polynomial = 0x82F63B78;  // Castagnoli's, reflected
constexpr std::size_t bytes_at_once = 8;

using Tables = std::array<std::array<std::uint32_t, 256>, bytes_at_once>;

constexpr Tables make_tables() {
  Tables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t sum = byte;
    for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1) ^ ((sum & 1) != 0 ? polynomial : 0);
    tables[0][byte] = sum;
  }
  for (std::size_t table = 1; table < bytes_at_once; ++table) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[table - 1][byte];
      tables[table][byte] = (before >> 8) ^ tables[0][before & 0xFF];
    }
  }
  return tables;
}

constexpr Tables tables = make_tables();

class Crc {
 public:
  void add(std::string_view bytes) {
    const char* at = bytes.data();
    std::size_t left = bytes.size();
    for (; left >= bytes_at_once; left -= bytes_at_once, at += bytes_at_once) {
      std::uint64_t word = 0;
      std::memcpy(&word, at, sizeof word);
      word ^= sum_;
      sum_ = 0;
      for (std::size_t i = 0; i < bytes_at_once; ++i) sum_ ^= tables[bytes_at_once - 1 - i][(word >> (8 * i)) & 0xFF];
    }
    for (; left > 0; --left, ++at) sum_ = (sum_ >> 8) ^ tables[0][(sum_ ^ static_cast<unsigned char>(*at)) & 0xFF];
  }
  void add(std::uint64_t number) {
    std::array<char, sizeof number> bytes;
    std::memcpy(bytes.data(), &number, sizeof number);
    add(std::string_view(bytes.data(), bytes.size()));
  }
  void add_text(std::string_view text) {
    add(std::uint64_t(text.size()));
    add(text);
  }
  void add_text(const std::optional<std::string>& text) {
    add(std::uint64_t(text.has_value()));
    if (text) add_text(std::string_view(*text));
  }
  std::uint32_t value() const { return ~sum_; }

 private:
  std::uint32_t sum_ = ~std::uint32_t{0};
};

}  // namespace

std::uint32_t checksum_of(std::int64_t transaction_id, const event::ChangeEvent& event) {
  Crc crc;
  for (const auto number :
       {std::uint64_t(transaction_id), std::uint64_t(event.ordinal), std::uint64_t(event.op),
        std::uint64_t(event.fidelity), std::uint64_t(event.lsn), std::uint64_t(event.statement_order),
        std::uint64_t(event.counts.inserted), std::uint64_t(event.counts.updated), std::uint64_t(event.counts.deleted)})
    crc.add(number);
  for (const auto* text : {&event.schema, &event.table, &event.cause, &event.statement, &event.tags})
    crc.add_text(std::string_view(*text));
  for (const auto* text : {&event.key, &event.old_key, &event.before, &event.after}) crc.add_text(*text);
  return crc.value();
}

}  // namespace weir::capture
