"""duckdb_export.py TABLE FILE csv|ndjson|parquet: a table of the database to one file, by DuckDB's reader of PostgreSQL."""
import glob
import os
import sys

import duckdb
import duckdb_extension_postgres_scanner

FORMATS = {"csv": "FORMAT csv, HEADER, COMPRESSION gzip", "ndjson": "FORMAT json, COMPRESSION gzip", "parquet": "FORMAT parquet"}

table, path, file_format = sys.argv[1:]
database = duckdb.connect(config={"autoinstall_known_extensions": "false"})
# The package brings the extension as a file, which is loaded by its name.
folder = os.path.dirname(duckdb_extension_postgres_scanner.__file__)
extension, = glob.glob(f"{folder}/extensions/*/postgres_scanner.duckdb_extension")
database.execute(f"LOAD '{extension}'")
database.execute("ATTACH '' AS server (TYPE postgres, READ_ONLY)")
database.execute(f"COPY (SELECT * FROM server.{table}) TO '{path}' ({FORMATS[file_format]})")
