"""What every scripted service has: faults that strike some of its requests, and a log of them; and the
pages on which a test writes the one and reads the other.

A service names the kinds of its requests. For a service with the pages of "/x":

    /x/fault?on=KIND&do=FAULT     nth= and times=, both 1 unless given, after=, and what the fault wants to know
    /x/faults?clear               those set, with how often each has struck
    /x/requests?kind=&clear       the log; tokens appear as hashes

Copyright (c) 2026, dataops authors; PostgreSQL License
"""
import threading

from routes import CONTROLS, hidden, route


class Refusal(Exception):
    """An answer that is an error of the service."""

    def __init__(self, code, reason, message):
        super().__init__(message)
        self.code = code
        self.reason = reason


def error_body(refusal):
    """As Google's services tell it."""
    return {"error": {"code": refusal.code, "message": str(refusal), "errors": [
        {"message": str(refusal), "domain": "global", "reason": refusal.reason}]}}


class Fault:
    """Strikes requests number nth … nth+times-1 of a kind ("any": of all), counted from when it was set and,
    with after=, from the one on with which bodies of that many bytes have come."""

    def __init__(self, query):
        self.on = query["on"]
        self.do = query["do"]
        self.nth = int(query.get("nth", 1))
        self.times = int(query.get("times", 1))
        self.bytes_before = int(query.get("after", 0))
        self.query = query
        self.seen = 0
        self.struck = 0
        self.held = 0           # requests that it keeps waiting now or did so

    def is_due(self, kind, size=0):
        if self.on not in (kind, "any"):
            return False
        self.bytes_before -= size
        if self.bytes_before > 0:
            return False
        self.seen += 1
        due = self.nth <= self.seen < self.nth + self.times
        self.struck += due
        return due

    def shown(self):
        return {"on": self.on, "do": self.do, "nth": self.nth, "seen": self.seen,
                "struck": self.struck, "held": self.held}


class Script:
    """The memory of a service. The lock is held during each effect."""

    def __init__(self):
        self.lock = threading.RLock()
        self.faults = []
        self.log = []

    def enter(self, kind, request, **more):
        """Notes a request. Returns its entry in the log, and the fault that strikes it, or None."""
        with self.lock:
            due = [fault for fault in self.faults if fault.is_due(kind, len(request.body))]
            fault = due[0] if due else None
            entry = {"kind": kind, "token": hidden(request.header("Authorization", "")),
                     "fault": fault.do if fault else None, "code": 0, **more}
            self.log.append(entry)
        return entry, fault

    def set_fault(self, query):
        self.faults.append(Fault(query))

    def all_faults(self):
        return list(self.faults)

    def clear_faults(self):
        self.faults.clear()


def control_pages(prefix, script_of):
    """Makes the pages of a service, whose script script_of(state) gives."""

    @route(f"{prefix}/fault", CONTROLS)
    def set_fault(request, reply, state):
        script = script_of(state)
        with script.lock:
            script.set_fault(request.query)
        reply.json({})

    @route(f"{prefix}/faults", CONTROLS)
    def show_faults(request, reply, state):
        script = script_of(state)
        with script.lock:
            reply.json([fault.shown() for fault in script.all_faults()])
            if "clear" in request.query:
                script.clear_faults()

    @route(f"{prefix}/requests", CONTROLS)
    def show_requests(request, reply, state):
        script = script_of(state)
        kind = request.query.get("kind")
        with script.lock:
            reply.json([entry for entry in script.log if kind in (None, entry["kind"])])
            if "clear" in request.query:
                script.log.clear()
