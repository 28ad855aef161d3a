// CRC-32C (Castagnoli), the sum that every record and block of the journal has: with the processor's own instruction
// where it has one (SSE 4.2, ARMv8 CRC), else by tables. All give the same numbers. Pure; any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::capture {

/// Goes on from the sum of what came before; 0 for nothing.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0);
/// The same, never with the processor's instruction.
std::uint32_t crc32c_by_tables(std::string_view bytes, std::uint32_t before = 0);

}  // namespace weir::capture
