"""A guard before the faces of Google's services: with it on, requests need a token of google_auth.py.

Copyright (c) 2026, dataops authors; PostgreSQL License
"""
from google_auth import desk_of
from routes import CONTROLS, GUARDS, route

GUARDED = ("/storage/", "/upload/storage/", "/bigquery/", "/upload/bigquery/")
SCOPES = "https://www.googleapis.com/auth/"
NEEDED = {"storage": {"devstorage.read_write", "cloud-platform"},
          "bigquery": {"bigquery", "cloud-platform"}}


def is_good(request, desk):
    """Does the request carry a token that was given out for this service? People's tokens name no scopes."""
    scheme, _blank, token = (request.header("Authorization") or "").partition(" ")
    scopes = desk.tokens.get(token)
    needed = NEEDED["storage" if "/storage/" in request.path else "bigquery"]
    return scheme == "Bearer" and scopes is not None and (
        not scopes or needed & {scope.removeprefix(SCOPES) for scope in scopes})


def guard(request, reply, state):
    """Answers requests that have no good token, and those to services that take none from anybody."""
    settings = state.face("google_guard", dict)
    if not settings.get("on") or not request.path.startswith(GUARDED):
        return False
    if is_good(request, desk_of(state)) and settings["on"] != "nobody":
        return False
    message = "Request had invalid authentication credentials."
    if "echo" in settings:
        message += " " + (request.header("Authorization") or "")
    reply.json({"error": {"code": 401, "message": message, "status": "UNAUTHENTICATED", "errors": [
        {"message": message, "domain": "global", "reason": "authError"}]}}, 401)
    return True


GUARDS.append(guard)


@route("/google-guard/set", CONTROLS)
def set_guard(request, reply, state):
    """on=1: tokens are wanted; on=nobody: none is good; without on: no guard. echo=: repeats them."""
    settings = state.face("google_guard", dict)
    settings.clear()
    settings.update(request.query)
    reply.json({})


@route("/google-guard/revoke", CONTROLS)
def revoke(_request, reply, state):
    """The tokens given out so far are good no more."""
    desk = desk_of(state)
    with desk.lock:
        desk.tokens.clear()
    reply.json({})
