// The messages Weir reads or makes (PostgreSQL manual, "Message Formats"). Views point into the frame they were read
// from and live as long as it does; nothing is copied. A decoder gets the body (the frame without its five header
// bytes) and gives nothing where the body is truncated, has trailing bytes or counts that cannot be.
// Builders append one whole frame to a buffer. Stateless, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wire/frame.h"

namespace weir::wire {

/// Message types sent by the client (frontend).
namespace frontend {
constexpr char kBind = 'B', kClose = 'C', kCopyData = 'd', kCopyDone = 'c', kCopyFail = 'f', kDescribe = 'D',
               kExecute = 'E', kFlush = 'H', kFunctionCall = 'F', kParse = 'P', kPassword = 'p', kQuery = 'Q',
               kSync = 'S', kTerminate = 'X';
}
/// Message types sent by the database (backend).
namespace backend {
constexpr char kAuthentication = 'R', kBackendKeyData = 'K', kBindComplete = '2', kCloseComplete = '3',
               kCommandComplete = 'C', kCopyBothResponse = 'W', kCopyData = 'd', kCopyDone = 'c', kCopyInResponse = 'G',
               kCopyOutResponse = 'H', kDataRow = 'D', kEmptyQueryResponse = 'I', kErrorResponse = 'E',
               kFunctionCallResponse = 'V', kNegotiateProtocolVersion = 'v', kNoData = 'n', kNoticeResponse = 'N',
               kNotificationResponse = 'A', kParameterDescription = 't', kParameterStatus = 'S', kParseComplete = '1',
               kPortalSuspended = 's', kReadyForQuery = 'Z', kRowDescription = 'T';
}

/// The byte of ReadyForQuery.
enum class TransactionStatus : char { idle = 'I', in_block = 'T', failed = 'E' };

struct ParseView {
  std::string_view statement;  ///< name; empty: the unnamed one
  std::string_view query;
  std::string_view parameter_types;  ///< their count and the oids, as they came
};
std::optional<ParseView> read_parse(std::string_view body);
/// Parse's name alone; the body may be incomplete behind it.
std::optional<std::string_view> read_parse_name(std::string_view body);

struct BindView {
  std::string_view portal;
  std::string_view statement;
  std::string_view parameters;  ///< from the format codes up to the last value, as they came
  std::vector<std::int16_t> parameter_formats;
  std::vector<std::optional<std::string_view>> values;
  std::vector<std::int16_t> result_formats;
};
std::optional<BindView> read_bind(std::string_view body);

/// Bind's two names alone; the body may be incomplete behind them.
struct BindNames {
  std::string_view portal;
  std::string_view statement;
};
std::optional<BindNames> read_bind_names(std::string_view body);

/// Describe and Close: 'S' a statement, 'P' a portal.
struct TargetView {
  char kind;
  std::string_view name;
};
std::optional<TargetView> read_target(std::string_view body);

struct ExecuteView {
  std::string_view portal;
  std::int32_t row_limit;  ///< 0: none
};
std::optional<ExecuteView> read_execute(std::string_view body);

/// Query, CommandComplete: the whole body is one string.
std::optional<std::string_view> read_string(std::string_view body);

struct ParameterStatusView {
  std::string_view name;
  std::string_view value;
};
std::optional<ParameterStatusView> read_parameter_status(std::string_view body);

/// The columns of a DataRow; nothing in a column is NULL.
using RowView = std::vector<std::optional<std::string_view>>;
/// Reads into `row` to reuse its memory; false where malformed.
bool read_data_row(std::string_view body, RowView& row);

/// A DataRow or RowDescription without its last `count` columns, appended as a whole frame; false where the body is
/// malformed or has fewer columns (nothing is appended then).
bool append_data_row_without_last(std::string& out, std::string_view body, std::size_t count);
bool append_row_description_without_last(std::string& out, std::string_view body, std::size_t count);

// Builders.
void append_data_row(std::string& out, const RowView& row);
void append_parse(std::string& out, std::string_view statement, std::string_view query,
                  std::string_view parameter_types);
void append_bind(std::string& out, std::string_view portal, std::string_view statement, std::string_view parameters,
                 std::span<const std::int16_t> result_formats);
/// Bind with text parameters and text results.
void append_text_bind(std::string& out, std::string_view portal, std::string_view statement,
                      std::span<const std::string> values);
void append_describe(std::string& out, char kind, std::string_view name);
void append_close(std::string& out, char kind, std::string_view name);
void append_execute(std::string& out, std::string_view portal, std::int32_t row_limit);
void append_query(std::string& out, std::string_view query);
void append_sync(std::string& out);
void append_flush(std::string& out);
void append_ready_for_query(std::string& out, TransactionStatus status);
/// Any frame: type and body.
void append_frame(std::string& out, char type, std::string_view body);

/// int16 0: no parameter types, for append_parse.
constexpr std::string_view kNoParameterTypes{"\0\0", 2};
/// int16 0, int16 0: no formats, no values, for append_bind.
constexpr std::string_view kNoParameters{"\0\0\0\0", 4};

}  // namespace weir::wire
