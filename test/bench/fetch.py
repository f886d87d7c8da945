"""Fetching: many small answers of a slow API, by libcurl alone and by dataops, which also lands them."""
import os

from harness import Failure, Goals, Variant, measure_variants, median, ratio, spread, table

REQUESTS = 2000
CONNECTIONS = 200
LATENCY_MS = 50
BODY_BYTES = 1000
GOAL = 1.30
HEADER = ["variant", "ratio to libcurl (goal)", "seconds (min–max)", "requests/s", "backend CPU s", "backend MB"]

SOURCES = {
    "items": f"""for_each => 'SELECT generate_series(1, {REQUESTS})', params => '{{"item": "{{item}}"}}'""",
    "windows": """paginate => '{"type": "window", "start": "from", "end": "to", "step": "1 minute", "limit": 1}'""",
}
RANGE = f"from_ts => '2026-01-01 00:00+00', to_ts => timestamptz '2026-01-01 00:00+00' + interval '{REQUESTS} minutes'"


def alone(bench):
    out = os.path.join(bench.scratch, "multi.out")

    def after(_):
        with open(out) as found:
            if found.read().split() != [str(REQUESTS), str(REQUESTS * BODY_BYTES)]:
                raise Failure("libcurl alone did not get all answers")
    multi = os.path.join(os.path.dirname(bench.api), "multi")
    command = f"{multi} {bench.url}/slow/{LATENCY_MS} {REQUESTS} {CONNECTIONS} >{out}"
    return Variant("libcurl alone, multi interface", f"\\! {command}", after=after)


def landed(bench, label, kind):
    name = f"slow_{kind}"

    def before(_):
        bench.sql(f"""
            DROP TABLE IF EXISTS raw.{name};
            SELECT dataops.create_http_source('{name}', 'slow', '/slow/{LATENCY_MS}', {SOURCES[kind]});
            SELECT dataops.create_pipeline('{name}');
            SELECT dataops.add_fetch('{name}', '{name}', archive => '');""")

    def after(_):
        bench.expect(f"SELECT count(*) FROM raw.{name};", REQUESTS)
    return Variant(label, f"CALL dataops.run('{name}', {RANGE});", before, after)


def row(goals, name, results, base):
    dataops = name.startswith("dataops")
    return [name, goals.against(name, ratio(results, base), GOAL if dataops else None), spread(results),
            f"{REQUESTS / median(results):,.0f}", f"{median(results, 'backend_cpu'):.2f}" if dataops else "",
            f"{max(r['backend_mb'] for r in results):.1f}" if dataops else ""]


def run(bench):
    bench.sql(f"CREATE SERVER slow FOREIGN DATA WRAPPER dataops_http OPTIONS (url '{bench.url}', "
              f"concurrency '{CONNECTIONS}');")
    title = f"Fetching {REQUESTS:,} answers of {BODY_BYTES:,} bytes at {LATENCY_MS} ms, {CONNECTIONS} connections"
    base = alone(bench)
    results = measure_variants(bench, title, [
        base, landed(bench, "dataops, items of for_each", "items"), landed(bench, "dataops, windows", "windows"),
    ], warm_up=True)
    goals = Goals()
    rows = [row(goals, name, got, results[base.name]) for name, got in results.items()]
    return f"## Fetching\n\n### {title}\n\n{TEXT}\n\n{table(HEADER, rows, goals)}"


TEXT = """libcurl alone asks, and forgets what comes. dataops lands it: each answer is checked, cut, written as `jsonb`, and logged
as a request and as a page; batches of 100 answers commit, the last durably. Both keep their connections."""
