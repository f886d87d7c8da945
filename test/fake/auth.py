"""Doors that need a credential. The secrets are fixed here; tests grep for them where they must
not be.

Copyright (c) 2026, dataops authors; PostgreSQL License
"""
import base64

from routes import FAULTS, route

BEARER = "canary-bearer-5e1f0c"
USER, PASSWORD = "canary-user", "canary:password-77a1"
KEY = "canary-key-93b2d4"
BASIC = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
SECRETS = [BEARER, PASSWORD, KEY, BASIC]


def answer(request, reply, granted, challenge):
    """echo=1 repeats what was sent in the refusal, as careless services do; echo=html on a page."""
    if granted:
        reply.json([{"id": 1, "name": "granted"}])
        return
    message = "the credential is not good"
    if "echo" in request.query:
        message += ": " + (request.header("Authorization") or request.target)
    if request.query.get("echo") == "html":
        reply.send(f"<html><body>{message}</body></html>", 401, content_type="text/html")
        return
    reply.json({"error": {"message": message}}, 401, [("WWW-Authenticate", challenge)])


@route("/auth/bearer", FAULTS)
def bearer(request, reply, _state):
    answer(request, reply, request.header("Authorization") == f"Bearer {BEARER}", "Bearer")


@route("/auth/basic", FAULTS)
def basic(request, reply, _state):
    answer(request, reply, request.header("Authorization") == f"Basic {BASIC}", 'Basic realm="x"')


@route("/auth/key", FAULTS)
def key(request, reply, _state):
    """The key in the header field X-Api-Key, or in the query as api_key."""
    given = request.header("X-Api-Key") or request.query.get("api_key")
    answer(request, reply, given == KEY, "Key")
