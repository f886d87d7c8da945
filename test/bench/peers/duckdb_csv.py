"""duckdb_csv.py FILE PARQUET...: the rows of Parquet files as CSV."""
import sys

import duckdb

path, *parquet = sys.argv[1:]
duckdb.read_parquet(parquet).write_csv(path, header=True)
