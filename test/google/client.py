#!/usr/bin/python3
"""Google's own clients of storage and BigQuery, at the places that the environment names.

    client.py bucket NAME                   makes a bucket
    client.py put BUCKET NAME [TYPE]        standard input becomes an object
    client.py get BUCKET NAME               its bytes as stored, with their checksum compared
    client.py objects BUCKET [PREFIX]       a line each: name, size, checksum in hex, type
    client.py dataset NAME [LOCATION]       makes a dataset
    client.py schema DATASET.TABLE          a line for each column: name, type, mode
    client.py table DATASET.TABLE           properties of the table, as JSON
    client.py rows QUERY                    a line of JSON for each row

DATAOPS_TEST_STORAGE, DATAOPS_TEST_BIGQUERY: their addresses. No credentials are used.

Copyright (c) 2026, dataops authors; PostgreSQL License
"""
import base64
import json
import os
import sys

from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery, storage

PROJECT = "test"


def storage_client():
    return storage.Client(project=PROJECT, credentials=AnonymousCredentials(),
                          client_options={"api_endpoint": os.environ["DATAOPS_TEST_STORAGE"]})


def warehouse_client():
    return bigquery.Client(project=PROJECT, credentials=AnonymousCredentials(),
                           client_options={"api_endpoint": os.environ["DATAOPS_TEST_BIGQUERY"]})


def bucket(name):
    storage_client().create_bucket(name)


def put(bucket_name, name, kind="application/octet-stream"):
    blob = storage_client().bucket(bucket_name).blob(name)
    blob.upload_from_string(sys.stdin.buffer.read(), content_type=kind, checksum="crc32c")


def get(bucket_name, name):
    blob = storage_client().bucket(bucket_name).get_blob(name)
    sys.stdout.buffer.write(blob.download_as_bytes(raw_download=True, checksum="crc32c"))


def objects(bucket_name, prefix=None):
    for blob in storage_client().list_blobs(bucket_name, prefix=prefix):
        print(blob.name, blob.size, base64.b64decode(blob.crc32c).hex(), blob.content_type, sep="\t")


def dataset(name, location="US"):
    made = bigquery.Dataset(f"{PROJECT}.{name}")
    made.location = location
    warehouse_client().create_dataset(made)


def schema(name):
    for field in warehouse_client().get_table(f"{PROJECT}.{name}").schema:
        print(field.name, field.field_type, field.mode, sep="\t")


def table(name):
    print(json.dumps(warehouse_client().get_table(f"{PROJECT}.{name}").to_api_repr(),
                     sort_keys=True))


def rows(query):
    for row in warehouse_client().query(query).result(timeout=60):
        print(json.dumps(dict(row.items()), default=str))


COMMANDS = {each.__name__: each for each in (bucket, put, get, objects, dataset, schema, table, rows)}
COMMANDS[sys.argv[1]](*sys.argv[2:])
