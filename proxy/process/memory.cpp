#include "proxy/process/memory.h"

#include <malloc.h>

namespace weir::proxy {

namespace {

/// Above what a turn, a batch or a block of the journal usually takes: these are used again at once.
constexpr int kLargeBytes = 4 << 20;
/// So much an arena may keep at its end.
constexpr int kKeptBytes = 8 << 20;

}  // namespace

void give_back_large_memory() {
  // Setting either ends the learning.
  mallopt(M_MMAP_THRESHOLD, kLargeBytes);
  mallopt(M_TRIM_THRESHOLD, kKeptBytes);
}

}  // namespace weir::proxy
