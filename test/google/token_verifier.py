#!/usr/bin/python3
"""A token endpoint that has Google's own library check each assertion of a service account.

    token_verifier.py FOLDER

Writes FOLDER/service_account.json with a fresh key, and FOLDER/stranger.json: the same account with a
key that is not its own. Prints "port N", then "ready"; listens on 127.0.0.1, ends when its input is
closed. POST /token answers as Google does; GET /verdicts lists what came of each request.

Copyright (c) 2026, dataops authors; PostgreSQL License
"""
import json
import os
import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import jwt

FOLDER = sys.argv[1]
ACCOUNT = "loader@test.iam.gserviceaccount.com"
KEY_ID = "key-1"
AUDIENCE = "https://oauth2.googleapis.com/token"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
VERDICTS = []


def write_account(name, token_uri):
    """The account's file; returns its public key as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                serialization.NoEncryption()).decode()
    account = {"type": "service_account", "project_id": "test", "private_key_id": KEY_ID,
               "private_key": private, "client_email": ACCOUNT, "client_id": "1",
               "token_uri": token_uri}
    with open(f"{FOLDER}/{name}.json", "w", encoding="ascii") as file:
        json.dump(account, file)
    return key.public_key().public_bytes(serialization.Encoding.PEM,
                                         serialization.PublicFormat.SubjectPublicKeyInfo)


def refusal(form):
    """Why there is no token; None when there is one."""
    if form.get("grant_type") != GRANT:
        return "unsupported_grant_type", "not the grant of a service account"
    try:
        claims = jwt.decode(form.get("assertion", ""), certs={KEY_ID: PUBLIC}, audience=AUDIENCE)
    except ValueError as error:         # its errors are of this class
        return "invalid_grant", f"Invalid JWT: {error}"
    if claims["iss"] != ACCOUNT or claims["exp"] - claims["iat"] > 3600:
        return "invalid_grant", "Invalid JWT: issuer or time"
    if not claims.get("scope"):
        return "invalid_scope", "no scope"
    return None


class Handler(BaseHTTPRequestHandler):
    def reply(self, code, value):
        body = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.reply(200, VERDICTS)

    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        refused = refusal(dict(urllib.parse.parse_qsl(text)))
        VERDICTS.append(refused[1] if refused else "accepted")
        if refused:
            self.reply(400, {"error": refused[0], "error_description": refused[1]})
        else:
            self.reply(200, {"access_token": f"ya29.test-{len(VERDICTS)}", "expires_in": 3599,
                             "token_type": "Bearer"})

    def log_message(self, *_words):
        """Nothing: the assertion is a credential."""


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
PUBLIC = write_account("service_account", AUDIENCE)
write_account("stranger", AUDIENCE)
print("port", server.server_port)
print("ready", flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
while os.read(sys.stdin.fileno(), 65536):
    pass
