// What a file can be told, and how it is known: by its place and not by its path.
#include <unistd.h>

#include <array>
#include <filesystem>
#include <system_error>

#include "emitters/destination.h"
#include "emitters/file.h"

namespace weir::emitters {

namespace {

std::string absolute(const std::string& path) {
  std::error_code failed;
  const auto found = std::filesystem::absolute(path, failed);
  return failed ? path : found.lexically_normal().string();
}

const std::array own_settings = std::to_array<OwnSetting>({
    {"rotate_bytes", "BYTES", "0", "begin a new file at this size; 0: never",
     [](const std::string& value) {
       std::uint64_t bytes = 0;
       return read_bytes(value, bytes);
     }},
    {"rotate_seconds", "0..31536000", "0", "begin a new file at this age; 0: never",
     [](const std::string& value) {
       std::uint64_t seconds = 0;
       return read_number(value, 0, 31'536'000, seconds);
     }},
});

class FileDestination final : public DestinationKind {
 public:
  std::string_view name() const override { return "file"; }
  std::string_view scheme() const override { return "file:"; }
  std::string_view form() const override { return "file:PATH"; }
  bool is_meant_by(std::string_view uri) const override {
    return uri.starts_with(scheme()) && uri.size() > scheme().size();
  }
  Result<Uri> read(const std::string&) const override { return Uri{}; }
  std::span<const OwnSetting> settings() const override { return own_settings; }

  std::string name_of(const std::string& uri) const override { return "file:" + absolute(path_of(uri)); }
  bool is_same(const std::string& earlier, const std::string& uri) const override {
    std::error_code failed;
    return absolute(path_of(earlier)) == absolute(path_of(uri)) ||
           std::filesystem::equivalent(path_of(earlier), path_of(uri), failed);
  }

  Result<std::unique_ptr<Emitter>> open(const DestinationOptions& options) const override {
    FileOptions file;
    file.path = path_of(options.uri);
    file.name = options.name;
    file.rotate_bytes = bytes_of(options.own, "rotate_bytes", 0);
    file.rotate_age = std::chrono::seconds(number_of(options.own, "rotate_seconds", 0));
    return make_file_emitter(file);
  }

  /// It is locked.
  bool opens_beside_itself() const override { return false; }

  std::vector<Look> look(const DestinationOptions& options, const std::vector<std::string>&,
                         std::chrono::milliseconds) const override {
    const std::filesystem::path path = absolute(path_of(options.uri));
    std::error_code failed;
    const bool there = std::filesystem::exists(path, failed);
    if (std::filesystem::is_directory(path, failed)) return {{Look::Is::bad, path.string() + " is a folder"}};
    // A rotated file is begun anew beside it.
    const auto folder = path.parent_path().string();
    if (!there && !std::filesystem::is_directory(folder, failed))
      return {{Look::Is::bad, "there is no folder " + folder}};
    if (::access((there ? path.string() : folder).c_str(), W_OK) != 0)
      return {{Look::Is::bad, (there ? path.string() : folder) + " may not be written by this user"}};
    return {{Look::Is::good, there ? "is there, and is gone on with" : "will be made"}};
  }

 private:
  std::string path_of(const std::string& uri) const { return uri.substr(scheme().size()); }
};

}  // namespace

const DestinationKind& file_destination() {
  static const FileDestination kind;
  return kind;
}

}  // namespace weir::emitters
