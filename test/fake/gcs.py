"""The JSON interface of Google Cloud Storage, with its state and with faults to be scripted.

What it does as the service does: media, multipart and resumable uploads; ifGenerationMatch; checksums
checked; a fresh session's 308 has no Range; overlaps are skipped, gaps and chunks of odd length
refused; a finished session answers with its object; rewrites take several calls; lists have pages;
"fields" selects. Every bucket exists but those named "missing…". No token is checked.

The kinds of its requests are those of kinds.py. Faults also know retry_after=, reason=, bytes=, ms=.

Copyright (c) 2026, dataops authors; PostgreSQL License
"""
import json
import re
import time
import urllib.parse
import zlib

from gcs_state import Cloud, Contents, Session
from kinds import storage_kind, storage_words
from routes import CONTROLS, route
from script import Refusal, control_pages, error_body

CHUNK_MULTIPLE = 262144
REWRITTEN_AT_ONCE = 8 << 20


class Call:
    """A request taken apart: its kind, bucket, object name and the route's other words."""

    def __init__(self, request, cloud):
        self.request = request
        self.cloud = cloud
        self.query = request.query
        self.data = request.body
        self.damaged = False
        self.words = storage_words(request)
        self.bucket = self.words[0]
        self.name = self.words[2] if len(self.words) > 2 else self.query.get("name", "")
        self.kind = storage_kind(request)


class Answer:
    def __init__(self, code=200, body=b"", headers=(), content_type="application/json"):
        self.code = code
        self.body = body
        self.headers = list(headers)
        self.content_type = content_type

    def send(self, reply):
        reply.send(self.body, self.code, self.headers, self.content_type)


def as_json(value, code=200, headers=()):
    return Answer(code, json.dumps(value).encode(), headers)


def as_error(refusal, kind):
    if kind == "media":
        return Answer(refusal.code, str(refusal).encode(), content_type="text/html; charset=UTF-8")
    return as_json(error_body(refusal), refusal.code)


def split_fields(text):
    """"a,b(c,d)" as {"a": None, "b": "c,d"}."""
    return {name: inner or None for name, inner in re.findall(r"(\w+)(?:\(([^)]*)\))?", text)}


def selected(value, fields):
    """What the parameter "fields" leaves of a resource."""
    if fields is None:
        return value
    if isinstance(value, list):
        return [selected(element, fields) for element in value]
    wanted = split_fields(fields)
    return {name: selected(inner, wanted[name]) for name, inner in value.items() if name in wanted}


# Uploads

def multipart(call):
    """(metadata, contents) of a multipart/related body."""
    boundary = re.search(r'boundary="?([^";]+)', call.request.header("Content-Type", ""))
    if boundary is None:
        raise Refusal(400, "badContent", "Missing end boundary in multipart body.")
    mark = b"--" + boundary.group(1).encode()
    _start, first, rest = call.data.split(mark, 2)
    content, end, _after = rest.rpartition(b"\r\n" + mark + b"--")
    if not end:
        raise Refusal(400, "badContent", "Missing end boundary in multipart body.")
    part_type = re.search(rb"(?i)content-type: *([^\r\n]+)", content.partition(b"\r\n\r\n")[0])
    metadata = json.loads(first.partition(b"\r\n\r\n")[2])
    if part_type:
        metadata.setdefault("contentType", part_type.group(1).decode())
    return metadata, content.partition(b"\r\n\r\n")[2]


def upload(call):
    if call.query.get("uploadType") == "multipart":
        metadata, data = multipart(call)
    else:
        metadata = {"contentType": call.request.header("Content-Type", "application/octet-stream")}
        if "contentEncoding" in call.query:
            metadata["contentEncoding"] = call.query["contentEncoding"]
        data = call.data
    if call.damaged:
        data = damage(data)
        metadata.pop("crc32c", None)
    contents = Contents()
    contents.append(data)
    name = metadata.get("name") or call.name
    if not name:
        raise Refusal(400, "required", "Required parameter: name")
    return as_json(selected(call.cloud.store(call.bucket, name, contents, metadata, call.query.get(
        "ifGenerationMatch")).resource(), call.query.get("fields")))


def start(call):
    metadata = json.loads(call.data or b"{}")
    if "contentType" not in metadata and call.request.header("X-Upload-Content-Type"):
        metadata["contentType"] = call.request.header("X-Upload-Content-Type")
    name = metadata.get("name") or call.name
    match = call.query.get("ifGenerationMatch")
    call.cloud.check_match(call.bucket, name, match)
    token = call.cloud.token()
    call.cloud.sessions[token] = Session(call.bucket, name, metadata, match)
    place = urllib.parse.urlencode({"uploadType": "resumable", "name": name, "upload_id": token})
    return Answer(headers=[("Location", f"{call.request.base()}/upload/storage/v1/b/"
                            f"{call.bucket}/o?{place}"), ("X-GUploader-UploadID", token)])


def progress(session):
    """308, with what is kept; without a Range when that is nothing."""
    kept = [("Range", f"bytes=0-{session.contents.size - 1}")] if session.contents.size else []
    return Answer(308, headers=kept)


def finish(call, session):
    session.done = call.cloud.store(session.bucket, session.name, session.contents,
                                    session.metadata, session.match)
    return as_json(session.done.resource())


def status(call):
    session = call.cloud.session(call.query.get("upload_id"))
    total = call.request.header("Content-Range").rpartition("/")[2]
    if session.done:
        return as_json(session.done.resource())
    if total == str(session.contents.size):
        return finish(call, session)
    return progress(session)


def chunk(call, keep=None):
    """keep: so many bytes of it arrive, whatever was sent."""
    session = call.cloud.session(call.query.get("upload_id"))
    given = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", call.request.header("Content-Range", ""))
    if session.done:
        return as_json(session.done.resource())
    if given is None or int(given[2]) + 1 - int(given[1]) != len(call.data):
        raise Refusal(400, "badRequest", "Content-Range does not fit the body")
    begin, is_last = int(given[1]), given[3] == str(int(given[2]) + 1)
    if begin > session.contents.size:
        raise Refusal(400, "badRequest", f"a gap: {session.contents.size} bytes are kept")
    if not is_last and len(call.data) % CHUNK_MULTIPLE != 0:
        raise Refusal(400, "badRequest", "a chunk's length must be a multiple of 262144")
    data = call.data
    if call.damaged:
        data = damage(data)
        session.metadata.pop("crc32c", None)
    session.contents.append(data[session.contents.size - begin:keep])
    if is_last and session.contents.size == int(given[3]):
        return finish(call, session)
    return progress(session)


def damage(data):
    return bytes([data[0] ^ 1]) + data[1:]


# Objects

def stat(call):
    found = call.cloud.find(call.bucket, call.name, call.query.get("generation"))
    return as_json(selected(found.resource(), call.query.get("fields")))


def media(call):
    found = call.cloud.find(call.bucket, call.name, call.query.get("generation"))
    contents = found.contents
    headers = [("x-goog-generation", found.generation),
               ("x-goog-hash", f"crc32c={contents.crc32c}"),
               ("x-goog-stored-content-length", contents.size)]
    accepted = "gzip" in call.request.header("Accept-Encoding", "")
    if found.content_encoding == "gzip" and not accepted:
        plain = zlib.decompress(contents.read(0, contents.size), 31)
        return Answer(200, plain, headers, found.content_type)
    if found.content_encoding:
        headers.append(("Content-Encoding", found.content_encoding))
    wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", call.request.header("Range", ""))
    if wanted is None:
        return Answer(200, contents.read(0, contents.size), headers, found.content_type)
    first = int(wanted[1])
    last = min(int(wanted[2] or contents.size - 1), contents.size - 1)
    if first > last:
        raise Refusal(416, "requestedRangeNotSatisfiable", "Request range not satisfiable")
    headers.append(("Content-Range", f"bytes {first}-{last}/{contents.size}"))
    return Answer(206, contents.read(first, last - first + 1), headers, found.content_type)


def listing(call):
    names = sorted((name for bucket, name in call.cloud.objects if bucket == call.bucket
                    and name.startswith(call.query.get("prefix", ""))), key=str.encode)
    begin = int(call.query.get("pageToken") or 0)
    size = min(int(call.query.get("maxResults", 1000)), 1000)
    page = {"kind": "storage#objects",
            "items": [call.cloud.objects[call.bucket, name].resource()
                      for name in names[begin:begin + size]]}
    if not page["items"]:
        del page["items"]
    if begin + size < len(names):
        page["nextPageToken"] = str(begin + size)
    return as_json(selected(page, call.query.get("fields")))


def delete(call):
    if "upload_id" in call.query:
        call.cloud.sessions[call.query["upload_id"]] = None
        return Answer(499)
    call.cloud.find(call.bucket, call.name)
    call.cloud.check_match(call.bucket, call.name, call.query.get("ifGenerationMatch"))
    del call.cloud.objects[call.bucket, call.name]
    return Answer(204)


def rewrite(call):
    """b/BUCKET/o/NAME/rewriteTo/b/BUCKET/o/NAME, a part of the bytes with each call."""
    cloud = call.cloud
    found = cloud.find(call.bucket, call.name, call.query.get("sourceGeneration"))
    target = (call.words[5], call.words[7])
    match = call.query.get("ifGenerationMatch")
    token = call.query.get("rewriteToken")
    if token is not None and token not in cloud.rewrites:
        raise Refusal(400, "invalid", "Invalid rewrite token")
    size = found.contents.size
    done = min(cloud.rewrites.get(token, 0) + REWRITTEN_AT_ONCE, size)
    answer = {"kind": "storage#rewriteResponse", "totalBytesRewritten": str(done),
              "objectSize": str(size), "done": done == size}
    cloud.check_match(*target, match)
    if done < size:
        answer["rewriteToken"] = f"{cloud.token()}+/="
        cloud.rewrites[answer["rewriteToken"]] = done
    else:
        made = cloud.store(*target, found.contents, found.resource(), match)
        answer["resource"] = made.resource()
    return as_json(selected(answer, call.query.get("fields")))


HANDLERS = {"upload": upload, "start": start, "chunk": chunk, "status": status, "stat": stat,
            "media": media, "list": listing, "delete": delete, "rewrite": rewrite}


def handle(call):
    try:
        with call.cloud.lock:
            if call.bucket.startswith("missing"):
                raise Refusal(404, "notFound", "The specified bucket does not exist.")
            return HANDLERS[call.kind](call)
    except Refusal as refusal:
        return as_error(refusal, call.kind)


# Faults

REASONS = {401: "authError", 403: "forbidden", 404: "notFound", 410: "gone",
           429: "rateLimitExceeded", 500: "backendError", 503: "backendError"}


def strike(call, fault, reply):
    """What the fault makes of the request: the code that was answered, 0 without an answer."""
    if fault.do.isdigit():
        answer = refuse(call, fault, int(fault.do))
    elif fault.do in STRIKES:
        answer = STRIKES[fault.do](call, fault, reply)
    else:
        raise ValueError(f"no such fault: {fault.do}")
    if answer is None:
        return 0
    answer.send(reply)
    return answer.code


def refuse(call, fault, code):
    """404 and 410 in a session also end it."""
    if code in (404, 410) and "upload_id" in call.query:
        call.cloud.sessions[call.query["upload_id"]] = None
    reason = fault.query.get("reason", REASONS.get(code, "invalid"))
    answer = as_error(Refusal(code, reason, f"scripted fault {code}"), call.kind)
    if "retry_after" in fault.query:
        answer.headers.append(("Retry-After", fault.query["retry_after"]))
    return answer


def drop(_call, _fault, reply):
    """The connection breaks, without any effect."""
    reply.abort()


def lose(call, _fault, reply):
    """The request has its effect; its answer never comes."""
    handle(call)
    reply.abort()


def keep(call, fault, reply):
    """bytes= of the chunk arrive, then the connection breaks."""
    partial(call, fault, reply)
    reply.abort()


def partial(call, fault, _reply):
    """bytes= of the chunk are kept, and the answer says so."""
    with call.cloud.lock:
        return chunk(call, int(fault.query.get("bytes", 0)))


def forget(call, _fault, _reply):
    """The session goes on, with nothing kept."""
    with call.cloud.lock:
        session = call.cloud.session(call.query["upload_id"])
        session.contents = Contents()
        return progress(session)


def cut(call, _fault, reply):
    """Half of the answer's body."""
    answer = handle(call)
    reply.head(answer.code, [*answer.headers, ("Content-Length", len(answer.body))],
               answer.content_type)
    reply.write(answer.body[:len(answer.body) // 2])
    reply.close()


def corrupt(call, _fault, _reply):
    """One bit of the contents is wrong, and nobody on that side finds out."""
    call.damaged = True
    answer = handle(call)
    if call.kind == "media":
        answer.body = damage(answer.body)
    return answer


def hang(_call, _fault, reply):
    reply.hang()


def slow(call, fault, _reply):
    """The answer comes ms= later."""
    answer = handle(call)
    time.sleep(int(fault.query.get("ms", 1000)) / 1000)
    return answer


def nonsense(_call, _fault, _reply):
    """200, with something else than the service's JSON."""
    return Answer(200, b"<html>", content_type="text/html")


STRIKES = {"drop": drop, "lose": lose, "keep": keep, "partial": partial, "forget": forget,
           "cut": cut, "corrupt": corrupt, "hang": hang, "slow": slow, "nonsense": nonsense}


def cloud_of(state):
    return state.face("gcs", Cloud)


@route("/storage/v1/b/*")
@route("/upload/storage/v1/b/*")
def storage(request, reply, state):
    cloud = cloud_of(state)
    call = Call(request, cloud)
    entry, fault = cloud.enter(call.kind, request, bucket=call.bucket, name=call.name,
                               bytes=len(request.body), range=request.header("Content-Range"))
    if fault is not None:
        entry["code"] = strike(call, fault, reply)
        return
    answer = handle(call)
    entry["code"] = answer.code
    answer.send(reply)


# For tests

control_pages("/gcs", cloud_of)


@route("/gcs/objects", CONTROLS)
def gcs_objects(request, reply, state):
    """All objects, of bucket= or of all, by name."""
    cloud = cloud_of(state)
    wanted = request.query.get("bucket")
    with cloud.lock:
        reply.json([{"bucket": bucket, "name": name, "bytes": found.contents.size,
                     "crc32c": f"{found.contents.checksum:08x}", "generation": found.generation,
                     "content_type": found.content_type, "metadata": found.metadata}
                    for (bucket, name), found in sorted(cloud.objects.items())
                    if wanted in (None, bucket)])
