"""Debezium Server 3.0 as a user would run it, beside a PostgreSQL of its own with wal_level=logical (.deps/debezium)."""

import collections
import statistics
import subprocess
import time

import commit_path
import load
import servers

CLIENTS = 8
PREFIX = "debezium"
PROPERTIES = """debezium.sink.type=kafka
debezium.sink.kafka.producer.bootstrap.servers=127.0.0.1:{kafka}
debezium.sink.kafka.producer.key.serializer=org.apache.kafka.common.serialization.StringSerializer
debezium.sink.kafka.producer.value.serializer=org.apache.kafka.common.serialization.StringSerializer
debezium.format.key.schemas.enable=false
debezium.format.value.schemas.enable=false
debezium.source.connector.class=io.debezium.connector.postgresql.PostgresConnector
debezium.source.plugin.name=pgoutput
debezium.source.snapshot.mode=no_data
debezium.source.offset.storage.file.filename={folder}/offsets.dat
debezium.source.database.hostname=127.0.0.1
debezium.source.database.port={database}
debezium.source.database.user=bench
debezium.source.database.password=bench
debezium.source.database.dbname=bench
debezium.source.topic.prefix={prefix}
quarkus.http.host=127.0.0.1
quarkus.http.port={port}
quarkus.log.level=WARN
quarkus.log.console.json=false
"""


def is_streaming(database):
    found = subprocess.run(["psql", "-X", "-A", "-t", "-h", "127.0.0.1", "-p", str(database.port), "-U", "bench", "-d",
                            "bench", "-c", "SELECT count(*) FROM pg_replication_slots WHERE active"],
                           capture_output=True, text=True, check=True)
    return found.stdout.strip() == "1"


def start(folder, programs, database, kafka):
    """`database` is one with wal_level=logical; returns when its changes are read."""
    home, port = folder.path / PREFIX, servers.free_port()
    (home / "config").mkdir(parents=True)
    (home / "config" / "application.properties").write_text(
        PROPERTIES.format(kafka=kafka.port, folder=home, database=database.port, prefix=PREFIX, port=port))
    folder.own(home)
    classes = ":".join(str(path) for path in (*(programs / "server").glob("debezium-server-dist-*-runner.jar"),
                                              home / "config", programs / "server/lib/*"))
    server = servers.Server(folder, PREFIX, [programs / "java/bin/java", "-cp", classes, "io.debezium.server.Main"], port,
                            as_root=True, cwd=home)
    deadline = time.monotonic() + servers.START_SECONDS
    while not is_streaming(database):
        if server.process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"Debezium does not stream:\n{server.log.read_text(errors='replace')[-3000:]}")
        time.sleep(0.1)
    return server


def seconds_behind(build, server, kafka, prefix):
    """Until the first write from now on is read: what was written before has been read then, too."""
    return load.seconds_of(lambda: load.latency_to_kafka(build / "bench", server, kafka, f"{prefix}.public.bench_latency", 0))


def compare(folder, plan, build, what, mode, targets, kafka):
    """{name: median of (ratio to direct, CPU µs per transaction, seconds behind at the end)}; `targets`: {name: (the server
    that pgbench talks to, the program that captures, its prefix)}, the direct one first. Nothing is behind at a start."""
    runs = collections.defaultdict(list)
    for _ in range(plan.rounds):
        for name, (server, capturing, prefix) in targets.items():
            cpu = capturing.cpu_seconds()
            run = load.pgbench(folder, server, what, CLIENTS, mode, plan.throughput_seconds)
            behind = seconds_behind(build, server, kafka, prefix) if prefix else 0
            used = (capturing.cpu_seconds() - cpu) / run.transactions * 1e6
            runs[name].append((run.tps / runs["direct"][-1][-1] if prefix else 1, used, behind, run.tps))
    return {name: [statistics.median(column) for column in zip(*rounds)] for name, rounds in runs.items()}


def measure(folder, plan, build, programs, database, captured, kafka):
    """`captured` is as `database`, with wal_level=logical. Throughput beside the database that nothing captures."""
    debezium = start(folder, programs, captured, kafka)
    weir = servers.start_weir(folder, build / "weir", database, f"kafka://127.0.0.1:{kafka.port}/beside")
    targets = {"direct": (database, database, None), "weir": (weir, weir, "beside"),
               "debezium": (captured, debezium, PREFIX)}
    for name in ("weir", "debezium"):  # makes the topics
        server, _, prefix = targets[name]
        seconds_behind(build, server, kafka, prefix)
    print(f"\n## Beside Debezium Server 3.0, which reads a database of its own; events to Kafka, {CLIENTS} clients\n")
    print("| work | direct TPS | Weir: ratio, CPU µs, behind at the end | Debezium: ratio, CPU µs (without the WAL sender), "
          "behind at the end |\n|---|---|---|---|")
    for what, mode in (("update", "simple"), ("update", "prepared"), ("tpcb", "prepared")):
        found = compare(folder, plan, build, what, mode, targets, kafka)
        cells = [f"{ratio:.2f}, {cpu:.0f}, {behind:.1f} s" for ratio, cpu, behind, _ in (found["weir"], found["debezium"])]
        print(f"| {what}, {mode} | {found['direct'][3]:,.0f} | " + " | ".join(cells) + " |")
    weir.stop()
    latency = load.latency_to_kafka(build / "bench", captured, kafka, f"{PREFIX}.public.bench_latency", plan.latency_seconds)
    taken, behind = load.seconds_until_read(
        build / "bench", kafka, f"{PREFIX}.public.pgbench_accounts", commit_path.LARGE_ROWS,
        lambda: commit_path.psql_seconds(captured, commit_path.LARGE_UPDATE))
    print(f"\nThrough Debezium, 200 writes/s: commit acknowledged to record read p50 {latency['p50']:.1f} ms, p99 "
          f"{latency['p99']:.1f} ms. One UPDATE of {commit_path.LARGE_ROWS:,} rows: {taken:.1f} s, commit → last record "
          f"{behind:.1f} s, peak of memory {debezium.peak_kb() / 1024:.0f} MB.")
