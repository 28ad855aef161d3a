// A validator that cannot fail proves nothing: each is shown one correct stream and then that stream with one thing
// changed.
#include "tests/support/validators.h"

#include <gtest/gtest.h>

#include <functional>

namespace weir::test_support {
namespace {

struct Change {
  std::string table;
  char op;
  std::string key;
  std::string after;
};

std::string id_of(std::uint64_t xid, std::size_t order) {
  return "db:" + std::to_string(xid) + ":" + std::to_string(order);
}

/// `count`: it is the last event of so many; 0: it is not the last.
KafkaRecord record_of(std::uint64_t xid, std::size_t order, std::uint64_t lsn, const Change& change,
                      std::size_t count = 0) {
  const auto id = id_of(xid, order);
  KafkaRecord record;
  record.topic = "w.public." + change.table;
  if (!change.key.empty()) record.key = change.key;
  record.value =
      "{\"before\":null,\"after\":" + (change.op == 'd' ? "null" : change.after) +
      ",\"source\":{\"schema\":\"public\",\"table\":\"" + change.table + "\",\"txId\":" + std::to_string(xid) +
      ",\"lsn\":" + std::to_string(lsn) + "},\"op\":\"" + change.op + "\",\"ts_ms\":1,\"transaction\":{\"id\":\"" +
      std::to_string(xid) + "\",\"total_order\":" + std::to_string(order) +
      (count > 0 ? ",\"last\":true,\"event_count\":" + std::to_string(count) : std::string()) +
      "},\"weir\":{\"id\":\"" + id + "\",\"fidelity\":\"row\",\"statement_order\":" + std::to_string(order) + "}}";
  record.headers = {{"weir-id", id}, {"weir-txid", std::to_string(xid)}};
  return record;
}

/// A small world: records as Kafka would hold them, and the oracle that fits.
struct World {
  std::vector<KafkaRecord> records;
  Oracle oracle;

  void commit(std::uint64_t xid, std::uint64_t lsn, const std::vector<Change>& changes) {
    boundary(xid, "BEGIN", "null", "null");
    std::map<std::string, int> counts;
    for (std::size_t i = 0; i < changes.size(); ++i) {
      const auto& change = changes[i];
      records.push_back(record_of(xid, i + 1, lsn + i, change, i + 1 == changes.size() ? i + 1 : 0));
      if (change.op == 'd') records.push_back({records.back().topic, 0, 0, records.back().key, std::nullopt, {}});
      ++counts["public." + change.table];
      oracle.add(xid,
                 {"public." + change.table, change.op, change.key.empty() ? "" : canonical(change.key),
                  change.op == 'd' ? "" : canonical(change.after)},
                 change.op == 'd' ? "" : change.after);
    }
    std::string collections;
    for (const auto& [name, count] : counts) {
      collections += std::string(collections.empty() ? "" : ",") + "{\"data_collection\":\"" + name +
                     "\",\"event_count\":" + std::to_string(count) + "}";
    }
    boundary(xid, "END", std::to_string(changes.size()), "[" + collections + "]");
  }

  void boundary(std::uint64_t xid, const std::string& status, const std::string& count,
                const std::string& collections) {
    records.push_back({"w.transaction",
                       0,
                       0,
                       std::nullopt,
                       "{\"status\":\"" + status + "\",\"id\":\"" + std::to_string(xid) +
                           "\",\"event_count\":" + count + ",\"data_collections\":" + collections + "}",
                       {}});
  }

  Violations violations() const {
    const auto stream = read_stream(records, "w");
    Violations all = check_transactions(stream, oracle);
    for (const auto& more :
         {check_versions(stream, oracle), check_duplicates(stream), check_exactly_once(stream),
          check_boundaries(stream), check_last(stream), check_tombstones(records, "w"), check_fidelity(stream)}) {
      all.insert(all.end(), more.begin(), more.end());
    }
    return all;
  }

  /// The value of the record that says `part`, changed.
  void replace(const std::string& part, const std::string& from, const std::string& to) {
    for (auto& record : records) {
      if (!record.value || record.value->find(part) == std::string::npos) continue;
      const auto at = record.value->find(from);
      ASSERT_NE(at, std::string::npos);
      record.value->replace(at, from.size(), to);
      return;
    }
    FAIL() << "no record says " << part;
  }

  std::size_t index_of(const std::string& part) const {
    for (std::size_t i = 0; i < records.size(); ++i) {
      if (records[i].value && records[i].value->find(part) != std::string::npos) return i;
    }
    throw std::runtime_error("no record says " + part);
  }
};

World small_world() {
  World world;
  world.commit(10, 100,
               {{"t", 'c', "{\"id\":1}", "{\"id\":1,\"n\":1.50}"}, {"t", 'c', "{\"id\":2}", "{\"id\":2,\"n\":2}"}});
  world.commit(11, 200, {{"t", 'u', "{\"id\":1}", "{\"id\":1,\"n\":3}"}, {"s", 'c', "", "{\"a\":\"x\"}"}});
  world.commit(13, 300, {{"t", 'u', "{\"id\":1}", "{\"id\":1,\"n\":4}"}, {"t", 'd', "{\"id\":2}", ""}});
  return world;
}

TEST(Validators, AcceptACorrectStream) {
  EXPECT_EQ(small_world().violations(), Violations{});
}

struct Mutation {
  std::string name;
  std::function<void(World&)> mutate;
};

void PrintTo(const Mutation& mutation, std::ostream* out) {
  *out << mutation.name;
}

class MutatedStream : public testing::TestWithParam<Mutation> {};

TEST_P(MutatedStream, IsDetected) {
  auto world = small_world();
  GetParam().mutate(world);
  EXPECT_NE(world.violations(), Violations{});
}

void lose(World& world, const std::string& part) {
  world.records.erase(world.records.begin() + static_cast<std::ptrdiff_t>(world.index_of(part)));
}

void swap_records(World& world, const std::string& one, const std::string& other) {
  std::swap(world.records[world.index_of(one)], world.records[world.index_of(other)]);
}

const std::vector<Mutation> mutations{
    {"lost_event", [](World& w) { lose(w, "db:11:1"); }},
    {"lost_last_event", [](World& w) { lose(w, "db:13:2"); }},
    {"lost_transaction",
     [](World& w) {
       w.oracle.add(14, {"public.t", 'c', canonical("{\"id\":9}"), canonical("{\"id\":9}")});
     }},
    {"uncommitted_transaction",
     [](World& w) {
       w.records.push_back(record_of(12, 1, 250, {"t", 'c', "{\"id\":7}", "{\"id\":7}"}));
     }},
    {"event_twice", [](World& w) { w.records.push_back(w.records[w.index_of("db:10:1")]); }},
    {"twice_with_other_content",
     [](World& w) {
       w.records.push_back(w.records[w.index_of("db:10:1")]);
       w.records.back().value->replace(w.records.back().value->find("1.50"), 4, "1.51");
     }},
    {"wrong_value", [](World& w) { w.replace("db:11:1", "\"n\":3", "\"n\":4"); }},
    {"lost_digit", [](World& w) { w.replace("db:10:1", "1.50", "1.5"); }},
    {"wrong_op", [](World& w) { w.replace("db:11:1", "\"op\":\"u\"", "\"op\":\"c\""); }},
    {"wrong_table", [](World& w) { w.replace("db:11:2", "\"table\":\"s\"", "\"table\":\"r\""); }},
    {"wrong_key", [](World& w) { w.records[w.index_of("db:11:1")].key = "{\"id\":2}"; }},
    {"no_key", [](World& w) { w.records[w.index_of("db:11:1")].key.reset(); }},
    {"order_in_the_transaction",
     [](World& w) {
       w.replace("db:10:1", "\"total_order\":1", "\"total_order\":2");
       w.replace("db:10:2", "\"total_order\":2", "\"total_order\":1");
     }},
    {"total_order_with_a_hole", [](World& w) { w.replace("db:10:2", "\"total_order\":2", "\"total_order\":3"); }},
    {"order_of_versions", [](World& w) { swap_records(w, "db:11:1", "db:13:1"); }},
    {"lsn_falls", [](World& w) { w.replace("db:13:1", "\"lsn\":300", "\"lsn\":3"); }},
    {"id_of_another_transaction", [](World& w) { w.replace("db:13:1", "\"txId\":13", "\"txId\":11"); }},
    {"header_of_another_event", [](World& w) { w.records[w.index_of("db:13:1")].headers[0].second = "db:1:1"; }},
    {"no_last", [](World& w) { w.replace("db:11:2", ",\"last\":true,\"event_count\":2", ""); }},
    {"last_too_early",
     [](World& w) { w.replace("db:11:1", "\"total_order\":1", "\"total_order\":1,\"last\":true,\"event_count\":2"); }},
    {"last_is_false", [](World& w) { w.replace("db:11:2", "\"last\":true", "\"last\":false"); }},
    {"last_with_wrong_count", [](World& w) { w.replace("db:11:2", "\"event_count\":2", "\"event_count\":3"); }},
    {"last_without_count", [](World& w) { w.replace("db:11:2", ",\"event_count\":2", ""); }},
    {"no_begin", [](World& w) { lose(w, "BEGIN"); }},
    {"no_end", [](World& w) { lose(w, "END"); }},
    {"wrong_count", [](World& w) { w.replace("END", "\"event_count\":2", "\"event_count\":3"); }},
    {"wrong_collection_count",
     [](World& w) {
       w.replace("\"data_collection\":\"public.s\"", "\"data_collection\":\"public.s\",\"event_count\":1",
                 "\"data_collection\":\"public.s\",\"event_count\":2");
     }},
    {"no_tombstone",
     [](World& w) { w.records.erase(w.records.begin() + static_cast<std::ptrdiff_t>(w.index_of("db:13:2") + 1)); }},
    {"tombstone_alone",
     [](World& w) {
       w.records.push_back({"w.public.t", 0, 0, "{\"id\":1}", std::nullopt, {}});
     }},
    {"lower_fidelity", [](World& w) { w.replace("db:11:1", "\"row\"", "\"input\""); }},
    {"gap",
     [](World& w) {
       w.records.push_back({"w.gap", 0, 0, std::nullopt, "{\"cause\":\"trigger\"}", {}});
     }},
    {"no_json", [](World& w) { w.replace("db:11:1", "{\"before\"", "{before"); }},
};

INSTANTIATE_TEST_SUITE_P(Validators, MutatedStream, testing::ValuesIn(mutations),
                         [](const auto& info) { return info.param.name; });

TEST(Validators, AcceptRedeliveryAsDuplicates) {
  auto world = small_world();
  world.records.push_back(world.records[world.index_of("db:10:1")]);
  world.records.back().value->replace(world.records.back().value->find("\"ts_ms\":1"), 9, "\"ts_ms\":2");
  const auto stream = read_stream(world.records, "w");
  EXPECT_EQ(check_duplicates(stream), Violations{});
  EXPECT_NE(check_exactly_once(stream), Violations{});
  EXPECT_EQ(check_transactions(without_duplicates(stream), world.oracle), Violations{});
}

/// A statement that moves 1 to 2 and 2 to 3, as the database did it and as it is told.
TEST(Validators, TakeAStatementsDeletesFirstWhereTheyAreToldSo) {
  const Change gone1{"t", 'd', "{\"id\":1}", ""}, gone2{"t", 'd', "{\"id\":2}", ""};
  const Change new2{"t", 'c', "{\"id\":2}", "{\"id\":2}"}, new3{"t", 'c', "{\"id\":3}", "{\"id\":3}"};
  World done, told;
  done.commit(10, 100, {gone1, new2, gone2, new3});
  told.commit(10, 100, {gone2, gone1, new2, new3});
  const auto stream = read_stream(told.records, "w");
  EXPECT_NE(check_transactions(stream, done.oracle), Violations{});
  EXPECT_EQ(check_transactions(stream, done.oracle, {}, {"public.t"}), Violations{});
  World other;
  other.commit(10, 100, {gone1, new2, gone2, {"t", 'c', "{\"id\":4}", "{\"id\":4}"}});
  EXPECT_NE(check_transactions(stream, other.oracle, {}, {"public.t"}), Violations{});
  EXPECT_EQ(check_deletes_first(stream), Violations{});
  auto mixed = read_stream(done.records, "w");
  EXPECT_EQ(check_deletes_first(mixed), Violations{}) << "statements of their own";
  for (auto& event : mixed.events) event.statement_order = 1;
  EXPECT_NE(check_deletes_first(mixed), Violations{});
}

/// The other validators do not look at it.
TEST(Validators, LookAtTheLastEventByItself) {
  for (const auto& [from, to] :
       {std::pair(",\"last\":true,\"event_count\":2", ""), std::pair("\"event_count\":2", "\"event_count\":1")}) {
    auto world = small_world();
    world.replace("db:11:2", from, to);
    const auto stream = read_stream(world.records, "w");
    EXPECT_EQ(check_boundaries(stream), Violations{});
    EXPECT_NE(check_last(stream), Violations{}) << from;
  }
}

TEST(Validators, KeepEveryDigitAndUnifyEscapes) {
  EXPECT_EQ(canonical("{ \"b\" : 12345678901234567890.10, \"a\":\"\\u0041\\/, \\\"}\", \"c\":{\"x\":[1, \"]\"]}}"),
            "{a:\"A/, \\\"}\",b:12345678901234567890.10,c:{\"x\":[1, \"]\"]}}");
  EXPECT_EQ(elements_of("[{\"a\":1},{\"b\":[2]}]"), (std::vector<std::string>{"{\"a\":1}", "{\"b\":[2]}"}));
  EXPECT_EQ(canonical("{}"), "{}");
  EXPECT_THROW(members_of("{\"a\":}"), std::runtime_error);
}

TEST(Validators, TellPartitionsByTheirRoot) {
  const auto stream = read_stream({record_of(1, 1, 1, {"part_a", 'c', "{\"id\":1}", "{\"id\":1}"})}, "w",
                                  {{"public.part_a", "public.whole"}});
  ASSERT_EQ(stream.events.size(), 1U);
  EXPECT_EQ(stream.events[0].write.table, "public.whole");
}

}  // namespace
}  // namespace weir::test_support
