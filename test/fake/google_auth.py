"""Where Google gives out tokens: the token endpoint, the Security Token Service, the IAM credentials
service and a metadata server, and a source of subject tokens.

Everything in a request is checked as the services do, signatures too (by openssl, with the public
keys that a test has named). Secrets are fixed here; tests grep for them where they must not be.

Kinds of request: token, sts, iam, metadata, subject. Faults also know reason=, seconds=, value=.

Copyright (c) 2026, dataops authors; PostgreSQL License
"""
import base64
import collections
import itertools
import json
import os
import re
import subprocess
import tempfile
import time
import urllib.parse

from routes import CONTROLS, route
from script import Refusal, Script, control_pages

TOKEN = "ya29.canary-"              # how all tokens begin
CLIENT, CLIENT_SECRET = "client.apps.example", "canary-client-secret-4d81"
REFRESH = "1//canary-refresh-token-0b7e"
SUBJECT = "canary-subject-token-c96a52"
SUBJECT_KEY = "canary-subject-key-3f2d"
AUDIENCE = ("//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/"
            "providers/provider")
SUBJECT_TYPE = "urn:ietf:params:oauth:token-type:jwt"
IMPERSONATED = "loader@test-project.iam.gserviceaccount.com"
OAUTH = "urn:ietf:params:oauth:"
# the only audience that the service takes, wherever it is asked
TOKEN_AUDIENCE = "https://oauth2.googleapis.com/token"
IAM_SCOPES = {"https://www.googleapis.com/auth/iam",
              "https://www.googleapis.com/auth/cloud-platform"}
FLAVOR = ("Metadata-Flavor", "Google")


class Desk(Script):
    """What is known and what was given out."""

    def __init__(self):
        super().__init__()
        self.keys = {}              # e-mail → {key id: public key in PEM}
        self.tokens = {}            # token → scopes
        self.numbers = itertools.count(1)

    def give(self, kind, scopes):
        with self.lock:
            token = f"{TOKEN}{kind}-{next(self.numbers)}"
            self.tokens[token] = scopes
            return token


def desk_of(state):
    return state.face("google_auth", Desk)


# Checks

def unpack(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def is_signed(signed, signature, key):
    """Is it the RS256 signature by the owner of that public key?"""
    with tempfile.TemporaryDirectory() as folder:
        names = [os.path.join(folder, name) for name in ("key", "signature", "signed")]
        for name, content in zip(names, (key.encode(), signature, signed)):
            with open(name, "wb") as file:
                file.write(content)
        return subprocess.run(["openssl", "dgst", "-sha256", "-verify", names[0], "-signature",
                               names[1], names[2]], capture_output=True, check=False).returncode == 0


def check_claims(desk, assertion):
    """The claims of an assertion that a token is given for."""
    def demand(holds, why):
        if not holds:
            raise Refusal(400, "invalid_grant", why)

    demand(re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+", assertion, re.ASCII), "Invalid JWT: form")
    signed, _dot, signature = assertion.rpartition(".")
    head, claims = (json.loads(unpack(part)) for part in signed.split("."))
    demand(head.get("alg") == "RS256" and head.get("typ") == "JWT", "Invalid JWT: header")
    keys = desk.keys.get(claims.get("iss"))
    demand(keys is not None, "Invalid grant: account not found")
    key = keys.get(head.get("kid"))
    demand(key is not None and is_signed(signed.encode(), unpack(signature), key),
           "Invalid JWT Signature.")
    demand(claims.get("aud") == TOKEN_AUDIENCE, "Invalid JWT: Failed audience check.")
    life, age = claims["exp"] - claims["iat"], time.time() - claims["iat"]
    demand(0 < life <= 3600 and -10 < age < life,
           "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable "
           "timeframe.")
    if not claims.get("scope"):
        raise Refusal(400, "invalid_scope", "Empty or missing scope not allowed.")
    return claims


def form_of(request):
    if request.header("Content-Type") != "application/x-www-form-urlencoded":
        raise Refusal(400, "invalid_request", "The content type is not that of a form.")
    pairs = urllib.parse.parse_qsl(request.body.decode(), strict_parsing=True,
                                   keep_blank_values=True)
    form = dict(pairs)
    if len(form) != len(pairs):
        raise Refusal(400, "invalid_request", "A parameter is given twice.")
    return form


# The services: each gives the answer's JSON

def token_answer(token, seconds, **more):
    return {"access_token": token, "expires_in": seconds, "token_type": "Bearer", **more}


def token_service(request, desk, seconds):
    form = form_of(request)
    grant = form.get("grant_type")
    if grant == OAUTH + "grant-type:jwt-bearer":
        claims = check_claims(desk, form.get("assertion", ""))
        return token_answer(desk.give("account", claims["scope"].split()), seconds)
    if grant != "refresh_token":
        raise Refusal(400, "unsupported_grant_type", "Invalid grant_type.")
    if (form.get("client_id"), form.get("client_secret")) != (CLIENT, CLIENT_SECRET):
        raise Refusal(401, "invalid_client", "The OAuth client was not found.")
    if form.get("refresh_token") != REFRESH:
        raise Refusal(400, "invalid_grant", "Token has been expired or revoked.")
    return token_answer(desk.give("user", []), seconds)


def sts_service(request, desk, seconds):
    form = form_of(request)
    wanted = {"grant_type": OAUTH + "grant-type:token-exchange", "audience": AUDIENCE,
              "requested_token_type": OAUTH + "token-type:access_token",
              "subject_token_type": SUBJECT_TYPE}
    for name, value in wanted.items():
        if form.get(name) != value:
            raise Refusal(400, "invalid_request", f"Invalid value for \"{name}\".")
    if form.get("subject_token") != SUBJECT:
        raise Refusal(400, "invalid_grant", "The subject token is not valid.")
    token = desk.give("external", form.get("scope", "").split())
    return token_answer(token, seconds, issued_token_type=wanted["requested_token_type"])


def iam_service(request, desk, seconds):
    bearer = (request.header("Authorization") or "").removeprefix("Bearer ")
    account, _colon, method = request.argument.rpartition("/")[2].partition(":")
    body = json.loads(request.body)
    if not IAM_SCOPES & set(desk.tokens.get(bearer, ())):
        raise Refusal(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
    if account != IMPERSONATED or method != "generateAccessToken":
        raise Refusal(403, "PERMISSION_DENIED", "Permission 'iam.serviceAccounts.getAccessToken' "
                      "denied on resource (or it may not exist).")
    if not body.get("scope") or not re.fullmatch(r"\d+s", body.get("lifetime", "")):
        raise Refusal(400, "INVALID_ARGUMENT", "Request contains an invalid argument.")
    end = time.time() + min(seconds, int(body["lifetime"][:-1]))
    return {"accessToken": desk.give("impersonated", body["scope"]),
            "expireTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end))}


def metadata_service(request, desk, seconds):
    if request.header(FLAVOR[0]) != FLAVOR[1]:
        raise Refusal(403, "forbidden", "Missing Metadata-Flavor:Google header.")
    if request.argument != "instance/service-accounts/default/token":
        raise Refusal(404, "notFound", "Not Found")
    scopes = request.query.get("scopes", "").split(",")
    return token_answer(desk.give("machine", scopes), seconds)


def subject_source(request, _desk, _seconds):
    """The subject token: as JSON, or with text=1 alone."""
    if request.header("X-Subject-Key") != SUBJECT_KEY:
        raise Refusal(403, "forbidden", "no key")
    return SUBJECT + "\n" if "text" in request.query else {"the.token": SUBJECT}


# Faults

def struck(kind, fault, request, reply, answer):
    """Answers as the fault says. Those that change an answer get it from the service's own."""
    if fault.do.isdigit():
        refuse(kind, reply, Refusal(int(fault.do), fault.query.get("reason", "scripted"),
                                    "scripted fault"))
    elif fault.do == "echo":
        # what careless services do: all that they were sent, as it came and decoded
        sent = request.body.decode() + str(request.headers)
        refuse(kind, reply, Refusal(400, "invalid_grant", "not good: "
                                    + sent + urllib.parse.unquote_plus(sent)))
    elif fault.do == "drop":
        reply.abort()
    elif fault.do == "nonsense":
        reply.send(b"<html>", content_type="text/html", headers=[FLAVOR])
    elif fault.do == "empty":
        reply.json({}, headers=[FLAVOR])
    elif fault.do == "stranger":
        reply.json(answer())
    elif fault.do == "with":
        # members of the answer replaced by those of value=
        reply.json({**answer(), **json.loads(fault.query["value"])}, headers=[FLAVOR])
    elif fault.do == "short":
        reply.json(answer(int(fault.query.get("seconds", 200))), headers=[FLAVOR])
    elif fault.do == "hang":
        reply.hang()
    else:
        raise ValueError(f"no such fault: {fault.do}")


def refuse(kind, reply, refusal):
    """OAuth's form of errors, or that of Google's other services."""
    if kind in ("token", "sts"):
        value = {"error": refusal.reason, "error_description": str(refusal)}
    else:
        value = {"error": {"code": refusal.code, "message": str(refusal),
                           "status": refusal.reason}}
    reply.json(value, refusal.code, [FLAVOR] if kind == "metadata" else [])


def serve(kind, service, request, reply, state):
    desk = desk_of(state)

    def answer(seconds=3599):
        return service(request, desk, seconds)

    _entry, fault = desk.enter(kind, request)
    try:
        if fault is not None:
            struck(kind, fault, request, reply, answer)
        elif isinstance(value := answer(), str):
            reply.send(value, content_type="text/plain")
        else:
            reply.json(value, headers=[FLAVOR] if kind == "metadata" else [])
    except Refusal as refusal:
        refuse(kind, reply, refusal)


@route("/token")
def token_route(request, reply, state):
    serve("token", token_service, request, reply, state)


@route("/v1/token")
def sts_route(request, reply, state):
    serve("sts", sts_service, request, reply, state)


@route("/v1/projects/-/serviceAccounts/*")
def iam_route(request, reply, state):
    serve("iam", iam_service, request, reply, state)


@route("/computeMetadata/v1/*")
def metadata_route(request, reply, state):
    serve("metadata", metadata_service, request, reply, state)


@route("/google-auth/subject")
def subject_route(request, reply, state):
    serve("subject", subject_source, request, reply, state)


# For tests

@route("/google-auth/accept", CONTROLS)
def accept(request, reply, state):
    """POST {"email": …, "kid": …, "public_key": PEM}: signatures that are accepted from now on."""
    desk = desk_of(state)
    named = json.loads(request.body)
    with desk.lock:
        desk.keys.setdefault(named["email"], {})[named.get("kid")] = named["public_key"]
    reply.json({})


control_pages("/google-auth", desk_of)


@route("/google-auth/calls", CONTROLS)
def calls(request, reply, state):
    """How many requests of each kind came; clear= forgets them, and the faults."""
    desk = desk_of(state)
    with desk.lock:
        reply.json(collections.Counter(entry["kind"] for entry in desk.log))
        if "clear" in request.query:
            desk.log.clear()
            desk.clear_faults()


@route("/google-auth/scopes", CONTROLS)
def scopes_of(request, reply, state):
    """What the token of token= may do."""
    reply.json(desk_of(state).tokens.get(request.query["token"]))
