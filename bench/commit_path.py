"""What a captured write costs, piece by piece: large statements, the client's own commit, and the CPU of each thread."""

import statistics
import subprocess

import load
import servers

SLOW = 200  # writes per second
LARGE_ROWS = 500_000
LARGE_UPDATE = f"UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid <= {LARGE_ROWS}"


def values(number):
    return f"({number}, 'name {number}', {number * 7})"


def measure_large_queries(plan, database, weir):
    print("\n## One large Query: seconds\n\n| Query | direct | through Weir | Weir over direct |\n|---|---|---|---|")
    insert = "INSERT INTO bench_rows VALUES "
    for name, text in (("INSERT of 100,000 VALUES rows", insert + ", ".join(map(values, range(100_000)))),
                       ("8,000 INSERTs", "; ".join(insert + values(number) for number in range(8_000)))):
        times = {database: [], weir: []}
        for _ in range(plan.rounds):
            for server, seconds in times.items():
                load.run_query(database.port, "TRUNCATE bench_rows")
                seconds.append(load.run_query(server.port, text))
        ratio = statistics.median(through / direct for direct, through in zip(times[database], times[weir]))
        print(f"| {name} | {statistics.median(times[database]):.2f} | {statistics.median(times[weir]):.2f} | {ratio:.1f} |")


def psql_seconds(server, text):
    """What it takes psql, which reads rows as fast as a client does that looks at none of them."""
    return load.seconds_of(lambda: subprocess.run(
        ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", "-h", "127.0.0.1", "-p",
         str(server.port), "-U", "bench", "-d", "bench", "-c", text], check=True))


def measure_large_update(plan, programs, database, weir, kafka, topic):
    """`weir` has done nothing large yet: its peak of memory is that of these statements."""
    asking = LARGE_UPDATE + load.COLUMNS.format(table="pgbench_accounts")
    before = weir.peak_kb()
    times = {"direct": [], "direct, the client asks for the columns": [], "Weir": [], "commit → last record": []}
    for _ in range(plan.rounds):
        times["direct"].append(psql_seconds(database, LARGE_UPDATE))
        load.run_query(database.port, "VACUUM pgbench_accounts")
        times["direct, the client asks for the columns"].append(psql_seconds(database, asking))
        load.run_query(database.port, "VACUUM pgbench_accounts")
        taken, behind = load.seconds_until_read(programs, kafka, topic, LARGE_ROWS,
                                                lambda: psql_seconds(weir, LARGE_UPDATE))
        times["Weir"].append(taken)
        times["commit → last record"].append(behind)
        load.run_query(database.port, "VACUUM pgbench_accounts")
    print(f"\n## One UPDATE of {LARGE_ROWS:,} rows, events to Kafka: seconds\n")
    print("| " + " | ".join(times) + " | Weir's peak of memory (before) |\n|" + "---|" * (len(times) + 1))
    print("| " + " | ".join(f"{statistics.median(seconds):.1f}" for seconds in times.values()) +
          f" | {weir.peak_kb() / 1024:.0f} MB ({before / 1024:.0f}) |")


def thread_row(folder, plan, database, weir, rate):
    """(Run, {thread: µs per transaction}) of UPDATEs by key; all of PostgreSQL's processes count as one thread."""
    server = weir or database
    before = {} if weir is None else weir.cpu_by_thread()
    before["PostgreSQL"] = database.cpu_seconds_of_all()
    run = load.pgbench(folder, server, "update", 1 if rate else 8, "prepared", plan.thread_seconds,
                       log_latency=rate is not None, rate=rate)
    after = {} if weir is None else weir.cpu_by_thread()
    after["PostgreSQL"] = database.cpu_seconds_of_all()
    return run, {name: (seconds - before.get(name, 0)) / run.transactions * 1e6 for name, seconds in after.items()}


def measure_threads(folder, plan, database, targets):
    """`targets`: {name: a Weir, or None for the database itself, the first}. Medians over the rounds."""
    rows = [(name, rate) for rate in (None, SLOW) for name in targets]
    rounds = [{(name, rate): thread_row(folder, plan, database, targets[name], rate) for name, rate in rows}
              for _ in range(plan.rounds)]
    threads = sorted({thread for row in rows for thread in rounds[0][row][1] if thread != "PostgreSQL"})
    print("\n## CPU by thread of an UPDATE by key, prepared: µs per transaction\n")
    print("| | TPS | PostgreSQL | " + " | ".join(threads) + " | all of Weir | commit p50 µs | over direct |")
    print("|" + "---|" * (len(threads) + 6))

    def median(row, value):
        return statistics.median(value(*each[row]) for each in rounds)

    for name, rate in rows:
        row, first = (name, rate), (rows[0][0], rate)
        cells = [f"{median(row, lambda _, cpu: cpu.get(thread, 0)):.0f}" for thread in ["PostgreSQL", *threads]]
        own = median(row, lambda _, cpu: sum(us for thread, us in cpu.items() if thread != "PostgreSQL"))
        added = [each[row][0].median_us - each[first][0].median_us for each in rounds] if rate else []
        waits = f"{median(row, lambda run, _: run.median_us):.0f} | {statistics.median(added):+.0f}" if rate else " | "
        print(f"| {name}, {f'{rate}/s, 1 client' if rate else 'full load, 8 clients'} | "
              f"{median(row, lambda run, _: run.tps):,.0f} | " + " | ".join(cells) + f" | {own:.0f} | {waits} |")


def measure(folder, plan, build, database, weir, kafka):
    """`weir` writes its events to /dev/null."""
    topic = "bench.public.pgbench_accounts"
    to_kafka = servers.start_weir(folder, build / "weir", database, f"kafka://127.0.0.1:{kafka.port}/bench")
    load.run_query(to_kafka.port, "UPDATE pgbench_accounts SET abalance = 0 WHERE aid = 1")  # makes the topic
    measure_large_queries(plan, database, weir)
    measure_large_update(plan, build / "bench", database, to_kafka, kafka, topic)
    measure_threads(folder, plan, database, {"direct": None, "to /dev/null": weir, "to Kafka": to_kafka})
    to_kafka.stop()
