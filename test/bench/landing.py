"""Landing: JSON records into a raw table, by COPY, by jsonb_array_elements and by dataops."""
import os

from harness import Failure, Goals, Variant, measure_variants, median, ratio, spread, table

PAGE_RECORDS = 1000
BY_COPY, BY_DATAOPS = "COPY FROM a file", "dataops from HTTP"
CREATED_AT = "2026-01-15 00:00:00+00"       # of the rows that COPY and INSERT make
HELPED = "dataops from HTTP, with archive, a second process"
GOALS = {
    ("tweets", "dataops from HTTP"): 0.58,
    ("tweets", "dataops from HTTP, with archive"): 0.75,
    ("tweets", HELPED): 0.60,
    ("klines", "dataops from HTTP"): 0.60,
}
REASONS = {HELPED: """The second process takes over compression. Copying the lines to it stays with the first, and so does
writing each object, which is on disk before its batch commits."""}
TWO_PROCESSES = 0.45        # without an archive
WAL_GOAL = 1.05
MEMORY_GOAL_MB = 32
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)       # up to ten times as many as are asked for
SHAPES = {"tweets": "objects of about 436 bytes", "klines": "arrays of about 175 bytes"}


def define_source(bench, name, shape, total):
    """(Again) the source, with an empty raw table; dataops gives every raw table the same definition."""
    bench.sql(f"""
        DROP TABLE IF EXISTS raw.{name};
        SELECT dataops.create_http_source('{name}', 'api', '/{shape}/{total}',
            paginate => '{{"type": "page", "param": "page", "limit": {PAGE_RECORDS}, "limit_param": null, "max_pages": 20000}}');""")


def define_partition(bench, name):
    """The month that the rows of COPY and INSERT fall in, as dataops makes it."""
    bench.sql(f"""
        CREATE TABLE IF NOT EXISTS raw.{name}_2026_01 (LIKE raw.{name} INCLUDING ALL);
        CREATE TRIGGER dataops_guard_truncate BEFORE TRUNCATE ON raw.{name}_2026_01
            FOR EACH STATEMENT EXECUTE FUNCTION dataops._guard_raw();
        ALTER TABLE raw.{name} ATTACH PARTITION raw.{name}_2026_01 FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');""")


def define_pipeline(bench, name, archive=None):
    bench.sql(f"""
        SELECT dataops.create_pipeline('{name}');
        SELECT dataops.add_fetch('{name}', '{name}', archive => '{archive or ''}');""")


class Shape:
    """What the variants share for a number of records of one shape."""

    def __init__(self, bench, shape, records):
        self.bench, self.shape, self.records, self.digest = bench, shape, records, None
        self.rows = bench.scratch_file(f"{shape}.rows", "copy", shape, records, CREATED_AT)

    def check(self, name, records):
        """All rows are there, and they are the same in every variant."""
        def after(number):
            self.bench.expect(f"SELECT count(*) FROM raw.{name};", records)
            if number >= 0:
                return
            digest = self.bench.sql(f"SELECT sum(hashtextextended(record::text, ordinal)) FROM raw.{name};")[0]
            if self.digest not in (None, digest):
                raise Failure(f"raw.{name} does not hold the records of the other variants")
            self.digest = digest
        return after

    def variant(self, label, name, sql, archive=None, by_hand=False):
        def before(_):
            define_source(self.bench, name, self.shape, self.records)
            if by_hand:
                define_partition(self.bench, name)
            else:
                define_pipeline(self.bench, name, archive)

        return Variant(label, sql, before, self.check(name, self.records))

    def by_copy(self):
        name = f"{self.shape}_copy"
        return self.variant(BY_COPY, name, f"\\copy raw.{name} FROM '{self.rows}'", by_hand=True)

    def by_insert(self):
        shape, pages = self.shape, self.bench.scratch_file(f"{self.shape}.pages", "pages", self.shape, self.records)
        self.bench.sql(f"""
            CREATE TABLE lab.{shape}_page (number integer, body text);
            ALTER TABLE lab.{shape}_page ALTER body SET STORAGE EXTERNAL;
            \\copy lab.{shape}_page FROM '{pages}'
            ANALYZE lab.{shape}_page;""")
        os.remove(pages)
        return self.variant("INSERT … SELECT jsonb_array_elements", f"{shape}_insert", f"""
            INSERT INTO raw.{shape}_insert (batch_id, page, ordinal, created_at, record)
            SELECT '00000000-0000-7000-8000-000000000000', page.number, element.ordinal, '{CREATED_AT}', element.value
            FROM lab.{shape}_page AS page,
                 jsonb_array_elements(page.body::jsonb) WITH ORDINALITY AS element (value, ordinal);""", by_hand=True)

    def by_dataops(self):
        name = f"{self.shape}_plain"
        return self.variant(BY_DATAOPS, name, f"CALL dataops.run('{name}');")

    def with_archive(self, helped):
        name = f"{self.shape}_" + ("helped" if helped else "kept")
        return self.variant(f"{BY_DATAOPS}, with archive" + (", a second process" if helped else ""), name,
                            f"""SET max_parallel_workers_per_gather = {1 if helped else 0};
                                CALL dataops.run('{name}');""", archive="lake")


def row(goals, shape, name, results, base, records):
    wal = ratio(results, base, "wal_mb")
    return [name, goals.against(name, ratio(results, base), GOALS.get((shape, name))), spread(results),
            f"{records / median(results):,.0f}", f"{median(results, 'backend_cpu'):.2f}", f"{median(results, 'worker_cpu'):.2f}",
            f"{median(results, 'client_cpu'):.2f}", f"{median(results, 'api_cpu'):.2f}", f"{max(r['backend_mb'] for r in results):.1f}",
            goals.against(f"WAL of {name}", wal, WAL_GOAL) if name.startswith("dataops") else f"{wal:.2f}"]


HEADER = ["variant", "ratio to COPY (goal)", "seconds (min–max)", "records/s", "backend CPU s", "worker CPU s",
          "client CPU s", "API CPU s", "backend MB", "WAL, ratio (goal)"]
SIZES_HEADER = ["records", "µs for each", "seconds (min–max)", "backend CPU s", "backend MB (goal)"]


def measure_shape(bench, shape):
    title = f"Landing {bench.records:,} {shape}: {SHAPES[shape]}"
    job = Shape(bench, shape, bench.records)
    variants = [job.by_copy(), job.by_insert(), job.by_dataops(), job.with_archive(False),
                job.with_archive(True)]
    results = measure_variants(bench, title, variants, warm_up=True)
    os.remove(job.rows)
    base = results[BY_COPY]
    goals = Goals(REASONS)
    rows = [row(goals, shape, name, got, base, bench.records) for name, got in results.items()]
    text = table(HEADER, rows, goals)
    if shape == "tweets":
        text += "\n\n" + ONE_PROCESS.format(goal=TWO_PROCESSES, found=ratio(results[BY_DATAOPS], base))
    return f"### {title}\n\n{text}"


def sized(bench, total):
    name = f"sized_{total}"

    def before(_):
        define_source(bench, name, "tweets", total)
        define_pipeline(bench, name)

    def after(_):
        bench.expect(f"SELECT count(*) FROM raw.{name};", total)
        bench.sql(f"DROP TABLE raw.{name};")
    return Variant(f"{total:,}", f"CALL dataops.run('{name}');", before, after)


def measure_sizes(bench):
    title = "Landing more and more"
    sizes = [size for size in SIZES if size <= max(bench.records * 10, 1_000_000)]
    results = measure_variants(bench, title, [sized(bench, size) for size in sizes])
    rows, goals = [], Goals()
    for size, (name, got) in zip(sizes, results.items()):
        rows.append([name, f"{median(got) * 1e6 / size:.2f}", spread(got), f"{median(got, 'backend_cpu'):.2f}",
                     goals.against(name, max(r["backend_mb"] for r in got), MEMORY_GOAL_MB)])
    return f"### {title}\n\n{SIZES_TEXT}\n\n{table(SIZES_HEADER, rows, goals)}"


def run(bench):
    shapes = [measure_shape(bench, shape) for shape in SHAPES]
    return "\n\n".join(["## Landing", TEXT] + shapes + [measure_sizes(bench)])


TEXT = """All variants fill a table with the same definition: that of a raw table, partitioned by month, with its BRIN
index and its guarding triggers. Their rows are compared.

- *COPY FROM a file*: psql's `\\copy` in text format, of a file on the same machine.
- *jsonb_array_elements*: the pages lie in a table as text, uncompressed; one INSERT … SELECT takes them apart.
- *dataops from HTTP*: `CALL dataops.run()` of a pipeline with one fetch step, pages of 1,000 records over one kept-alive
  connection to a server on the same machine: download, cutting, jsonb, rows, request log, cursor, ledger.
- *with archive*: the same, and each batch is also written as a compressed, checksummed object to a file store; alone
  (`max_parallel_workers_per_gather = 0`), or with a second process that compresses.

Backend MB is the highest private (anonymous) memory of the working backend, sampled every 10 ms. A part of the WAL that
dataops makes is written by the server's WAL writer, whose CPU is not in the backend's."""

ONE_PROCESS = """Two processes that land without an archive were to take {goal:.2f} of COPY's time. There is one, which takes {found:.2f}:
half of that is cutting records out of the pages and making `jsonb` of them, half are the table's pages, WAL and the network.
What a second process takes over is compression."""

SIZES_TEXT = """Tweets from HTTP, without an archive: memory must not grow with their number, nor the time that each takes. A run of
few records is mostly the run itself; pages of more than `shared_buffers` hold are written to disk meanwhile."""
