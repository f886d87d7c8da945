"""The table of routes, and what all tests share: counters, settings and the log of requests.

Copyright (c) 2026, dataops authors; PostgreSQL License
"""
import collections
import hashlib
import threading
import time
import urllib.parse

import wire

ROUTES = {}                 # pattern → handler(request, reply, state); "/a/*" matches any rest
FAULTS = set()              # patterns that understand from=, times=, then= and key=
CONTROLS = set()            # patterns that are not logged
GUARDS = []                 # called before a route: true when they have answered themselves
GENERAL = ("from", "times", "then", "key", "latency_ms")
HIDDEN = ("authorization", "proxy-authorization", "cookie", "x-api-key")


def route(pattern, kind=None):
    """Register a handler; kind is FAULTS, CONTROLS or None."""
    def register(handler):
        ROUTES[pattern] = handler
        if kind is not None:
            kind.add(pattern)
        return handler
    return register


def find(path):
    """(pattern, what its star matched) for a path; (None, "") when there is none."""
    if path in ROUTES:
        return path, ""
    head = path
    while "/" in head:
        head = head.rpartition("/")[0]
        if head + "/*" in ROUTES:
            return head + "/*", path[len(head) + 1:]
    return None, ""


def hidden(value):
    return "sha256:" + hashlib.sha256(value.encode()).hexdigest()[:16]


class State:
    """Everything that lives longer than a request. All methods are safe between threads."""

    def __init__(self, latency_ms=0):
        self.lock = threading.Lock()
        self.latency_ms = latency_ms
        self.connections = 0
        self.secrets = []           # texts never shown by /requests
        self.clear()

    def clear(self):
        with self.lock:
            self.hits = collections.Counter()
            self.settings = {}      # defaults for query parameters, by /set
            self.requests = []
            self.faces = {}         # what services with a memory keep, by their names
            self.started = time.monotonic()

    def next_connection(self):
        with self.lock:
            self.connections += 1
            return self.connections

    def face(self, name, make):
        """The memory of a service, made when it is first asked for."""
        with self.lock:
            if name not in self.faces:
                self.faces[name] = make()
            return self.faces[name]

    def hit(self, key):
        """The how many-th hit of this key this is, from 1."""
        with self.lock:
            self.hits[key] += 1
            return self.hits[key]

    def log(self, request):
        entry = {
            "method": request.method,
            "path": request.path,
            "query": {name: self.redact(value) for name, value in request.query.items()},
            "headers": {name: hidden(value) if name.lower() in HIDDEN else self.redact(value)
                        for name, value in request.headers},
            "body": self.redact(request.body[:10000].decode("utf-8", "replace")),
            "connection": request.connection.number,
        }
        with self.lock:
            entry["number"] = len(self.requests) + 1
            entry["ms"] = round((time.monotonic() - self.started) * 1000)
            self.requests.append(entry)

    def redact(self, text):
        for secret in self.secrets:
            text = text.replace(secret, hidden(secret))
        return text

    def logged(self, path):
        """The requests so far, of one path or of all when it is empty."""
        with self.lock:
            return [entry for entry in self.requests if not path or entry["path"] == path]


class Router:
    """Finds the handler, applies what every route understands, and answers."""

    def __init__(self, state):
        self.state = state

    def __call__(self, request, reply):
        pattern, _rest = find(request.path)
        try:
            if pattern not in CONTROLS:
                self.state.log(request)
                with self.state.lock:
                    request.query = {**self.state.settings, **request.query}
                wire.pause(request.number("latency_ms", self.state.latency_ms))
            if not any(guard(request, reply, self.state) for guard in GUARDS):
                self.dispatch(request, reply)
        except (ValueError, LookupError) as error:
            reply.json({"error": {"message": f"bad parameter: {error}"}}, 400)

    def dispatch(self, request, reply):
        pattern, request.argument = find(request.path)
        if pattern is None:
            reply.json({"error": {"message": f"no such route: {request.path}"}}, 404)
        elif pattern in FAULTS and not self.is_due(request):
            self.dispatch(self.healthy(request), reply)
        else:
            ROUTES[pattern](request, reply, self.state)

    def is_due(self, request):
        """Does this hit get the fault? Those numbered from, from + 1, … (times of them) do."""
        if not {"from", "times"} & request.query.keys():
            return True
        number = self.state.hit(request.query.get("key", request.path))
        first = request.number("from", 1)
        return first <= number < first + request.number("times", 1 << 62)

    @staticmethod
    def healthy(request):
        """What is asked when the fault is not due: then= with the request's other parameters."""
        target = urllib.parse.urlsplit(request.query.get("then", "/items"))
        pairs = urllib.parse.parse_qsl(target.query, keep_blank_values=True)
        pairs += [(name, value) for name, value in request.query.items() if name not in GENERAL]
        moved = request.moved(target.path + "?" + urllib.parse.urlencode(pairs))
        moved.query = dict(pairs)
        return moved
