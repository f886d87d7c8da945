"""Other tools for the same work: installed from PyPI, each in an environment of its own, run as programs beside dataops."""
import hashlib
import os
import re
import shutil
import subprocess
import sys

from harness import Command, Failure, Variant, last_words, median, ratio, spread, table

PROGRAMS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers")
CALL_SECONDS = 1200
TITLES = {"dlt": "dlt", "gx": "Great Expectations", "soda": "Soda Core", "dbt": "dbt Core", "duckdb": "DuckDB"}

TEXT = """Other tools are installed from PyPI at the versions named, with their telemetry off. Each runs as one process from its
start to its end, start-up and imports included, and talks to the server through its socket, as psql does. Beside them
server CPU and memory are those of all backends that a variant uses, client CPU and memory those of the process and of
all that it starts; memory is private (anonymous), the highest of samples every 10 ms. A tool that could not be
installed, or whose work was not what it should be, is left out, and its section says why."""


def requirements(tool):
    return os.path.join(PROGRAMS, f"{tool}.txt")


def version(tool):
    """What is measured, as it is named to the reader: the first line of the requirements."""
    with open(requirements(tool)) as lines:
        return f"{TITLES[tool]} {lines.readline().strip().partition('==')[2]}"


def environment_folder(bench, tool):
    """Another one for other requirements or another Python, so what is there can be used as it is."""
    with open(requirements(tool), "rb") as lines:
        wanted = hashlib.sha256(lines.read() + sys.version.encode()).hexdigest()
    return os.path.join(bench.peers, f"{tool}-{wanted[:12]}")


def install(bench, tool):
    """Installs a tool, if it is not there from an earlier run."""
    folder = environment_folder(bench, tool)
    installed = os.path.join(folder, "installed")
    if not os.path.exists(installed):
        print(f"  installing {version(tool)} into {folder}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(bench.peers, exist_ok=True)
        pip = os.path.join(folder, "bin", "pip")
        call(bench, [sys.executable, "-m", "venv", folder])
        call(bench, [pip, "install", "--disable-pip-version-check", "-r", requirements(tool)])
        open(installed, "w").close()


def call(bench, arguments, **options):
    """Runs a program that is not measured, to its good end."""
    try:
        with open(bench.output, "w") as output:
            subprocess.run(arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=True,
                           timeout=CALL_SECONDS, **options)
    except subprocess.CalledProcessError as error:
        raise Failure(f"{os.path.basename(arguments[0])} ended with status {error.returncode}: {last_words(bench.output)}")
    except subprocess.TimeoutExpired:
        raise Failure(f"{os.path.basename(arguments[0])} did not end within {CALL_SECONDS} s")


def settings(bench, home):
    """The environment of a tool: a server by its socket, no telemetry, a home folder that goes with the benchmarks."""
    return {
        "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TZ": "UTC", "HOME": home, "TMPDIR": home,
        "PGHOST": bench.socket, "PGPORT": "5432", "PGUSER": "analyst", "PGDATABASE": "bench", "API_URL": bench.url,
        "DO_NOT_TRACK": "1", "RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR",
        "GX_ANALYTICS_ENABLED": "false", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


def home_folder(bench, tool):
    folder = os.path.join(bench.scratch, "peers", tool)
    os.makedirs(folder, exist_ok=True)
    return folder


def command(bench, tool, *arguments):
    """A program of the tool's environment, or a file of ours that its Python runs."""
    home = home_folder(bench, tool)
    words = [str(word) for word in arguments]
    if words[0].endswith(".py"):
        words = ["python", os.path.join(PROGRAMS, words[0])] + words[1:]
    return Command([os.path.join(environment_folder(bench, tool), "bin", words[0])] + words[1:], settings(bench, home), home)


def variant(bench, tool, name, arguments, before=None, after=None):
    return Variant(name, command(bench, tool, *arguments), before, after, optional=True)


def usable(bench, tools):
    """Those that are or could be installed; the others are left out."""
    found = []
    for tool in tools:
        try:
            install(bench, tool)
            found.append(tool)
        except Failure as failure:
            bench.leave_out(version(tool), f"could not be installed: {failure}")
    return found


def expect_output(bench, pattern):
    """Throws unless the last program printed this."""
    with open(bench.output, errors="replace") as printed:
        if not re.search(pattern, printed.read()):
            raise Failure(f"its output lacks “{pattern}”: {last_words(bench.output)}")


def section(bench, title, text, tools, comparison):
    """A part of the report, with what was left out since the last one."""
    missing = "\n".join(f"- not run: {name}: {why}" for name, why in bench.left_out.items())
    bench.left_out = {}
    used = f"Versions: {', '.join(map(version, tools))}."
    return "\n\n".join(filter(None, [f"### {title}", text, used, comparison, missing]))


def compare(results, base, ours, count, more=None):
    """The table of a comparison: ratios of time to the usual limit and to dataops.  more: the heading of a last column,
    and a function that makes it of a variant's name and results."""
    header = ["variant", "ratio to COPY" if base.startswith("COPY") else "ratio to SQL", "ratio to dataops",
              "seconds (min–max)", "rows/s", "server CPU s", "client CPU s", "server MB", "client MB"]
    rows = [[name, f"**{ratio(got, results[base]):.2f}**", f"**{ratio(got, results[ours]):.2f}**", spread(got),
             f"{count / median(got):,.0f}", f"{median(got, 'server_cpu'):.2f}", f"{median(got, 'client_cpu'):.2f}",
             f"{max(r['server_mb'] for r in got):.0f}", f"{max(r['client_mb'] for r in got):.0f}"]
            + ([more[1](name, got)] if more else []) for name, got in results.items()]
    return table(header + ([more[0]] if more else []), rows)
