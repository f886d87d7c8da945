"""dlt_land.py PATH FOLDER flat|nested FORMAT: pages of the API at API_URL into tables of the schema dlt_posts, by dlt."""
import os
import sys
from urllib.parse import quote

import dlt
from dlt.sources.rest_api import rest_api_source

path, folder, nesting, file_format = sys.argv[1:]
source = rest_api_source({
    "client": {"base_url": os.environ["API_URL"],
               "paginator": {"type": "page_number", "base_page": 1, "total_path": None}},
    "resources": [{"name": "tweets", "endpoint": {"path": path}}],
}, max_table_nesting=0 if nesting == "flat" else None)
# The server trusts its socket; dlt wants to be told a password all the same.
credentials = {"drivername": "postgresql", "username": os.environ["PGUSER"], "password": "", "host": quote(os.environ["PGHOST"], ""),
               "port": int(os.environ["PGPORT"]), "database": os.environ["PGDATABASE"]}
pipeline = dlt.pipeline("posts", destination=dlt.destinations.postgres(credentials), dataset_name="dlt_posts",
                        pipelines_dir=folder)
pipeline.run(source, write_disposition="append", loader_file_format=file_format)
