#!/usr/bin/python3
"""Google's own clients of storage and BigQuery, for tests that want to look from the other side.

Reads lines, each a JSON array of a command and its arguments, and answers each with a line of JSON:

    ["bucket", NAME]                    makes a bucket unless it is there
    ["put", BUCKET, NAME, TYPE, FILE]   the file's bytes become an object
    ["get", BUCKET, NAME, FILE]         the other way, as stored; the checksum is compared
    ["objects", BUCKET, PREFIX]         [[name, size, checksum in hex, type], …]
    ["dataset", NAME, LOCATION]         makes a dataset
    ["columns", "DATASET.TABLE"]        [[name, type, mode], …]
    ["table", "DATASET.TABLE"]          the table's resource
    ["rows", QUERY]                     [[value, …], …]; numbers with a point and times as text

DATAOPS_TEST_STORAGE, DATAOPS_TEST_BIGQUERY: where the services are. No credentials are used.

Copyright (c) 2026, dataops authors; PostgreSQL License
"""
import base64
import decimal
import json
import os
import sys

from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery, storage

PROJECT = "test"


def connect(kind, address):
    return kind(project=PROJECT, credentials=AnonymousCredentials(),
                client_options={"api_endpoint": os.environ[address]})


STORE = connect(storage.Client, "DATAOPS_TEST_STORAGE")
WAREHOUSE = connect(bigquery.Client, "DATAOPS_TEST_BIGQUERY")


def bucket(name):
    if STORE.lookup_bucket(name) is None:
        STORE.create_bucket(name)


def put(bucket_name, name, kind, file):
    STORE.bucket(bucket_name).blob(name).upload_from_filename(file, content_type=kind,
                                                              checksum="crc32c")


def get(bucket_name, name, file):
    STORE.bucket(bucket_name).get_blob(name).download_to_filename(file, raw_download=True,
                                                                  checksum="crc32c")


def objects(bucket_name, prefix):
    return [[blob.name, blob.size, base64.b64decode(blob.crc32c).hex(), blob.content_type]
            for blob in STORE.list_blobs(bucket_name, prefix=prefix)]


def dataset(name, location):
    made = bigquery.Dataset(f"{PROJECT}.{name}")
    made.location = location
    WAREHOUSE.create_dataset(made)


def columns(name):
    return [[field.name, field.field_type, field.mode]
            for field in WAREHOUSE.get_table(f"{PROJECT}.{name}").schema]


def table(name):
    return WAREHOUSE.get_table(f"{PROJECT}.{name}").to_api_repr()


def rows(query):
    return [list(row.values()) for row in WAREHOUSE.query(query).result(timeout=60)]


def text(value):
    """What JSON has no form for."""
    return format(value, "f") if isinstance(value, decimal.Decimal) else str(value)


COMMANDS = {each.__name__: each for each in (bucket, put, get, objects, dataset, columns, table, rows)}
for line in sys.stdin:
    command, *arguments = json.loads(line)
    print(json.dumps(COMMANDS[command](*arguments), default=text), flush=True)
