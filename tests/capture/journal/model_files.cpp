#include "tests/capture/journal/model_files.h"

#include <algorithm>
#include <cerrno>

namespace weir::capture {

namespace {

using Kind = ModelFiles::Call::Kind;

std::string folder_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

bool is_of_folder(const ModelFiles::Call& call) {
  return call.kind == Kind::create || call.kind == Kind::rename || call.kind == Kind::remove;
}

bool is_of_file(const ModelFiles::Call& call) {
  return call.kind == Kind::write || call.kind == Kind::resize;
}

}  // namespace

void ModelFiles::Disk::apply(const Call& call) {
  switch (call.kind) {
    case Kind::create:
      names[call.path] = call.inode;
      files.try_emplace(call.inode, std::make_shared<std::string>());
      break;
    case Kind::rename:
      if (const auto found = names.find(call.path); found != names.end()) {
        names[call.to] = found->second;
        names.erase(found);
      }
      break;
    case Kind::remove:
      names.erase(call.path);
      break;
    case Kind::write: {
      auto& file = files.try_emplace(call.inode, std::make_shared<std::string>()).first->second;
      if (file->size() < call.offset + call.bytes.size()) file->resize(call.offset + call.bytes.size());
      file->replace(call.offset, call.bytes.size(), call.bytes);
      break;
    }
    case Kind::resize:
      files.try_emplace(call.inode, std::make_shared<std::string>()).first->second->resize(call.offset);
      break;
    default:
      break;
  }
}

std::vector<std::size_t> ModelFiles::in_doubt(std::size_t count) const {
  std::vector<bool> doubtful(count, false);
  std::vector<bool> lost_by_sync(count, false);
  for (std::size_t at = 0; at < count; ++at) {
    const Call& call = calls_[at];
    doubtful[at] = is_of_folder(call) || is_of_file(call);
    for (std::size_t before = 0; before < at; ++before) {
      const Call& other = calls_[before];
      const bool of_this_file = is_of_file(other) && other.inode == call.inode;
      if (call.kind == Kind::failed_sync && of_this_file && doubtful[before]) lost_by_sync[before] = true;
      if (call.kind == Kind::sync && of_this_file && !lost_by_sync[before]) doubtful[before] = false;
      if (call.kind == Kind::sync_folder && is_of_folder(other) && folder_of(other.path) == call.path)
        doubtful[before] = false;
    }
  }
  std::vector<std::size_t> found;
  for (std::size_t at = 0; at < count; ++at)
    if (doubtful[at]) found.push_back(at);
  return found;
}

std::unique_ptr<ModelFiles> ModelFiles::after_crash(std::size_t count, const Loss& loss) const {
  auto left = std::make_unique<ModelFiles>();
  for (const auto& [inode, bytes] : start_.files) left->start_.files[inode] = std::make_shared<std::string>(*bytes);
  left->start_.names = start_.names;
  left->last_inode_ = last_inode_;
  const auto doubtful = in_doubt(count);
  std::uint64_t folder_calls = 0;
  for (std::size_t at = 0; at < count; ++at) {
    const Call& call = calls_[at];
    if (!std::binary_search(doubtful.begin(), doubtful.end(), at)) {
      left->start_.apply(call);
    } else if (is_of_folder(call)) {
      if (folder_calls++ < loss.folder_calls) left->start_.apply(call);
    } else {
      for (const Call& part : loss.left(call)) left->start_.apply(part);
    }
  }
  return left->copy();
}

std::unique_ptr<ModelFiles> ModelFiles::after_crash() const {
  return after_crash(calls_.size(), {.left = [](const Call&) { return std::vector<Call>(); }, .folder_calls = 0});
}

std::unique_ptr<ModelFiles> ModelFiles::after_kill(std::size_t count) const {
  return after_crash(count, {});
}

std::unique_ptr<ModelFiles> ModelFiles::copy() const {
  auto other = std::make_unique<ModelFiles>();
  const Disk& from = calls_.empty() && disk_.names.empty() ? start_ : disk_;
  for (Disk* disk : {&other->start_, &other->disk_}) {
    disk->names = from.names;
    for (const auto& [name, inode] : from.names) {
      const auto found = from.files.find(inode);
      disk->files[inode] = std::make_shared<std::string>(found == from.files.end() ? std::string() : *found->second);
    }
  }
  other->last_inode_ = last_inode_;
  return other;
}

std::optional<Error> ModelFiles::failing(const Call& call, const std::string& path) {
  const bool is_sync = call.kind == Kind::sync || call.kind == Kind::sync_folder;
  if (failure_.count == 0 || !(is_sync ? failure_.syncs : failure_.writes)) return std::nullopt;
  if (failure_.skip > 0) {
    --failure_.skip;
    return std::nullopt;
  }
  --failure_.count;
  return file_error(path, is_sync ? "sync" : "write", failure_.reason);
}

Result<void> ModelFiles::record(Call call) {
  if (auto failed = failing(call, call.path)) {
    if (call.kind == Kind::sync)
      call.kind = Kind::failed_sync;
    else if (call.kind == Kind::write)
      call.bytes.resize(call.bytes.size() / 2);
    else
      return *failed;
    disk_.apply(call);
    calls_.push_back(std::move(call));
    return *failed;
  }
  disk_.apply(call);
  calls_.push_back(std::move(call));
  return {};
}

class ModelFile : public LogFile {
 public:
  ModelFile(ModelFiles& files, int inode) : files_(files), inode_(inode), bytes_(files.disk_.files.at(inode)) {}
  Result<void> write(std::string_view bytes, std::uint64_t offset) override {
    return files_.record({Kind::write, inode_, {}, {}, offset, std::string(bytes)});
  }
  Result<std::size_t> read(char* into, std::size_t size, std::uint64_t offset) const override {
    return offset >= bytes_->size() ? 0 : bytes_->copy(into, size, offset);
  }
  Result<void> allocate(std::uint64_t size) override {
    return files_.record({Kind::resize, inode_, {}, {}, std::max<std::uint64_t>(size, bytes_->size()), {}});
  }
  Result<void> truncate(std::uint64_t size) override { return files_.record({Kind::resize, inode_, {}, {}, size, {}}); }
  Result<void> sync() override { return files_.record({Kind::sync, inode_, {}, {}, 0, {}}); }
  Result<FileFacts> facts() const override { return FileFacts{1, static_cast<std::uint64_t>(inode_), bytes_->size()}; }

 private:
  ModelFiles& files_;
  int inode_;
  std::shared_ptr<std::string> bytes_;
};

std::vector<std::string> ModelFiles::paths() const {
  std::vector<std::string> found;
  for (const auto& [path, inode] : disk_.names) found.push_back(path);
  return found;
}

Result<std::shared_ptr<LogFile>> ModelFiles::open(const std::string& path, Mode mode) {
  const auto found = disk_.names.find(path);
  if (mode != Mode::create && found == disk_.names.end()) return file_error(path, "open", ENOENT);
  if (mode != Mode::create) return std::shared_ptr<LogFile>(new ModelFile(*this, found->second));
  if (found != disk_.names.end()) return file_error(path, "create", EEXIST);
  const int inode = last_inode_ + 1;
  if (auto made = record({Kind::create, inode, path, {}, 0, {}}); !made) return made.error();
  last_inode_ = inode;
  return std::shared_ptr<LogFile>(new ModelFile(*this, inode));
}

Result<void> ModelFiles::rename(const std::string& from, const std::string& to) {
  if (!has(from)) return file_error(from, "rename", ENOENT);
  return record({Kind::rename, 0, from, to, 0, {}});
}

Result<void> ModelFiles::remove(const std::string& path) {
  if (!has(path)) return file_error(path, "remove", ENOENT);
  return record({Kind::remove, 0, path, {}, 0, {}});
}

Result<void> ModelFiles::sync_folder(const std::string& path) {
  return record({Kind::sync_folder, 0, path, {}, 0, {}});
}

Result<std::vector<std::string>> ModelFiles::list(const std::string& path) {
  std::vector<std::string> names;
  for (const auto& [name, inode] : disk_.names)
    if (folder_of(name) == path) names.push_back(name.substr(path.size() + 1));
  return names;
}

Result<std::optional<FileFacts>> ModelFiles::facts(const std::string& path) {
  const auto found = disk_.names.find(path);
  if (found == disk_.names.end()) return std::optional<FileFacts>();
  return std::optional(FileFacts{1, static_cast<std::uint64_t>(found->second), disk_.files.at(found->second)->size()});
}

}  // namespace weir::capture
