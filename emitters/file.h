// Lines appended to a file: NDJSON, or whatever lines the format makes.
//
// Lines are collected and written in `wait`, or once there are many: whole, in one write with one fdatasync, and then
// they are safe (durable_through). What a failed write left behind is cut off again. After a crash a torn last line is
// cut off at start; its event comes again. Lines that a full disk refused stay in memory and are tried again; `offer`
// fails until there is room. One Weir per file: it is locked. Rotation renames the file to PATH.<UTC time>-<n> and
// never overwrites one. Where somebody else moves or removes the file, a new one is begun at PATH.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "emitters/emitter.h"

namespace weir::emitters {

struct FileOptions {
  std::string path;
  std::string name = {};                 ///< the emitter's; empty: "file:" and the path
  std::uint64_t rotate_bytes = 0;        ///< start a new file once it has this size; 0: never
  std::chrono::seconds rotate_age{0};    ///< start a new file once its first line is as old as this; 0: never
  std::function<std::int64_t()> now_us;  ///< microseconds since the epoch; empty: the system's clock
};

Result<std::unique_ptr<Emitter>> make_file_emitter(const FileOptions& options);

}  // namespace weir::emitters
