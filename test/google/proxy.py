#!/usr/bin/python3
"""Stands between dataops and counterparts of Google's services: passes requests on, notes them, and does
to some of them what a test says.

    proxy.py [storage=http://HOST:PORT] [bigquery=http://HOST:PORT]

Prints "port N", then "ready"; listens on 127.0.0.1, ends when its input is closed. Tokens are given out,
and wanted when a test says so, as by the scripted server: google_auth.py, google_guard.py.

    /proxy/fault?on=&do=&nth=&times=&effect&retry_after=&reason=&bytes=     on= a kind of kinds.py, or any
    /proxy/faults?clear   /proxy/requests?kind=&clear

What is done to a request:

    drop    it does not arrive, and its connection breaks
    part    bytes= of its body arrive, and both connections break
    lose    it arrives and has its effect; its answer does not come back
    cut     half of the answer comes back
    hold    nothing more happens until the client has gone; with "effect", after it has had its effect
    401 …   a status in place of its effect, with Retry-After: 0 or what retry_after= says

Copyright (c) 2026, dataops authors; PostgreSQL License
"""
import http.client
import os
import sys
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fake"))

import google_auth      # noqa: E402, F401  (registers its routes)
import google_guard     # noqa: E402, F401
from kinds import bigquery_kind, storage_kind       # noqa: E402
from life import serve, wait_for_parent     # noqa: E402
from routes import Router, State, route     # noqa: E402
from script import Refusal, Script, control_pages, error_body       # noqa: E402
from wire import Listener       # noqa: E402

SERVICES = dict(argument.split("=", 1) for argument in sys.argv[1:])
OF_ONE_CONNECTION = ("connection", "keep-alive", "transfer-encoding", "content-length", "host", "expect")
REASONS = {401: "authError", 403: "rateLimitExceeded", 429: "rateLimitExceeded", 500: "backendError",
           503: "backendError"}


def script_of(state):
    return state.face("proxy", Script)


control_pages("/proxy", script_of)


class Answer:
    """What a service said, read as a whole."""

    def __init__(self, response):
        self.code = response.status
        self.headers = [(name, value) for name, value in response.getheaders()
                        if name.lower() not in OF_ONE_CONNECTION]
        self.body = response.read()


class Exchange:
    """One request on its way to a service."""

    def __init__(self, request, reply, service):
        self.request = request
        self.reply = reply
        self.origin = SERVICES[service]
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(self.origin).netloc,
                                                     timeout=60)

    def send(self, length=None):
        """Sends it, or so many bytes of its body."""
        request = self.request
        self.connection.putrequest(request.method, request.target, skip_accept_encoding=True)
        for name, value in request.headers:
            if name.lower() not in OF_ONE_CONNECTION:
                self.connection.putheader(name, value)
        if request.body or request.method in ("POST", "PUT", "PATCH"):
            self.connection.putheader("Content-Length", len(request.body))
        self.connection.endheaders(request.body[:length])

    def perform(self):
        """The service's answer."""
        self.send()
        answer = Answer(self.connection.getresponse())
        self.connection.close()
        return answer

    def give(self, answer, share=1):
        """Answers the client, with half of the body when share is 2; sessions are here, too."""
        headers = [(name, value.replace(self.origin, self.request.base())
                    if name.lower() == "location" else value) for name, value in answer.headers]
        if share == 1:
            self.reply.send(answer.body, answer.code, headers, content_type=None)
            return
        self.reply.head(answer.code, [*headers, ("Content-Length", len(answer.body) or 1)],
                        content_type=None)
        self.reply.write(answer.body[:len(answer.body) // share])
        self.reply.close()


# Faults: each returns the code that was answered, 0 without an answer

def refuse(exchange, fault):
    code = int(fault.do)
    refusal = Refusal(code, fault.query.get("reason", REASONS.get(code, "invalid")),
                      f"scripted fault {code}")
    exchange.reply.json(error_body(refusal), code,
                        [("Retry-After", fault.query.get("retry_after", "0"))])
    return code


def drop(exchange, _fault):
    exchange.reply.abort()
    return 0


def part(exchange, fault):
    exchange.send(int(fault.query["bytes"]))
    exchange.connection.close()
    return drop(exchange, fault)


def lose(exchange, fault):
    exchange.perform()
    return drop(exchange, fault)


def cut(exchange, _fault):
    exchange.give(exchange.perform(), share=2)
    return 0


def hold(exchange, fault):
    if "effect" in fault.query:
        exchange.perform()
    fault.held += 1
    exchange.reply.hang()
    return 0


STRIKES = {"drop": drop, "part": part, "lose": lose, "cut": cut, "hold": hold}


def pass_on(request, reply, state, service, kind):
    exchange = Exchange(request, reply, service)
    entry, fault = script_of(state).enter(kind, request, method=request.method, path=request.path,
                                          bytes=len(request.body))
    if fault is None:
        answer = exchange.perform()
        entry["code"] = answer.code
        exchange.give(answer)
    elif fault.do.isdigit():
        entry["code"] = refuse(exchange, fault)
    else:
        entry["code"] = STRIKES[fault.do](exchange, fault)


@route("/storage/v1/*")
@route("/upload/storage/v1/*")
def storage(request, reply, state):
    pass_on(request, reply, state, "storage", storage_kind(request))


@route("/bigquery/v2/*")
def bigquery(request, reply, state):
    pass_on(request, reply, state, "bigquery", bigquery_kind(request))


def main():
    state = State()
    serve("port", Listener(state, Router(state)))
    wait_for_parent()


if __name__ == "__main__":
    main()
