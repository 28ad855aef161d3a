// The decoders. Input: one byte (which), then a body. What a decoder accepts lies within the body, and building the
// message from it gives the same bytes again; what it refuses leaves no trace.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "tests/fuzz/require.h"
#include "wire/error_response.h"
#include "wire/message.h"

namespace {

using namespace weir::wire;
using weir::testing::within;

std::string framed(char type, std::string_view body) {
  std::string out;
  append_frame(out, type, body);
  return out;
}

void fuzz_parse(std::string_view body) {
  const auto view = read_parse(body);
  if (!view) return;
  std::string out;
  append_parse(out, view->statement, view->query, view->parameter_types);
  WEIR_REQUIRE(out == framed(frontend::kParse, body));
}

void fuzz_bind(std::string_view body) {
  const auto view = read_bind(body);
  const auto names = read_bind_names(body);
  if (!view) return;
  WEIR_REQUIRE(names && names->portal == view->portal && names->statement == view->statement);
  for (const auto& value : view->values) WEIR_REQUIRE(!value || within(*value, body));
  std::string out;
  append_bind(out, view->portal, view->statement, view->parameters, view->result_formats);
  WEIR_REQUIRE(out == framed(frontend::kBind, body));
}

void fuzz_small_messages(std::string_view body) {
  std::string out;
  if (const auto target = read_target(body)) {
    append_describe(out, target->kind, target->name);
    WEIR_REQUIRE(out == framed(frontend::kDescribe, body));
  }
  out.clear();
  if (const auto execute = read_execute(body)) {
    append_execute(out, execute->portal, execute->row_limit);
    WEIR_REQUIRE(out == framed(frontend::kExecute, body));
  }
  out.clear();
  if (const auto text = read_string(body)) {
    append_query(out, *text);
    WEIR_REQUIRE(out == framed(frontend::kQuery, body));
  }
  if (const auto status = read_parameter_status(body))
    WEIR_REQUIRE(status->name.size() + status->value.size() + 2 == body.size());
}

void fuzz_data_row(std::string_view body) {
  RowView row;
  const bool valid = read_data_row(body, row);
  std::string unchanged;
  WEIR_REQUIRE(append_data_row_without_last(unchanged, body, 0) == valid);
  WEIR_REQUIRE(unchanged == (valid ? framed(backend::kDataRow, body) : ""));
  for (std::size_t count = 1; count < 5; ++count) {
    std::string out;
    const bool cut = append_data_row_without_last(out, body, count);
    WEIR_REQUIRE(cut == (valid && row.size() >= count));
    WEIR_REQUIRE(cut != out.empty());
    if (!cut) continue;
    RowView rest;
    WEIR_REQUIRE(read_data_row(std::string_view(out).substr(kHeaderSize), rest));
    WEIR_REQUIRE(std::equal(rest.begin(), rest.end(), row.begin(), row.end() - std::ptrdiff_t(count)));
  }
}

void fuzz_row_description(std::string_view body) {
  std::string unchanged;
  const bool valid = append_row_description_without_last(unchanged, body, 0);
  WEIR_REQUIRE(unchanged == (valid ? framed(backend::kRowDescription, body) : ""));
  std::string once, twice;
  if (!append_row_description_without_last(twice, body, 2)) return;
  WEIR_REQUIRE(append_row_description_without_last(once, body, 1));
  std::string again;
  WEIR_REQUIRE(append_row_description_without_last(again, std::string_view(once).substr(kHeaderSize), 1));
  WEIR_REQUIRE(again == twice);
}

void fuzz_error_fields(std::string_view body) {
  const auto fields = read_error_fields(body);
  if (!fields) return;
  for (const auto& [code, value] : *fields) {
    WEIR_REQUIRE(within(value, body));
    WEIR_REQUIRE(within(error_field(*fields, code), body));
  }
  std::string out;
  append_error_fields(out, backend::kErrorResponse, *fields);
  WEIR_REQUIRE(out == framed(backend::kErrorResponse, body));
}

constexpr std::array kTargets{fuzz_parse,           fuzz_bind,        fuzz_small_messages, fuzz_data_row,
                              fuzz_row_description, fuzz_error_fields};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  kTargets[data[0] % kTargets.size()](weir::testing::as_text(data + 1, size - 1));
  return 0;
}
