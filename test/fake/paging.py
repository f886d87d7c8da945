"""One data set behind every way of paging.

Record n (1 … total) is {"id": n, "updated_at": …, "name": "item n"}; record n is of the moment
2024-01-01 + (n - 1) steps. Query parameters of all faces: total (25), step (seconds, 900), since
(only records updated at or after it), since_id (only greater ids), shape=array, wrap=<member>.

Copyright (c) 2026, dataops authors; PostgreSQL License
"""
import base64
import datetime
import hashlib
import json
import urllib.parse

from routes import route

EPOCH = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)


def parse_time(value):
    """A moment given as milliseconds, seconds (up to ten digits) or ISO 8601."""
    if value.lstrip("-").isdigit():
        seconds = int(value) / (1000 if len(value.lstrip("-")) > 10 else 1)
        return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    moment = datetime.datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.timezone.utc)


class Items:
    """The records that one request's parameters select."""

    def __init__(self, request):
        query = request.query
        self.request = request
        self.total = request.number("total", 25)
        self.step = datetime.timedelta(seconds=request.number("step", 900))
        self.first = request.number("since_id", 0)
        if "since" in query:
            self.first = max(self.first, self.number_at(parse_time(query["since"])))
        self.first = min(self.first, self.total)

    def number_at(self, moment):
        """How many records are older than a moment."""
        return max(-((EPOCH - moment) // self.step), 0)

    def record(self, number):
        moment = EPOCH + (number - 1) * self.step
        if self.request.query.get("shape") == "array":
            return [number, round(moment.timestamp() * 1000), f"item {number}"]
        stamp = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {"id": number, "updated_at": stamp, "name": f"item {number}"}

    def __len__(self):
        return self.total - self.first

    def slice(self, offset, limit):
        first = self.first + max(offset, 0)
        return [self.record(n + 1) for n in range(first, min(first + limit, self.total))]

    def body(self, records, **more):
        """An array, or an object holding it when wrap= or another member is wanted."""
        wrap = self.request.query.get("wrap", "data" if more else None)
        return {wrap: records, **more} if wrap else records

    def next_url(self, **changes):
        """This request's URL with some parameters changed, absolute."""
        pairs = {name: value for name, value in self.request.pairs}
        pairs.update({name: str(value) for name, value in changes.items()})
        return f"{self.request.base()}{self.request.path}?{urllib.parse.urlencode(pairs)}"


@route("/items")
def by_page(request, reply, _state):
    """page= from 1 (first=0: from 0), per_page=; overlap= repeats so many records of the last.

    escaped=1: times end in +00:00, and "+" and "_" come as escapes."""
    items = Items(request)
    size = request.number("per_page", 10)
    page = request.number("page", 1) - request.number("first", 1)
    offset = page * size
    overlap = request.number("overlap", 0) if page > 0 else 0
    body = items.body(items.slice(offset - overlap, size + overlap))
    if "escaped" in request.query:
        text = json.dumps(body).replace("Z", "+00:00")
        reply.send(text.replace("+", "\\u002B").replace("_", "\\u005f"))
    else:
        reply.json(body)


@route("/items/offset")
def by_offset(request, reply, _state):
    items = Items(request)
    reply.json(items.body(items.slice(request.number("offset", 0), request.number("limit", 10))))


def token(offset):
    return base64.urlsafe_b64encode(f"at={offset}".encode()).decode()


def token_offset(text):
    return int(base64.urlsafe_b64decode(text).decode().removeprefix("at=")) if text else 0


@route("/items/cursor")
def by_cursor(request, reply, _state):
    """{"data": […], "next": token or null}; tokens end in "=", so they need encoding."""
    items = Items(request)
    offset = token_offset(request.query.get("cursor"))
    end = offset + request.number("limit", 10)
    reply.json(items.body(items.slice(offset, end - offset),
                          next=token(end) if end < len(items) else None))


@route("/items/next")
def by_next_link(request, reply, _state):
    """{"data": […], "next": URL or null}; relative=1 leaves scheme and host out."""
    items = Items(request)
    size = request.number("per_page", 10)
    page = request.number("page", 1)
    link = items.next_url(page=page + 1) if page * size < len(items) else None
    if link and "relative" in request.query:
        link = link.removeprefix(request.base())
    reply.json(items.body(items.slice((page - 1) * size, size), next=link))


@route("/items/link")
def by_link_header(request, reply, _state):
    """RFC 8288: Link with first, prev and next in one field line; with lines=1 each in its own, after another."""
    items = Items(request)
    size = request.number("per_page", 10)
    page = request.number("page", 1)
    links = [(items.next_url(page=1), "first")]
    if page > 1:
        links.append((items.next_url(page=page - 1), "prev"))
    if page * size < len(items):
        links.append((items.next_url(page=page + 1), "next"))
    fields = [f'<{url}>; rel="{relation}"' for url, relation in links]
    fields = ['</meta>; rel="describedby"', *fields] if "lines" in request.query else [", ".join(fields)]
    reply.json(items.body(items.slice((page - 1) * size, size)), headers=[("Link", field) for field in fields])


@route("/items/loop")
def loop(request, reply, _state):
    """A cursor that never ends: it comes back after period= pages (1)."""
    items = Items(request)
    at = (token_offset(request.query.get("cursor")) + 1) % request.number("period", 1)
    reply.json(items.body(items.slice(0, 10), next=token(at)))


@route("/items/evil")
def evil(request, reply, _state):
    """A next page at another host, to=, told in the body and (face=link) in a Link field."""
    items = Items(request)
    to = request.query.get("to", "http://evil.invalid/items")
    records = items.slice(0, 10)
    if request.query.get("face") == "link":
        reply.json(items.body(records), headers=[("Link", f'<{to}>; rel="next"')])
    else:
        reply.json(items.body(records, next=to))


@route("/items/window")
def by_window(request, reply, _state):
    """Records from start= to end= (both included; bounds=[): without end), oldest first, limit=."""
    items = Items(request)
    start = items.number_at(parse_time(request.query["start"])) if "start" in request.query else 0
    end = items.total
    if "end" in request.query:
        moment = parse_time(request.query["end"])
        end = min(items.number_at(moment), end)
        if request.query.get("bounds", "[]") == "[]" and end < items.total:
            end += (EPOCH + end * items.step) == moment
    size = max(min(end - start, request.number("limit", 1000)), 0)
    headers = [("X-Used-Weight-1m", request.query["used"])] if "used" in request.query else []
    items.first = 0
    reply.json(items.body(items.slice(start, size)), headers=headers)


@route("/items/unreadable")
def unreadable_next(request, reply, _state):
    """A page whose next one cannot be told; how= bytes (no UTF-8), nul, surrogate, long, lines."""
    if request.query["how"] == "lines":
        reply.send(b'{"id":1}\n{"id":2}\n', content_type="application/x-ndjson")
        return
    following = {"bytes": b"/items/three?\xff", "nul": b"/items?a=\\u0000", "surrogate": b"/items?a=\\ud800",
                 "long": b"/items?a=" + b"x" * 70000}[request.query["how"]]
    reply.send(b'{"data":[{"id":1}],"next":"' + following + b'"}')


@route("/items/bulk")
def in_bulk(request, reply, _state):
    """Many records, or long ones: page= from 1, per_page=, total=, and bytes= of text in each (20).

    The text does not compress well; its MD5 stands beside it."""
    size = request.number("per_page", 1000)
    first = (request.number("page", 1) - 1) * size
    end = min(first + size, request.number("total", size))
    length = request.number("bytes", 20)
    text = hashlib.shake_256(b"bulk").hexdigest(length // 2 + 1)[:length]
    record = '{"id":%d,"text":"' + text + '","md5":"' + hashlib.md5(text.encode()).hexdigest() + '"}'
    block = 1000
    reply.head(headers=[("Transfer-Encoding", "chunked")])
    for at in range(first, end, block):
        records = ",".join(record % (n + 1) for n in range(at, min(at + block, end)))
        reply.chunk(("[" if at == first else ",") + records)
    reply.chunk("]" if first < end else "[]")
    reply.chunk(b"")


@route("/items/dense")
def densely(request, reply, _state):
    """Pages of one record of many short values, which take more room in the database: page= from 1, total=, values= (1000)."""
    page = request.number("page", 1)
    reply.json([] if page > request.number("total", 1) else [[1] * request.number("values", 1000)])
