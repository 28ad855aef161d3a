// Every decoder reads its sample, refuses every truncation of it and every trailing byte; every builder writes what the
// manual says, byte by byte.
#include "wire/message.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "tests/wire/bytes.h"
#include "wire/error_response.h"

namespace weir::wire {
namespace {

using testing::cstring;
using testing::frame;
using testing::int16;
using testing::int32;

const std::string kParse = cstring("s1") + cstring("SELECT $1, $2") + int16(2) + int32(23) + int32(0);
const std::string kBind = cstring("p1") + cstring("s1") + int16(2) + int16(1) + int16(0) +  // parameter formats
                          int16(3) + int32(4) + "abcd" + int32(-1) + int32(0) +             // values
                          int16(1) + int16(1);                                              // result formats
const std::string kTarget = "S" + cstring("s1");
const std::string kExecute = cstring("p1") + int32(50);
const std::string kString = cstring("INSERT 0 1");
const std::string kParameterStatus = cstring("TimeZone") + cstring("UTC");
const std::string kDataRow = int16(3) + int32(2) + "17" + int32(-1) + int32(0);
const std::string kErrorFields = "S" + cstring("ERROR") + "C" + cstring("42601") + "M" + cstring("syntax error") + '\0';

std::string column(std::string_view name, int type) {
  return cstring(name) + int32(16384) + int16(1) + int32(type) + int16(-1) + int32(-1) + int16(0);
}
const std::string kRowDescription = int16(3) + column("id", 23) + column("name", 25) + column("note", 25);

struct Decoder {
  const char* name;
  std::string sample;
  std::function<bool(std::string_view)> accepts;
};

/// For a failing EXPECT to say which.
void PrintTo(const Decoder& decoder, std::ostream* out) {
  *out << decoder.name;
}

/// What was read lies in the body: nothing is made up, and nothing behind its end is looked at.
void expect_inside(std::string_view body, const std::vector<std::optional<std::string_view>>& parts) {
  for (const auto& part : parts) {
    if (!part || part->empty()) continue;
    EXPECT_GE(part->data(), body.data());
    EXPECT_LE(part->data() + part->size(), body.data() + body.size());
  }
}

/// A decoder of `read`'s kind, whose result has these parts.
template <typename Read, typename Parts>
std::function<bool(std::string_view)> accepts(Read read, Parts parts) {
  return [read, parts](std::string_view body) {
    const auto view = read(body);
    if (view) expect_inside(body, parts(*view));
    return view.has_value();
  };
}

using Parts = std::vector<std::optional<std::string_view>>;

Parts parts_of_bind(const BindView& view) {
  Parts parts = {view.portal, view.statement, view.parameters};
  parts.insert(parts.end(), view.values.begin(), view.values.end());
  return parts;
}

std::vector<Decoder> decoders() {
  return {
      {"Parse", kParse,
       accepts(read_parse,
               [](const ParseView& view) {
                 return Parts{view.statement, view.query, view.parameter_types};
               })},
      {"Bind", kBind, accepts(read_bind, parts_of_bind)},
      {"Target", kTarget, accepts(read_target, [](const TargetView& view) { return Parts{view.name}; })},
      {"Execute", kExecute, accepts(read_execute, [](const ExecuteView& view) { return Parts{view.portal}; })},
      {"String", kString, accepts(read_string, [](std::string_view view) { return Parts{view}; })},
      {"ParameterStatus", kParameterStatus,
       accepts(read_parameter_status,
               [](const ParameterStatusView& view) {
                 return Parts{view.name, view.value};
               })},
      {"ErrorFields", kErrorFields, [](std::string_view body) { return read_error_fields(body).has_value(); }},
      {"DataRow", kDataRow,
       [](std::string_view body) {
         RowView row;
         const bool accepted = read_data_row(body, row);
         if (accepted) expect_inside(body, row);
         return accepted;
       }},
      {"DataRowWithoutLast", kDataRow,
       [](std::string_view body) {
         std::string out;
         const bool accepted = append_data_row_without_last(out, body, 1);
         EXPECT_NE(accepted, out.empty()) << "nothing is appended where the body is refused";
         return accepted;
       }},
      {"RowDescriptionWithoutLast", kRowDescription,
       [](std::string_view body) {
         std::string out;
         const bool accepted = append_row_description_without_last(out, body, 1);
         EXPECT_NE(accepted, out.empty()) << "nothing is appended where the body is refused";
         return accepted;
       }},
  };
}

class EveryDecoder : public ::testing::TestWithParam<Decoder> {};

TEST_P(EveryDecoder, ReadsItsSample) {
  EXPECT_TRUE(GetParam().accepts(GetParam().sample));
}

TEST_P(EveryDecoder, RefusesEveryTruncation) {
  const std::string& sample = GetParam().sample;
  for (std::size_t size = 0; size < sample.size(); ++size) {
    const std::vector<char> exact(sample.begin(), sample.begin() + std::ptrdiff_t(size));
    EXPECT_FALSE(GetParam().accepts({exact.data(), exact.size()})) << size << " bytes";
  }
}

TEST_P(EveryDecoder, RefusesTrailingBytes) {
  for (const char* extra : {"x", "xyz", "\xff\xff\xff\xff"})
    EXPECT_FALSE(GetParam().accepts(GetParam().sample + extra));
  EXPECT_FALSE(GetParam().accepts(GetParam().sample + '\0'));
}

/// A changed byte is refused, or read within the body; which of the two it is depends on the byte.
TEST_P(EveryDecoder, ReadsNothingBesideTheBodyWhicheverByteIsChanged) {
  int refused = 0;
  for (std::size_t at = 0; at < GetParam().sample.size(); ++at)
    for (const int byte : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
      std::string changed = GetParam().sample;
      changed[at] = char(byte);
      const std::vector<char> exact(changed.begin(), changed.end());
      refused += GetParam().accepts({exact.data(), exact.size()}) ? 0 : 1;
    }
  EXPECT_GT(refused, 0) << "lengths and ends are among the bytes";
}

INSTANTIATE_TEST_SUITE_P(Wire, EveryDecoder, ::testing::ValuesIn(decoders()),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Message, ReadsParse) {
  const auto view = read_parse(kParse);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->statement, "s1");
  EXPECT_EQ(view->query, "SELECT $1, $2");
  EXPECT_EQ(view->parameter_types, int16(2) + int32(23) + int32(0));
  EXPECT_FALSE(read_parse(cstring("") + cstring("") + int16(-1))) << "the types are missing";
}

// The server reads counts without a sign; drivers send up to 65,535 parameters.
TEST(Message, CountsGoTo65535) {
  std::string nulls, types, formats;
  for (int i = 0; i < 40'000; ++i) {
    nulls += int32(-1);
    types += int32(23);
    formats += int16(1);
  }
  const std::string count = int16(40'000 - 65'536);
  EXPECT_TRUE(read_parse(cstring("") + cstring("") + count + types));
  const std::string body = cstring("") + cstring("") + count + formats + count + nulls + count + formats;
  const auto bind = read_bind(body);
  ASSERT_TRUE(bind);
  EXPECT_EQ(bind->parameter_formats.size(), 40'000u);
  EXPECT_EQ(bind->values.size(), 40'000u);
  std::string out;
  append_bind(out, "", "", bind->parameters, bind->result_formats);
  EXPECT_EQ(out.substr(kHeaderSize), body);
}

TEST(Message, ReadsTheNameOfAParseThatIsIncomplete) {
  EXPECT_EQ(read_parse_name(cstring("s1") + "SELECT"), "s1");
  EXPECT_EQ(read_parse_name(cstring("")), "");
  EXPECT_FALSE(read_parse_name("s1"));
}

TEST(Message, ReadsBind) {
  const auto view = read_bind(kBind);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->portal, "p1");
  EXPECT_EQ(view->statement, "s1");
  EXPECT_EQ(view->parameter_formats, (std::vector<std::int16_t>{1, 0}));
  ASSERT_EQ(view->values.size(), 3u);
  EXPECT_EQ(view->values[0], "abcd");
  EXPECT_EQ(view->values[1], std::nullopt);
  EXPECT_EQ(view->values[2], "");
  EXPECT_EQ(view->result_formats, (std::vector<std::int16_t>{1}));
  const std::size_t names = 6;
  EXPECT_EQ(view->parameters, kBind.substr(names, kBind.size() - names - 4)) << "all but the result formats";
}

TEST(Message, RefusesCountsThatCannotBe) {
  const std::string names = cstring("") + cstring("");
  EXPECT_FALSE(read_bind(names + int16(-1) + int16(0) + int16(0)));
  EXPECT_FALSE(read_bind(names + int16(0) + int16(-1) + int16(0)));
  EXPECT_FALSE(read_bind(names + int16(0) + int16(0) + int16(-1)));
  EXPECT_FALSE(read_bind(names + int16(0) + int16(1) + int32(-2) + int16(0))) << "a length below NULL's";
  EXPECT_FALSE(read_bind(names + int16(0) + int16(1) + int32(0x7fffffff) + int16(0)));
  EXPECT_FALSE(read_bind(names + int16(0x7fff)));
  RowView row;
  EXPECT_FALSE(read_data_row(int16(-1), row));
  EXPECT_FALSE(read_data_row(int16(1) + int32(-2), row));
}

TEST(Message, ReadsBindNamesOfAnIncompleteBody) {
  const auto names = read_bind_names(std::string_view(kBind).substr(0, 6));
  ASSERT_TRUE(names);
  EXPECT_EQ(names->portal, "p1");
  EXPECT_EQ(names->statement, "s1");
  EXPECT_TRUE(read_bind_names(kBind));
  for (std::size_t size = 0; size < 6; ++size) EXPECT_FALSE(read_bind_names(kBind.substr(0, size))) << size;
}

TEST(Message, ReadsTheSmallOnes) {
  const auto target = read_target(kTarget);
  ASSERT_TRUE(target);
  EXPECT_EQ(target->kind, 'S');
  EXPECT_EQ(target->name, "s1");
  const auto execute = read_execute(kExecute);
  ASSERT_TRUE(execute);
  EXPECT_EQ(execute->portal, "p1");
  EXPECT_EQ(execute->row_limit, 50);
  EXPECT_EQ(read_string(kString), "INSERT 0 1");
  EXPECT_FALSE(read_string(std::string_view("a\0b\0", 4))) << "two strings";
  const auto status = read_parameter_status(kParameterStatus);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->name, "TimeZone");
  EXPECT_EQ(status->value, "UTC");
}

TEST(Message, ReadsDataRowIntoTheSameMemory) {
  RowView row{"left", "over", "of", "another", "row"};
  ASSERT_TRUE(read_data_row(kDataRow, row));
  EXPECT_EQ(row, (RowView{"17", std::nullopt, ""}));
  ASSERT_TRUE(read_data_row(int16(0), row));
  EXPECT_TRUE(row.empty());
}

TEST(Message, CutsColumnsFromTheEnd) {
  const auto row = [](std::size_t count) {
    std::string out = "before";
    EXPECT_TRUE(append_data_row_without_last(out, kDataRow, count)) << count;
    return out;
  };
  EXPECT_EQ(row(0), "before" + frame('D', kDataRow));
  EXPECT_EQ(row(1), "before" + frame('D', int16(2) + int32(2) + "17" + int32(-1)));
  EXPECT_EQ(row(2), "before" + frame('D', int16(1) + int32(2) + "17"));
  EXPECT_EQ(row(3), "before" + frame('D', int16(0)));

  std::string out;
  EXPECT_TRUE(append_row_description_without_last(out, kRowDescription, 2));
  EXPECT_EQ(out, frame('T', int16(1) + column("id", 23)));
}

TEST(Message, CutsNoMoreColumnsThanThereAre) {
  std::string out = "before";
  EXPECT_FALSE(append_data_row_without_last(out, kDataRow, 4));
  EXPECT_FALSE(append_row_description_without_last(out, kRowDescription, 4));
  EXPECT_FALSE(append_data_row_without_last(out, int16(-1), 1));
  EXPECT_EQ(out, "before");
}

TEST(Message, BuildsTheExtendedProtocol) {
  std::string out;
  append_parse(out, "s1", "SELECT $1, $2", int16(2) + int32(23) + int32(0));
  EXPECT_EQ(out, frame('P', kParse));

  const auto view = read_bind(kBind);
  ASSERT_TRUE(view);
  out.clear();
  append_bind(out, view->portal, view->statement, view->parameters, view->result_formats);
  EXPECT_EQ(out, frame('B', kBind));

  out.clear();
  const std::vector<std::string> values{"1", ""};
  append_text_bind(out, "p", "s", values);
  EXPECT_EQ(out, frame('B', cstring("p") + cstring("s") + int16(0) + int16(2) + int32(1) + "1" + int32(0) + int16(0)));

  out.clear();
  append_describe(out, 'P', "p1");
  append_execute(out, "p1", 50);
  append_close(out, 'S', "s1");
  append_flush(out);
  append_sync(out);
  EXPECT_EQ(out,
            frame('D', "P" + cstring("p1")) + frame('E', kExecute) + frame('C', kTarget) + frame('H') + frame('S'));
}

TEST(Message, BuildsWithoutParameters) {
  std::string out;
  append_parse(out, "", "BEGIN", kNoParameterTypes);
  append_bind(out, "", "", kNoParameters, {});
  EXPECT_EQ(out, frame('P', cstring("") + cstring("BEGIN") + int16(0)) +
                     frame('B', cstring("") + cstring("") + int16(0) + int16(0) + int16(0)));
}

TEST(Message, BuildsTheOthers) {
  std::string out;
  append_query(out, "SELECT 1");
  append_ready_for_query(out, TransactionStatus::failed);
  append_frame(out, 'z', "raw");
  EXPECT_EQ(out, frame('Q', cstring("SELECT 1")) + frame('Z', "E") + frame('z', "raw"));
}

TEST(ErrorResponse, ReadsItsFields) {
  const auto fields = read_error_fields(kErrorFields);
  ASSERT_TRUE(fields);
  EXPECT_EQ(error_field(*fields, 'C'), "42601");
  EXPECT_EQ(error_field(*fields, 'M'), "syntax error");
  EXPECT_EQ(error_field(*fields, 'H'), "");
  EXPECT_TRUE(read_error_fields(std::string_view("\0", 1))->empty());
}

TEST(ErrorResponse, WritesWhatItRead) {
  std::string out = "before";
  append_error_fields(out, 'N', *read_error_fields(kErrorFields));
  EXPECT_EQ(out, "before" + frame('N', kErrorFields));
}

TEST(ErrorResponse, OfWeirsOwn) {
  std::string out;
  append_error(out, "FATAL", "08P01", "what", "what to do");
  EXPECT_EQ(out, frame('E', "S" + cstring("FATAL") + "V" + cstring("FATAL") + "C" + cstring("08P01") + "M" +
                                cstring("what") + "H" + cstring("what to do") + '\0'));
  out.clear();
  append_error(out, "ERROR", "53100", "what");
  EXPECT_EQ(out, testing::error_response("ERROR", "53100", "what"));
}

}  // namespace
}  // namespace weir::wire
