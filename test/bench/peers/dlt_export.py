"""dlt_export.py SCHEMA TABLE FOLDER BACKEND FORMAT: a table of the database to files below a folder, by dlt."""
import os
import sys

import dlt
from dlt.sources.sql_database import sql_table

schema, table, folder, backend, file_format = sys.argv[1:]
# User, host and database come from the environment.
resource = sql_table("postgresql+psycopg2://", table, schema=schema, backend=backend)
files = dlt.destinations.filesystem(bucket_url=f"file://{folder}/files")
pipeline = dlt.pipeline("sale", destination=files, dataset_name="export", pipelines_dir=f"{folder}/pipelines")
pipeline.run(resource, loader_file_format=file_format)
