"""From the start of the process to the first query that is answered through it, and its memory behind that."""

import os
import pathlib
import statistics
import subprocess
import time

import load
import servers

ROUNDS = 20
PATIENCE = 10  # seconds


def first_answer(port, process):
    """Returns once a query was answered; a port that does not take anybody yet is tried again after 0.2 ms."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            load.idle_connection(port).close()
            return
        except ConnectionError:
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"a server did not start: exit code {process.poll()}")
            time.sleep(0.0002)


def resident_kilobytes(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def processor_milliseconds(pid):
    """Of all its threads until now."""
    words = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) * 1e3 / os.sysconf("SC_CLK_TCK")


def one_start(command):
    port = servers.free_port()
    begin = time.monotonic()
    process = subprocess.Popen([str(word).replace("PORT", str(port)) for word in command], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        first_answer(port, process)
        return (time.monotonic() - begin) * 1e3, processor_milliseconds(process.pid), resident_kilobytes(process.pid)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def measure(folder, build, database, rounds=ROUNDS):
    """The journal is made anew by the first start and found by the others; both are shown."""
    command = [build / "weir", "--listen", "127.0.0.1:PORT", "--upstream",
               f"postgresql://bench@127.0.0.1:{database.port}/bench?sslmode=disable", "--emit", "file:/dev/null",
               "--admin.listen", "off", "--log.level", "warn", "--journal"]
    found = folder.path / "start.journal"
    one_start([*command, found])
    print("\n## From the start to the first query answered through it\n")
    print("| | median ms | longest ms | processor ms, average | resident memory behind it |\n|---|---|---|---|---|")
    for name, journal in (("a new journal", lambda n: folder.path / f"start-{n}.journal"), ("a journal that is there", lambda n: found)):
        runs = [one_start([*command, journal(n)]) for n in range(rounds)]
        times, processor, memory = zip(*runs)
        print(f"| {name} | {statistics.median(times):.1f} | {max(times):.1f} | {statistics.mean(processor):.0f} | {max(memory) / 1024:.1f} MB |")
    direct = [load.seconds_of(lambda: load.idle_connection(database.port).close()) * 1e3 for _ in range(rounds)]
    print(f"\nOf that, a direct connection with its query takes {statistics.median(direct):.1f} ms.")
