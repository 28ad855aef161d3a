// What there is of destinations and formats: each introduces itself without contradicting itself or another.
#include "emitters/kinds.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

namespace weir::emitters {
namespace {

TEST(DestinationKinds, EachIsMeantByItsOwnFormAndByNoOther) {
  std::set<std::string_view> names;
  for (const auto* kind : destination_kinds()) {
    EXPECT_TRUE(names.insert(kind->name()).second) << kind->name();
    EXPECT_TRUE(kind->form().starts_with(kind->scheme())) << kind->form();
    EXPECT_EQ(kind_of(kind->form()), kind) << kind->form();
  }
  EXPECT_EQ(kind_of("stdout2"), nullptr);
  EXPECT_EQ(kind_of("file:"), nullptr) << "a path is missing";
  EXPECT_EQ(kind_of(""), nullptr);
}

TEST(DestinationKinds, TheirFormsAreListed) {
  const auto forms = destination_forms("or");
  EXPECT_TRUE(forms.starts_with("stdout, file:PATH")) << forms;
  const std::string last(destination_kinds().back()->form());
  EXPECT_TRUE(forms.ends_with(" or " + last)) << forms;
}

TEST(DestinationKinds, DefaultsOfOwnSettingsAreRightAndOtherWordsWrong) {
  for (const auto* kind : destination_kinds()) {
    for (const auto& row : kind->settings()) {
      EXPECT_EQ(row.complaint(std::string(row.fallback)), std::nullopt) << row.key;
      EXPECT_NE(row.complaint("never right!"), std::nullopt) << row.key;
    }
  }
}

TEST(DestinationKinds, OwnValuesAreReadAsTheyWereChecked) {
  const OwnValues own = {{"bytes", "1MB"}, {"seconds", "60"}};
  EXPECT_EQ(bytes_of(own, "bytes", 7), 1u << 20);
  EXPECT_EQ(number_of(own, "seconds", 7), 60u);
  EXPECT_EQ(bytes_of(own, "absent", 7), 7u);
  EXPECT_EQ(number_of(own, "absent", 7), 7u);
}

TEST(DestinationKinds, AFileIsKnownByItsPlace) {
  const auto* file = kind_of("file:x");
  EXPECT_EQ(file->name_of("file:a/../b"), "file:" + (std::filesystem::current_path() / "b").string());
  EXPECT_TRUE(file->is_same("file:/tmp/a/../b", "file:/tmp/b"));
  EXPECT_FALSE(file->is_same("file:/tmp/a", "file:/tmp/b"));
}

TEST(DestinationKinds, AFileIsOpenedWithItsOwnSettings) {
  const auto path = std::filesystem::temp_directory_path() / ("weir-kinds-" + std::to_string(::getpid()));
  DestinationOptions options;
  options.uri = "file:" + path.string();
  options.name = "file:" + path.string();
  options.own = {{"rotate_bytes", "1"}};
  const auto opened = kind_of(options.uri)->open(options);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ((*opened)->name(), options.name);
  for (event::Position position : {1, 2}) {
    Record record;
    record.value = "{}";
    ASSERT_TRUE((*opened)->offer({record}, position, true));
    (*opened)->wait(std::chrono::milliseconds(0));
  }
  int files = 0;
  for (const auto& one : std::filesystem::directory_iterator(path.parent_path())) {
    if (!one.path().filename().string().starts_with(path.filename().string())) continue;
    ++files;
    std::filesystem::remove(one.path());
  }
  EXPECT_EQ(files, 2) << "the first line's file was put aside";
}

TEST(FormatKinds, EachIsMadeByItsName) {
  std::set<std::string> names;
  for (const auto* kind : format_kinds()) {
    const std::string name(kind->envelope);
    EXPECT_TRUE(names.insert(name + "/" + std::string(kind->encoding)).second) << name;
    EXPECT_TRUE(make_format(name, {})) << name;
  }
  EXPECT_TRUE(format_names().starts_with("debezium|flat|readable")) << format_names();
  EXPECT_FALSE(make_format("", {}));
}

}  // namespace
}  // namespace weir::emitters
