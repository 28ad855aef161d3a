#include "proxy/process/notices.h"

#include "proxy/process/log.h"

namespace weir::proxy {

namespace {

const char* name_of(Notice::Level level) {
  if (level == Notice::Level::info) return "info";
  return level == Notice::Level::warning ? "warning" : "error";
}

void write(const Notice& notice) {
  const bool may_come_often = !notice.kind.empty();
  switch (notice.level) {
    case Notice::Level::info:
      return may_come_often ? log::info(notice.kind, notice.text) : log::info(notice.text);
    case Notice::Level::warning:
      return may_come_often ? log::warn(notice.kind, notice.text) : log::warn(notice.text);
    case Notice::Level::error:
      return may_come_often ? log::error(notice.kind, notice.text) : log::error(notice.text);
  }
}

}  // namespace

void Notices::tell(const Notice& notice) {
  write(notice);
  counters_
      .counter("weir_notices_total", "Things that whoever runs Weir was told of in the log.",
               {{"level", name_of(notice.level)}, {"kind", notice.kind.empty() ? "other" : std::string(notice.kind)}})
      .add();
}

}  // namespace weir::proxy
