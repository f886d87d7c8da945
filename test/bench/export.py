"""Exports: a table as compressed or plain files, by COPY in psql and by dataops into a file store."""
import glob
import gzip
import hashlib
import os
import shutil

from harness import Failure, Variant, against, measure_variants, median, ratio, spread, table

RELATION = "lab.sale"
LIMIT = "COPY csv to a file"
CSV_GZIP = "COPY csv into gzip -6"
NDJSON_GZIP = "COPY (SELECT row_to_json) into gzip -6"
GOALS = {"dataops, NDJSON.gz": 1.0, "dataops, CSV.gz": 0.9}
PEERS = {"dataops, NDJSON.gz": NDJSON_GZIP, "dataops, CSV.gz": CSV_GZIP}      # whose size is the measure of theirs

# Ten columns of the types that tables of facts have; hashes make the same rows on every machine.
TABLE = """
    CREATE TABLE {relation} AS
        SELECT id, timestamptz '2025-01-01 00:00+00' + id * interval '7 seconds' AS created_at,
               (ARRAY['BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'XRPUSDT'])[1 + (hashint8(id) & 3)] AS symbol,
               (30000 + (hashint8(id * 3) & 16777215) / 1000.0)::numeric(18, 8) AS price,
               (hashint8(id * 5) & 1048575) / 1024.0::float8 AS quantity,
               (hashint8(id * 7) & 1) = 1 AS is_maker, hashint8(id * 11) & 65535 AS person,
               date '2025-01-01' + (id / 10000)::integer AS day,
               CASE WHEN id % 10 > 0 THEN 'note ' || md5(id::text) END AS note,
               jsonb_build_object('src', 'api', 'tags', jsonb_build_array('a', id % 10), 'v', id % 1000) AS meta
        FROM generate_series(1::bigint, {rows}) AS id;"""

CSV = f"{RELATION} TO {{}} (FORMAT csv, HEADER)"
# a quote and a delimiter that no JSON text has: lines come as they are
NDJSON = rf"(SELECT row_to_json(t) FROM {RELATION} t) TO {{}} (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02')"


class Content:
    """SHA-256 of the lines of a variant's files, one after the other, the header of CSV only once."""

    def __init__(self, bench):
        self.bench, self.expected = bench, {}

    def check(self, paths):
        """Throws unless the files hold what the first ones of their format did; their size in bytes."""
        digest, header = hashlib.sha256(), None
        if not paths:
            raise Failure("an export left no files")
        for path in paths:
            with (gzip.open if path.endswith(".gz") else open)(path, "rb") as lines:
                first = lines.readline()
                if ".csv" not in path or header is None:
                    digest.update(first)
                elif first != header:
                    raise Failure(f"{path} begins with another header")
                header = first
                while block := lines.read(1 << 20):
                    digest.update(block)
        format = "csv" if ".csv" in paths[0] else "ndjson"
        if self.expected.setdefault(format, digest.digest()) != digest.digest():
            raise Failure(f"{paths[0]} does not hold what COPY writes")
        return sum(os.path.getsize(path) for path in paths)


def copy_variant(bench, content, sizes, name, command, file, program=None):
    path = os.path.join(bench.scratch, file)
    target = f"PROGRAM '{program} > {path}'" if program else f"'{path}'"

    def before(_):
        if os.path.exists(path):
            os.remove(path)

    def after(_):
        sizes[name] = content.check([path])
        os.remove(path)
    return Variant(name, f"\\copy {command.format(target)}", before, after)


def dataops_variant(bench, content, sizes, name, format, compression):
    pipeline = f"sale_{format}_{compression}"
    folder = os.path.join(bench.lake, pipeline)
    bench.sql(f"""
        SELECT dataops.create_pipeline('{pipeline}');
        SELECT dataops.add_export('{pipeline}', '{RELATION}', 'lake', rows => 'all', format => '{format}',
            compression => '{compression}', path => '{pipeline}/{{run}}/{{part}}.{format}{".gz" if compression == "gzip" else ""}');""")

    def after(_):
        bench.expect(f"SELECT rows_out FROM dataops.exports WHERE pipeline = '{pipeline}' ORDER BY export_id DESC LIMIT 1;",
                     bench.records)
        sizes[name] = content.check(sorted(path for path in glob.glob(f"{folder}/*/*") if "manifest" not in path))
        shutil.rmtree(folder)
    return Variant(name, f"CALL dataops.run('{pipeline}');", after=after)


def row(name, results, base, sizes, records):
    peer = PEERS.get(name)
    size = f"{sizes[name] / 1e6:.1f}" + (f" ({sizes[name] / sizes[peer] - 1:+.1%})" if peer else "")
    return [name, against(ratio(results, base), GOALS.get(name)), spread(results), f"{records / median(results):,.0f}",
            f"{median(results, 'backend_cpu'):.2f}", f"{median(results, 'client_cpu'):.2f}",
            f"{max(r['backend_mb'] for r in results):.0f}", size]


HEADER = ["variant", "ratio to COPY (goal)", "seconds (min–max)", "rows/s", "backend CPU s", "client CPU s", "backend MB",
          "MB written (against gzip -6)"]


def run(bench):
    bench.sql(TABLE.format(relation=RELATION, rows=bench.records))
    bench.sql(f"VACUUM ANALYZE {RELATION};")
    content, sizes = Content(bench), {}
    title = f"Export of {bench.records:,} rows of ten columns"
    results = measure_variants(bench, title, [
        copy_variant(bench, content, sizes, LIMIT, CSV, "sale.csv"),
        copy_variant(bench, content, sizes, CSV_GZIP, CSV, "sale.csv.gz", "gzip -6"),
        copy_variant(bench, content, sizes, "COPY (SELECT row_to_json) to a file", NDJSON, "sale.ndjson"),
        copy_variant(bench, content, sizes, NDJSON_GZIP, NDJSON, "sale.ndjson.gz", "gzip -6"),
        dataops_variant(bench, content, sizes, "dataops, CSV.gz", "csv", "gzip"),
        dataops_variant(bench, content, sizes, "dataops, NDJSON.gz", "ndjson", "gzip"),
        dataops_variant(bench, content, sizes, "dataops, NDJSON", "ndjson", "none"),
    ], warm_up=True)
    base = results[LIMIT]
    rows = [row(name, got, base, sizes, bench.records) for name, got in results.items()]
    return f"## Exports\n\n{TEXT}\n\n### {title}\n\n{table(HEADER, rows)}"


TEXT = """The table has columns of the types bigint, timestamptz, text (two), numeric, double precision, boolean, integer,
date and jsonb. psql writes a file on the same machine, by `\\copy`, itself or through `gzip -6`, whose CPU counts as the
client's. dataops runs a pipeline with one export step into a file store: encoding, compression, ledger, files synced to
disk and read back, manifest. What the files hold, decompressed, is compared: NDJSON with `row_to_json()`, CSV with COPY."""
