// A snapshot in which everything is set, for what is made of snapshots.
#pragma once

#include "proxy/admin/snapshot.h"

namespace weir::proxy {

inline Snapshot full_snapshot() {
  Snapshot now;
  now.now_us = 1'000'000'000;
  now.version = "1.2.3";
  now.instance = "abc";
  now.process = {1.5, 1 << 20, 1 << 30, 12, 1024, 7, 900};
  now.connections = {true, "127.0.0.1:6432", 10, 7, 1, {{"authentication", 2}, {"timeout", 0}}, 4096, 8192};
  now.sessions = {{1, "ann", "shop", "psql", "127.0.0.1:5", true, 999'000'000, 10, 20, 3, 4},
                  {2, "bob", "other", "", "[local]", false, 999'000'000, 1, 2, 0, 0}};
  now.upstream = {true, true, "", 999'500'000};
  now.capturing = true;
  now.commits.committed = 5;
  now.commits.sync.buckets[2] = 3;
  now.commits.sync.sum_us = 120;
  now.stream.transactions = 5;
  now.stream.events = 9;
  TableCounts table;
  table.database = "shop";
  table.table = "public.orders";
  table.rows[{event::Op::create, event::Fidelity::row}] = 8;
  table.missed.updated = 2;
  table.gaps = 1;
  now.stream.tables = {table};
  now.stream.gaps_by_cause = {{"trigger", 1}};
  now.stream.gaps = {{"copy", "shop", "public.orders", 1, {0, 2, 0}, 998'000'000}};
  now.stream.seen = {
      {998'000'000, 5, "shop", "public.orders", event::Op::create, event::Fidelity::row, {}, "", "", ""}};
  now.doubts = {1, 2, 990'000'000, "cannot log in"};
  now.journal = {"/var/lib/weir", 1 << 20, std::uint64_t{10} << 30, ""};
  now.last_position = 12;
  DestinationCounts::Value destination;
  destination.name = "kafka://127.0.0.1:9092/shop";
  destination.durable = 10;
  destination.oldest_us = 997'000'000;
  destination.trouble = "no broker";
  destination.delivered.buckets[4] = 6;
  now.destinations = {destination};
  now.tracing = {true, 12, 3};
  now.more = {{"weir_notices_total", "told", {{{{"level", "error"}}, 3}}}};
  return now;
}

}  // namespace weir::proxy
