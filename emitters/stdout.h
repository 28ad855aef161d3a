// Lines to standard output, or any other open descriptor: a terminal, a pipe, a file.
//
// Never blocks: a pipe whose reader is slow takes no more than it has room for, and then `offer` says false. To a pipe
// lines go whole where they are no longer than PIPE_BUF. To a file they are written in one write, and a line torn by a
// crash is cut off at start. Nothing is forced to disk. A reader that is gone is trouble (EPIPE; SIGPIPE is ignored
// from here on), everything is offered again, and gone() says so, also where there was nothing to write.
#pragma once

#include <memory>

#include "base/result.h"
#include "emitters/emitter.h"

namespace weir::emitters {

/// The descriptor stays the caller's.
Result<std::unique_ptr<Emitter>> make_stdout_emitter(int descriptor = 1);

}  // namespace weir::emitters
