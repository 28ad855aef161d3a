// The book (book.h) as a SQLite file, made durable where its interface says so.
//
// All writes are transactions of their own: on an error nothing of one is there. After a sync that failed nothing is
// taken any more, since the system may have forgotten what it could not write: Weir must be started again.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "capture/journal/book.h"
#include "capture/journal/book_file.h"
#include "capture/journal/folder.h"

namespace weir::capture {

class SqliteBook final : public Book {
 public:
  /// In a folder that was claimed; made where there is none. `synced` false: nothing is ever made durable.
  static Result<std::unique_ptr<SqliteBook>> open(const Folder& folder, bool synced);
  /// To read, whether or not a Weir runs on it. Writing fails.
  static Result<std::unique_ptr<SqliteBook>> open_to_read(const std::string& path);

  const std::string& instance() const override { return instance_; }
  bool booted_since() const override { return booted_since_; }
  Result<void> note_boot() override;
  Result<void> note_end() override;
  Result<std::vector<Checkpoint>> checkpoints() override;
  Result<void> set_checkpoints(std::span<const Checkpoint> checkpoints) override;
  Result<void> add_destination(std::string_view emitter, event::Position position) override;
  Result<void> forget(std::string_view emitter) override;
  Result<void> rename(std::string_view emitter, std::string_view now) override;
  Result<std::vector<Checkpoint>> forgotten() override;
  Result<void> add_dead_letter(const DeadLetter& letter) override;
  Result<std::vector<DeadLetter>> dead_letters() override;
  Result<void> note_server_run(std::string_view run) override;
  Result<std::vector<std::string>> server_runs() override;
  Result<void> look() override;

  /// In the order in which they were stored, one at a time.
  Result<void> each_dead_letter(const std::function<void(const DeadLetter&)>& visit);
  /// The highest position that any destination ever had, those that are gone included: the log gives out none of them
  /// again.
  Result<event::Position> highest_position();
  /// A number of the journal's that is kept beside; 0 where it was never set.
  Result<std::int64_t> number(std::string_view name);
  Result<void> set_number(std::string_view name, std::int64_t value);
  /// Reads all of the file.
  Result<void> check();
  /// What was wrong with the file and could be lived with; empty: nothing.
  const std::string& warning() const { return warning_; }

 private:
  enum class Durable { no, yes };
  SqliteBook(sqlite::Database database, bool is_written, bool synced)
      : database_(std::move(database)), is_written_(is_written), synced_(synced) {}

  Result<void> start();
  Result<void> take_back_end();
  Result<void> write(Durable durable, const std::function<Result<void>()>& body);
  Result<void> write_group(const std::function<Result<void>()>& body);
  template <typename... Values>
  Result<int> run(const char* sql, const Values&... values);
  Result<std::vector<Checkpoint>> positions(const char* sql);
  void copy_back();
  Error lost_writes(int code) const;
  Error unknown(std::string_view emitter) const;
  Error present(std::string_view emitter) const;

  std::mutex turn_;
  sqlite::Database database_;
  const bool is_written_;
  const bool synced_;
  BookFileWatch watch_;
  std::string instance_;
  std::string warning_;
  bool booted_since_ = false;
  int wal_frames_ = 0;
  std::optional<Error> broken_;  // the disk lost writes: nothing is promised any more
};

}  // namespace weir::capture
