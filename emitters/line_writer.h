// What the emitters that write lines have in common: one line per change and per gap, torn last lines, error texts.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "emitters/record.h"

namespace weir::emitters {

/// A line for each change and each gap. Tombstones and transaction boundaries say nothing new in a file.
/// Large ones are moved where nothing stands before them.
void append_lines(std::string& out, std::vector<Record>&& batch);

/// Cuts off what stands behind the last newline of a regular file: a crash came while it was written, and its event
/// comes again. `file` is open for reading and writing. Returns the size of the file then.
Result<std::uint64_t> cut_torn_line(int file, const std::string& path);

/// "file PATH: could not write: No space left on device; …"
Error file_error(const std::string& path, std::string_view doing, int reason);

}  // namespace weir::emitters
