"""What a request to one of Google's services is about: its words, and its kind.

Of storage: upload (media, multipart), start, chunk and status (of a session), stat, media, list,
delete, rewrite. Of BigQuery: dataset.get, dataset.insert, table.get, table.insert, table.patch,
table.delete, job.insert, job.get, job.cancel, query, results.

Copyright (c) 2026, dataops authors; PostgreSQL License
"""
import urllib.parse

COLLECTIONS = {"datasets": "dataset", "tables": "table", "jobs": "job"}
VERBS = {"GET": "get", "POST": "insert", "PATCH": "patch", "DELETE": "delete"}


def words_of(request):
    path = urllib.parse.urlsplit(request.target).path
    return [urllib.parse.unquote(word) for word in path.split("/")[1:]]


def storage_words(request):
    """BUCKET, "o", NAME, … of …/b/BUCKET/o/NAME/…"""
    words = words_of(request)
    return words[words.index("b") + 1:]


def storage_kind(request):
    if request.target.startswith("/upload/"):
        if request.method == "PUT":
            return "status" if "*/" in request.header("Content-Range", "") else "chunk"
        return "start" if request.query.get("uploadType") == "resumable" else "upload"
    words = storage_words(request)
    if "rewriteTo" in words:
        return "rewrite"
    if len(words) < 3:
        return "list"
    if request.method == "DELETE":
        return "delete"
    return "media" if request.query.get("alt") == "media" else "stat"


def bigquery_words(request):
    """PROJECT, COLLECTION, NAME, … of /bigquery/v2/projects/PROJECT/COLLECTION/NAME/…"""
    return words_of(request)[3:]


def bigquery_kind(request):
    words = bigquery_words(request)[1:]
    if words[0] == "queries":
        return "query" if request.method == "POST" else "results"
    if words[-1] == "cancel":
        return "job.cancel"
    inserts = request.method == "POST" and words[-1] in COLLECTIONS
    return f"{COLLECTIONS[words[-1] if inserts else words[-2]]}.{VERBS[request.method]}"
