// Lines of the stream for one reader, who comes and goes and has no say in what is kept.
//
// Each call of next() reads on from where it was, some events at most. A reader that rests holds nothing: what he has
// not read comes from the journal then, and what that has erased, also in the middle of a transaction, as a gap.
// Used by one thread; what it reads from outlives it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "capture/journal/tail.h"
#include "capture/scope.h"
#include "emitters/format.h"
#include "proxy/admin/line_stream.h"
#include "proxy/tail/tail_filter.h"
#include "proxy/tail/tail_request.h"

namespace weir::proxy {

/// Where the lines come from.
struct TailSource {
  /// A reader of the stream; what is released while it lives is told to the `wake` of whoever asked for the lines.
  std::function<Result<std::unique_ptr<capture::StreamReader>>()> subscribe;
  std::function<event::Position()> newest;
  std::function<event::Position()> erased;  ///< nothing up to here is there any more
  std::function<const capture::Scope&()> scope;
  std::function<std::int64_t()> now_us;
  emitters::FormatOptions format;
};

class TailLines final : public LineStream {
 public:
  /// In one call of next().
  static constexpr std::size_t kMostBytes = 64 * 1024;
  static constexpr std::size_t kMostEvents = 1024;

  /// Fails where it asks for a position that is beyond the end of the stream.
  static Result<std::unique_ptr<TailLines>> open(const TailRequest& request, TailSource source);

  Next next() override;
  void rest() override;
  std::string farewell() const override;

 private:
  TailLines(const TailRequest& request, TailSource source, event::Position after);

  Result<bool> begin();
  Result<std::size_t> read_events(std::string& text);
  void show(const event::ChangeEvent& change, std::string& text);
  void append(std::vector<emitters::Record> records, std::string& text);
  void end_transaction(std::string& text);
  Result<std::unique_ptr<emitters::Format>> make_format() const;
  Result<bool> is_erased(const Error& error);

  const TailRequest request_;
  const TailSource source_;
  const TailFilter filter_;
  std::unique_ptr<emitters::Format> format_;
  std::unique_ptr<capture::StreamReader> reader_;  // null: it rests
  std::shared_ptr<const event::Transaction> reading_;
  event::Position after_;            // read to its end
  event::Position begun_ = 0;        // the transaction whose events are being read, also while it rests
  std::uint32_t after_ordinal_ = 0;  // of that one
  std::optional<std::uint64_t> left_;
};

}  // namespace weir::proxy
