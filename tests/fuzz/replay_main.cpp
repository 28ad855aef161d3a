// Runs a fuzz target over every file of the folders it is given, without a fuzzer: what was found once is tried in
// every test run, with any compiler. Fails where a folder is missing or empty.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

int replay_folder(const std::filesystem::path& folder) {
  int replayed = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::cerr << entry.path().string() << std::endl;  // flushed: a crash must leave the name behind
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string input{std::istreambuf_iterator<char>(file), {}};
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
    ++replayed;
  }
  return replayed;
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (!std::filesystem::is_directory(argv[i]) || replay_folder(argv[i]) == 0) {
      std::cerr << argv[i] << ": no inputs to replay\n";
      return 1;
    }
  }
  return 0;
}
