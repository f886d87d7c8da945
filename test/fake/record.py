"""Keeps the requests to Google's faces, for test/google/discovery.py.

With a folder in DATAOPS_GOOGLE_REQUESTS, each server process writes a file there, a request per line:
{"method", "target", "type", "bytes", "body"}. body is the text of a JSON body, or of the JSON part of
a multipart one; null when the body is an object's contents. Tokens are in headers, which are not kept.

Copyright (c) 2026, dataops authors; PostgreSQL License
"""
import json
import os
import re
import threading

FACES = re.compile(r"/(upload/)?storage/v1/|/(upload/)?bigquery/v2/|/v1/projects/-/serviceAccounts/")
LOCK = threading.Lock()


def json_part(request, kind):
    """The first part of a multipart body: what it says of the object."""
    boundary = re.search(r'boundary="?([^";]+)', kind)
    if boundary is None:
        return ""
    parts = request.body.split(b"--" + boundary.group(1).encode(), 2)
    return parts[1].partition(b"\r\n\r\n")[2].decode("utf-8", "replace").strip()


def is_contents(request):
    """Is the body that of an object?"""
    return request.target.startswith("/upload/") and (
        request.method == "PUT" or "uploadType=media" in request.target)


def body_text(request, kind):
    if not request.body:
        return ""
    if kind.startswith("multipart/"):
        return json_part(request, kind)
    if is_contents(request) or kind.partition(";")[0] != "application/json":
        return None
    return request.body.decode("utf-8", "replace")


def record(request):
    folder = os.environ.get("DATAOPS_GOOGLE_REQUESTS")
    if not folder or not FACES.match(request.target):
        return
    kind = request.header("Content-Type", "")
    line = json.dumps({"method": request.method, "target": request.target, "type": kind,
                       "bytes": len(request.body), "body": body_text(request, kind)})
    with LOCK, open(f"{folder}/{os.getpid()}.jsonl", "a", encoding="utf-8") as file:
        file.write(line + "\n")
