"""What is measured: pgbench runs through a server, idle connections, and the way to Kafka."""

import contextlib
import re
import socket
import struct
import subprocess
import sys
import time

from servers import POSTGRES_BIN

READY = re.compile(rb"Z\0\0\0\x05[ITE]\Z")  # at the end of an answer

UPDATE = r"""\set aid random(1, 100000 * :scale)
UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = :aid;
"""

# What is added to a captured statement, asked for by pgbench itself: what the columns cost without any capture.
COLUMNS = """ RETURNING pg_catalog.row_to_json({table}.*)::pg_catalog.text, {table}.tableoid::pg_catalog.text,
    pg_catalog.pg_current_xact_id()::pg_catalog.text, pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text"""
TPCB_RETURNING = r"""\set aid random(1, 100000 * {scale})
\set bid random(1, 1 * {scale})
\set tid random(1, 10 * {scale})
\set delta random(-5000, 5000)
BEGIN;
UPDATE pgbench_accounts SET abalance = abalance + :delta WHERE aid = :aid {accounts};
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
UPDATE pgbench_tellers SET tbalance = tbalance + :delta WHERE tid = :tid {tellers};
UPDATE pgbench_branches SET bbalance = bbalance + :delta WHERE bid = :bid {branches};
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime)
    VALUES (:tid, :bid, :aid, :delta, CURRENT_TIMESTAMP) {history};
END;
"""


def write_scripts(folder, scale):
    columns = {name: COLUMNS.format(table=f"pgbench_{name}") for name in ("accounts", "tellers", "branches", "history")}
    (folder.path / "tpcb_returning.sql").write_text(TPCB_RETURNING.format(scale=scale, **columns))
    (folder.path / "update.sql").write_text(UPDATE)
    (folder.path / "update_returning.sql").write_text(UPDATE.rstrip().rstrip(";") + columns["accounts"] + ";\n")


class Run:
    """One pgbench run: transactions per second, transactions, median latency in µs (where logged), CPU of the proxy."""

    def __init__(self, tps, transactions, median_us, cpu_us):
        self.tps, self.transactions, self.median_us, self.cpu_us = tps, transactions, median_us, cpu_us


def pgbench(folder, server, load, clients, mode, seconds, log_latency=False, rate=None):
    """`load` is read, tpcb, update or one of the latter two with _returning, `rate` in transactions per second. The proxy's CPU is µs per transaction; for PostgreSQL itself it says nothing."""
    command = [POSTGRES_BIN / "pgbench", "-h", "127.0.0.1", "-p", server.port, "-U", "bench", "-n", "-M", mode,
               "-c", clients, "-j", min(clients, 2), "-T", seconds]
    command += {"read": ["-b", "select-only"], "tpcb": ["-b", "tpcb-like"],
                "update": ["-f", folder.path / "update.sql"],
                "update_returning": ["-f", folder.path / "update_returning.sql"],
                "tpcb_returning": ["-f", folder.path / "tpcb_returning.sql"]}[load]
    command += ["-R", rate] if rate else []
    prefix = folder.path / f"latency-{time.monotonic_ns()}"
    if log_latency:
        command += ["-l", "--log-prefix", prefix]
    cpu = server.cpu_seconds()
    done = subprocess.run([str(part) for part in [*command, "bench"]], capture_output=True, text=True)
    cpu = server.cpu_seconds() - cpu
    tps = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
    transactions = re.search(r"transactions actually processed: (\d+)", done.stdout)
    failed = re.search(r"number of failed transactions: (\d+)", done.stdout)
    if done.returncode or not tps or (failed and int(failed.group(1))):
        raise SystemExit(f"pgbench through {server.name} failed:\n{done.stdout}{done.stderr}")
    count = int(transactions.group(1))
    return Run(float(tps.group(1)), count, median_latency(prefix) if log_latency else None, cpu / count * 1e6)


def median_latency(prefix):
    """Without the time by which pgbench itself began late, where it keeps a rate (the last column then)."""
    latencies = []
    for path in prefix.parent.glob(prefix.name + ".*"):
        for words in map(str.split, path.read_text().splitlines()):
            latencies.append(int(words[2]) - (int(words[6]) if len(words) > 6 else 0))
        path.unlink()
    return sorted(latencies)[len(latencies) // 2]


@contextlib.contextmanager
def scraped(server, pause=1.0):
    """Asks the admin listener of a Weir as a Prometheus and a page do, in a process of its own, as they are."""
    address = server.command[server.command.index("--admin.listen") + 1]
    asking = (f"import time, urllib.request\nwhile True:\n for path in ('metrics', 'stats'):\n"
              f"  urllib.request.urlopen('http://{address}/' + path).read()\n time.sleep({pause})")
    scraper = subprocess.Popen([sys.executable, "-c", asking])
    try:
        yield
        if scraper.poll() is not None:
            raise SystemExit(f"the listener at {address} did not answer")
    finally:
        scraper.kill()
        scraper.wait()


def startup_message():
    body = struct.pack("!i", 196608) + b"user\0bench\0database\0bench\0\0"
    return struct.pack("!i", len(body) + 4) + body


def query_message(text):
    return b"Q" + struct.pack("!i", len(text) + 5) + text.encode() + b"\0"


def read_until_ready(connection):
    received = b""
    while not READY.search(received):
        part = connection.recv(65536)
        if not part or received.startswith(b"E"):
            raise SystemExit(f"a connection was refused: {received + part!r}")
        received += part


def idle_connection(port):
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(startup_message())
    read_until_ready(connection)
    connection.sendall(query_message("SELECT 1"))
    read_until_ready(connection)
    return connection


def seconds_of(function):
    begin = time.monotonic()
    function()
    return time.monotonic() - begin


def run_query(port, text):
    """Seconds that one Query takes, on a connection of its own; what it answers must not be large."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(startup_message())
        read_until_ready(connection)
        begin = time.monotonic()
        connection.sendall(query_message(text))
        answer = bytearray()
        while not READY.search(answer, max(0, len(answer) - 6)):
            part = connection.recv(1 << 20)
            if not part:
                raise SystemExit(f"the connection ended in {text[:60]}…")
            answer += part
        taken = time.monotonic() - begin
    place = 0
    while place < len(answer):
        size, = struct.unpack_from("!i", answer, place + 1)
        if answer[place] == ord("E"):
            raise SystemExit(f"{text[:60]}…: {bytes(answer[place:place + size + 1])!r}")
        place += size + 1
    return taken


def kilobytes_per_connection(server, count=200):
    """Growth of resident memory over `count` connections that have each run one query; a few are opened before."""
    warm = [idle_connection(server.port) for _ in range(10)]
    before = server.resident_kb()
    connections = [idle_connection(server.port) for _ in range(count)]
    grown = server.resident_kb() - before
    for connection in warm + connections:
        connection.close()
    return grown / count


def latency_to_kafka(programs, server, kafka, topic, seconds):
    """{'p50': ms, 'p99': ms, 'max': ms, 'lost': records} at 200 writes per second."""
    conninfo = f"host=127.0.0.1 port={server.port} user=bench dbname=bench"
    done = subprocess.run([programs / "commit_to_kafka", "latency", conninfo, f"127.0.0.1:{kafka.port}", topic, "200",
                           str(seconds)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"commit_to_kafka: {done.stderr}")
    words = done.stdout.split()
    return dict(zip(words[::2], map(float, words[1::2])))


def wait_until_caught_up(lines):
    """Returns the count once it has stood still, above zero, for half a second."""
    counts = []
    while len(counts) < 6 or counts[-1] == 0 or counts[-1] != counts[-6]:
        counts.append(int(lines.readline().split()[1]))
    return counts[-1]


def seconds_until_read(programs, kafka, topic, rows, write):
    """(what `write` returns, seconds from its end until all its `rows` events were read)."""
    counter = subprocess.Popen([programs / "commit_to_kafka", "count", f"127.0.0.1:{kafka.port}", topic, "120"],
                               stdout=subprocess.PIPE, text=True)
    try:
        before = wait_until_caught_up(counter.stdout)
        taken = write()
        end = time.time()
        for at, count in map(str.split, counter.stdout):
            if int(count) - before >= rows:
                return taken, max(0.0, float(at) - end)
    finally:
        counter.kill()
        counter.wait()
    raise SystemExit(f"of {rows} events on {topic} only {int(count) - before} came")


def throughput_to_kafka(programs, folder, server, kafka, topic, seconds):
    """(transactions per second, events read per second while they ran, events not yet read at their end, seconds until
    the last one was read) with 8 clients that update single rows."""
    counter = subprocess.Popen([programs / "commit_to_kafka", "count", f"127.0.0.1:{kafka.port}", topic, "5"],
                               stdout=subprocess.PIPE, text=True)
    try:
        before = wait_until_caught_up(counter.stdout)
        begin = time.time()
        run = pgbench(folder, server, "update", 8, "prepared", seconds)
        end = time.time()
        samples = [(float(at), int(n)) for at, n in (line.split() for line in counter.stdout)]  # until none came for 5 s
    finally:
        counter.kill()
        counter.wait()
    at_end = max((n for at, n in samples if at <= end), default=0)
    total = samples[-1][1]
    drained = next(at for at, n in samples if n == total)
    if total - before != run.transactions:
        raise SystemExit(f"{run.transactions} transactions, but {total - before} events on {topic}")
    return run.tps, (at_end - before) / (end - begin), total - at_end, max(0.0, drained - end)
