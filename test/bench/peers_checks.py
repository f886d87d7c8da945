"""Checks of a finished table, by dataops and by tools that are made for it."""
import os

import peers
import transform
from harness import Variant, measure_variants

GATE = "dataops, a gate of ten checks"


def by_dataops(bench):
    """Checks of a table that no step writes: a step that reads the table and passes or stops the run."""
    bench.sql("SELECT dataops.create_pipeline('gate');")
    transform.add_checks(bench, "gate", "lab.input", "stop")

    def after(_):
        transform.expect_passed(bench, "gate", len(transform.RULES))
    return Variant(GATE, "CALL dataops.run('gate');", after=after)


def checked(bench, tool, passed, *arguments):
    """A tool whose output must show that all held."""
    return peers.variant(bench, tool, peers.version(tool), arguments, after=lambda _: peers.expect_output(bench, passed))


def by_soda(bench):
    folder = os.path.join(peers.home_folder(bench, "soda"), ".soda")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "config.yml"), "w") as config:
        config.write("send_anonymous_usage_stats: false\n")
    project = os.path.join(peers.PROGRAMS, "soda")
    return checked(bench, "soda", r"\b11/11 checks PASSED", "soda", "scan", "-d", "bench",
                   "-c", f"{project}/configuration.yml", f"{project}/checks.yml")


def by_dbt(bench):
    project, home = os.path.join(peers.PROGRAMS, "dbt"), peers.home_folder(bench, "dbt")
    return checked(bench, "dbt", r"\bPASS=10 .*\bTOTAL=10\b", "dbt", "--no-use-colors", "test", "--project-dir", project,
                   "--profiles-dir", project, "--target-path", f"{home}/target", "--log-path", f"{home}/logs")


def by_gx(bench):
    return checked(bench, "gx", r"\b11 of 11 expectations held", "gx_checks.py")


TOOLS = {"soda": by_soda, "dbt": by_dbt, "gx": by_gx}


def run(bench):
    tools = peers.usable(bench, TOOLS)
    variants = transform.by_hand() + [by_dataops(bench)] + [TOOLS[tool](bench) for tool in tools]
    title = f"Ten checks on a finished table of {bench.records:,} rows, beside other tools"
    results = measure_variants(bench, title, variants, warm_up=True)
    shown = peers.compare(results, transform.BY_HAND, GATE, bench.records)
    return peers.section(bench, title, TEXT, TOOLS, shown)


TEXT = """The ten rules from above on the table that is their input. The tools read a table that is there and change nothing; so
does a gate of dataops: checks of a table that no step writes, in a pipeline that has nothing else, with its ledger and
verdicts. The ninth rule has two parts, which Great Expectations and Soda take as two, so they report eleven. A rule that
a tool has no form for (correlation, in all of them) is given to it as a query. dbt runs two tests at a time, and keeps
what it has parsed from one round to the next. Each must report that all have passed."""
