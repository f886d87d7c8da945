#!/usr/bin/python3
"""The scripted HTTP server of all tests: every fault is a URL.

	server.py [--port N] [--latency MS] [--tls DIR] [--traps]
	          [--blackhole-dns ADDRESS:PORT] [--keep]

Prints "port N", then one line for each further port, then "ready". Listens on 127.0.0.1. Ends when
its parent ends or, if its input is a pipe, when that is closed; with --keep only when killed.

Routes (a "?" shows the parameters that a route knows; all of them have defaults):

  faults        every one also knows from=, times=, then=, key=: hits number from … from+times-1 get
                the fault, all others what then= gives (/items), with the remaining parameters.
                Hits are counted by path, or by key= when given.
  /status/503?retry_after=|date=+2&date_format=imf|rfc850|asctime     /storm?p=
  /hang  /hang/body  /slow?ms=&bytes=  /slow/headers?ms=
  /cut?after=  /cut/chunked?how=middle|noterm|badsize|hugesize  /abort?after=
  /close/nolen?lines  /close/whole  /close/silent  /close/after
  /length/short|long|duplicate|conflict|huge|negative|text|coding
  /gzip/ok|multi|deflate|trailing|truncated|corrupt|bad-crc|notgzip|unknown|bomb?mb=&layers=
  /charset/latin1|utf16|bom
  /big?mb=&kb=&length  /html?code=  /text?code=  /three  /sequence  /object  /body?text=&many=  /empty  /nothing  /drift
  /invalid/utf8|nul|rawnul|surrogate|comma|nan|quote  /number/140000  /deep?n=
  /redirect?to=&code=  /header/big|many|nul|latin1  /protocol/garbage|http09|badstatus|hundreds
  /etag?change&only=etag|date
  /auth/bearer|basic|key?echo                       401 without the secret of auth.py

  paging        over one data set, see paging.py: total=, step=, since=, since_id=, shape=, wrap=
  /items?page=&per_page=&first=&overlap=&escaped    /items/offset?offset=&limit=
  /items/cursor?cursor=&limit=                      /items/next?page=&per_page=&relative
  /items/link?page=&per_page=&lines                 /items/loop?cursor=&period=
  /items/evil?to=&face=link                         /items/window?start=&end=&bounds=&limit=&used=

  Google Cloud Storage, see gcs.py: /storage/v1/b/…  /upload/storage/v1/b/…
  /gcs/fault?on=&do=&nth=&times=&retry_after=&reason=&bytes=&ms=
                            on= upload start chunk status stat media list delete rewrite any
                            do= a status, or drop lose keep partial forget cut corrupt hang slow nonsense
  /gcs/faults?clear         the script so far, and how often each fault struck
  /gcs/requests?kind=&clear /gcs/objects?bucket=

  Google's tokens, see google_auth.py: /token  /v1/token  /v1/projects/-/serviceAccounts/…
  /computeMetadata/v1/…     /google-auth/subject?text
  /google-auth/fault?on=&do=&nth=&times=&reason=&seconds=&value=
                            on= token sts iam metadata subject any
                            do= a status, or echo drop nonsense empty stranger with short hang
  /google-auth/accept (POST a public key)   /google-auth/calls?clear   /google-auth/scopes?token=
  /google-guard/set?on=1|nobody&echo        the services want such tokens; /google-guard/revoke: new ones

  BigQuery, see bigquery.py: /bigquery/v2/projects/…      loads read the objects above
  /bq/fault?on=&do=&nth=&times=&reason=&effect
                            on= dataset.get dataset.insert table.get table.insert table.patch
                            table.delete job.insert job.get job.cancel query results any
                            do= a status, or drop lose nonsense expire
  /bq/job_fault?on=&do=     on= a pattern of job ids; do= stuck deaf unknown fail&reason=
  /bq/faults?clear          /bq/requests?kind=&clear      /bq/bodies
  /bq/rows?table=           /bq/tables  /bq/forget?table= /bq/set?page_rows=&steps=

  /echo                     the request as JSON

  control       not logged, not delayed
  /requests?path=           the log; credentials appear as hashes
  /requests/count?path=     {"count": n}
  /set?name=value…          defaults for parameters that requests do not give, e.g. /set?total=40
  /reset                    forgets the log, the counters and the defaults

latency_ms= delays any route. Ports of --tls: tls, tls-expired, tls-wrong-host, signed by
DIR/ca.pem. Ports of --traps: silent (accepts, never speaks: hangs a TLS handshake), full (its
queue is full: hangs a connect).

Copyright (c) 2026, dataops authors; PostgreSQL License
"""
import argparse
import socket

import auth
import bigquery     # noqa: F401
import faults       # noqa: F401  (registers its routes)
import gcs          # noqa: F401
import google_auth  # noqa: F401
import google_guard     # noqa: F401
import paging       # noqa: F401
import tls
from life import serve, wait_for_parent
from routes import CONTROLS, Router, State, route
from wire import Listener


@route("/echo")
def echo(request, reply, _state):
    reply.json({"method": request.method, "path": request.path, "query": request.pairs,
                "headers": request.headers, "body": request.body.decode("utf-8", "replace")})


@route("/requests", CONTROLS)
def requests(request, reply, state):
    reply.json(state.logged(request.query.get("path")))


@route("/requests/count", CONTROLS)
def requests_count(request, reply, state):
    reply.json({"count": len(state.logged(request.query.get("path")))})


@route("/set", CONTROLS)
def set_defaults(request, reply, state):
    with state.lock:
        state.settings.update(request.query)
    reply.json(state.settings)


@route("/reset", CONTROLS)
def reset(_request, reply, state):
    state.clear()
    reply.json({})


def open_traps():
    """Sockets that hold a client in connect or before the first byte; returned to stay open."""
    silent = socket.create_server(("127.0.0.1", 0), backlog=128)
    full = socket.create_server(("127.0.0.1", 0), backlog=0)
    fillers = [socket.socket() for _ in range(2)]
    for filler in fillers:
        filler.setblocking(False)
        filler.connect_ex(full.getsockname())
    print("silent", silent.getsockname()[1])
    print("full", full.getsockname()[1], flush=True)
    return [silent, full, *fillers]


def open_blackhole(address):
    """A name server that takes every question and answers none."""
    host, _colon, port = address.rpartition(":")
    hole = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    hole.bind((host, int(port)))
    print("dns", hole.getsockname()[1], flush=True)
    return hole


def main():
    parser = argparse.ArgumentParser(description="The scripted HTTP server of all tests.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=int, default=0, metavar="MS")
    parser.add_argument("--tls", metavar="DIR")
    parser.add_argument("--traps", action="store_true")
    parser.add_argument("--blackhole-dns", metavar="ADDRESS:PORT")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()

    state = State(options.latency)
    state.secrets = auth.SECRETS
    router = Router(state)
    serve("port", Listener(state, router, options.port))
    if options.tls:
        folder = tls.make_authority(options.tls)
        for kind in tls.KINDS:
            serve(f"{kind}-port", Listener(state, router, tls=tls.context(folder, kind)))
    held = open_traps() if options.traps else []
    if options.blackhole_dns:
        held.append(open_blackhole(options.blackhole_dns))
    wait_for_parent(options.keep)


if __name__ == "__main__":
    main()
