"""Measures statements in sessions of their own: wall time, CPU of the backend and of its client, the backend's
private memory, WAL.  Variants of one job run in turn, round after round, and are told by medians and by their ratio
to one of them."""
import os
import statistics
import subprocess
import tempfile
import threading
import time

TICKS = os.sysconf("SC_CLK_TCK")
SAMPLE_SECONDS = 0.01
DONE = "=done="


class Failure(Exception):
    """A statement failed, or did not do what it should have."""


def process_stat(pid):
    """The fields of a process's status from the third one on; its name may hold blanks, so count from its closing
    parenthesis."""
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()


def cpu_seconds(pid):
    """User and system time of a process and of its children that have ended."""
    return sum(map(int, process_stat(pid)[11:15])) / TICKS


def ended_children_cpu(pid):
    """User and system time of the children that have ended."""
    return sum(map(int, process_stat(pid)[13:15])) / TICKS


def parent(pid):
    return int(process_stat(pid)[1])


def private_mb(pid):
    """Anonymous resident memory: what the process has for itself, without shared buffers and program text."""
    with open(f"/proc/{pid}/status") as status:
        for line in status:
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) / 1024
    return 0.0


class Session:
    """One psql and its backend."""

    def __init__(self, psql, socket, role="analyst", database="bench"):
        self.errors = tempfile.TemporaryFile("w+")
        self.client = subprocess.Popen(
            [psql, "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", socket, "-U", role, "-d", database],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        self.run("SET client_min_messages = error;")
        self.backend = int(self.run("SELECT pg_backend_pid();")[0])

    def run(self, sql):
        """Runs statements, each with its semicolon; the lines they return."""
        lines = []
        self.client.stdin.write(f"{sql}\n\\echo {DONE}\n")
        self.client.stdin.flush()
        for line in self.client.stdout:
            if line.rstrip("\n") == DONE:
                return lines
            lines.append(line.rstrip("\n"))
        self.errors.seek(0)
        raise Failure(f"{self.errors.read().strip()}\nin: {sql.strip()[:500]}")

    def close(self):
        self.client.stdin.close()
        self.client.wait()
        self.errors.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class MemorySampler(threading.Thread):
    """The peak of a backend's private memory, from start() to peak()."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid = pid
        self.highest = private_mb(pid)
        self.ended = threading.Event()

    def run(self):
        while not self.ended.wait(SAMPLE_SECONDS):
            self.highest = max(self.highest, private_mb(self.pid))

    def peak(self):
        self.ended.set()
        self.join()
        return max(self.highest, private_mb(self.pid))


class Bench:
    """The server under test, the API beside it, and how much is asked of them."""

    def __init__(self, psql, socket, api, scratch, lake, records, rounds):
        self.psql, self.socket, self.api, self.scratch, self.lake = psql, socket, api, scratch, lake
        self.records, self.rounds = records, rounds
        self.server = subprocess.Popen([api, "serve", str(records)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       text=True)
        self.url = f"http://127.0.0.1:{int(self.server.stdout.readline())}"

    def close(self):
        self.server.stdin.close()
        self.server.wait()

    def session(self, role="analyst", database="bench"):
        return Session(self.psql, self.socket, role, database)

    def sql(self, sql, role="analyst", database="bench"):
        with self.session(role, database) as session:
            return session.run(sql)

    def expect(self, sql, value):
        """Throws unless the query's one value is this: a variant that did not do its work must not be shown."""
        found = self.sql(sql)[0]
        if found != str(value):
            raise Failure(f"expected {value}, found {found}\nin: {' '.join(sql.split())}")

    def scratch_file(self, name, *arguments):
        """A file of what the API program prints."""
        path = os.path.join(self.scratch, name)
        with open(path, "w") as out:
            subprocess.run([self.api, *map(str, arguments)], stdout=out, check=True)
        return path

    def wal_position(self):
        return int(self.sql("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0');")[0])

    def measure(self, sql):
        """Runs the statements in a new session, after a checkpoint, and tells what they took."""
        self.sql("CHECKPOINT;", role="postgres")
        wal = self.wal_position()
        api_cpu = cpu_seconds(self.server.pid)
        with self.session() as session:
            backend_cpu, client_cpu = cpu_seconds(session.backend), cpu_seconds(session.client.pid)
            postmaster = parent(session.backend)
            worker_cpu = ended_children_cpu(postmaster)
            sampler = MemorySampler(session.backend)
            sampler.start()
            start = time.perf_counter()
            session.run(sql)
            seconds = time.perf_counter() - start
            result = {
                "seconds": seconds,
                "backend_mb": sampler.peak(),
                "backend_cpu": cpu_seconds(session.backend) - backend_cpu,
                "worker_cpu": ended_children_cpu(postmaster) - worker_cpu,
                "client_cpu": cpu_seconds(session.client.pid) - client_cpu,
                "api_cpu": cpu_seconds(self.server.pid) - api_cpu,
            }
        result["wal_mb"] = (self.wal_position() - wal) / 1e6
        return result


class Variant:
    """One way of doing a job.  before(round) and after(round) are not measured; sql(round) is."""

    def __init__(self, name, sql, before=None, after=None):
        self.name, self.sql, self.before, self.after = name, sql, before, after


def measure_variants(bench, title, variants, warm_up=False):
    """All variants in turn, round after round: {name: [result of each round]}.  A round -1 that warms up does not
    count: it finds buffers untouched and the files of the WAL not yet made."""
    results = {variant.name: [] for variant in variants}
    print(f"\n{title}", flush=True)
    for number in range(-1 if warm_up else 0, bench.rounds):
        for variant in variants:
            if variant.before:
                variant.before(number)
            result = bench.measure(variant.sql(number) if callable(variant.sql) else variant.sql)
            if variant.after:
                variant.after(number)
            if number >= 0:
                results[variant.name].append(result)
            print(f"  round {number + 1}  {variant.name}: {result['seconds']:.2f} s", flush=True)
    return results


def median(results, key="seconds"):
    return statistics.median(result[key] for result in results)


def spread(results, key="seconds", digits=2):
    values = [result[key] for result in results]
    return f"{median(results, key):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def ratio(results, base, key="seconds"):
    return median(results, key) / median(base, key)


def against(value, goal):
    """A ratio or time beside the goal it is held to, if there is one."""
    return f"**{value:.2f}**" if goal is None else f"**{value:.2f}** (≤ {goal:.2f})"


def table(header, rows):
    """A Markdown table; the first column is text, the others are numbers."""
    lines = ["| " + " | ".join(header) + " |", "|---|" + "---:|" * (len(header) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])
