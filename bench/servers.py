"""The servers of the benchmark, each on a free port of 127.0.0.1 in one temporary folder, ended with it.

PostgreSQL, PgBouncer and HAProxy run as user postgres where the benchmark runs as root. Every server has `port` and
`pid`; `cpu_seconds()` and `resident_kb()` read /proc.
"""

import collections
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

POSTGRES_BIN = pathlib.Path("/usr/lib/postgresql/15/bin")
KAFKA_PROPERTIES = pathlib.Path(__file__).resolve().parents[1] / "tests/support/kafka/server.properties.in"
TICKS = os.sysconf("SC_CLK_TCK")
START_SECONDS = 30


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Folder:
    """A temporary folder that PostgreSQL's user may write to; ends its servers, the last one first, and is removed."""

    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="weir-bench-"))
        self.servers = []
        self.user = None
        if os.getuid() == 0:
            self.user = "postgres"
            shutil.chown(self.path, "postgres")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in reversed(self.servers):
            server.stop()
        shutil.rmtree(self.path, ignore_errors=True)

    def own(self, path):
        if self.user:
            shutil.chown(path, self.user)

    def sync_microseconds(self):
        """Median time of an fdatasync of 4 kB appended here: what every commit waits for, and the gate once more."""
        times = []
        with open(self.path / "sync", "wb", buffering=0) as file:
            for _ in range(100):
                file.write(bytes(4096))
                begin = time.monotonic_ns()
                os.fdatasync(file.fileno())
                times.append(time.monotonic_ns() - begin)
        return sorted(times)[50] / 1000

    def run(self, *command):
        extra = {"user": self.user, "group": pwd.getpwnam(self.user).pw_gid, "extra_groups": []} if self.user else {}
        subprocess.run([str(part) for part in command], check=True, cwd=self.path, stdout=subprocess.DEVNULL, **extra)


class Server:
    """A process that answers on `port` when it is ready."""

    def __init__(self, folder, name, command, port, as_root=False, stop_signal=signal.SIGTERM, cwd=None):
        self.name, self.port, self.stop_signal = name, port, stop_signal
        self.command = [str(part) for part in command]
        self.log = folder.path / f"{name}.log"
        user = None if as_root else folder.user
        extra = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, cwd=cwd or folder.path, stderr=log,
                                            stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                                            start_new_session=True, **extra)
        folder.servers.append(self)
        self.wait_until_it_answers()

    @property
    def pid(self):
        return self.process.pid

    def wait_until_it_answers(self):
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"{self.name} did not start:\n{self.log.read_text(errors='replace')[-3000:]}")
                time.sleep(0.02)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def cpu_by_thread(self):
        """{name: seconds} of the threads that live, those of one kind together ("weir-worker-0", "weir-worker-1")."""
        seconds = collections.Counter()
        for task in pathlib.Path(f"/proc/{self.pid}/task").iterdir():
            name = (task / "comm").read_text().strip()
            kind = "librdkafka" if name.startswith("rdk:") else re.sub(r"-?\d+$", "", name)
            seconds[kind] += int((task / "schedstat").read_text().split()[0]) / 1e9
        return dict(seconds)

    def cpu_seconds_of_all(self):
        """With all processes that it has started, whether they still run or not."""
        total = 0
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has ended meanwhile
            if stat.parent.name == str(self.pid):
                total += sum(map(int, fields[11:15]))
            elif fields[1] == str(self.pid):
                total += int(fields[11]) + int(fields[12])
        return total / TICKS

    def peak_kb(self):
        return self.status_kb("VmHWM")

    def resident_kb(self):
        return self.status_kb("VmRSS")

    def status_kb(self, name):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1])
        raise SystemExit(f"{self.name} has ended:\n{self.log.read_text(errors='replace')[-3000:]}")


def start_postgresql(folder, name="postgresql", **more):
    """`more`: settings beyond those of all benchmarks."""
    data, port = folder.path / f"{name}-data", free_port()
    folder.run(POSTGRES_BIN / "initdb", "-D", data, "-U", "bench", "-A", "trust", "-E", "UTF8", "--no-locale",
               "--no-sync")
    options = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": folder.path,
               "max_connections": 1000, "shared_buffers": "512MB", "max_wal_size": "8GB", "checkpoint_timeout": "30min", **more}
    flags = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    server = Server(folder, name, [POSTGRES_BIN / "postgres", "-D", data, *flags], port,
                    stop_signal=signal.SIGINT)
    while subprocess.run(["pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]).returncode == 1:
        time.sleep(0.02)  # its port answers while it still starts
    return server


def start_weir(folder, binary, upstream, emit, *more, host="127.0.0.1"):
    """`host` is the database's, or the folder of its Unix socket."""
    port = free_port()
    name = f"weir-{port}"
    command = [binary, "--listen", f"127.0.0.1:{port}", "--upstream",
               f"postgresql://bench@/bench?host={host}&port={upstream.port}&sslmode=disable", "--log.level", "warn"]
    if emit:
        command += ["--journal", folder.path / f"{name}.journal", "--emit", emit]
    return Server(folder, name, [*command, *more], port, as_root=True)


def start_pgbouncer(folder, upstream):
    port, config = free_port(), folder.path / "pgbouncer.ini"
    config.write_text(f"""[databases]
bench = host=127.0.0.1 port={upstream.port} user=bench
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = session
default_pool_size = 380
max_client_conn = 1000
server_tls_sslmode = disable
log_connections = 0
log_disconnections = 0
""")
    folder.own(config)
    return Server(folder, "pgbouncer", ["/usr/sbin/pgbouncer", config], port)


def start_haproxy(folder, upstream):
    port, config = free_port(), folder.path / "haproxy.cfg"
    config.write_text(f"""global
  maxconn 2000
defaults
  mode tcp
  timeout connect 5s
  timeout client 10m
  timeout server 10m
listen postgresql
  bind 127.0.0.1:{port}
  server database 127.0.0.1:{upstream.port}
""")
    folder.own(config)
    return Server(folder, "haproxy", ["/usr/sbin/haproxy", "-db", "-f", config], port)


def start_copy_loop(folder, binary, upstream):
    port = free_port()
    return Server(folder, "copy_loop", [binary, str(port), str(upstream.port)], port, as_root=True)


def start_kafka(folder, jars):
    port, controller = free_port(), free_port()
    config, data = folder.path / "kafka.properties", folder.path / "kafka"
    config.write_text(KAFKA_PROPERTIES.read_text().format(port=port, controller=controller, folder=data))
    folder.own(config)
    classes = f"{jars}/lib/*"
    subprocess.run(["java", "-cp", classes, "kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c",
                    config], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return Server(folder, "kafka", ["java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp", classes, "kafka.Kafka",
                                    config], port, as_root=True)
