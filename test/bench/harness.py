"""Measures statements in sessions of their own, and programs: wall time, CPU of the server and of its client, private
memory of both, WAL.  Variants of one job run in turn, round after round, and are told by medians and by their ratio
to one of them."""
import glob
import os
import signal
import statistics
import subprocess
import tempfile
import threading
import time

TICKS = os.sysconf("SC_CLK_TCK")
SAMPLE_SECONDS = 0.01
PROGRAM_SECONDS = 1800      # a program that takes longer hangs
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


def children(pid):
    """The living processes that any thread of this one has started; none when it has ended."""
    found = set()
    for listing in glob.glob(f"/proc/{pid}/task/*/children"):
        try:
            with open(listing) as listed:
                found.update(map(int, listed.read().split()))
        except (FileNotFoundError, ProcessLookupError):
            pass            # the thread has ended meanwhile
    return found


def tree(pid):
    """A process and all that it, and they, have started."""
    return {pid}.union(*map(tree, children(pid)))


def private_mb(pid):
    """Anonymous resident memory: what the process has for itself, without shared buffers and program text."""
    try:
        with open(f"/proc/{pid}/status") as status:
            for line in status:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1]) / 1024
    except (FileNotFoundError, ProcessLookupError):
        pass
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


class Command:
    """What is run in the place of statements: a program's arguments, environment and folder."""

    def __init__(self, arguments, environment, folder):
        self.arguments, self.environment, self.folder = arguments, environment, folder


class Program:
    """One program, for as long as it runs; stands where a Session does.  It makes backends as it likes."""
    backend = None

    def __init__(self, output):
        """Its output goes to that file."""
        self.output, self.client = output, None

    def run(self, command):
        """From the start of the program to its end.  It is left as a zombie, so that what it took can still be read."""
        try:
            with open(self.output, "w") as output:
                self.client = subprocess.Popen(command.arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                               env=command.environment, cwd=command.folder, start_new_session=True)
        except OSError as error:
            raise Failure(f"could not start {os.path.basename(command.arguments[0])}: {error.strerror}")
        limit = threading.Timer(PROGRAM_SECONDS, os.killpg, (self.client.pid, signal.SIGKILL))
        limit.start()
        ended = os.waitid(os.P_PID, self.client.pid, os.WEXITED | os.WNOWAIT)
        limit.cancel()
        if ended.si_code != os.CLD_EXITED or ended.si_status != 0:
            raise Failure(f"{os.path.basename(command.arguments[0])} ended with status {ended.si_status}: "
                          f"{last_words(self.output)}")

    def close(self):
        """Ends what is still there of it, as after an interrupt."""
        if self.client:
            try:
                os.killpg(self.client.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.client.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def last_words(path):
    """The last line that a program printed."""
    with open(path, errors="replace") as printed:
        lines = printed.read().split("\n")
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "it printed nothing")


class MemorySampler(threading.Thread):
    """The peaks of what groups of processes have for themselves, from start() to peaks().  A group is a function that
    tells the processes it has just now."""

    def __init__(self, groups):
        super().__init__(daemon=True)
        self.groups, self.highest = groups, dict.fromkeys(groups, 0.0)
        self.ended = threading.Event()
        self.sample()

    def sample(self):
        for name, processes in self.groups.items():
            self.highest[name] = max(self.highest[name], sum(map(private_mb, processes())))

    def run(self):
        while not self.ended.wait(SAMPLE_SECONDS):
            self.sample()

    def peaks(self):
        self.ended.set()
        self.join()
        self.sample()
        return self.highest


class Bench:
    """The server under test, the API beside it, and how much is asked of them."""

    def __init__(self, options):
        self.psql, self.socket, self.api = options.psql, options.socket, options.api
        self.scratch, self.lake = options.scratch, options.lake
        self.records, self.rounds = options.records, options.rounds
        self.peers = options.peers          # the folder of other tools, empty without them
        self.left_out = {}                  # optional variants that could not be run: why
        self.output = os.path.join(self.scratch, "program.out")     # of the last program
        self.server = subprocess.Popen([self.api, "serve", str(self.records)], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{int(self.server.stdout.readline())}"
        with self.session("postgres", "postgres") as session:
            self.postmaster = parent(session.backend)
            if session.backend not in children(self.postmaster):
                raise Failure("this kernel does not tell the children of a process (CONFIG_PROC_CHILDREN)")

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

    def leave_out(self, name, why):
        self.left_out[name] = " ".join(str(why).split())
        print(f"  not run: {name}: {self.left_out[name]}", flush=True)

    def scratch_file(self, name, *arguments):
        """A file of what the API program prints."""
        path = os.path.join(self.scratch, name)
        with open(path, "w") as out:
            subprocess.run([self.api, *map(str, arguments)], stdout=out, check=True)
        return path

    def wal_position(self):
        return int(self.sql("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0');")[0])

    def cpu(self, job):
        return {
            "backend_cpu": cpu_seconds(job.backend) if job.backend else 0.0,
            "worker_cpu": ended_children_cpu(self.postmaster),
            "client_cpu": cpu_seconds(job.client.pid) if job.client else 0.0,
            "api_cpu": cpu_seconds(self.server.pid),
        }

    def measure(self, work):
        """Runs the statements in a new session, or the command, after a checkpoint, and tells what they took.  CPU of
        backends that a program made is in worker_cpu."""
        self.sql("CHECKPOINT;", role="postgres")
        wal = self.wal_position()
        others = children(self.postmaster)
        with Program(self.output) if isinstance(work, Command) else self.session() as job:
            def server():
                return children(self.postmaster) - others
            sampler = MemorySampler({
                "backend_mb": lambda: {job.backend} if job.backend else set(),
                "server_mb": server,
                "client_mb": lambda: tree(job.client.pid) if job.client else set(),
            })
            before = self.cpu(job)
            sampler.start()
            start = time.perf_counter()
            try:
                job.run(work)
                result = {"seconds": time.perf_counter() - start}
            finally:
                result_mb = sampler.peaks()
            wait_until_empty(lambda: server() - {job.backend})
            after = self.cpu(job)
        result.update(result_mb)
        result.update((key, after[key] - before[key]) for key in after)
        result["server_cpu"] = result["backend_cpu"] + result["worker_cpu"]
        result["wal_mb"] = (self.wal_position() - wal) / 1e6
        return result


def wait_until_empty(processes):
    """Backends outlive their clients by a moment, helpers what they helped with; their CPU is known when they have ended."""
    limit = time.monotonic() + 30
    while processes():
        if time.monotonic() > limit:
            raise Failure("a process of the server did not end with its work")
        time.sleep(SAMPLE_SECONDS)


class Variant:
    """One way of doing a job.  before(round) and after(round) are not measured; work(round) is: statements or a
    Command.  An optional one that fails is left out, and does not end the benchmarks."""

    def __init__(self, name, work, before=None, after=None, optional=False):
        self.name, self.work, self.before, self.after, self.optional = name, work, before, after, optional

    def run(self, bench, number):
        if self.before:
            self.before(number)
        result = bench.measure(self.work(number) if callable(self.work) else self.work)
        if self.after:
            self.after(number)
        return result


def measure_variants(bench, title, variants, warm_up=False):
    """All variants in turn, round after round: {name: [result of each round]}.  A round -1 that warms up does not
    count: it finds buffers untouched and the files of the WAL not yet made."""
    results = {variant.name: [] for variant in variants}
    print(f"\n{title}", flush=True)
    for number in range(-1 if warm_up else 0, bench.rounds):
        for variant in variants:
            if variant.name not in results:
                continue
            try:
                result = variant.run(bench, number)
            except Failure as failure:
                if not variant.optional:
                    raise
                del results[variant.name]
                bench.leave_out(variant.name, failure)
                continue
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


class Goals:
    """What the variants of one table are held to; remembers what falls short.  "reasons" tells why a variant does, as
    far as that is known."""

    def __init__(self, reasons=None):
        self.reasons, self.short = reasons or {}, []

    def against(self, name, value, goal):
        """A variant's ratio, time or size beside its goal, if it has one."""
        if goal is None:
            return f"**{value:.2f}**"
        if round(value, 2) > goal:
            reason = self.reasons.get(name, "Why is not known.")
            self.short.append(f"**Short of its goal: {name}, {value:.2f} rather than {goal:.2f} "
                              f"({value / goal - 1:.0%} more).** {reason}")
        return f"**{value:.2f}** (≤ {goal:.2f})"


def table(header, rows, goals=None):
    """A Markdown table, and below it what falls short; the first column is text, the others are numbers."""
    lines = ["| " + " | ".join(header) + " |", "|---|" + "---:|" * (len(header) - 1)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n\n".join(["\n".join(lines)] + (goals.short if goals else []))
