// A model of the server for tests of the session engine: statements and portals by name, transactions, savepoints,
// errors that skip to Sync, deferred constraints, COPY FROM STDIN, procedures that commit and then fail, a
// client_encoding that SET, RESET, rollbacks and functions change, texts that are not in it, lengths that cannot be;
// and 18's way with a Query behind an Execute. Which statements fail and how many rows they write is decided by a seed
// and by how many ran before, so two servers that are asked the same things do the same. Knows the tables t (ordinary),
// m (whose UPDATE moves rows), s (temporary) and r (row-level security), and answers the questions Weir asks of its
// own; what Weir has prepared by its shape it may refuse. The client of a plain one and a client behind Weir must see
// the same bytes; `committed` says what is true.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::testing {

class ModelServer {
 public:
  explicit ModelServer(std::uint32_t seed) : seed_(seed), is_18_(seed / 8 % 3 == 1) {}

  /// What it sends before the first message.
  std::string greeting() const;
  /// One whole frame of the client; what it answers.
  std::string take(std::string_view frame);
  /// What was written and committed, in order: `{"id":7}` for a row of t or m, "r 2" for two rows of r.
  const std::vector<std::string>& committed() const { return committed_; }
  /// pg_xact_status: "in progress", "committed" or "aborted".
  std::string status(std::uint64_t xid) const;
  /// It was sent a length that cannot be: the session is over, and what was not committed is undone.
  void close();
  bool closed() const { return closed_; }
  /// A transaction is open that it will never commit, though it said that it is idle.
  bool in_limbo() const { return limbo_; }

 private:
  struct Portal {
    std::string text = {};
    std::vector<std::string> parameters = {};
    bool ran = false;
    std::vector<std::string> rows = {};  ///< DataRow frames that were not fetched
    bool failed = false;
    std::uint32_t subtransaction = 0;  ///< that made it
  };
  /// client_encoding, and what COMMIT leaves of it.
  struct Encoding {
    std::string now = "UTF8";
    std::string stays = "UTF8";
  };
  struct Savepoint {
    std::uint32_t subtransaction;
    std::size_t written;
    Encoding encoding;
  };
  /// How a statement ended: its CommandComplete, or an error.
  struct Ended {
    std::string complete;
    bool failed = false;
  };

  bool start(char type);
  std::string ready();
  std::string in_client_encoding(const std::string& image, std::string_view text) const;
  std::optional<Ended> set_encoding(const std::string& text);
  void parse(std::string_view name, const std::string& whole);
  void bind(std::string_view body);
  void describe(char kind, const std::string& name);
  void execute(const std::string& portal, std::size_t limit);
  void close(char kind, const std::string& name);
  void query(std::string_view body);
  void run_query(const std::string& text);
  void sync();

  Ended run(Portal& portal, std::size_t limit);
  Ended run_control(const std::string& text);
  Ended run_own(const Portal& portal);
  Ended call(bool atomic);
  Ended write(Portal& portal, std::size_t limit);
  Ended lock(const std::string& text);
  std::uint32_t rows_of_write(std::uint32_t run) const;
  Ended fetch(Portal& portal, std::size_t limit, std::string_view verb);
  Ended list_statements();
  Ended begin_copy();
  void take_copy(char type);
  bool end_transaction(bool commit);
  Ended refuse(std::string_view sqlstate, std::string_view message);
  void fail(std::string_view sqlstate, std::string_view message);
  bool refused_in_failed_block(const std::string& text) const;
  std::uint32_t subtransaction() const { return savepoints_.empty() ? 0 : savepoints_.back().subtransaction; }
  std::uint32_t decide(std::uint32_t what, std::uint32_t count) const;

  std::uint32_t seed_;
  bool is_18_;
  std::string out_;
  std::map<std::string, std::string> statements_;
  std::map<std::string, Portal> portals_;
  bool in_block_ = false;
  bool failed_ = false;
  bool skipping_ = false;
  bool copy_in_ = false;
  bool started_ = false;    // something has begun a transaction, or gone on with it, since the last Sync or Query
  bool pipelined_ = false;  // outside of a block: an Execute has left it open
  bool implicit_ = false;   // from 18 on: and something came behind it, so that it goes on behind a Query
  bool limbo_ = false;      // a Sync has not ended it: whatever comes next fails
  bool closed_ = false;
  bool several_ = false;  // a Query of several statements runs
  std::vector<Savepoint> savepoints_;
  Encoding encoding_;
  std::string encoding_before_ = "UTF8";  ///< the transaction
  std::string encoding_told_ = "UTF8";    ///< by the last ParameterStatus
  std::vector<std::string> written_;      ///< by the open transaction
  std::vector<std::string> committed_;
  std::uint32_t subtransactions_ = 0;
  std::uint32_t runs_ = 0;
  std::uint32_t commits_ = 0;
  std::uint32_t rows_ = 0;
  std::uint32_t copies_ = 0;
  std::uint32_t calls_ = 0;
  std::map<std::uint64_t, bool> ended_ = {};  // transactions, and whether they committed
  std::uint32_t checks_ = 0;
  std::uint32_t shapes_ = 0;
  std::uint64_t xid_ = 800;
  bool has_xid_ = false;
  std::uint64_t lsn_ = 16;
};

/// The frames of a stream, whole ones only.
std::vector<std::string> split_frames(std::string_view bytes);

}  // namespace weir::testing
