#include "capture/journal/crc32c.h"

#include <array>
#include <cstddef>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <arm_acle.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace weir::capture {

namespace {

constexpr std::uint32_t polynomial = 0x82F63B78;  // reflected
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

std::uint64_t word_at(const char* at) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t crc32c_by_processor(std::string_view bytes, std::uint32_t before) {
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  std::uint64_t sum = ~before;
  for (; left >= bytes_at_once; left -= bytes_at_once, at += bytes_at_once) sum = _mm_crc32_u64(sum, word_at(at));
  for (; left > 0; --left, ++at) sum = _mm_crc32_u8(static_cast<std::uint32_t>(sum), static_cast<unsigned char>(*at));
  return ~static_cast<std::uint32_t>(sum);
}
bool processor_has_it() {
  return __builtin_cpu_supports("sse4.2");
}
#elif defined(__aarch64__) && defined(__linux__)
__attribute__((target("+crc"))) std::uint32_t crc32c_by_processor(std::string_view bytes, std::uint32_t before) {
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  std::uint32_t sum = ~before;
  for (; left >= bytes_at_once; left -= bytes_at_once, at += bytes_at_once) sum = __crc32cd(sum, word_at(at));
  for (; left > 0; --left, ++at) sum = __crc32cb(sum, static_cast<unsigned char>(*at));
  return ~sum;
}
bool processor_has_it() {
  return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
}
#else
std::uint32_t crc32c_by_processor(std::string_view bytes, std::uint32_t before) {
  return crc32c_by_tables(bytes, before);
}
bool processor_has_it() {
  return false;
}
#endif

}  // namespace

std::uint32_t crc32c_by_tables(std::string_view bytes, std::uint32_t before) {
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  std::uint32_t sum = ~before;
  for (; left >= bytes_at_once; left -= bytes_at_once, at += bytes_at_once) {
    const std::uint64_t word = word_at(at) ^ sum;
    sum = 0;
    for (std::size_t i = 0; i < bytes_at_once; ++i) sum ^= tables[bytes_at_once - 1 - i][(word >> (8 * i)) & 0xFF];
  }
  for (; left > 0; --left, ++at) sum = (sum >> 8) ^ tables[0][(sum ^ static_cast<unsigned char>(*at)) & 0xFF];
  return ~sum;
}

std::uint32_t crc32c(std::string_view bytes, std::uint32_t before) {
  static const bool by_processor = processor_has_it();
  return by_processor ? crc32c_by_processor(bytes, before) : crc32c_by_tables(bytes, before);
}

}  // namespace weir::capture
