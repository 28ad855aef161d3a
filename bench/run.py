#!/usr/bin/env python3
"""Weir beside its peers, in one run on one machine: `make bench`, or `make bench QUICK=1`.

Every figure is compared with the direct connection measured in the same round just before, because the machine's own
speed drifts. Printed ratios are medians over the rounds.
"""

import argparse
import collections
import contextlib
import os
import pathlib
import statistics
import subprocess
import sys

import commit_path
import debezium
import load
import servers
import start

ROOT = pathlib.Path(__file__).resolve().parents[1]
DEPS = pathlib.Path(os.environ.get("WEIR_DEPS", ROOT / ".deps"))


class Plan:
    """How much is measured."""

    def __init__(self, quick):
        self.rounds, self.seconds = (1, 1) if quick else (3, 2)
        self.clients = (1, 8) if quick else (1, 8, 32)
        self.scale = 5 if quick else 20
        self.latency_seconds, self.throughput_seconds = (5, 5) if quick else (20, 20)
        self.thread_seconds = 3 if quick else 5


def interleaved(folder, plan, what, targets, instead=None):
    """{(clients, mode): {target: [Run of each round]}}, and a progress line on stderr. `instead`: {target: its load}."""
    cells = [(clients, mode) for clients in plan.clients for mode in ("simple", "prepared")]
    results = {cell: collections.defaultdict(list) for cell in cells}
    for round_number in range(plan.rounds):
        for clients, mode in cells:
            print(f"\r{what}: round {round_number + 1}, {clients} clients, {mode}   ", end="", file=sys.stderr)
            for name, server in targets.items():
                its_load = (instead or {}).get(name, what)
                with load.scraped(server) if name.startswith("scraped") else contextlib.nullcontext():
                    results[clients, mode][name].append(
                        load.pgbench(folder, server, its_load, clients, mode, plan.seconds, log_latency=clients == 1))
    print("\r" + " " * 60 + "\r", end="", file=sys.stderr)
    return results


def print_ratios(title, results):
    print(f"\n## {title}\n")
    targets = list(next(iter(results.values())))
    peers = [name for name in targets if name != "direct"]
    print("| clients | protocol | direct TPS | " + " | ".join(f"{p}: ratio, CPU µs" for p in peers) + " | added p50 µs |")
    print("|" + "---|" * (len(peers) + 4))
    for (clients, mode), runs in results.items():
        cells = []
        for peer in peers:
            ratio = statistics.median(run.tps / direct.tps for run, direct in zip(runs[peer], runs["direct"]))
            cells.append(f"{ratio:.2f}, {statistics.median(run.cpu_us for run in runs[peer]):.1f}")
        added = ""
        if clients == 1:
            added = ", ".join(f"{p} {statistics.median(r.median_us - d.median_us for r, d in zip(runs[p], runs['direct'])):+.0f}"
                              for p in peers)
        direct = statistics.median(run.tps for run in runs["direct"])
        print(f"| {clients} | {mode} | {direct:,.0f} | " + " | ".join(cells) + f" | {added} |")


def measure_memory(folder, build, database):
    """Each server is a fresh one: what an earlier load freed would hide what connections need."""
    targets = {"weir": servers.start_weir(folder, build / "weir", database, "stdout"),
               "pgbouncer": servers.start_pgbouncer(folder, database),
               "haproxy": servers.start_haproxy(folder, database)}
    print("\n## Resident memory per idle connection, client and server side\n")
    print("| " + " | ".join(targets) + " |\n|" + "---|" * len(targets))
    print("| " + " | ".join(f"{load.kilobytes_per_connection(server):.1f} kB" for server in targets.values()) + " |")
    for server in targets.values():
        server.stop()


def measure_durability(folder, plan, build, database):
    """Beside what any capture has to pay: the relay alone, and with the columns that the client itself asks for."""
    plain = servers.start_weir(folder, build / "weir", database, "stdout", "--capture.exclude", "public.pgbench_*")
    asking = "not captured, pgbench asks for the columns"
    weirs = {name: servers.start_weir(folder, build / "weir", database, "stdout", "--journal.durability", name)
             for name in ("answer", "commit", "process", "memory")}
    results = interleaved(folder, plan, "update", {"direct": database, "not captured": plain, asking: plain} | weirs,
                          {asking: "update_returning"})
    print_ratios("What each journal.durability costs: single-row UPDATE, autocommit", results)
    for weir in [plain, *weirs.values()]:
        weir.stop()


def measure_scraped(folder, plan, build, database):
    """With /metrics and /stats asked for every second, and not: the same Weir. What differs should be noise."""
    weir = servers.start_weir(folder, build / "weir", database, "stdout", "--admin.listen", f"127.0.0.1:{servers.free_port()}")
    targets = {"direct": database, "not scraped": weir, "scraped each second": weir}
    print_ratios("Captured UPDATE while the admin listener is scraped", interleaved(folder, plan, "update", targets))
    weir.stop()


def measure_kafka(folder, plan, build, database, kafka):
    weir = servers.start_weir(folder, build / "weir", database, f"kafka://127.0.0.1:{kafka.port}/bench")
    topic = "bench.public.bench_latency"
    load.latency_to_kafka(build / "bench", weir, kafka, topic, 1)  # makes the topic and warms the broker up
    sql(database, "TRUNCATE bench_latency; INSERT INTO bench_latency VALUES (1, 0)")
    found = load.latency_to_kafka(build / "bench", weir, kafka, topic, plan.latency_seconds)
    print("\n## To Kafka\n")
    print(f"Commit acknowledged to record read, 200 writes/s: p50 {found['p50']:.1f} ms, p99 {found['p99']:.1f} ms, "
          f"maximum {found['max']:.1f} ms, {found['lost']:.0f} lost.")
    load.pgbench(folder, weir, "update", 8, "prepared", 1)  # makes the topic
    direct = load.pgbench(folder, database, "update", 8, "prepared", plan.throughput_seconds)
    cpu = weir.cpu_seconds()
    tps, events, behind, drained = load.throughput_to_kafka(build / "bench", folder, weir, kafka,
                                                            "bench.public.pgbench_accounts", plan.throughput_seconds)
    cpu = (weir.cpu_seconds() - cpu) / (tps * plan.throughput_seconds) * 1e6
    print(f"8 clients updating single rows: {tps:,.0f} TPS ({tps / direct.tps:.2f} of {direct.tps:,.0f} direct), "
          f"{events:,.0f} events/s read meanwhile; {behind:,} events behind at the end, the last one read "
          f"{drained:.1f} s later. Weir's CPU per event, delivery included: {cpu:.0f} µs.")


def sql(database, text):
    subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(database.port), "-U", "bench",
                    "-d", "bench", "-c", text], check=True)


def prepare(folder, plan, *name, **more):
    database = servers.start_postgresql(folder, *name, **more)
    connect = ["-h", "127.0.0.1", "-p", str(database.port), "-U", "bench"]
    subprocess.run(["psql", "-X", "-q", *connect, "-d", "postgres", "-c", "CREATE DATABASE bench"], check=True)
    subprocess.run([servers.POSTGRES_BIN / "pgbench", *connect, "-i", "-q", "-s", str(plan.scale), "bench"], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    sql(database, "CREATE TABLE bench_latency (id integer PRIMARY KEY, n bigint); INSERT INTO bench_latency VALUES (1, 0)")
    sql(database, "CREATE TABLE bench_rows (id integer PRIMARY KEY, name text, n integer)")
    load.write_scripts(folder, plan.scale)
    return database


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, required=True, help="build folder with weir and bench/")
    parser.add_argument("--quick", action="store_true", help="two minutes: fewer clients, one short round")
    parser.add_argument("--only", default="start,read,write,durability,scraped,memory,kafka,path", help="parts to run, separated by commas")
    parser.add_argument("--debezium", action="store_true", help="beside Debezium Server (bench/fetch_debezium.sh)")
    arguments = parser.parse_args()
    plan, build, only = Plan(arguments.quick), arguments.build.resolve(), arguments.only.split(",")

    with servers.Folder() as folder:
        print(f"{os.cpu_count()} cores; a sync of the disk under {folder.path.parent} takes {folder.sync_microseconds():.0f} µs")
        database = prepare(folder, plan)
        if "start" in only:
            start.measure(folder, build, database)
        if only == ["start"]:
            return 0
        if "memory" in only:
            measure_memory(folder, build, database)
        weir = servers.start_weir(folder, build / "weir", database, "stdout")
        direct = {"direct": database, "weir": weir}
        peers = direct | {"pgbouncer": servers.start_pgbouncer(folder, database),
                          "haproxy": servers.start_haproxy(folder, database)}
        if "read" in only:
            # The least a relay can cost here, beside what the relays cost.
            loop = {"copy loop": servers.start_copy_loop(folder, build / "bench" / "copy_loop", database)}
            print_ratios("Reads (pgbench -S), capture on", interleaved(folder, plan, "read", peers | loop))
        if "write" in only:
            by_socket = servers.start_weir(folder, build / "weir", database, "stdout", host=folder.path)
            print_ratios("Captured: single-row UPDATE, autocommit",
                         interleaved(folder, plan, "update", direct | {"weir, database by Unix socket": by_socket}))
            # What seven round trips through any proxy cost, and what the added columns cost in any way they are asked for.
            returning = "pgbouncer, pgbench asks for the columns"
            hop = direct | {"pgbouncer": peers["pgbouncer"], returning: peers["pgbouncer"]}
            print_ratios("Captured: TPC-B like (PgBouncer only relays)",
                         interleaved(folder, plan, "tpcb", hop, {returning: "tpcb_returning"}))
        if "durability" in only:
            measure_durability(folder, plan, build, database)
        if "scraped" in only:
            measure_scraped(folder, plan, build, database)
        if "kafka" in only or "path" in only or arguments.debezium:
            kafka = servers.start_kafka(folder, DEPS / "kafka")
        if "kafka" in only:
            measure_kafka(folder, plan, build, database, kafka)
        if "path" in only:
            commit_path.measure(folder, plan, build, database, weir, kafka)
        if arguments.debezium:
            captured = prepare(folder, plan, "postgresql-logical", wal_level="logical")
            debezium.measure(folder, plan, build, DEPS / "debezium", database, captured, kafka)
    return 0


if __name__ == "__main__":
    sys.exit(main())
