#include "wire/message.h"

namespace weir::wire {
namespace {

void append_uint16(std::string& out, std::size_t value) {
  out.push_back(char(value >> 8));
  out.push_back(char(value & 0xff));
}

void append_int32(std::string& out, std::int32_t value) {
  const auto bits = std::uint32_t(value);
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(char(bits >> shift & 0xff));
}

void append_cstring(std::string& out, std::string_view text) {
  out.append(text);
  out.push_back('\0');
}

/// Opens a frame, and writes its length when it goes out of scope.
class FrameBuilder {
 public:
  /// `large`: about how many bytes come at least. With room for a large body, and what follows it, it is not copied
  /// again.
  FrameBuilder(std::string& out, char type, std::size_t large = 0) : out_(out), start_(out.size()) {
    constexpr std::size_t kBehind = 64 * 1024;
    if (large > kBehind) out_.reserve(out_.size() + large + kBehind);
    out_.push_back(type);
    append_int32(out_, 0);
  }
  FrameBuilder(const FrameBuilder&) = delete;
  FrameBuilder& operator=(const FrameBuilder&) = delete;
  ~FrameBuilder() {
    const auto length = std::uint32_t(out_.size() - start_ - 1);
    for (std::size_t i = 0; i < 4; ++i) out_[start_ + 1 + i] = char(length >> (24 - 8 * i) & 0xff);
  }

 private:
  std::string& out_;
  std::size_t start_;
};

/// A count, then the codes.
void read_int16_list(Cursor& in, std::vector<std::int16_t>& out) {
  const std::size_t count = in.uint16();
  for (std::size_t i = 0; i < count && in.ok(); ++i) out.push_back(in.int16());
}

/// int32 length and so many bytes, -1 for NULL.
std::optional<std::string_view> read_value(Cursor& in) {
  const std::int32_t length = in.int32();
  if (length == -1) return std::nullopt;
  if (length < 0) {
    in.fail();
    return std::nullopt;
  }
  return in.bytes(std::size_t(length));
}

/// Skips one column's description in RowDescription: name, table oid, column number, type oid, size, modifier, format.
void skip_field(Cursor& in) {
  in.cstring();
  in.bytes(18);
}

/// Both messages are a count and that many columns; drops the last columns.
template <typename SkipColumn>
bool append_without_last(std::string& out, char type, std::string_view body, std::size_t count, SkipColumn skip) {
  Cursor in(body);
  const std::size_t columns = in.uint16();
  if (!in.ok() || columns < count) return false;
  const std::size_t kept = columns - count;
  const std::string_view start = in.rest();
  for (std::size_t i = 0; i < kept && in.ok(); ++i) skip(in);
  const std::size_t kept_bytes = start.size() - in.rest().size();
  for (std::size_t i = 0; i < count; ++i) skip(in);
  if (!in.done()) return false;
  const FrameBuilder frame(out, type, kept_bytes);
  append_uint16(out, kept);
  out.append(start.substr(0, kept_bytes));
  return true;
}

}  // namespace

std::optional<ParseView> read_parse(std::string_view body) {
  Cursor in(body);
  ParseView view;
  view.statement = in.cstring();
  view.query = in.cstring();
  view.parameter_types = in.rest();
  in.bytes(std::size_t(in.uint16()) * 4);
  if (!in.done()) return std::nullopt;
  return view;
}

std::optional<BindView> read_bind(std::string_view body) {
  Cursor in(body);
  BindView view;
  view.portal = in.cstring();
  view.statement = in.cstring();
  const std::string_view start = in.rest();
  read_int16_list(in, view.parameter_formats);
  const std::size_t count = in.uint16();
  for (std::size_t i = 0; i < count && in.ok(); ++i) view.values.push_back(read_value(in));
  view.parameters = start.substr(0, start.size() - in.rest().size());
  read_int16_list(in, view.result_formats);
  if (!in.done()) return std::nullopt;
  return view;
}

std::optional<std::string_view> read_parse_name(std::string_view body) {
  Cursor in(body);
  const std::string_view name = in.cstring();
  return in.ok() ? std::optional(name) : std::nullopt;
}

std::optional<BindNames> read_bind_names(std::string_view body) {
  Cursor in(body);
  BindNames names;
  names.portal = in.cstring();
  names.statement = in.cstring();
  if (!in.ok()) return std::nullopt;
  return names;
}

std::optional<TargetView> read_target(std::string_view body) {
  Cursor in(body);
  TargetView view{char(in.uint8()), in.cstring()};
  if (!in.done()) return std::nullopt;
  return view;
}

std::optional<ExecuteView> read_execute(std::string_view body) {
  Cursor in(body);
  ExecuteView view{in.cstring(), in.int32()};
  if (!in.done()) return std::nullopt;
  return view;
}

std::optional<std::string_view> read_string(std::string_view body) {
  Cursor in(body);
  const std::string_view text = in.cstring();
  if (!in.done()) return std::nullopt;
  return text;
}

std::optional<ParameterStatusView> read_parameter_status(std::string_view body) {
  Cursor in(body);
  ParameterStatusView view{in.cstring(), in.cstring()};
  if (!in.done()) return std::nullopt;
  return view;
}

bool read_data_row(std::string_view body, RowView& row) {
  row.clear();
  Cursor in(body);
  const std::size_t count = in.uint16();
  for (std::size_t i = 0; i < count && in.ok(); ++i) row.push_back(read_value(in));
  return in.done();
}

bool append_data_row_without_last(std::string& out, std::string_view body, std::size_t count) {
  return append_without_last(out, backend::kDataRow, body, count, [](Cursor& in) { read_value(in); });
}

bool append_row_description_without_last(std::string& out, std::string_view body, std::size_t count) {
  return append_without_last(out, backend::kRowDescription, body, count, skip_field);
}

void append_data_row(std::string& out, const RowView& row) {
  const FrameBuilder frame(out, backend::kDataRow);
  append_uint16(out, row.size());
  for (const auto& value : row) {
    append_int32(out, value ? std::int32_t(value->size()) : -1);
    if (value) out.append(*value);
  }
}

void append_parse(std::string& out, std::string_view statement, std::string_view query,
                  std::string_view parameter_types) {
  const FrameBuilder frame(out, frontend::kParse, query.size());
  append_cstring(out, statement);
  append_cstring(out, query);
  out.append(parameter_types);
}

void append_bind(std::string& out, std::string_view portal, std::string_view statement, std::string_view parameters,
                 std::span<const std::int16_t> result_formats) {
  const FrameBuilder frame(out, frontend::kBind, parameters.size());
  append_cstring(out, portal);
  append_cstring(out, statement);
  out.append(parameters);
  append_uint16(out, result_formats.size());
  for (const std::int16_t format : result_formats) append_uint16(out, std::uint16_t(format));
}

void append_text_bind(std::string& out, std::string_view portal, std::string_view statement,
                      std::span<const std::string> values) {
  const FrameBuilder frame(out, frontend::kBind);
  append_cstring(out, portal);
  append_cstring(out, statement);
  append_uint16(out, 0);
  append_uint16(out, values.size());
  for (const std::string& value : values) {
    append_int32(out, std::int32_t(value.size()));
    out.append(value);
  }
  append_uint16(out, 0);
}

void append_describe(std::string& out, char kind, std::string_view name) {
  const FrameBuilder frame(out, frontend::kDescribe);
  out.push_back(kind);
  append_cstring(out, name);
}

void append_close(std::string& out, char kind, std::string_view name) {
  const FrameBuilder frame(out, frontend::kClose);
  out.push_back(kind);
  append_cstring(out, name);
}

void append_execute(std::string& out, std::string_view portal, std::int32_t row_limit) {
  const FrameBuilder frame(out, frontend::kExecute);
  append_cstring(out, portal);
  append_int32(out, row_limit);
}

void append_query(std::string& out, std::string_view query) {
  const FrameBuilder frame(out, frontend::kQuery, query.size());
  append_cstring(out, query);
}

void append_sync(std::string& out) {
  append_frame(out, frontend::kSync, {});
}

void append_flush(std::string& out) {
  append_frame(out, frontend::kFlush, {});
}

void append_ready_for_query(std::string& out, TransactionStatus status) {
  const char byte = char(status);
  append_frame(out, backend::kReadyForQuery, {&byte, 1});
}

void append_frame(std::string& out, char type, std::string_view body) {
  const FrameBuilder frame(out, type, body.size());
  out.append(body);
}

}  // namespace weir::wire
