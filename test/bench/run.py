"""Runs the benchmarks against a server that bench.sh has started, and writes their report."""
import argparse
import contextlib
import datetime
import os
import re
import sys

import export
import fetch
import landing
import peers
import peers_checks
import peers_export
import peers_landing
import steps
import transform
from harness import Bench, Failure

SUBJECTS = {"fetch": fetch.run, "landing": landing.run, "models": transform.run, "export": export.run, "steps": steps.run}
BESIDE_PEERS = {"landing": peers_landing.run, "models": peers_checks.run, "export": peers_export.run}

PREPARE_SERVER = """
CREATE ROLE analyst LOGIN;
CREATE DATABASE bench OWNER analyst;
\\connect bench analyst
CREATE EXTENSION dataops;
CREATE SCHEMA lab;
\\connect bench postgres
CREATE SERVER lake FOREIGN DATA WRAPPER dataops_file;
GRANT USAGE ON FOREIGN SERVER lake TO analyst;
"""

HEAD = """# Benchmarks

Made by `{command}` on {date}. **Ratios first**: seconds depend on the
machine, a ratio compares variants that ran in turn on the same one, round after round. Seconds are medians with the
smallest and largest of {rounds} rounds.

{machine}
The server, its client and the API that is landed from share it. PostgreSQL {version}, durability on (`fsync`,
`synchronous_commit`), autovacuum and `jit` off, `shared_buffers` {buffers}; before each measurement a checkpoint, for
each a new session. No variant is shown that did not do its work: rows, their content and verdicts are compared.
"""


def machine():
    with open("/proc/meminfo") as info:
        gigabytes = int(re.search(r"MemTotal:\s+(\d+)", info.read()).group(1)) / 1024 / 1024
    return (f"A machine with {os.cpu_count()} cores and {gigabytes:.0f} GB of memory; load when the run began "
            f"{os.getloadavg()[0]:.1f}, of other work on it.")


def head(bench):
    version, buffers = bench.sql("SHOW server_version; SHOW shared_buffers;")
    command = "make bench " + ("PEERS=1 " if bench.peers else "") + f"RECORDS={bench.records} ROUNDS={bench.rounds}"
    text = HEAD.format(command=command, rounds=bench.rounds, date=datetime.date.today().isoformat(), machine=machine(),
                       version=version.split()[0], buffers=buffers)
    return text + (f"\n{peers.TEXT}\n" if bench.peers else "")


def arguments():
    parser = argparse.ArgumentParser()
    for name in ("psql", "socket", "api", "scratch", "lake", "report", "published"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--records", type=int, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--peers", default="", help="the folder that other tools are installed in; empty: without them")
    options = parser.parse_args()
    unknown = set(options.only.split()) - set(SUBJECTS)
    if unknown:
        parser.error(f"ONLY knows {', '.join(SUBJECTS)}, not {', '.join(sorted(unknown))}")
    if options.records < 1000 or options.records % 1000 != 0 or options.rounds < 1:
        parser.error("RECORDS is a multiple of 1000, ROUNDS at least 1")
    return options


def section(bench, name):
    text = SUBJECTS[name](bench)
    return f"{text}\n\n{BESIDE_PEERS[name](bench)}" if bench.peers and name in BESIDE_PEERS else text


def main():
    options = arguments()
    chosen = options.only.split() or list(SUBJECTS)
    try:
        with contextlib.closing(Bench(options)) as bench:
            bench.sql(PREPARE_SERVER, role="postgres", database="postgres")
            bench.sql(f"CREATE SERVER api FOREIGN DATA WRAPPER dataops_http OPTIONS (url '{bench.url}');")
            report = "\n\n".join([head(bench).rstrip()] + [section(bench, name) for name in chosen]) + "\n"
    except Failure as failure:
        sys.exit(f"bench: {failure}")
    print("\n" + report)
    path = options.published if options.peers and len(chosen) == len(SUBJECTS) else options.report
    with open(path, "w") as out:
        out.write(report)
    print(f"Written to {os.path.relpath(path)}.")


main()
