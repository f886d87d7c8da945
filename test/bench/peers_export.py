"""Exports beside DuckDB's reader of PostgreSQL and dlt."""
import glob
import gzip
import os
import shutil

import export
import peers
from harness import Failure, measure_variants

DLT_ROWS = 100_000      # dlt takes its time for each
OURS = "dataops, NDJSON.gz, a second process"


def columns(bench):
    """Names and types of the table's columns."""
    return [line.split("|") for line in bench.sql(f"""
        SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
        WHERE attrelid = '{export.RELATION}'::regclass AND attnum > 0 ORDER BY attnum;""")]


def expect_same_rows(bench, relation, paths, format):
    """Throws unless the files, CSV or a JSON object for each line, hold the rows of the relation.  Writers have notations
    of their own, and may put jsonb as a string: the server reads what they wrote, and values are compared."""
    plain = os.path.join(bench.scratch, "plain")
    names = ", ".join(name for name, _ in columns(bench))
    values = ", ".join(f"(record->>'{name}')::{type} AS {name}" for name, type in columns(bench))
    how = "(FORMAT csv, HEADER)" if format == "csv" else export.LINES
    loads = []
    for number, path in enumerate(paths):
        with (gzip.open if path.endswith(".gz") else open)(path, "rb") as packed, open(f"{plain}{number}", "wb") as file:
            shutil.copyfileobj(packed, file, 1 << 20)
        loads.append(f"\\copy loaded FROM '{plain}{number}' {how}")
    shape = f"LIKE {relation}" if format == "csv" else "record jsonb"
    source = "loaded" if format == "csv" else f"(SELECT {values} FROM loaded)"
    digest = "SELECT count(*) || ' ' || sum(hashtextextended(ROW({})::text, 0)) FROM {} AS t;"
    found, expected = bench.sql("\n".join([f"CREATE TEMP TABLE loaded ({shape});"] + loads + [
        digest.format(names, source), digest.format(names, relation)]))
    for number in range(len(paths)):
        os.remove(f"{plain}{number}")
    if not paths or found != expected:
        raise Failure(f"its files do not hold the rows of {relation}")


def read_parquet(bench, paths):
    """Parquet as CSV, by DuckDB."""
    plain = os.path.join(bench.scratch, "parquet.csv")
    reader = peers.command(bench, "duckdb", "duckdb_csv.py", plain, *paths)
    peers.call(bench, reader.arguments, env=reader.environment, cwd=reader.folder)
    return plain


def written(job, tool, name, format, arguments, folder, pattern):
    """A variant of a tool that writes the files of that pattern below the folder."""
    bench = job.bench

    def before(_):
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)

    def after(_):
        paths = glob.glob(os.path.join(folder, pattern))
        job.sizes[name] = sum(map(os.path.getsize, paths))
        if format == "parquet":
            plain = read_parquet(bench, paths)
            expect_same_rows(bench, job.relation, [plain], "csv")
            os.remove(plain)
        else:
            expect_same_rows(bench, job.relation, paths, format)
        shutil.rmtree(folder)
    job.variants.append(peers.variant(bench, tool, name, arguments, before, after))


def by_duckdb(job, name, format):
    folder = os.path.join(peers.home_folder(job.bench, "duckdb"), "files")
    file = os.path.join(folder, "sale.parquet" if format == "parquet" else f"sale.{format}.gz")
    written(job, "duckdb", name, format, ["duckdb_export.py", job.relation, file, format], folder, "*")


def by_dlt(job, name, backend, file_format):
    folder = os.path.join(peers.home_folder(job.bench, "dlt"), "export")
    schema, table = job.relation.split(".")
    format = "parquet" if file_format == "parquet" else "ndjson"
    written(job, "dlt", name, format, ["dlt_export.py", schema, table, folder, backend, file_format], folder,
            f"files/export/{table}/*")


def measure(job, title, text, tools):
    results = measure_variants(job.bench, title, job.variants, warm_up=True)
    size = ("MB written", lambda name, _: f"{job.sizes[name] / 1e6:.1f}")
    shown = peers.compare(results, export.LIMIT, OURS, job.rows, size)
    return peers.section(job.bench, title, text, tools, shown)


def beside_duckdb(bench):
    tools = peers.usable(bench, ["duckdb"])
    job = export.Export(bench, export.RELATION, bench.records)
    job.by_copy(export.LIMIT, export.CSV, "sale.csv")
    job.by_dataops("dataops, CSV.gz", "csv", "gzip", False)
    job.by_dataops("dataops, CSV.gz, a second process", "csv", "gzip", True)
    job.by_dataops("dataops, NDJSON.gz", "ndjson", "gzip", False)
    job.by_dataops(OURS, "ndjson", "gzip", True)
    if tools:
        by_duckdb(job, "DuckDB, CSV.gz", "csv")
        by_duckdb(job, "DuckDB, NDJSON.gz", "ndjson")
        by_duckdb(job, "DuckDB, Parquet", "parquet")
    return measure(job, f"Export of {bench.records:,} rows, beside DuckDB", DUCKDB_TEXT, ["duckdb"])


def beside_dlt(bench):
    rows = min(bench.records, DLT_ROWS)
    tools = peers.usable(bench, ["dlt", "duckdb"])
    export.make_table(bench, "lab.sale_part", rows)
    job = export.Export(bench, "lab.sale_part", rows)
    job.by_copy(export.LIMIT, export.CSV, "sale.csv")
    job.by_dataops("dataops, NDJSON.gz", "ndjson", "gzip", False)
    job.by_dataops(OURS, "ndjson", "gzip", True)
    if "dlt" in tools:
        by_dlt(job, "dlt, JSONL.gz, its defaults", "sqlalchemy", "jsonl")
        by_dlt(job, "dlt, JSONL.gz, rows by pyarrow", "pyarrow", "jsonl")
        by_dlt(job, "dlt, Parquet, rows by pyarrow", "pyarrow", "parquet")
    return measure(job, f"Export of {rows:,} rows, beside dlt", DLT_TEXT, ["dlt"])


def run(bench):
    return f"{beside_duckdb(bench)}\n\n{beside_dlt(bench)}"


DUCKDB_TEXT = """The table from above. DuckDB reads it through its extension `postgres`, over several connections when that is of
use, and writes one file with all cores; the file is not synced to disk. dataops uses a second process when one is free,
so the ratio is to that. It does not write Parquet, which stands here for what it takes. The server reads all files back,
and their rows are compared with the table's."""

DLT_TEXT = """A table of the same kind. dlt goes from its source `sql_database` to its destination `filesystem`, row by row (its
default) or by columns (`pyarrow`). The server reads all files back, and their rows are compared with the table's."""
