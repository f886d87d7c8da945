"""Answers with something wrong in them: status, time, wholeness, coding, content, header fields.

Copyright (c) 2026, dataops authors; PostgreSQL License
"""
import email.utils
import functools
import json
import random
import threading
import time
import zlib

from routes import FAULTS, route
from wire import pause

RECORDS = [{"id": 1, "name": "one"}, {"id": 2, "name": "two"}, {"id": 3, "name": "three"}]
WHOLE = json.dumps(RECORDS).encode()


def three(second):
    """A JSON array of three records whose second one is given as text."""
    return '[{"id":1,"name":"one"},' + second + ',{"id":3,"name":"three"}]'


# Status and time

def http_date(seconds, form):
    """A moment as one of the three forms of RFC 9110: imf (default), rfc850, asctime."""
    moment = time.gmtime(time.time() + seconds)
    if form == "rfc850":
        return time.strftime("%A, %d-%b-%y %H:%M:%S GMT", moment)
    if form == "asctime":
        return time.strftime("%a %b ", moment) + time.strftime("%e %H:%M:%S %Y", moment)
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


@route("/status/*", FAULTS)
def status(request, reply, _state):
    headers = []
    if "retry_after" in request.query:
        headers.append(("Retry-After", request.query["retry_after"]))
    if "date" in request.query:
        form = request.query.get("date_format", "imf")
        headers.append(("Retry-After", http_date(request.number("date", 0), form)))
    code = int(request.argument)
    reply.json({"error": {"code": code, "message": f"status {code} on request"}}, code, headers)


@route("/storm", FAULTS)
def storm(request, reply, state):
    """A 503 with probability p=; the nth hit of a key always has the same fate."""
    key = request.query.get("key", request.path)
    fate = random.Random(f"{key} {state.hit('storm ' + key)}").random()
    if fate < float(request.query.get("p", 0.5)):
        reply.json({"error": {"message": "storm"}}, 503)
    else:
        reply.json(RECORDS)


class Meeting:
    """Requests that wait for each other."""

    def __init__(self):
        self.changed = threading.Condition()
        self.arrived = 0

    def join(self, count):
        """True when count requests have come together, false when they do not in time."""
        with self.changed:
            self.arrived += 1
            complete = -(-self.arrived // count) * count
            self.changed.notify_all()
            return self.changed.wait_for(lambda: self.arrived >= complete, 30)


@route("/meet")
def meet(request, reply, state):
    """Answers when count= requests are waiting for their answers here at the same time."""
    if state.face("meeting", Meeting).join(request.number("count", 2)):
        reply.json(RECORDS)
    else:
        reply.json({"error": {"message": "nobody else came"}}, 504)


@route("/hang", FAULTS)
def hang(_request, reply, _state):
    reply.hang()


@route("/hang/body", FAULTS)
def hang_body(_request, reply, _state):
    reply.head(headers=[("Content-Length", len(WHOLE))])
    reply.write(WHOLE[:len(WHOLE) // 2])
    reply.hang()


@route("/slow", FAULTS)
def slow(request, reply, _state):
    """A body of bytes= spread evenly over ms= in at most 100 writes."""
    size = max(request.number("bytes", 100), 4)
    body = b'["' + b"x" * (size - 4) + b'"]'
    reply.head(headers=[("Content-Length", size)])
    drip(reply, body, request.number("ms", 1000))


@route("/slow/headers", FAULTS)
def slow_headers(request, reply, _state):
    head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    drip(reply, (head % len(WHOLE)).encode(), request.number("ms", 1000))
    reply.write(WHOLE)


def drip(reply, data, ms):
    step = -(-len(data) // 100)
    pieces = [data[at:at + step] for at in range(0, len(data), step)]
    for piece in pieces:
        pause(ms / len(pieces))
        reply.write(piece)


# Wholeness: bodies and connections that end too early

@route("/cut", FAULTS)
def cut(request, reply, _state):
    after = request.number("after", len(WHOLE) // 2)
    reply.head(headers=[("Content-Length", max(len(WHOLE), after + 1))])
    reply.write(WHOLE[:after])
    reply.close()


@route("/cut/chunked", FAULTS)
def cut_chunked(request, reply, _state):
    """how= middle (of a chunk, default), noterm (no last chunk), badsize, hugesize."""
    how = request.query.get("how", "middle")
    reply.head(headers=[("Transfer-Encoding", "chunked")])
    if how == "noterm":
        reply.chunk(WHOLE)
    else:
        size = {"middle": b"%x" % len(WHOLE), "badsize": b"zz", "hugesize": b"f" * 20}[how]
        reply.write(size + b"\r\n" + WHOLE[:len(WHOLE) // 2])
    reply.close()


@route("/close/nolen", FAULTS)
def close_nolen(request, reply, _state):
    """No length, and the end in the middle of the JSON; lines=1: between two lines of NDJSON."""
    reply.head()
    reply.write(b'{"id":1}\n{"id":2}\n' if "lines" in request.query else WHOLE[:len(WHOLE) // 2])
    reply.close()


@route("/close/whole", FAULTS)
def close_whole(_request, reply, _state):
    """A right answer whose end is the end of the connection: legal, and complete."""
    reply.head(headers=[("Connection", "close")])
    reply.write(WHOLE)
    reply.close()


@route("/close/silent", FAULTS)
def close_silent(_request, reply, _state):
    """The request arrived and had its effect; the answer is lost."""
    reply.close()


@route("/close/after", FAULTS)
def close_after(_request, reply, _state):
    """A right answer that promises keep-alive, then the connection is closed all the same."""
    reply.json(RECORDS)
    reply.close()


@route("/abort", FAULTS)
def abort(request, reply, _state):
    """A connection reset after= so many bytes of the answer (0: before it)."""
    after = request.number("after", 0)
    if after > 0:
        reply.head(headers=[("Content-Length", max(len(WHOLE), after + 1))])
        reply.write(WHOLE[:after])
    reply.abort()


@route("/length/*", FAULTS)
def length(request, reply, _state):
    size = len(WHOLE)
    lengths = {"short": [size - 10], "long": [size + 10], "duplicate": [size, size],
               "conflict": [size, size - 10], "huge": [10 ** 15], "negative": [-1],
               "text": ["many"]}
    if request.argument == "coding":        # a length and a transfer coding together
        reply.head(headers=[("Content-Length", 3), ("Transfer-Encoding", "chunked")])
        reply.chunk(WHOLE)
        reply.chunk(b"")
    else:
        reply.head(headers=[("Content-Length", value) for value in lengths[request.argument]])
        reply.write(WHOLE)
    reply.close()


# Coding

def gzip(data, level=9):
    packer = zlib.compressobj(level, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()


@functools.lru_cache(maxsize=4)
def bomb(megabytes, layers):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [packer.compress(b'["')]
    parts += [packer.compress(b"x" * (1 << 20)) for _ in range(megabytes)]
    parts += [packer.compress(b'"]'), packer.flush()]
    data = b"".join(parts)
    for _ in range(layers - 1):
        data = gzip(data)
    return data


def changed(data, at):
    return data[:at] + bytes([data[at] ^ 0xff]) + data[at + 1:]


@route("/gzip/*", FAULTS)
def gzipped(request, reply, _state):
    """ok, multi, trailing, truncated, corrupt, bad-crc, notgzip, bomb?mb=&layers=, unknown."""
    how = request.argument
    noise = random.Random(1).randbytes(5000).hex()
    good = gzip(json.dumps([*RECORDS, {"id": 4, "name": noise}]).encode())
    coding = "gzip"
    if how == "bomb":
        layers = request.number("layers", 1)
        body = bomb(request.number("mb", 64), layers)
        coding = ", ".join(["gzip"] * layers)
    else:
        body = {
            "ok": good,
            "multi": gzip(WHOLE[:20]) + gzip(WHOLE[20:]),
            "trailing": good + b"rubbish behind the end",
            "truncated": good[:len(good) // 2],
            "corrupt": changed(good, len(good) // 2),
            "bad-crc": changed(good, len(good) - 8),
            "notgzip": WHOLE,
            "unknown": WHOLE,
        }[how]
        coding = "unheard-of" if how == "unknown" else coding
    reply.send(body, headers=[("Content-Encoding", coding)])


@route("/gzip/deflate", FAULTS)
def deflated(_request, reply, _state):
    reply.send(zlib.compress(WHOLE), headers=[("Content-Encoding", "deflate")])


@route("/charset/*", FAULTS)
def charset(request, reply, _state):
    """latin1, utf16 (both declared) and bom (UTF-8 behind a byte order mark)."""
    text = '[{"id":1,"name":"Zürich"}]'
    name, body = {"latin1": ("iso-8859-1", text.encode("latin-1")),
                  "utf16": ("utf-16", text.encode("utf-16")),
                  "bom": ("utf-8", text.encode("utf-8-sig"))}[request.argument]
    reply.send(body, content_type=f"application/json; charset={name}")


# Content

@route("/big", FAULTS)
def big(request, reply, _state):
    """A valid array of about mb= megabytes or kb=, in records of 1 kB; length=1: not chunked."""
    count = request.number("kb", request.number("mb", 70) * 1024)
    record = '{"id":1%08d,"name":"' + "x" * 1000 + '"}'
    size = len(record % 0) * count + count + 1
    chunked = "length" not in request.query
    reply.head(headers=[("Transfer-Encoding", "chunked") if chunked else ("Content-Length", size)])
    for first in range(0, count, 1024):
        end = min(first + 1024, count)
        block = ",".join(record % n for n in range(first, end))
        block = ("[" if first == 0 else ",") + block + ("]" if end == count else "")
        (reply.chunk if chunked else reply.write)(block)
    if chunked:
        reply.chunk(b"")


@route("/html", FAULTS)
def html(request, reply, _state):
    page = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Sign in</body></html>"
    reply.send(page, request.number("code", 200), content_type="text/html; charset=utf-8")


@route("/text", FAULTS)
def text(request, reply, _state):
    reply.send("upstream is sleeping\n", request.number("code", 200), content_type="text/plain")


INVALID = {
    "utf8": b'{"id":2,"name":"\xff\xfe\xc3"}',
    "nul": rb'{"id":2,"name":"a\u0000b"}',
    "rawnul": b'{"id":2,"name":"a\0b"}',
    "surrogate": rb'{"id":2,"name":"\ud800"}',
    "comma": b'{"id":2,"name":"two",}',
    "nan": b'{"id":2,"name":NaN}',
    "quote": b'{"id":2,"name":"two}',
}


@route("/invalid/*", FAULTS)
def invalid(request, reply, _state):
    """Three records, the second one bad: utf8, nul, rawnul, surrogate, comma, nan, quote."""
    before, after = three("\0\0").encode().split(b"\0\0")
    reply.send(before + INVALID[request.argument] + after)


@route("/number/*", FAULTS)
def number(request, reply, _state):
    """Three records, the second one with a number of so many digits."""
    reply.send(three('{"id":2,"name":' + "9" * int(request.argument) + "}"))


@route("/deep", FAULTS)
def deep(request, reply, _state):
    """Three records, the second one nested n= deep."""
    depth = request.number("n", 20000)
    reply.send(three('{"id":2,"name":' + "[" * depth + "]" * depth + "}"))


@route("/drift", FAULTS)
def drift(_request, reply, _state):
    reply.json([{"id": 1, "name": "one"}, {"id": "2", "title": "two"}, {"Id": 3, "name": None},
                {"id": 4.5, "name": {"first": "four"}}, ["id", 5], {}])


@route("/object", FAULTS)
def an_object(_request, reply, _state):
    """An object with code 200 where an array is expected, as some services report errors."""
    reply.json({"code": -1121, "msg": "Invalid symbol."})


@route("/body", FAULTS)
def body(request, reply, _state):
    """Any text= as the body, or an object of many= members with long names."""
    many = {f"member {n} " + "x" * 80: n for n in range(1, request.number("many", 0) + 1)}
    reply.send(request.query.get("text", json.dumps(many)))


@route("/empty", FAULTS)
def empty(_request, reply, _state):
    reply.json([])


@route("/nothing", FAULTS)
def nothing(_request, reply, _state):
    reply.send(b"")


@route("/three", FAULTS)
def three_records(_request, reply, _state):
    reply.json(RECORDS)


# Header fields and the protocol itself

@route("/sequence", FAULTS)
def sequence(_request, reply, _state):
    """Records as RFC 7464 has them; one of several lines."""
    texts = [json.dumps(record, indent=None if record["id"] == 1 else 1) for record in RECORDS]
    reply.send("".join(f"\x1e{text}\n" for text in texts), content_type="application/json-seq")


@route("/redirect", FAULTS)
def redirect(request, reply, _state):
    """To the URL of to=, or to itself when there is none."""
    to = request.query.get("to", request.base() + request.target)
    reply.send(b"", request.number("code", 302), [("Location", to)])


@route("/header/*", FAULTS)
def header(request, reply, _state):
    fields = {"big": [("X-Big", "x" * request.number("bytes", 300000))],
              "many": [(f"X-Many-{n}", "x") for n in range(request.number("n", 6000))],
              "nul": [("X-Nul", "a\0b")],
              "latin1": [("X-Latin", "Zürich")]}[request.argument]
    body = WHOLE.decode()
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    reply.write((head + lines + "\r\n" + body).encode("latin-1"))


@route("/protocol/*", FAULTS)
def protocol(request, reply, _state):
    """garbage, http09, badstatus, hundreds (of informational answers first)."""
    reply.write({"garbage": b"\x16\x03\x01\x02\x00\x01\x00\xff\xfe" * 50,
                 "http09": WHOLE,
                 "badstatus": b"HTTP/1.1 abc Fine\r\nContent-Length: 0\r\n\r\n",
                 "hundreds": b"HTTP/1.1 100 Continue\r\n\r\n" * 2000}[request.argument])
    if request.argument == "hundreds":
        reply.json(RECORDS)
    reply.close()


@route("/etag", FAULTS)
def etag(request, reply, state):
    """304 while unchanged; change=1 makes a new version; only=etag or date leaves one out."""
    key = "version " + request.query.get("key", request.path)
    version = state.hit(key) if "change" in request.query else state.hits[key]
    tag, day = f'"v{version}"', email.utils.formatdate(1704067200 + version, usegmt=True)
    only = request.query.get("only")
    headers = [("ETag", tag)] if only != "date" else []
    headers += [("Last-Modified", day)] if only != "etag" else []
    known = request.header("If-None-Match")
    since = request.header("If-Modified-Since") if known is None else None
    if (known == tag and only != "date") or (since == day and only != "etag"):
        reply.send(b"", 304, headers)
    else:
        reply.json([{**record, "version": version} for record in RECORDS], headers=headers)
